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

/// Any usable worker, all equally likely while all are usable.
#[derive(Default)]
pub(super) struct Random {
    draw: Draw,
}

impl Balancer for Random {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        next_usable(loads, self.draw.below(loads.len()))
    }
}
