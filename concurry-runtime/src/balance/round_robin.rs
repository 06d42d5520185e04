//! In turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Balancer, Loads, next_usable};

/// Worker 0, 1, 2, …, 0, 1, …
#[derive(Default)]
pub(super) struct RoundRobin {
    next: AtomicUsize,
}

impl Balancer for RoundRobin {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % loads.len();
        next_usable(loads, start)
    }
}
