//! Frames: what goes over a link, one after the other. A head of fixed size, then as many bytes as it says.
//!
//! ```text
//! 0        4      5      6         8        12                 20              24          28            32
//! | length | kind | zero | attempt | method | id of the call   | time left, ms | limit set | run time, ms | bytes …
//! ```
//!
//! All numbers are little-endian: both ends are the same executable, but may be on different machines.

/// The length of a head.
pub(crate) const HEAD: usize = 32;

/// The most bytes that one frame carries: 2 GiB.
pub(crate) const MOST: usize = 1 << 31;

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// To the worker: what it is and how to build it.
    Start = 1,
    /// To the worker: a call.
    Call = 2,
    /// To the worker: a call is cancelled.
    Cancel = 3,
    /// To the worker: a call is given up; end at once if it is running.
    Leave = 5,
    /// To the worker: end once everything before this is done.
    Stop = 4,
    /// To the worker: about limits.
    Granted = 6,
    /// From the worker: it takes calls.
    Ready = 16,
    /// From the worker: it could not be built; it ends.
    Failed = 17,
    /// From the worker: a call's value.
    Value = 18,
    /// From the worker: a call's error.
    Error = 19,
    /// From the worker: a call whose beginning is to be told has begun.
    Begun = 20,
    /// From the worker: about limits.
    Asked = 21,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Kind::Start,
            2 => Kind::Call,
            3 => Kind::Cancel,
            4 => Kind::Stop,
            5 => Kind::Leave,
            6 => Kind::Granted,
            16 => Kind::Ready,
            17 => Kind::Failed,
            18 => Kind::Value,
            19 => Kind::Error,
            20 => Kind::Begun,
            21 => Kind::Asked,
            _ => return None,
        })
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: Kind,
    pub(crate) attempt: u16,
    pub(crate) method: u32,
    pub(crate) id: u64,
    /// Milliseconds until the call times out; 0 where it does not.
    pub(crate) left_ms: u32,
    /// The set of limits that the call goes by, from 1; 0 where any serves.
    pub(crate) set: u32,
    /// Milliseconds that the call may take once it has begun, in which case its beginning is told; 0 where any.
    pub(crate) run_ms: u32,
}

impl Head {
    /// A head without a call.
    pub(crate) fn plain(kind: Kind, length: usize) -> Self {
        Head { length, kind, attempt: 0, method: 0, id: 0, left_ms: 0, set: 0, run_ms: 0 }
    }

    /// A head about the call `id`.
    pub(crate) fn about(kind: Kind, id: u64, length: usize) -> Self {
        Head { id, ..Head::plain(kind, length) }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[0..4].copy_from_slice(&u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[6..8].copy_from_slice(&self.attempt.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.method.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.id.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.left_ms.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.set.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.run_ms.to_le_bytes());
        bytes
    }

    /// The head that `bytes` begin with; `None` where they are too few.
    pub(crate) fn read(bytes: &[u8]) -> Option<Result<Self, String>> {
        let head = bytes.first_chunk::<HEAD>()?;
        let (length, rest) = head.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let (attempt, rest) = rest.split_first_chunk::<2>()?;
        let (method, rest) = rest.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<8>()?;
        let (left_ms, rest) = rest.split_first_chunk::<4>()?;
        let (set, rest) = rest.split_first_chunk::<4>()?;
        let run_ms = rest.first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let Some(known) = Kind::of(kind[0]).filter(|_| kind[1] == 0) else {
            return Some(Err(format!("a frame of unknown kind {kind:?} arrived")));
        };
        if length > MOST {
            return Some(Err(format!("a frame of {length} bytes arrived; at most {MOST} are allowed")));
        }
        Some(Ok(Head {
            length,
            kind: known,
            attempt: u16::from_le_bytes(*attempt),
            method: u32::from_le_bytes(*method),
            id: u64::from_le_bytes(*id),
            left_ms: u32::from_le_bytes(*left_ms),
            set: u32::from_le_bytes(*set),
            run_ms: u32::from_le_bytes(*run_ms),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_back_and_rubbish_is_refused() {
        let head = Head {
            length: 70_000,
            kind: Kind::Call,
            attempt: 3,
            method: 9,
            id: u64::MAX - 1,
            left_ms: 77,
            set: 3,
            run_ms: 8,
        };
        let bytes = head.to_bytes();
        assert_eq!(Head::read(&bytes).unwrap().unwrap(), head);
        assert!(Head::read(&bytes[..HEAD - 1]).is_none());
        let mut bad = bytes;
        bad[4] = 200;
        assert!(Head::read(&bad).unwrap().unwrap_err().contains("unknown kind"));
        let mut long = bytes;
        long[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Head::read(&long).unwrap().unwrap_err().contains("at most"));
    }
}
