//! What a pool and its workers have done so far.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::utils::CachePadded;
use serde::{Deserialize, Serialize};

use super::flight::Flight;
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
    /// Calls that were not accepted since `max_pending` others were unresolved.
    pub rejected: u64,
    /// Workers that were started again after they had died, or had been ended over a call that timed out or was cancelled
    /// hard. Only deaths count against `max_restarts`.
    pub restarts: u64,
    /// Workers that ended after `max_calls_per_worker` or above `max_memory` and were started again.
    pub recycled: u64,
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
    /// Whether it crashed again and again, and waits a while before it is started again.
    pub resting: bool,
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
    /// How often it was started again after it had died, or had been ended over a call.
    pub restarts: u64,
    /// How often it ended after `max_calls_per_worker` or above `max_memory` and was started again.
    pub recycled: u64,
}

/// A lane's books, read without a lock. Who submits writes to one part of them and the worker to another, so that neither
/// takes the other's out of its processor's cache.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) queued: AtomicU64,
    flight: Flight,
    pub(crate) dispatched: AtomicU64,
    done: CachePadded<Done>,
    pub(crate) restarts: AtomicU64,
    pub(super) recycled: AtomicU64,
    /// Given up for good.
    pub(crate) gone: AtomicBool,
    /// Without a worker until a rest is over.
    pub(super) resting: AtomicBool,
}

/// What the worker writes.
#[derive(Default)]
struct Done {
    completed: AtomicU64,
    failed: AtomicU64,
}

impl Books {
    /// Calls that are with the worker.
    pub(crate) fn in_flight(&self) -> u64 {
        self.flight.count()
    }

    /// A call goes to the worker.
    pub(crate) fn enter(&self) {
        self.flight.enter();
    }

    /// A call leaves incarnation `generation`; `false` where that is gone, and all that it had was counted out.
    pub(crate) fn leave(&self, generation: u64) -> bool {
        self.flight.leave(generation)
    }

    /// As [`enter`](Self::enter), of several calls.
    pub(super) fn enter_many(&self, calls: u64) {
        self.flight.enter_many(calls);
    }

    /// As [`leave`](Self::leave), of several calls.
    pub(super) fn leave_many(&self, generation: u64, calls: u64) {
        let _gone = self.flight.leave_many(generation, calls);
    }

    /// So many calls came to values, and so many to errors.
    pub(super) fn outcomes(&self, values: u64, errors: u64) {
        self.done.completed.fetch_add(values, Ordering::AcqRel);
        self.done.failed.fetch_add(errors, Ordering::AcqRel);
    }

    /// Incarnation `generation` begins, with nothing.
    pub(crate) fn renew(&self, generation: u64) {
        self.flight.renew(generation);
    }

    /// Calls that came to a value.
    pub(crate) fn completed(&self) -> u64 {
        get(&self.done.completed)
    }

    /// Calls that came to an error.
    pub(crate) fn failed(&self) -> u64 {
        get(&self.done.failed)
    }

    /// Calls that have come to an end.
    pub(super) fn settled(&self) -> u64 {
        self.completed() + self.failed()
    }

    pub(crate) fn outcome(&self, ok: bool) {
        add(if ok { &self.done.completed } else { &self.done.failed });
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
