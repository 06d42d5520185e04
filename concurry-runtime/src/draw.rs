//! The small generator that random balancers and retries draw from.

use std::sync::atomic::{AtomicU64, Ordering};

/// A SplitMix64 generator (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014) that threads share
/// without a lock. Good enough to spread calls and delays, and no more than that.
pub(crate) struct Draw {
    state: AtomicU64,
}

impl Default for Draw {
    fn default() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { state: AtomicU64::new(RandomState::new().hash_one(0u8)) }
    }
}

impl Draw {
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
}
