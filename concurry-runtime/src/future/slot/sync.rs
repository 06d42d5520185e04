//! What the cell is made of, apart so that a model checker can put its own in its place.

pub(super) use std::sync::atomic::{AtomicU8, Ordering};
pub(super) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A place that is shared, and looked at by one at a time as its owner says.
pub(super) struct Shared<T>(std::cell::UnsafeCell<T>);

impl<T> Shared<T> {
    pub(super) const fn new(value: T) -> Self {
        Shared(std::cell::UnsafeCell::new(value))
    }

    /// A pointer to it, valid for as long as it is borrowed.
    pub(super) fn with<R>(&self, look: impl FnOnce(*mut T) -> R) -> R {
        look(self.0.get())
    }
}
