//! Loom's atomics and locks, and its cell, which finds out who touches a value while somebody else does.

pub(super) use loom::sync::atomic::{AtomicU8, Ordering};
pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::sync::PoisonError;

pub(super) struct Shared<T>(loom::cell::UnsafeCell<T>);

impl<T> Shared<T> {
    pub(super) fn new(value: T) -> Self {
        Shared(loom::cell::UnsafeCell::new(value))
    }

    pub(super) fn with<R>(&self, look: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(look)
    }
}
