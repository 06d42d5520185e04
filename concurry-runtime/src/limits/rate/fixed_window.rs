//! The fixed window; see [`super::RateAlgorithm::FixedWindow`].

use super::{Mark, Meter};
use crate::limits::clock::Nanos;

/// What was used since the window's start. Debt is what exceeds `n` at its end; the next windows begin with it.
pub(super) struct FixedWindow {
    n: u64,
    window: Nanos,
    start: Nanos,
    used: u64,
}

impl FixedWindow {
    pub(super) fn new(n: u64, window: Nanos, now: Nanos) -> Self {
        FixedWindow { n, window, start: now, used: 0 }
    }

    /// Goes on to the window that `now` is in.
    fn roll(&mut self, now: Nanos) {
        let windows = now.saturating_sub(self.start) / self.window;
        self.start += windows * self.window;
        self.used = self.used.saturating_sub(self.n.saturating_mul(windows));
    }
}

impl Meter for FixedWindow {
    fn ready_at(&mut self, now: Nanos, amount: u64) -> Option<Nanos> {
        self.roll(now);
        let excess = self.used.saturating_add(amount).saturating_sub(self.n);
        if excess == 0 {
            return None;
        }
        // Each window's start lets go of `n`.
        let windows = (excess - 1) / self.n + 1;
        Some(self.start.saturating_add(windows.saturating_mul(self.window)))
    }

    fn take(&mut self, now: Nanos, amount: u64) -> Mark {
        self.roll(now);
        self.used = self.used.saturating_add(amount);
        now
    }

    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        self.roll(now);
        // What was not used in a window that is over has lapsed with it.
        if mark >= self.start {
            self.used = self.used.saturating_sub(amount);
        }
    }

    fn owe(&mut self, now: Nanos, amount: u64) {
        self.take(now, amount);
    }

    fn available(&mut self, now: Nanos) -> u64 {
        self.roll(now);
        self.n.saturating_sub(self.used)
    }

    fn owed(&mut self, now: Nanos) -> u64 {
        self.roll(now);
        self.used.saturating_sub(self.n)
    }
}
