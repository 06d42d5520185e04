//! How many retries a pool may make beyond what its calls have earned.
//!
//! A service that is down is not helped by four times the load. So retries are paid for, as in tower's retry budget
//! and in Finagle's before it: each call earns some, each retry costs one, and where none is left a call gives up
//! early. There is a reserve, from which short troubles are paid, and it is also the most that can be saved; so that a
//! long time without failures is no licence for a storm. Tower forgets what was earned after ten seconds; here a call
//! earns when its first attempt ends, so the budget follows the load without looking at a clock.

use std::sync::atomic::{AtomicI64, Ordering};

/// What a call earns and how many retries are in reserve.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Terms {
    pub(super) per_call: f64,
    pub(super) reserve: u32,
}

impl Default for Terms {
    /// A call pays for its own first retry, so that in the long run a service that fails has twice its load at most;
    /// until that matters, ten thousand retries more.
    fn default() -> Self {
        Terms { per_call: 1.0, reserve: 10_000 }
    }
}

impl Terms {
    /// Whether they can be; what would be allowed, if not.
    pub(super) fn check(&self) -> Result<(), String> {
        if (0.0..=MOST_PER_CALL).contains(&self.per_call) {
            return Ok(());
        }
        Err(format!("its budget is {} retries a call, but from 0 to {MOST_PER_CALL} are allowed", self.per_call))
    }
}

/// More would be no budget any more.
const MOST_PER_CALL: f64 = 1000.0;

/// Tokens are counted in thousandths of a retry.
const RETRY: i64 = 1000;

/// What of the terms is left; shared by all methods that have the same policy.
#[derive(Debug)]
pub(super) struct Budget {
    earns: i64,
    most: i64,
    left: AtomicI64,
}

impl Budget {
    pub(super) fn new(terms: Terms) -> Self {
        let most = i64::from(terms.reserve) * RETRY;
        // Within the bounds of `check`, and where nobody asked that, the conversion saturates.
        let earns = (terms.per_call.clamp(0.0, MOST_PER_CALL) * RETRY as f64).round() as i64;
        Budget { earns, most, left: AtomicI64::new(most) }
    }

    /// A first attempt has ended well.
    pub(super) fn earn(&self) {
        // What is full stays as it is, and is not written to by every call.
        if self.left.load(Ordering::Relaxed) < self.most {
            let _ = self.change(self.earns);
        }
    }

    /// A later attempt has failed; whether another is paid for.
    pub(super) fn spend(&self) -> bool {
        self.change(-RETRY)
    }

    /// A first attempt has failed; whether another is paid for. In one step, so that a call that earns a whole retry
    /// always gets it, however many others spend meanwhile.
    pub(super) fn earn_and_spend(&self) -> bool {
        let paid = self.change(self.earns - RETRY);
        if !paid {
            self.earn();
        }
        paid
    }

    fn change(&self, by: i64) -> bool {
        let changed = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            // What is more than can be saved is kept by nobody.
            Some((left + by).min(self.most)).filter(|left| *left >= 0)
        });
        changed.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(per_call: f64, reserve: u32) -> Budget {
        Budget::new(Terms { per_call, reserve })
    }

    #[test]
    fn a_reserve_is_spent_and_earned_again_but_not_beyond_itself() {
        let budget = budget(0.5, 2);
        assert_eq!([budget.spend(), budget.spend(), budget.spend()], [true, true, false]);
        budget.earn();
        assert!(!budget.spend());
        budget.earn();
        assert_eq!([budget.spend(), budget.spend()], [true, false]);
        for _ in 0..100 {
            budget.earn();
        }
        assert_eq!([budget.spend(), budget.spend(), budget.spend()], [true, true, false]);
    }

    #[test]
    fn a_call_that_earns_a_retry_gets_it_with_nothing_in_reserve() {
        let budget = budget(1.0, 0);
        assert!((0..1000).all(|_| budget.earn_and_spend()));
        assert!(!budget.spend());
    }

    #[test]
    fn a_service_that_is_down_gets_what_was_agreed() {
        // Calls that always fail and would be tried three times more.
        let retries = |budget: &Budget, calls: u32| {
            (0..calls)
                .map(|_| u32::from(budget.earn_and_spend()) + u32::from(budget.spend()) + u32::from(budget.spend()))
                .sum::<u32>()
        };
        assert_eq!(retries(&budget(0.2, 100), 10_000), 100 + 2_000);
        // By default, all retries of the first five thousand calls, and from then on one for each.
        let default = Budget::new(Terms::default());
        assert_eq!(retries(&default, 5_000), 15_000);
        assert_eq!(retries(&default, 5_000), 5_000);
    }

    #[test]
    fn threads_spend_no_token_twice() {
        let budget = budget(0.0, 1000);
        let spent: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1000).filter(|_| budget.spend()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(spent, 1000);
    }

    #[test]
    fn terms_that_cannot_be_are_told() {
        for per_call in [-0.1, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(Terms { per_call, reserve: 1 }.check().unwrap_err().contains("from 0 to 1000"), "{per_call}");
        }
        assert_eq!(Terms { per_call: 0.0, reserve: 0 }.check(), Ok(()));
    }
}
