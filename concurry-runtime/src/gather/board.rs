//! [`Board`]: where futures that are watched write their index when they settle; one waiter reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::future::slot::Notify;

#[derive(Default)]
struct Inner {
    ready: VecDeque<usize>,
    waker: Option<Waker>,
    asleep: bool,
}

/// The notifier of one gather: indices in the order in which their futures settled.
///
/// Nothing of the user's runs under its lock, and the lock is never held while a future's own is taken.
#[derive(Default)]
pub struct Board {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        let waker = inner.waker.take();
        let asleep = std::mem::take(&mut inner.asleep);
        drop(inner);
        if asleep {
            self.changed.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes a task that waits, with nothing to read: its time is up.
    pub(super) fn ring(&self) {
        self.wake(self.lock());
    }

    /// Moves what is there into `batch`, which is empty; whether there was anything.
    pub(super) fn read(&self, batch: &mut VecDeque<usize>) -> bool {
        std::mem::swap(&mut self.lock().ready, batch);
        !batch.is_empty()
    }

    /// As [`read`](Self::read), sleeping until there is something, or `until`.
    pub(super) fn wait(&self, batch: &mut VecDeque<usize>, until: Option<Instant>) -> bool {
        let mut inner = self.lock();
        while inner.ready.is_empty() {
            inner.asleep = true;
            inner = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => {
                    inner.asleep = false;
                    return false;
                }
                Some(left) => self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        inner.asleep = false;
        std::mem::swap(&mut inner.ready, batch);
        true
    }

    /// As [`read`](Self::read), leaving the task's waker where there is nothing.
    pub(super) fn poll(&self, batch: &mut VecDeque<usize>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if !inner.ready.is_empty() {
            std::mem::swap(&mut inner.ready, batch);
            return Poll::Ready(());
        }
        let old = match &mut inner.waker {
            Some(old) if old.will_wake(context.waker()) => None,
            other => other.replace(context.waker().clone()),
        };
        drop(inner);
        drop(old);
        Poll::Pending
    }
}

impl Notify for Board {
    fn notify(self: Arc<Self>, index: usize) {
        let mut inner = self.lock();
        inner.ready.push_back(index);
        self.wake(inner);
    }
}
