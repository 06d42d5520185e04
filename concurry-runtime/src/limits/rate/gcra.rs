//! The generic cell rate algorithm; see [`super::RateAlgorithm::Gcra`].

use super::level::{Peaks, Scaled};
use super::{Mark, Meter};
use crate::limits::clock::Nanos;

/// The theoretical arrival time: when the next unit would come if all came evenly.
///
/// Each unit moves it on by the emission interval, window/`n`. An amount passes if it does not move it further than a
/// window ahead of now. Times are scaled by `n`, so that the interval is the whole number of the window's nanoseconds.
pub(super) struct Gcra {
    n: Scaled,
    window: Scaled,
    arrival: Scaled,
    peaks: Peaks,
}

impl Gcra {
    pub(super) fn new(n: u64, window: Nanos, now: Nanos) -> Self {
        let n = Scaled::from(n);
        Gcra { n, window: Scaled::from(window), arrival: Scaled::from(now) * n, peaks: Peaks::default() }
    }

    /// The furthest that the arrival time may be ahead.
    fn tolerance(&self) -> Scaled {
        self.n * self.window
    }

    fn catch_up(&mut self, now: Nanos) -> Scaled {
        let now = Scaled::from(now) * self.n;
        self.arrival = self.arrival.max(now);
        now
    }

    /// How much further it may be moved; below zero, how much too far it is.
    fn slack(&mut self, now: Nanos) -> Scaled {
        let now = self.catch_up(now);
        self.tolerance().saturating_sub(self.arrival.saturating_sub(now))
    }
}

impl Meter for Gcra {
    fn ready_at(&mut self, now: Nanos, amount: u64) -> Option<Nanos> {
        let missing = (Scaled::from(amount) * self.window).saturating_sub(self.slack(now));
        if missing <= 0 {
            return None;
        }
        let wait = (missing - 1) / self.n + 1;
        Some(now.saturating_add(Nanos::try_from(wait).unwrap_or(Nanos::MAX)))
    }

    fn take(&mut self, now: Nanos, amount: u64) -> Mark {
        let slack = self.slack(now);
        self.arrival = self.arrival.saturating_add(Scaled::from(amount) * self.window);
        self.peaks.push(slack)
    }

    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        let (tolerance, slack) = (self.tolerance(), self.slack(now));
        self.arrival -= self.peaks.room(mark, Scaled::from(amount) * self.window, tolerance, slack);
    }

    fn owe(&mut self, now: Nanos, amount: u64) {
        self.take(now, amount);
    }

    fn available(&mut self, now: Nanos) -> u64 {
        u64::try_from(self.slack(now).max(0) / self.window).unwrap_or(u64::MAX)
    }

    fn owed(&mut self, now: Nanos) -> u64 {
        u64::try_from(self.slack(now).min(0).saturating_neg() / self.window).unwrap_or(u64::MAX)
    }
}
