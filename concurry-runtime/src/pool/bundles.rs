//! What a pool has to do with the calls of maps that travel in chunks: which may, where their runners go, their books.
//!
//! Such calls are in the pool's books as any others, counted by their number. A runner, which brings workers to them, is
//! no call: nothing counts it. A [`Bundle`] is asked for what only it knows, and told when the pool is aborted.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use super::core::{Core, Engine};
use super::rest::Anyone;
use crate::balance::Loads;
use crate::call::{Call, Place};
use crate::limits::Limiting;
use crate::mode::Mode;

/// The calls of one map that travel in chunks.
pub(crate) trait Bundle: Send + Sync {
    /// How many of its calls wait for a worker. What is done by now is in the books afterwards.
    fn queued(&self) -> u64;
    /// The pool is aborted: whatever is left comes to its end.
    fn abort(&self);
}

/// The workers that have no runner of a bundle yet.
struct Without<'a> {
    loads: &'a dyn Loads,
    taken: &'a dyn Fn(usize) -> bool,
}

impl Loads for Without<'_> {
    fn len(&self) -> usize {
        self.loads.len()
    }
    fn usable(&self, index: usize) -> bool {
        !(self.taken)(index) && self.loads.usable(index)
    }
    fn active(&self, index: usize) -> u64 {
        self.loads.active(index)
    }
    fn total(&self, index: usize) -> u64 {
        self.loads.total(index)
    }
}

impl Core {
    /// Whether calls of `method` may travel in chunks: on threads, and where nothing is to be done for each of them
    /// beyond running it once.
    pub(crate) fn takes_bundles(&self, method: usize) -> bool {
        let settings = &self.settings;
        matches!(self.engine, Engine::Workers(_))
            && settings.mode == Mode::Thread
            && !settings.on_demand
            && settings.max_calls_per_worker.is_none()
            && self.room.is_none()
            && matches!(settings.limiting, Limiting::Off)
            && self.terms.get(method).is_none_or(|terms| terms.is_empty())
    }

    fn bundles(&self) -> MutexGuard<'_, Vec<Weak<dyn Bundle>>> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `bundle` among the pool's as long as it lives.
    pub(crate) fn register(&self, bundle: Weak<dyn Bundle>) {
        let mut bundles = self.bundles();
        bundles.retain(|other| other.strong_count() > 0);
        bundles.push(bundle);
    }

    pub(super) fn live_bundles(&self) -> Vec<Arc<dyn Bundle>> {
        self.bundles().iter().filter_map(Weak::upgrade).collect()
    }

    /// The worker for another runner of a bundle, where all those that are `taken` have one.
    pub(crate) fn worker_for_runner(&self, taken: &dyn Fn(usize) -> bool) -> Option<usize> {
        let Some(balancer) = &self.balancer else {
            return (0..self.books.len()).find(|&index| !taken(index) && self.is_there(index));
        };
        let pick = |loads: &dyn Loads| balancer.pick(&Without { loads, taken });
        pick(self).or_else(|| pick(&Anyone(self)))
    }

    /// Whether calls wait in the pool for this worker, which has no room for them.
    pub(crate) fn has_waiting(&self, worker: usize) -> bool {
        if self.direct {
            return false;
        }
        let (group, at) = self.home(worker);
        let group = self.group(group);
        !group.waiting.is_empty() || !group.lanes[at].pinned.is_empty()
    }

    /// Sends a runner to the worker that was found for it.
    pub(crate) fn send_runner(&self, runner: Call, worker: usize) {
        // A shared queue is the only one.
        self.place(runner, (!self.is_shared()).then_some(worker));
    }

    /// `calls` calls are given to a worker.
    pub(crate) fn give(&self, place: Place, calls: u64) {
        let books = &self.books[place.index];
        books.dispatched.fetch_add(calls, Ordering::AcqRel);
        books.enter_many(calls);
    }

    /// They are taken from it again, and nobody else's yet.
    pub(crate) fn take_back(&self, place: Place, calls: u64) {
        let books = &self.books[place.index];
        books.dispatched.fetch_sub(calls, Ordering::AcqRel);
        books.leave_many(place.generation, calls);
    }

    /// Calls that were given to a worker have come to values, others to errors; before anybody sees that.
    pub(crate) fn count(&self, place: Place, values: u64, errors: u64) {
        let books = &self.books[place.index];
        books.outcomes(values, errors);
        books.leave_many(place.generation, values + errors);
    }

    /// Calls that no worker had have come to errors.
    pub(crate) fn count_unsent(&self, errors: u64) {
        self.failed.fetch_add(errors, Ordering::AcqRel);
    }
}
