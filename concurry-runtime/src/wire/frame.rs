//! Frames: what goes over a link, one after the other. A head of fixed size, then as many bytes as it says.
//!
//! ```text
//! 0        4      5       6         8        12                 20              24          28            32
//! | length | kind | check | attempt | method | id of the call   | time left, ms | limit set | run time, ms | bytes …
//! ```
//!
//! All numbers are little-endian: both ends are the same executable, but may be on different machines.
//!
//! All bytes of a head together come to zero by exclusive or, which `check` sees to. A head of which one byte is wrong,
//! and nearly every other that is none, is known for that: were its length believed, both ends could wait for ever for
//! bytes that nobody sends.

/// The length of a head.
pub(crate) const HEAD: usize = 32;

/// The most bytes that any frame carries: 2 GiB. What a pool's `max_message_size` is by default, and at most.
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
    /// To either side: look at the ring.
    Bell = 7,
    /// To the worker: end after the call that runs; what has not begun goes elsewhere.
    Retire = 8,
    /// To the worker: a call that is over before it was sent; only to be answered.
    Void = 9,
    /// To a process that was just started: what it is, where it is a zygote.
    Zygote = 10,
    /// To a zygote: fork a worker, which has the file descriptors that come with this. The call's number is a slot.
    Fork = 11,
    /// To the worker: a call whose answer is to say when it began and how long it took.
    Timed = 12,
    /// To the bridge to a cluster: a worker whose node its driver cannot reach is to be started all the same.
    Relay = 13,
    /// To the bridge to a cluster: what the workers of a pool are to be. The call's number is the pool's.
    Pool = 14,
    /// From the worker, which takes calls, or from a zygote, which takes orders.
    Ready = 16,
    /// From the worker: it could not be built; it ends.
    Failed = 17,
    /// From the worker: a call's value.
    Value = 18,
    /// From the worker: a call's error.
    Error = 19,
    /// From the worker: a call whose beginning is to be told has begun; 0 where none has, but one could.
    Begun = 20,
    /// From the worker: about limits.
    Asked = 21,
    /// From a worker that was forked from what its constructor made: a method has panicked, and another is to take its
    /// place. It ends. From the bridge to a cluster: the workers of a pool are gone.
    Spent = 22,
    /// From the bridge to a cluster: where a worker's driver may connect to its node, and by which secret.
    Offer = 23,
    /// To the worker: which values that are on its cluster belong into the call that comes next, and where.
    With = 24,
    /// To the bridge to a cluster: give a worker a value that is there.
    Give = 25,
    /// To the bridge to a cluster: a value there is not needed any more.
    Forget = 26,
    /// To the bridge to a cluster: bring a value from there.
    Fetch = 27,
    /// To the bridge to a cluster: put the value there that comes with this.
    Put = 28,
    /// From the bridge to a cluster: the value that was to be brought, or why it is not.
    Fetched = 29,
    /// From the worker: a call has come to a value that is large. The worker waits to be told where it is to go.
    Large = 30,
    /// To the worker: that value is to come here.
    Send = 31,
    /// To the worker: that value is to stay where it is.
    Keep = 32,
    /// From the worker: a call's value, which is left on the worker's node.
    Kept = 33,
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
            7 => Kind::Bell,
            8 => Kind::Retire,
            9 => Kind::Void,
            10 => Kind::Zygote,
            11 => Kind::Fork,
            12 => Kind::Timed,
            13 => Kind::Relay,
            14 => Kind::Pool,
            16 => Kind::Ready,
            17 => Kind::Failed,
            18 => Kind::Value,
            19 => Kind::Error,
            20 => Kind::Begun,
            21 => Kind::Asked,
            22 => Kind::Spent,
            23 => Kind::Offer,
            24 => Kind::With,
            25 => Kind::Give,
            26 => Kind::Forget,
            27 => Kind::Fetch,
            28 => Kind::Put,
            29 => Kind::Fetched,
            30 => Kind::Large,
            31 => Kind::Send,
            32 => Kind::Keep,
            33 => Kind::Kept,
            _ => return None,
        })
    }
}

impl Kind {
    /// Whether a call comes to its end by it.
    pub(crate) fn is_answer(self) -> bool {
        matches!(self, Kind::Value | Kind::Error | Kind::Kept)
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

    /// The same of an answer that says when its call began and how long it took, in nanoseconds. They are where calls say
    /// what answers need not.
    pub(crate) fn with_times(self, begun: u64, took: u64) -> Self {
        let (left_ms, set) = (begun as u32, (begun >> 32) as u32);
        let (run_ms, method) = (took as u32, (took >> 32) as u32);
        Head { left_ms, set, run_ms, method, ..self }
    }

    /// What [`with_times`](Self::with_times) has put there; nought where nothing has.
    pub(crate) fn times(&self) -> (u64, u64) {
        let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        (whole(self.left_ms, self.set), whole(self.run_ms, self.method))
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
        seal(&mut bytes);
        bytes
    }

    /// The head that `bytes` begin with; `None` where they are too few. An error where it is none, or announces more than
    /// `most` bytes.
    pub(crate) fn read(bytes: &[u8], most: usize) -> Option<Result<Self, String>> {
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
        if sum(bytes.first_chunk::<HEAD>()?) != 0 {
            return Some(Err("the head of a frame arrived that is none: its bytes do not add up".to_owned()));
        }
        let Some(known) = Kind::of(kind[0]) else {
            return Some(Err(format!("a frame of unknown kind {} arrived", kind[0])));
        };
        if length > most {
            return Some(Err(format!("a frame of {length} bytes arrived; at most {most} are allowed")));
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

/// Makes the check of a head fit its other bytes.
pub(crate) fn seal(head: &mut [u8; HEAD]) {
    head[5] ^= sum(head);
}

/// All bytes of a head by exclusive or; zero in one that is whole.
fn sum(head: &[u8; HEAD]) -> u8 {
    head.iter().fold(0, |sum, byte| sum ^ byte)
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
        assert_eq!(Head::read(&bytes, MOST).unwrap().unwrap(), head);
        assert!(Head::read(&bytes[..HEAD - 1], MOST).is_none());
        assert!(Head::read(&bytes, 70_000).unwrap().is_ok() && Head::read(&bytes, 69_999).unwrap().is_err());
        for at in 0..HEAD {
            let mut bad = bytes;
            bad[at] ^= 1 << (at % 8);
            assert!(Head::read(&bad, MOST).unwrap().unwrap_err().contains("do not add up"));
        }
        let mut bad = bytes;
        bad[4] = 200;
        seal(&mut bad);
        assert!(Head::read(&bad, MOST).unwrap().unwrap_err().contains("unknown kind"));
        let (begun, took) = (u64::MAX - 7, (1 << 40) + 5);
        assert_eq!(Head::about(Kind::Value, 1, 0).with_times(begun, took).times(), (begun, took));
        let mut long = bytes;
        long[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
        seal(&mut long);
        assert!(Head::read(&long, MOST).unwrap().unwrap_err().contains("at most"));
    }
}
