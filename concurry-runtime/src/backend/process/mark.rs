//! The call that a worker has begun.
//!
//! The worker says so before it runs a call, and its answer to the one before is out by then. So when the worker is
//! dead and everything that it had sent is read, the driver knows exactly which call was running: the mark lies in
//! shared memory, which outlives the process. Where there is none, the worker tells of every beginning by a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::wire::link::Memory;

/// What the driver knows of it.
pub(super) enum Mark {
    Shared(Arc<Memory>),
    Told { arrived: AtomicBool, begun: AtomicU64 },
}

impl Mark {
    pub(super) fn new(memory: Option<Arc<Memory>>) -> Self {
        memory.map_or_else(|| Mark::Told { arrived: AtomicBool::default(), begun: AtomicU64::default() }, Mark::Shared)
    }

    /// A frame told of a beginning.
    pub(super) fn told(&self, number: u64) {
        if let Mark::Told { arrived, begun } = self {
            arrived.store(true, Ordering::Relaxed);
            begun.store(number, Ordering::Relaxed);
        }
    }

    /// Whether the worker has taken its description, after which it may run code of the user's.
    pub(super) fn arrived(&self) -> bool {
        match self {
            Mark::Shared(memory) => memory.arrived().load(Ordering::Acquire) != 0,
            Mark::Told { arrived, .. } => arrived.load(Ordering::Relaxed),
        }
    }

    /// The number of the call that has begun; 0 where none has.
    pub(super) fn begun(&self) -> u64 {
        match self {
            Mark::Shared(memory) => memory.begun().load(Ordering::Acquire),
            Mark::Told { begun, .. } => begun.load(Ordering::Relaxed),
        }
    }

    /// The number of the last call that may have begun, where something that the worker said was not read: that is every
    /// call where it would have said so by a frame.
    pub(super) fn begun_at_most(&self) -> u64 {
        match self {
            Mark::Shared(_) => self.begun(),
            Mark::Told { .. } => u64::MAX,
        }
    }

    /// Whether the worker's stack overflowed, as far as that can be known.
    pub(super) fn overflowed(&self) -> bool {
        match self {
            Mark::Shared(memory) => memory.overflowed().load(Ordering::Acquire) != 0,
            Mark::Told { .. } => false,
        }
    }
}
