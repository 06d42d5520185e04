//! [`Attention`]: whether anybody in the worker looks at what comes.
//!
//! A thread that has nothing to run looks for a moment and then sleeps by its flag; one that waits for an answer looks
//! for a moment too. Whoever looks says so before its first look and takes a last look after saying that it does not
//! any more. So what is published is seen by somebody, or its publisher learns that nobody looks and rings for the
//! guard, if it is worth that.

use super::flag::Flag;
use super::sync::{AtomicU32, Ordering, fence};

/// Zero is nobody, and nobody asleep.
#[repr(C)]
pub(super) struct Attention {
    /// The worker waits for what comes, by its futex.
    sleeper: Flag,
    /// How many threads look at this moment.
    looking: AtomicU32,
}

impl Attention {
    pub(super) fn new() -> Self {
        Attention { sleeper: Flag::new(), looking: AtomicU32::new(0) }
    }

    /// Something has been published. Wakes the sleeper; whether the guard is to be rung for, because what was published
    /// must not wait and nobody looks.
    pub(super) fn call(&self, urgent: bool) -> bool {
        // The flag's fence serves for both words.
        !self.sleeper.wake() && urgent && self.looking.load(Ordering::Relaxed) == 0
    }

    /// Whoever holds this looks, and has to look once more when it is dropped.
    pub(super) fn look(&self) -> Look<'_> {
        self.looking.fetch_add(1, Ordering::SeqCst);
        Look(&self.looking)
    }

    /// Sleeps until something is published or [`call`](Self::call)ed for, unless `ready` says that it is there. It may
    /// wake for less.
    pub(super) fn sleep(&self, ready: impl FnOnce() -> bool) {
        self.sleeper.announce();
        if !ready() {
            self.sleeper.sleep();
        }
        self.sleeper.retract();
    }
}

/// Somebody looks.
pub(super) struct Look<'a>(&'a AtomicU32);

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }
}
