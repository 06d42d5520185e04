//! [`Door`]: whether a loop is inside user code, and whether it may go in again.
//!
//! Both are bits of one word, so whoever kills a loop knows for sure: it was inside, and lingers until it comes out; or
//! it was outside, and will not go in again.

use std::sync::atomic::{AtomicU8, Ordering};

const INSIDE: u8 = 1;
const KILLED: u8 = 2;

#[derive(Default)]
pub(super) struct Door(AtomicU8);

/// Inside, until it goes.
#[must_use]
pub(super) struct Inside<'a>(&'a AtomicU8);

impl Door {
    /// Goes in, unless the loop has been killed.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        let before = self.0.fetch_or(INSIDE, Ordering::AcqRel);
        // The guard of a loop that is not to go in takes back the bit.
        let inside = Inside(&self.0);
        (before & KILLED == 0).then_some(inside)
    }

    /// Lets nobody in any more; whether somebody is inside.
    pub(super) fn kill(&self) -> bool {
        self.0.fetch_or(KILLED, Ordering::AcqRel) & INSIDE != 0
    }

    pub(super) fn is_killed(&self) -> bool {
        self.0.load(Ordering::Acquire) & KILLED != 0
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_and(!INSIDE, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_in_after_a_kill() {
        let door = Door::default();
        let inside = door.enter();
        assert!(inside.is_some() && !door.is_killed());
        assert!(door.kill());
        drop(inside);
        assert!(door.is_killed() && door.enter().is_none());
        assert!(!door.kill());
    }
}
