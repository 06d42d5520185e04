//! The atomics and locks of the link, apart so that a model checker can put its own in their place.

pub(super) use std::sync::atomic::{AtomicU32, Ordering, fence};
pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
