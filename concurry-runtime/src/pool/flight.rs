//! [`Flight`]: how many calls are with a worker, by two figures: how many have gone there, which whoever submits counts,
//! and how many have left again, which the worker counts, each where it takes nothing out of the other's cache.
//!
//! What has left is counted for an incarnation of the worker. Of one that is gone all calls are counted out at once, and
//! what is said of them later changes nothing.

use super::sync::{AtomicU64, CachePadded, Ordering};

/// The part of `left` that counts; the incarnation is above it. It begins again from nought after so many calls, of which
/// fewer are with a worker.
const COUNT: u64 = u32::MAX as u64;

pub(super) struct Flight {
    entered: AtomicU64,
    left: CachePadded<AtomicU64>,
}

impl Default for Flight {
    fn default() -> Self {
        Flight { entered: AtomicU64::new(0), left: CachePadded::new(AtomicU64::new(0)) }
    }
}

impl Flight {
    fn with(&self, left: u64) -> u64 {
        self.entered.load(Ordering::Acquire).wrapping_sub(left) & COUNT
    }

    /// Calls that are with the worker, as it is at one moment: were what has left a little older than what has entered, there
    /// could be more than its window holds.
    pub(super) fn count(&self) -> u64 {
        // In this order, so that none has left that has not entered.
        let mut left = self.left.load(Ordering::Acquire);
        loop {
            let count = self.with(left);
            let now = self.left.load(Ordering::Acquire);
            if now == left {
                return count;
            }
            left = now;
        }
    }

    /// A call goes to the worker.
    pub(super) fn enter(&self) {
        self.enter_many(1);
    }

    /// So many calls go to the worker.
    pub(super) fn enter_many(&self, calls: u64) {
        self.entered.fetch_add(calls, Ordering::AcqRel);
    }

    /// A call leaves incarnation `generation`; `false` where that is gone.
    pub(super) fn leave(&self, generation: u64) -> bool {
        self.leave_many(generation, 1)
    }

    /// So many calls leave incarnation `generation`; `false` where that is gone.
    pub(super) fn leave_many(&self, generation: u64, calls: u64) -> bool {
        let mut left = self.left.load(Ordering::Acquire);
        loop {
            if left >> 32 != generation & COUNT || self.with(left) < calls {
                return false;
            }
            let next = left & !COUNT | left.wrapping_add(calls) & COUNT;
            match self.left.compare_exchange(left, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => left = now,
            }
        }
    }

    /// Incarnation `generation` begins, with nothing: all that the one before had is counted out. Nothing goes to the worker
    /// meanwhile.
    pub(super) fn renew(&self, generation: u64) {
        let entered = self.entered.load(Ordering::Acquire) & COUNT;
        self.left.swap((generation & COUNT) << 32 | entered, Ordering::AcqRel);
    }
}
