//! The worker with the least of something: calls it has now, or calls it was ever given.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Balancer, Loads};

/// Looks at every worker and takes the least loaded; ties go in turn.
pub(super) struct Least {
    next: AtomicUsize,
    load: fn(&dyn Loads, usize) -> u64,
}

impl Least {
    /// By calls queued and running.
    pub(super) fn active() -> Self {
        Self { next: AtomicUsize::new(0), load: |loads, index| loads.active(index) }
    }

    /// By calls given so far.
    pub(super) fn total() -> Self {
        Self { next: AtomicUsize::new(0), load: |loads, index| loads.total(index) }
    }
}

impl Balancer for Least {
    fn pick(&self, loads: &dyn Loads) -> Option<usize> {
        let len = loads.len();
        let start = self.next.load(Ordering::Relaxed) % len;
        let least = (0..len)
            .map(|step| (start + step) % len)
            .filter(|&index| loads.usable(index))
            .min_by_key(|&index| (self.load)(loads, index))?;
        // Ties go in turn from the last that was picked, so that one between two far apart is not decided by the gap.
        self.next.store(least + 1, Ordering::Relaxed);
        Some(least)
    }
}
