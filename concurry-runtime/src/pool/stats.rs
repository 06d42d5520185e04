//! What a pool and its workers have done so far.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::mode::Mode;

/// A pool at a moment. At rest `completed + failed` is the number of calls that it accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolStats {
    /// The pool's name.
    pub name: String,
    /// Where its workers live.
    pub mode: Mode,
    /// How many workers it has; on demand, how many at most.
    pub max_workers: usize,
    /// Whether workers are made on demand.
    pub on_demand: bool,
    /// Calls that wait in the pool.
    pub queued: u64,
    /// Calls that are with workers.
    pub in_flight: u64,
    /// Calls that came to a value.
    pub completed: u64,
    /// Calls that came to an error, cancelled ones among them.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Workers that died and were started again.
    pub restarts: u64,
    /// Each worker.
    pub workers: Vec<WorkerStats>,
}

/// A worker at a moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Its index in the pool.
    pub index: usize,
    /// Whether it takes calls.
    pub alive: bool,
    /// Its process, where it has one of its own.
    pub pid: Option<u32>,
    /// Calls that wait in its own queue.
    pub queued: u64,
    /// Calls that are with it.
    pub in_flight: u64,
    /// Calls that it was given.
    pub dispatched: u64,
    /// Calls that came to a value with it.
    pub completed: u64,
    /// Calls that came to an error with it.
    pub failed: u64,
    /// How often it died and was started again.
    pub restarts: u64,
}

/// A lane's books, read without a lock.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) queued: AtomicU64,
    /// The incarnation of the worker, above the number of calls that are with it.
    flight: AtomicU64,
    pub(crate) dispatched: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) restarts: AtomicU64,
    /// Given up for good.
    pub(crate) gone: AtomicBool,
}

/// The part of `flight` that counts.
const COUNT: u64 = u32::MAX as u64;

impl Books {
    /// Calls that are with the worker.
    pub(crate) fn in_flight(&self) -> u64 {
        self.flight.load(Ordering::Acquire) & COUNT
    }

    /// A call goes to the worker.
    pub(crate) fn enter(&self) {
        self.flight.fetch_add(1, Ordering::AcqRel);
    }

    /// A call leaves incarnation `generation`; `false` where that is gone, and all that it had was counted out.
    pub(crate) fn leave(&self, generation: u64) -> bool {
        let leave = |flight: u64| {
            let here = flight >> 32 == generation & COUNT && flight & COUNT > 0;
            here.then(|| flight - 1)
        };
        self.flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, leave).is_ok()
    }

    /// Incarnation `generation` begins, with nothing; whatever the one before had is counted out.
    pub(crate) fn renew(&self, generation: u64) {
        self.flight.store((generation & COUNT) << 32, Ordering::Release);
    }

    pub(crate) fn outcome(&self, ok: bool) {
        add(if ok { &self.completed } else { &self.failed });
    }
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::AcqRel);
}

pub(crate) fn sub(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::AcqRel);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Acquire)
}
