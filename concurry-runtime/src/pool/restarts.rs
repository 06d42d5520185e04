//! Whether a worker that died is started again, and when.
//!
//! ```text
//! died ──> more than `max_restarts` deaths within `restart_window`: given up
//!      ├─> it had been of use, or this is its first crash in a row: started again at once
//!      └─> it crashes again and again: started again after a rest, each twice as long as the one before
//! ```
//!
//! A worker is of use once a call has come to an end with it, if only by its death, or once it has been up for
//! [`HEALTHY`]. One whose constructor crashes, or that dies at once, never is; without a rest it would do nothing but
//! start, at the cost of a processor. Nothing here knows
//! of clocks or locks: it is told what happened and when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A worker that has been up for this long is in health, whether it had anything to do or not.
pub(super) const HEALTHY: Duration = Duration::from_secs(10);

/// The longest rest, unless the first one is longer already.
const LONGEST: Duration = Duration::from_secs(10);

/// What the options say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) max_restarts: u32,
    /// Deaths count for this long.
    pub(super) window: Duration,
    /// The first rest; nothing for none at all.
    pub(super) backoff: Duration,
}

/// What becomes of a worker that has died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Verdict {
    GiveUp,
    AtOnce,
    After(Duration),
}

/// The deaths of one worker, across its incarnations.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    /// Those within the window.
    deaths: VecDeque<Instant>,
    /// How many incarnations in a row have been of no use.
    crashes: u32,
}

impl Restarts {
    /// An incarnation died at `now`; `useful` where it had been of use.
    pub(super) fn died(&mut self, now: Instant, useful: bool, terms: &Terms) -> Verdict {
        while self.deaths.front().is_some_and(|&death| now.duration_since(death) > terms.window) {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        self.crashes = if useful { 0 } else { self.crashes.saturating_add(1) };
        if self.deaths.len() > terms.max_restarts as usize {
            return Verdict::GiveUp;
        }
        match rest(terms.backoff, self.crashes) {
            Duration::ZERO => Verdict::AtOnce,
            rest => Verdict::After(rest),
        }
    }
}

/// How long a worker rests that has crashed so many times in a row.
fn rest(first: Duration, crashes: u32) -> Duration {
    let Some(doublings) = crashes.checked_sub(2) else { return Duration::ZERO };
    // From so many doublings on even a nanosecond is longer than the longest.
    first.saturating_mul(1 << doublings.min(31)).min(LONGEST.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms =
        Terms { max_restarts: 2, window: Duration::from_secs(60), backoff: Duration::from_millis(100) };
    const MANY: Terms = Terms { max_restarts: 1000, ..TERMS };

    #[test]
    fn deaths_are_forgotten_after_the_window() {
        let mut restarts = Restarts::default();
        let start = Instant::now();
        for _ in 0..2 {
            assert_eq!(restarts.died(start, true, &TERMS), Verdict::AtOnce);
        }
        assert_eq!(restarts.died(start, true, &TERMS), Verdict::GiveUp);
        assert_eq!(restarts.died(start + Duration::from_secs(61), true, &TERMS), Verdict::AtOnce);
        let none = Terms { max_restarts: 0, ..TERMS };
        assert_eq!(Restarts::default().died(start, true, &none), Verdict::GiveUp);
        let short = Terms { window: Duration::from_secs(1), max_restarts: 1, ..TERMS };
        let mut restarts = Restarts::default();
        for second in [0, 2, 4, 6] {
            assert_eq!(restarts.died(start + Duration::from_secs(second), true, &short), Verdict::AtOnce);
        }
    }

    #[test]
    fn rests_double_up_to_the_longest_and_health_ends_them() {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        assert_eq!(restarts.died(now, false, &MANY), Verdict::AtOnce);
        for millis in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            assert_eq!(restarts.died(now, false, &MANY), Verdict::After(Duration::from_millis(millis)));
        }
        assert_eq!(restarts.died(now, true, &MANY), Verdict::AtOnce);
        assert_eq!(restarts.died(now, false, &MANY), Verdict::AtOnce);
        assert_eq!(restarts.died(now, false, &MANY), Verdict::After(Duration::from_millis(100)));
    }

    #[test]
    fn a_first_rest_may_be_the_longest_or_none() {
        assert_eq!(rest(Duration::from_secs(60), 2), Duration::from_secs(60));
        assert_eq!(rest(Duration::from_secs(60), 9), Duration::from_secs(60));
        assert_eq!(rest(Duration::ZERO, 9), Duration::ZERO);
        assert_eq!(rest(Duration::from_nanos(1), u32::MAX), Duration::from_nanos(1 << 31));
        assert_eq!(rest(Duration::MAX, u32::MAX), Duration::MAX);
    }
}
