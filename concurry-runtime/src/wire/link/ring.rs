//! A ring of bytes in shared memory, with one writer and one reader.
//!
//! `head` counts what was ever written, `tail` what was ever taken; what is between them is the reader's, the rest of
//! the ring the writer's. Each side stores its own number when its bytes are written or copied out, and loads the
//! other's only when what it last saw does not suffice. A number from the other side that no ring could have is an
//! error: the other side is broken, and its link is to be closed.

use std::sync::Arc;

use super::memory::{Memory, RING, Way};
use super::sync::Ordering;

/// The end that writes.
pub(super) struct RingWriter {
    memory: Arc<Memory>,
    way: Way,
    head: u64,
    /// As it was last seen.
    tail: u64,
}

impl RingWriter {
    pub(super) fn new(memory: Arc<Memory>, way: Way) -> Self {
        RingWriter { memory, way, head: 0, tail: 0 }
    }

    /// How many bytes can be written; looks again only where less than `wanted` could be as far as it knows.
    pub(super) fn room(&mut self, wanted: usize) -> Result<usize, String> {
        let known = RING - self.head.wrapping_sub(self.tail) as usize;
        if known >= wanted {
            return Ok(known);
        }
        let tail = self.memory.tail(self.way).load(Ordering::Acquire);
        let filled = self.head.wrapping_sub(tail);
        // It moves on only, and never past what was written.
        if filled > RING as u64 || filled > self.head.wrapping_sub(self.tail) {
            return Err("its end of the ring is where no ring ends".to_owned());
        }
        self.tail = tail;
        Ok(RING - filled as usize)
    }

    /// Writes as much as there is room for; it is the reader's with [`publish`](Self::publish).
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let count = bytes.len().min(self.room(bytes.len())?);
        self.memory.put(self.way, self.head, &bytes[..count]);
        self.head = self.head.wrapping_add(count as u64);
        Ok(count)
    }

    pub(super) fn publish(&self) {
        self.memory.head(self.way).store(self.head, Ordering::Release);
    }
}

/// The end that reads.
pub(super) struct RingReader {
    memory: Arc<Memory>,
    way: Way,
    tail: u64,
    /// As it was last seen.
    head: u64,
}

impl RingReader {
    pub(super) fn new(memory: Arc<Memory>, way: Way) -> Self {
        RingReader { memory, way, tail: 0, head: 0 }
    }

    /// How many bytes are there; looks again only where it knows of less than `wanted`.
    pub(super) fn available(&mut self, wanted: usize) -> Result<usize, String> {
        let known = self.head.wrapping_sub(self.tail);
        if known >= wanted as u64 {
            return Ok(known as usize);
        }
        let head = self.memory.head(self.way).load(Ordering::Acquire);
        let there = head.wrapping_sub(self.tail);
        if there > RING as u64 || there < known {
            return Err("its end of the ring is where no ring ends".to_owned());
        }
        self.head = head;
        Ok(there as usize)
    }

    /// Copies out up to `count` bytes, as many as are there; their room is the writer's with
    /// [`release`](Self::release).
    pub(super) fn read(&mut self, count: usize, into: &mut Vec<u8>) -> Result<usize, String> {
        let count = count.min(self.available(count)?);
        self.memory.get(self.way, self.tail, count, into);
        self.tail = self.tail.wrapping_add(count as u64);
        Ok(count)
    }

    /// As many bytes as were there when it last looked, taken or not.
    pub(super) fn seen(&self) -> u64 {
        self.head
    }

    pub(super) fn release(&self) {
        self.memory.tail(self.way).store(self.tail, Ordering::Release);
    }
}
