//! [`Job`]: one sending of a call to one incarnation of a worker.

use std::any::Any;
#[cfg(feature = "ray")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Call, Header, TimeoutFrom};
use crate::error::Error;
#[cfg(feature = "ray")]
use crate::far::Stored;

/// A worker's index in its pool, and which incarnation of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) generation: u64,
}

/// What a backend is given to run. It holds a place in its worker's window, and gives that back when its call comes to
/// something by it, and at the latest when it is dropped, which must not be under a lock of the pool's.
pub(crate) struct Job {
    call: Call,
    attempt: u32,
    place: Place,
    /// Whether the place is still held.
    held: AtomicBool,
}

impl Job {
    pub(crate) fn new(call: Call, attempt: u32, place: Place) -> Self {
        if let Some(seen) = call.header().seen() {
            seen.sent(&call, attempt, place.index);
        }
        Job { call, attempt, place, held: AtomicBool::new(true) }
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    pub(crate) fn header(&self) -> &Header {
        self.call.header()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The method is about to run; `false` where the call is not to be run any more.
    pub(crate) fn begin(&self) -> bool {
        let begun = self.header().begin(self.attempt);
        if begun && self.header().care().is_some() {
            self.call.clone().set_clock(TimeoutFrom::Start, self.attempt);
        }
        begun
    }

    /// Whether whoever runs this may as well stop.
    pub(crate) fn is_over(&self) -> bool {
        self.header().is_over(self.attempt)
    }

    /// Its worker says when the method began, which is nought where it does not say, and how long it took.
    pub(crate) fn told(&self, (begun, took): (u64, u64)) {
        let header = self.header();
        if let Some(seen) = header.seen()
            && header.attempt() == self.attempt
            && begun > 0
        {
            seen.told(self.place.index, begun, took);
        }
    }

    /// The method returned the value in `value`, an `Option` of its type.
    pub(crate) fn complete(&self, value: &mut dyn Any) {
        self.call.complete(value, self);
    }

    /// The method returned the value that `bytes` encode.
    pub(crate) fn complete_encoded(&self, bytes: Vec<u8>) {
        self.call.complete_encoded(bytes, self);
    }

    /// The method returned a value that was left on a cluster.
    #[cfg(feature = "ray")]
    pub(crate) fn complete_far(&self, stored: Arc<Stored>) {
        self.call.complete_far(stored, self);
    }

    /// The method came to an error, panicked, or its worker died with it.
    pub(crate) fn fail(&self, error: Error) {
        self.call.clone().attempt_failed(self.attempt, error, Some(self));
    }

    /// The call is not to be run by anyone.
    pub(crate) fn give_up(&self, error: Error) {
        let _settled = self.call.fail(error, Some(self));
    }

    /// The place, for who counts it as left; `None` where that has been done.
    pub(super) fn leave(&self) -> Option<Place> {
        self.held.swap(false, Ordering::AcqRel).then_some(self.place)
    }

    /// The call, of a job whose worker is gone, and its place with it.
    pub(crate) fn take_back(self) -> (Call, u32) {
        self.held.store(false, Ordering::Release);
        (self.call.clone(), self.attempt)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(place) = self.leave() {
            self.header().ledger.left(self.header(), place);
        }
    }
}
