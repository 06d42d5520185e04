//! How long to wait before another attempt.
//!
//! A crate for this, such as `backon`, gives the delays one after another and has no linear ones; here any is asked for
//! by its number, by the user too, and all four are forty lines.

use std::time::Duration;

/// How the delays grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Growth {
    Exponential,
    Linear,
    Fixed,
    Fibonacci,
}

impl Growth {
    /// How many times the first delay the one after `attempt` failed attempts is; where that cannot be said in 64 bits,
    /// as many as can.
    fn factor(self, attempt: u32) -> u64 {
        let attempt = attempt.max(1);
        match self {
            Growth::Exponential => 1u64.checked_shl(attempt - 1).unwrap_or(u64::MAX),
            Growth::Linear => u64::from(attempt),
            Growth::Fixed => 1,
            Growth::Fibonacci => {
                let (mut one, mut next) = (1u64, 1u64);
                // The 94th is the first that does not fit.
                for _ in 1..attempt.min(94) {
                    (one, next) = (next, one.saturating_add(next));
                }
                one
            }
        }
    }
}

/// The delays of a policy.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Backoff {
    pub(super) growth: Growth,
    pub(super) wait: Duration,
    pub(super) max_wait: Option<Duration>,
    pub(super) jitter: f64,
}

impl Backoff {
    /// The delay after `attempt` failed attempts; `draw` is a random number from 0 and below 1. It is a whole number of
    /// nanoseconds in 64 bits at most (some 584 years), so that it may be added to any time of the clock.
    pub(super) fn delay(&self, attempt: u32, draw: f64) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let grown = nanos(self.wait).saturating_mul(self.growth.factor(attempt));
        let most = self.max_wait.map_or(grown, |most| grown.min(nanos(most)));
        // Converting saturates, and what is no number becomes 0.
        let off = (most as f64 * self.jitter.clamp(0.0, 1.0) * draw) as u64;
        Duration::from_nanos(most.saturating_sub(off))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;

    const ALL: [Growth; 4] = [Growth::Exponential, Growth::Linear, Growth::Fixed, Growth::Fibonacci];

    fn plain(growth: Growth) -> Backoff {
        Backoff { growth, wait: Duration::from_millis(100), max_wait: None, jitter: 0.0 }
    }

    #[test]
    fn delays_grow_by_their_formulas() {
        for (growth, expected) in [
            (Growth::Exponential, [100, 200, 400, 800, 1600, 3200]),
            (Growth::Linear, [100, 200, 300, 400, 500, 600]),
            (Growth::Fixed, [100, 100, 100, 100, 100, 100]),
            (Growth::Fibonacci, [100, 100, 200, 300, 500, 800]),
        ] {
            let delays: Vec<u128> = (1..=6).map(|n| plain(growth).delay(n, 0.5).as_millis()).collect();
            assert_eq!(delays, expected, "{growth:?}");
            assert_eq!(plain(growth).delay(0, 0.5), plain(growth).delay(1, 0.5), "{growth:?}");
        }
    }

    #[test]
    fn the_last_that_fit_are_exact() {
        assert_eq!(Growth::Exponential.factor(64), 1 << 63);
        assert_eq!(Growth::Exponential.factor(65), u64::MAX);
        assert_eq!(Growth::Fibonacci.factor(93), 12_200_160_415_121_876_738);
        assert_eq!(Growth::Fibonacci.factor(94), u64::MAX);
    }

    /// Whatever the policy and the attempt: a delay is never longer than `max_wait`, never shorter than the jitter
    /// allows, never shrinks with the attempt where there is no jitter, and can be added to the time.
    #[test]
    fn delays_hold_what_they_promise_for_any_policy() {
        let draw = Draw::default();
        let any_time = || {
            let magnitude = draw.below(65);
            let nanos =
                if magnitude == 0 { 0 } else { (u64::MAX >> (64 - magnitude)).min(draw.below(usize::MAX) as u64) };
            Duration::from_nanos(nanos) * if draw.below(20) == 0 { 1000 } else { 1 }
        };
        for _ in 0..20_000 {
            let backoff = Backoff {
                growth: ALL[draw.below(4)],
                wait: any_time(),
                max_wait: (draw.below(2) == 0).then(any_time),
                jitter: draw.unit(),
            };
            let attempt =
                if draw.below(2) == 0 { draw.below(120) as u32 } else { draw.below(u32::MAX as usize) as u32 };
            let drawn = draw.unit();
            let full = Backoff { jitter: 0.0, ..backoff }.delay(attempt, drawn);
            let delay = backoff.delay(attempt, drawn);
            let what = format!("{backoff:?} {attempt} {drawn}");
            assert!(backoff.max_wait.is_none_or(|most| full <= most), "{what}: {full:?}");
            assert!(delay <= full, "{what}: {delay:?}");
            // A little less for the rounding of an `f64`.
            let least = full.as_nanos() as f64 * (1.0 - backoff.jitter) * (1.0 - 1e-9) - 1.0;
            assert!(delay.as_nanos() as f64 >= least, "{what}: {delay:?} of {full:?}");
            let later = Backoff { jitter: 0.0, ..backoff }.delay(attempt.saturating_add(1), drawn);
            assert!(later >= full, "{what}: {full:?} {later:?}");
            assert!(std::time::Instant::now().checked_add(delay).is_some(), "{what}: {delay:?}");
        }
    }

    #[test]
    fn jitter_takes_off_what_it_says() {
        let backoff = Backoff { jitter: 0.3, ..plain(Growth::Fixed) };
        assert_eq!(backoff.delay(1, 0.0), Duration::from_millis(100));
        assert_eq!(backoff.delay(1, 0.5), Duration::from_millis(85));
        let full = Backoff { jitter: 1.0, ..backoff };
        assert_eq!(full.delay(1, 0.75), Duration::from_millis(25));
        let capped = Backoff { max_wait: Some(Duration::from_millis(50)), ..backoff };
        assert_eq!(capped.delay(9, 1.0), Duration::from_millis(35));
        // What `init` refuses does no harm here.
        for jitter in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert_eq!(Backoff { jitter, ..backoff }.delay(1, 0.5), Duration::from_millis(100), "{jitter}");
        }
        assert_eq!(Backoff { jitter: f64::INFINITY, ..backoff }.delay(1, 0.5), Duration::from_millis(50));
    }
}
