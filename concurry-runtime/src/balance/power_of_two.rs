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
        let first = next_usable(loads, self.draw.below(loads.len()))?;
        let second = next_usable(loads, self.draw.below(loads.len()))?;
        Some(if loads.active(second) < loads.active(first) { second } else { first })
    }
}
