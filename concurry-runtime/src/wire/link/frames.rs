//! [`Frames`]: cuts what a ring brings into frames.

use super::ring::RingReader;
use super::room;
use crate::wire::frame::{HEAD, Head};

/// A frame's bytes are made room for at once up to this much, and then as they arrive.
const AT_ONCE: usize = 64 << 20;

/// Frames on their way in.
pub(super) struct Frames {
    /// How many bytes one may have.
    most: usize,
    head: Vec<u8>,
    /// A frame whose bytes are still arriving.
    open: Option<(Head, Vec<u8>)>,
}

impl Frames {
    /// For frames of so many bytes at most.
    pub(super) fn within(most: usize) -> Self {
        Frames { most, head: Vec::new(), open: None }
    }

    /// The next frame that is whole. Calls `taken` when there is room in the ring that somebody may wait for.
    pub(super) fn next(&mut self, ring: &mut RingReader, taken: impl Fn()) -> Result<Option<(Head, Vec<u8>)>, String> {
        let (head, mut bytes) = match self.open.take() {
            Some(open) => open,
            None => {
                if ring.available(HEAD)? < HEAD {
                    return Ok(None);
                }
                self.head.clear();
                ring.read(HEAD, &mut self.head)?;
                match Head::read(&self.head, self.most) {
                    Some(head) => (head?, Vec::new()),
                    None => return Ok(None),
                }
            }
        };
        loop {
            let missing = head.length - bytes.len();
            if missing == 0 {
                ring.release();
                return Ok(Some((head, bytes)));
            }
            if bytes.len() == bytes.capacity() {
                grow(&mut bytes, head.length)?;
            }
            let room = bytes.capacity() - bytes.len();
            let read = ring.read(missing.min(room), &mut bytes)?;
            if bytes.len() < head.length {
                ring.release();
                taken();
            }
            if read == 0 {
                self.open = Some((head, bytes));
                return Ok(None);
            }
        }
    }
}

/// Makes room for more of a frame of `length` bytes.
fn grow(bytes: &mut Vec<u8>, length: usize) -> Result<(), String> {
    let wanted = length.min(AT_ONCE.max(bytes.len() * 2));
    room::make(bytes, wanted - bytes.len()).map_err(|_| format!("there is no memory for a frame of {length} bytes"))
}
