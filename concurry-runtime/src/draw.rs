//! The small generator that random balancers and retries draw from.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    /// What the guards of this thread draw from, the outermost first; each with its number.
    static SEEDS: RefCell<Vec<(u64, Rc<Draw>)>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// A SplitMix64 generator (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014) that threads share
/// without a lock. Good enough to spread calls and delays, and no more than that.
#[derive(Debug)]
pub(crate) struct Draw {
    state: AtomicU64,
}

impl Default for Draw {
    fn default() -> Self {
        seeded().map_or_else(Self::random, |seeds| Self { state: AtomicU64::new(seeds.next()) })
    }
}

/// What the innermost guard of this thread draws from, where there is one.
pub(crate) fn seeded() -> Option<Rc<Draw>> {
    SEEDS.try_with(|seeds| seeds.borrow().last().map(|(_, draw)| draw.clone())).ok().flatten()
}

/// Makes chance known beforehand for the pools that this thread makes while the guard lives: what `Random` and
/// `PowerOfTwo` draw and how much [jitter](crate::Retry::jitter) takes off the delays of retries is the same in each run
/// with this seed. So it is for [`Retry::delay`](crate::Retry::delay), on this thread, and for a
/// [`LimitPool`](crate::LimitPool) that is first used here.
///
/// Each pool has a sequence of its own, by the order in which they are made, and keeps it when the guard is gone. Pools
/// that exist, other threads, and so other tests, are not concerned. What a pool draws belongs to its calls in the order
/// in which they come; where several threads call it, that order is not the seed's to decide, nor is the load that
/// `PowerOfTwo` compares. The sequences may be others in another version of concurry.
///
/// ```
/// use concurry::Retry;
/// use concurry::testing::seed;
///
/// let delays = || {
///     let _guard = seed(7);
///     let retry = Retry::exponential();
///     [1, 2, 3].map(|attempt| retry.delay(attempt))
/// };
/// assert_eq!(delays(), delays());
/// ```
pub fn seed(seed: u64) -> Seeded {
    let number = NEXT.with(|next| next.replace(next.get() + 1));
    SEEDS.with_borrow_mut(|seeds| seeds.push((number, Rc::new(Draw { state: AtomicU64::new(seed) }))));
    Seeded { number, marker: PhantomData }
}

/// Keeps what [`seed`] has set; it holds until this goes.
#[must_use = "the seed holds only as long as this guard lives; `let _guard = ..` keeps it to the end of the block"]
#[derive(Debug)]
pub struct Seeded {
    number: u64,
    /// It belongs to its thread.
    marker: PhantomData<*const ()>,
}

impl Drop for Seeded {
    fn drop(&mut self) {
        // By number, not the last one: guards may go in any order. A thread that ends may have lost them already.
        let _ = SEEDS.try_with(|seeds| seeds.borrow_mut().retain(|(number, _)| *number != self.number));
    }
}

impl Draw {
    /// One that no guard decides on.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { state: AtomicU64::new(RandomState::new().hash_one(0u8)) }
    }

    fn next(&self) -> u64 {
        let mut z = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&self, bound: usize) -> usize {
        // Multiply-shift instead of a modulo; the result is below `bound`, so the cast loses nothing.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 and below 1.
    pub(crate) fn unit(&self) -> f64 {
        // The upper 53 bits are as many as an `f64` holds.
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_bounds_and_are_spread_over_them() {
        let draw = Draw::default();
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            let unit = draw.unit();
            assert!((0.0..1.0).contains(&unit));
            seen[(unit * 10.0) as usize] += 1;
            assert!(draw.below(3) < 3);
        }
        // A thousand each, give or take thirty; five hundred off is sixteen times that.
        assert!(seen.iter().all(|count| (500..1500).contains(count)), "{seen:?}");
    }

    fn some(draw: &Draw) -> Vec<u64> {
        (0..8).map(|_| draw.next()).collect()
    }

    #[test]
    fn a_seed_says_what_is_drawn_while_its_guard_lives() {
        let two = |number| {
            let _guard = seed(number);
            [Draw::default(), Draw::default()].map(|draw| some(&draw))
        };
        let [first, second] = two(7);
        assert_ne!(first, second, "each has its own");
        assert_eq!(two(7), [first.clone(), second]);
        assert_ne!(two(8)[0], first);
        assert_ne!(some(&Draw::default()), some(&Draw::default()), "nothing is left of it");
    }

    #[test]
    fn guards_nest_go_in_any_order_and_are_their_threads() {
        let drawn = || some(&Draw::default());
        let alone = {
            let _guard = seed(2);
            drawn()
        };
        let outer = seed(1);
        let inner = seed(2);
        assert_eq!(std::thread::scope(|scope| scope.spawn(|| seeded().is_none()).join()).ok(), Some(true));
        drop(outer);
        assert_eq!(drawn(), alone);
        drop(inner);
        assert!(seeded().is_none());
        let panicked = std::panic::catch_unwind(|| {
            let _guard = seed(3);
            panic!("on purpose");
        });
        assert!(panicked.is_err() && seeded().is_none());
    }
}
