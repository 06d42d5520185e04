//! Any worker, and the small generator that random balancers draw from.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Balancer, Loads, next_usable};

/// A SplitMix64 generator (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014) that threads share
/// without a lock. Good enough to spread calls, and no more than that.
pub(super) struct Draw {
    state: AtomicU64,
}

impl Default for Draw {
    fn default() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { state: AtomicU64::new(RandomState::new().hash_one(0u8)) }
    }
}

impl Draw {
    /// A number below `bound`, which is not zero.
    pub(super) fn below(&self, bound: usize) -> usize {
        let mut z = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // Multiply-shift instead of a modulo; the result is below `bound`, so the cast loses nothing.
        ((u128::from(z) * bound as u128) >> 64) as usize
    }
}

/// Draws before the nearest usable worker is taken; with half of the workers gone one in 65 536 picks gets that far.
const DRAWS: usize = 16;

impl Draw {
    /// Any usable worker, all equally likely.
    pub(super) fn usable(&self, loads: &dyn Loads) -> Option<usize> {
        (0..DRAWS)
            .map(|_| self.below(loads.len()))
            .find(|&index| loads.usable(index))
            .or_else(|| next_usable(loads, self.below(loads.len())))
    }
}

/// Any usable worker, all equally likely.
#[derive(Default)]
pub(super) struct Random {
    draw: Draw,
}

impl Balancer for Random {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        self.draw.usable(loads)
    }
}
