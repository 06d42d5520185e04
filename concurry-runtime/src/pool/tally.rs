//! [`Tally`]: whether a pool takes calls, how many are on their way, and who waits for that to change.
//!
//! A call is counted in before it is looked whether the pool takes any, and out once its future has resolved. Whoever
//! stops the pool says so before it looks at the figures. So of a call and a stop that come at the same moment, either
//! the stop sees the call, and whoever resolves that has the workers end; or the call sees the stop, and is refused.
//! Likewise for whoever waits. That takes one order of all of these steps, hence the strictest one of the language.
//!
//! Those who submit write to one figure and those who answer to another, each where it takes nothing out of the other's
//! cache.

use super::sync::{AtomicU8, AtomicU64, AtomicUsize, CachePadded, Ordering, fence};

/// Takes calls.
pub(crate) const OPEN: u8 = 0;
/// Takes no more; finishes what it has.
pub(crate) const STOPPING: u8 = 1;
/// Finishes nothing any more.
pub(crate) const ABORTED: u8 = 2;

/// What follows from a call that is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// It was the last, and somebody waits for that.
    Wake,
    /// It was the last of a pool that stops: its workers can end.
    Finish,
}

pub(super) struct Tally {
    phase: AtomicU8,
    /// How many wait for the pool as a whole.
    waiters: AtomicUsize,
    accepted: CachePadded<AtomicU64>,
    resolved: CachePadded<AtomicU64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            phase: AtomicU8::new(OPEN),
            waiters: AtomicUsize::new(0),
            accepted: CachePadded::new(AtomicU64::new(0)),
            resolved: CachePadded::new(AtomicU64::new(0)),
        }
    }

    pub(super) fn phase(&self) -> u8 {
        self.phase.load(Ordering::SeqCst)
    }

    /// Counts a call in; `false` where the pool takes no more: then it is to be counted out again by
    /// [`resolve`](Self::resolve).
    pub(super) fn accept(&self) -> bool {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        self.phase() == OPEN
    }

    /// Counts a call out.
    pub(super) fn resolve(&self) -> After {
        self.resolved.fetch_add(1, Ordering::SeqCst);
        let open = self.phase() == OPEN;
        match open {
            true if self.waiters.load(Ordering::SeqCst) == 0 => After::Nothing,
            _ if self.outstanding() > 0 => After::Nothing,
            true => After::Wake,
            false => After::Finish,
        }
    }

    /// How many calls are accepted and not resolved. Where it says that none is, none was at a moment since it was asked.
    pub(super) fn outstanding(&self) -> u64 {
        // In this order: a call is accepted before it is resolved, so where the figures meet there was none at the moment
        // in which the first was read.
        let resolved = self.resolved.load(Ordering::SeqCst);
        self.accepted.load(Ordering::SeqCst).wrapping_sub(resolved)
    }

    /// The pool takes no more calls. Whether there are none on their way, so that its workers can end.
    pub(super) fn stop(&self) -> bool {
        let _ = self.phase.compare_exchange(OPEN, STOPPING, Ordering::SeqCst, Ordering::SeqCst);
        self.outstanding() == 0
    }

    /// The pool finishes nothing any more.
    pub(super) fn abort(&self) {
        self.phase.swap(ABORTED, Ordering::SeqCst);
    }

    /// Somebody waits from now on, and looks after that at what it waits for.
    pub(super) fn wait(&self) {
        self.waiters.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn done_waiting(&self) {
        self.waiters.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether anybody waits, for whoever has changed something else than these figures.
    pub(super) fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.waiters.load(Ordering::SeqCst) > 0
    }
}
