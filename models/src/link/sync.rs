//! Loom's atomics; a word by which threads sleep brings along what stands for the kernel's list of sleepers.

pub(super) use std::sync::PoisonError;

pub(super) use loom::sync::atomic::{Ordering, fence};
use loom::sync::{Condvar, atomic};
pub(super) use loom::sync::{Mutex, MutexGuard};

pub(super) struct AtomicU32 {
    word: atomic::AtomicU32,
    pub(super) sleepers: Mutex<()>,
    pub(super) woken: Condvar,
}

impl AtomicU32 {
    pub(super) fn new(value: u32) -> Self {
        AtomicU32 { word: atomic::AtomicU32::new(value), sleepers: Mutex::new(()), woken: Condvar::new() }
    }

    pub(super) fn load(&self, order: Ordering) -> u32 {
        self.word.load(order)
    }

    pub(super) fn store(&self, value: u32, order: Ordering) {
        self.word.store(value, order);
    }

    pub(super) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.word.swap(value, order)
    }

    pub(super) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.word.fetch_add(value, order)
    }

    pub(super) fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
        self.word.fetch_sub(value, order)
    }
}
