//! Any worker, and how a usable one is drawn.

use super::{Balancer, Loads, next_usable};
use crate::draw::Draw;

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
