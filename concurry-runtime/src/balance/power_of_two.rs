//! Two workers at random, the less loaded of them.

use super::random::Draw;
use super::{Balancer, Loads, next_usable};

/// See [`super::LoadBalancing::PowerOfTwo`].
#[derive(Default)]
pub(super) struct PowerOfTwo {
    draw: Draw,
}

impl Balancer for PowerOfTwo {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        let len = loads.len();
        let first = next_usable(loads, self.draw.below(len))?;
        if len == 1 {
            return Some(first);
        }
        // Another than the first: of two workers the less loaded is always taken.
        let second = next_usable(loads, (first + 1 + self.draw.below(len - 1)) % len)?;
        Some(if loads.active(second) < loads.active(first) { second } else { first })
    }
}
