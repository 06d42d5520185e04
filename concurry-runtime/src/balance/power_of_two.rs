//! Two workers at random, the less loaded of them.

use super::{Balancer, Loads, next_usable};
use crate::draw::Draw;

/// See [`super::LoadBalancing::PowerOfTwo`].
#[derive(Default)]
pub(super) struct PowerOfTwo {
    draw: Draw,
}

impl Balancer for PowerOfTwo {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        let first = self.draw.usable(loads)?;
        let others = loads.len() - 1;
        if others == 0 {
            return Some(first);
        }
        // Any of the others: the numbers from `first` on are moved up by one.
        let drawn = self.draw.below(others);
        let second = next_usable(loads, if drawn < first { drawn } else { drawn + 1 })?;
        Some(if loads.active(second) < loads.active(first) { second } else { first })
    }
}
