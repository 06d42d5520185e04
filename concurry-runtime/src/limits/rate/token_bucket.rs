//! The token bucket; see [`super::RateAlgorithm::TokenBucket`].

use super::level::Level;
use super::{Mark, Meter};
use crate::limits::clock::Nanos;

/// A level whose brim is `n`: an amount passes if there is as much.
///
/// If amounts pass at some times within *t*, then what passes is at most what was there before, which is at most `n`,
/// and what drips in, which is `n`·*t*/window; the level is never taken below zero.
pub(super) struct TokenBucket {
    tokens: Level,
}

impl TokenBucket {
    pub(super) fn new(n: u64, window: Nanos, now: Nanos) -> Self {
        TokenBucket { tokens: Level::new(n, window, n, now) }
    }
}

impl Meter for TokenBucket {
    fn ready_at(&mut self, now: Nanos, amount: u64) -> Option<Nanos> {
        self.tokens.reaches(now, amount)
    }

    fn take(&mut self, now: Nanos, amount: u64) -> Mark {
        self.tokens.fall(now, amount)
    }

    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        self.tokens.pour_back(now, mark, amount);
    }

    fn owe(&mut self, now: Nanos, amount: u64) {
        self.tokens.fall(now, amount);
    }

    fn available(&mut self, now: Nanos) -> u64 {
        self.tokens.whole(now).0
    }

    fn owed(&mut self, now: Nanos) -> u64 {
        self.tokens.whole(now).1
    }
}
