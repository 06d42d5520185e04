//! Memory with one ring of a few bytes, each of which loom watches: two threads at one byte at a time are an error.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicU64;

use super::flag::Flag;

pub(super) const RING: usize = 2;

#[derive(Clone, Copy)]
pub(super) enum Way {
    Down,
}

pub(super) struct Memory {
    head: AtomicU64,
    tail: AtomicU64,
    bytes: [UnsafeCell<u8>; RING],
    pub(super) reader: Flag,
    pub(super) full: Flag,
}

// SAFETY: the bytes are behind loom's cells, which find out whoever uses one while another does.
unsafe impl Sync for Memory {}

impl Memory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Memory {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            bytes: [UnsafeCell::new(0), UnsafeCell::new(0)],
            reader: Flag::new(),
            full: Flag::new(),
        })
    }

    pub(super) fn head(&self, _: Way) -> &AtomicU64 {
        &self.head
    }

    pub(super) fn tail(&self, _: Way) -> &AtomicU64 {
        &self.tail
    }

    pub(super) fn put(&self, _: Way, at: u64, bytes: &[u8]) {
        for (offset, &byte) in bytes.iter().enumerate() {
            // SAFETY: loom fails the model where anybody else uses the byte at the same time.
            self.bytes[(at as usize + offset) % RING].with_mut(|place| unsafe { *place = byte });
        }
    }

    pub(super) fn get(&self, _: Way, at: u64, count: usize, into: &mut Vec<u8>) {
        for offset in 0..count {
            // SAFETY: as above.
            into.push(self.bytes[(at as usize + offset) % RING].with(|place| unsafe { *place }));
        }
    }
}
