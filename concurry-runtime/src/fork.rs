//! Whether this process is a fork of one that has made a pool, or that is a worker. It has their memory and none of their
//! threads, so that whatever it waited for there would never come.

use std::sync::atomic::{AtomicBool, Ordering};

static IS_FORK: AtomicBool = AtomicBool::new(false);

/// Whether this process is such a fork, as far as that can be known.
#[inline]
pub(crate) fn is_fork() -> bool {
    IS_FORK.load(Ordering::Relaxed)
}

/// It is one; said by what runs first in it.
pub(crate) fn note() {
    IS_FORK.store(true, Ordering::SeqCst);
}
