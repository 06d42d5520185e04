//! The leaky bucket as a queue; see [`super::RateAlgorithm::LeakyBucket`].

use super::level::Level;
use super::{Mark, Meter};
use crate::limits::clock::Nanos;

/// A level whose brim is zero, so that it tells how much has passed and not yet drained: something passes if all has.
///
/// Among what passes within *t*, each but the last has drained before the next passed, at `n` a window; so all but the last
/// is at most `n`·*t*/window.
pub(super) struct LeakyBucket {
    n: u64,
    undrained: Level,
}

impl LeakyBucket {
    pub(super) fn new(n: u64, window: Nanos, now: Nanos) -> Self {
        LeakyBucket { n, undrained: Level::new(n, window, 0, now) }
    }
}

impl Meter for LeakyBucket {
    fn ready_at(&mut self, now: Nanos, _amount: u64) -> Option<Nanos> {
        self.undrained.reaches(now, 0)
    }

    fn take(&mut self, now: Nanos, amount: u64) -> Mark {
        self.undrained.fall(now, amount)
    }

    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        self.undrained.pour_back(now, mark, amount);
    }

    fn owe(&mut self, now: Nanos, amount: u64) {
        self.undrained.fall(now, amount);
    }

    fn available(&mut self, now: Nanos) -> u64 {
        if self.undrained.reaches(now, 0).is_none() { self.n } else { 0 }
    }

    fn owed(&mut self, now: Nanos) -> u64 {
        // What drains is no debt while it is no more than one request can be.
        self.undrained.whole(now).1.saturating_sub(self.n)
    }
}
