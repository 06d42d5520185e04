//! A word by which one side says that it sleeps, and the other takes it upon itself to wake it.
//!
//! The sleeper says so, looks a last time for what it waits for, and sleeps. The other makes it come true first and
//! looks for a sleeper then. Between the two steps each has a fence, so one of them at least sees what the other did;
//! whoever wakes takes the word back, so a sleeper is woken once.

use super::sync::{AtomicU32, Ordering, fence};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// Whether somebody sleeps. Zero is nobody.
#[repr(transparent)]
pub(super) struct Flag(AtomicU32);

impl Flag {
    pub(super) fn new() -> Self {
        Flag(AtomicU32::new(AWAKE))
    }

    /// To be followed by a last look, and then by sleep or [`retract`](Self::retract).
    pub(super) fn announce(&self) {
        self.0.swap(ASLEEP, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }

    /// Awake again. What was made true by whoever took the word before this is seen after it.
    pub(super) fn retract(&self) {
        self.0.swap(AWAKE, Ordering::AcqRel);
    }

    /// To be called when something has become true: whether somebody is to be woken for it, by the caller.
    pub(super) fn claim(&self) -> bool {
        fence(Ordering::SeqCst);
        // Anything else than awake is asleep: the word may be nonsense, and nobody sleeps through that.
        self.0.load(Ordering::Relaxed) != AWAKE && self.0.swap(AWAKE, Ordering::AcqRel) != AWAKE
    }

    /// Sleeps until the word is taken.
    pub(super) fn sleep(&self) {
        while self.0.load(Ordering::Acquire) == ASLEEP {
            super::futex::wait(&self.0, ASLEEP);
        }
    }

    /// Wakes who sleeps by this word; whether there was somebody.
    pub(super) fn wake(&self) -> bool {
        let claimed = self.claim();
        if claimed {
            super::futex::wake(&self.0);
        }
        claimed
    }
}
