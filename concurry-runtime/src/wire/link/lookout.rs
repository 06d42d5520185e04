//! [`Lookout`]: who looks at what a worker says, its reader or somebody who waits for a value.
//!
//! The reader of a worker sleeps on the socket, and says so by the driver's [`Flag`], so that the worker rings for it.
//! That bell and the way from the reader to whoever waits cost more than a small call does. So whoever waits looks at the
//! ring by itself for a moment: it *helps*. While somebody helps, the flag says that nobody sleeps, though the reader
//! does, and no bell is rung.
//!
//! ```text
//! reader:  awake ── doze ──> dozing ── rise ──> awake
//! helpers: help: the flag of a dozing reader is taken back
//!          leave, the last one: the flag says that it sleeps, and then a last look
//! ```
//!
//! Whoever says by the flag that the reader sleeps looks at the ring once more after that: the reader before it sleeps, or
//! the last helper before it goes, who wakes the reader where there is something. So what is published is seen by
//! somebody who is awake, or the worker finds the flag up and rings.

use super::flag::Flag;
use super::sync::{AtomicU32, Mutex, MutexGuard, Ordering, PoisonError};

#[derive(Default)]
struct Posts {
    /// The reader is about to sleep, or sleeps.
    dozing: bool,
    helpers: u32,
}

pub(super) struct Lookout {
    posts: Mutex<Posts>,
    /// As many as `posts` has, for who looks without the lock.
    helpers: AtomicU32,
}

impl Lookout {
    pub(super) fn new() -> Self {
        Lookout { posts: Mutex::new(Posts::default()), helpers: AtomicU32::new(0) }
    }

    fn posts(&self) -> MutexGuard<'_, Posts> {
        // Nothing that can panic runs under this lock.
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody helps at this moment.
    pub(super) fn is_helped(&self) -> bool {
        self.helpers.load(Ordering::Relaxed) > 0
    }

    /// The reader is about to sleep. It is to do so unless this is `true` and a look at the ring finds something.
    pub(super) fn doze(&self, flag: &Flag) -> bool {
        let mut posts = self.posts();
        posts.dozing = true;
        let alone = posts.helpers == 0;
        if alone {
            flag.announce();
        }
        alone
    }

    /// The reader is awake.
    pub(super) fn rise(&self, flag: &Flag) {
        self.posts().dozing = false;
        flag.retract();
    }

    /// Somebody looks from now on, and [leaves](Self::leave) after that.
    pub(super) fn help(&self, flag: &Flag) {
        let mut posts = self.posts();
        posts.helpers += 1;
        self.helpers.store(posts.helpers, Ordering::Relaxed);
        if posts.dozing {
            flag.retract();
        }
    }

    /// Somebody has looked for the last time but one. Where this is `true`, it is to look once more, and to wake the reader
    /// where it finds something.
    pub(super) fn leave(&self, flag: &Flag) -> bool {
        let mut posts = self.posts();
        posts.helpers -= 1;
        self.helpers.store(posts.helpers, Ordering::Relaxed);
        let last = posts.helpers == 0 && posts.dozing;
        if last {
            flag.announce();
        }
        last
    }
}
