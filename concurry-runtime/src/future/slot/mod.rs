//! The one-shot between whoever answers a call and whoever waits for it.
//!
//! [`Slot::settle`] happens once; then the value is there until somebody takes it. It is out for a moment while it is shown
//! to a callback; whoever wants it then waits for it to come back. The hand-over itself is in [`cell`]. User code
//! (callbacks, destructors, decoders) never runs under the lock.

mod cell;
mod sync;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use cell::{Cell, Taken, Watch};

use crate::depth;
use crate::error::{Error, Result};
#[cfg(feature = "ray")]
use crate::far::Far;
use crate::few::Few;
use crate::panics;
use crate::spin::Patience;

thread_local! {
    /// How long it is worth for this thread to spin before it sleeps.
    static PATIENCE: Patience = const { Patience::new() };
}

/// Who is told when slots settle; `index` tells which of its slots it was.
pub(crate) trait Notify: Send + Sync {
    fn notify(self: Arc<Self>, index: usize);
}

/// Makes the value of the bytes that a worker process sent.
pub(crate) type Decoder<T> = Box<dyn FnOnce() -> Result<T> + Send>;

/// What a call came to, in little room: a million of them may wait.
pub(crate) enum Value<T> {
    Good(T),
    Bad(Box<Error>),
    /// Decoded by whoever takes it, not by the thread that received it.
    Encoded(Decoder<T>),
    /// Left on a cluster, for who is to have it there.
    #[cfg(feature = "ray")]
    Far(Box<Far<T>>),
}

impl<T> Value<T> {
    pub(crate) fn open(self) -> Result<T> {
        match self {
            Value::Good(value) => Ok(value),
            Value::Bad(error) => Err(*error),
            Value::Encoded(decode) => decode(),
            #[cfg(feature = "ray")]
            Value::Far(far) => far.bring(),
        }
    }
}

impl<T> Value<T> {
    /// The error, where it is one already.
    pub(crate) fn error(&self) -> Option<&Error> {
        match self {
            Value::Bad(error) => Some(error),
            _ => None,
        }
    }
}

impl<T> From<Result<T>> for Value<T> {
    fn from(result: Result<T>) -> Self {
        result.map_or_else(|error| Value::Bad(Box::new(error)), Value::Good)
    }
}

type Callback<T> = Box<dyn FnOnce(&Result<T>) + Send>;

enum Watcher<T> {
    /// Whoever awaits it; there is one at most.
    Waker(Waker),
    Callback(Callback<T>),
    Notify(Arc<dyn Notify>, usize),
}

/// Who is told.
type Watchers<T> = Few<Watcher<T>>;

type Guard<'a, T> = MutexGuard<'a, Watch<Watchers<T>>>;

/// It came to an error.
const FAILED: u8 = 1;
/// That error is that it was cancelled.
const CANCELLED: u8 = 2;

/// A place for one value.
pub(crate) struct Slot<T> {
    cell: Cell<Value<T>, Watchers<T>>,
    /// What is known of the value without having it; written before it is put in.
    verdict: AtomicU8,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Slot { cell: Cell::new(Few::EMPTY), verdict: AtomicU8::new(0) }
    }

    /// Puts the value in and wakes whoever waits. The caller sees to it that this happens once.
    pub(crate) fn settle(&self, value: Value<T>) {
        self.judge(&value);
        if let Err(value) = self.cell.put(value) {
            self.settle_watched(value);
        }
    }

    fn judge(&self, value: &Value<T>) {
        let verdict = match value {
            Value::Bad(error) if matches!(**error, Error::Cancelled { .. }) => FAILED | CANCELLED,
            Value::Bad(_) => FAILED,
            _ => 0,
        };
        self.verdict.store(verdict, Ordering::Relaxed);
    }

    #[cold]
    fn settle_watched(&self, mut value: Value<T>) {
        let mut notify = Vec::new();
        loop {
            let mut watch = self.cell.lock();
            let mut callbacks = Vec::new();
            for watcher in std::mem::replace(&mut watch.list, Few::EMPTY) {
                match watcher {
                    Watcher::Callback(callback) => callbacks.push(callback),
                    Watcher::Notify(to, index) => notify.push((to, index)),
                    // It stays until there is something to wake it for.
                    Watcher::Waker(_) => watch.list.push(watcher),
                }
            }
            if callbacks.is_empty() {
                self.judge(&value);
                self.cell.put_watched(&mut watch, value);
                self.announce(watch);
                break;
            }
            drop(watch);
            let result = value.open();
            for callback in callbacks {
                run(callback, &result);
            }
            value = result.into();
        }
        for (to, index) in notify {
            depth::follow(move || {
                // It may run code of the user's, and this thread has more to do than that.
                let _ = panics::caught_text(|| to.notify(index));
            });
        }
    }

    fn announce(&self, mut watch: Guard<'_, T>) {
        let waker = watch.list.take_first(|watcher| matches!(watcher, Watcher::Waker(_)));
        self.cell.wake(watch);
        if let Some(Watcher::Waker(waker)) = waker {
            let _ = panics::caught_text(|| waker.wake());
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.cell.is_settled()
    }

    /// Whether it settled as cancelled; `None` while it has not settled.
    pub(crate) fn cancelled(&self) -> Option<bool> {
        self.cell.is_settled().then(|| self.verdict.load(Ordering::Relaxed) & CANCELLED != 0)
    }

    /// Whether it settled with an error and nobody has taken it.
    pub(crate) fn failed(&self) -> bool {
        self.cell.is_ready() && self.verdict.load(Ordering::Relaxed) & FAILED != 0
    }

    /// Takes the value, waiting until `deadline` or as long as it takes; `None` where time ran out.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Result<T>> {
        self.wait_as_it_is(deadline).map(Value::open)
    }

    /// The same in the form in which it is.
    fn wait_as_it_is(&self, deadline: Option<Instant>) -> Option<Value<T>> {
        if !self.is_done() {
            let _ = PATIENCE.try_with(|patience| patience.spin(|| self.is_done()));
        }
        if let Some(taken) = self.try_take_as_it_is() {
            return Some(taken);
        }
        let mut watch = self.cell.lock();
        loop {
            if !self.cell.must_wait(&watch) {
                drop(watch);
                if let Some(taken) = self.try_take_as_it_is() {
                    return Some(taken);
                }
                watch = self.cell.lock();
                continue;
            }
            let left = match deadline {
                None => None,
                Some(deadline) => match deadline.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return None,
                    left => Some(left),
                },
            };
            watch = self.cell.sleep(watch, |changed, watch| match left {
                None => changed.wait(watch).unwrap_or_else(PoisonError::into_inner),
                Some(left) => changed.wait_timeout(watch, left).unwrap_or_else(PoisonError::into_inner).0,
            });
        }
    }

    /// Takes the value if it is there.
    pub(crate) fn try_take(&self) -> Option<Result<T>> {
        self.try_take_as_it_is().map(Value::open)
    }

    /// The same in the form in which it is.
    pub(crate) fn try_take_as_it_is(&self) -> Option<Value<T>> {
        match self.cell.take() {
            Taken::Value(value) => Some(value),
            Taken::Gone => Some(Err(already_taken()).into()),
            Taken::NotYet => None,
        }
    }

    /// Takes the value or leaves the waker.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T>> {
        loop {
            if let Some(taken) = self.try_take() {
                return Poll::Ready(taken);
            }
            // Cloning and dropping one is somebody else's code.
            let waker = context.waker().clone();
            let mut watch = self.cell.lock();
            if !self.cell.must_wait(&watch) {
                continue;
            }
            let old = watch.list.take_first(|watcher| matches!(watcher, Watcher::Waker(_)));
            watch.list.push(Watcher::Waker(waker));
            drop(watch);
            drop(old);
            return Poll::Pending;
        }
    }

    /// Tells `to` once, when the slot settles or at once where it has.
    pub(crate) fn watch(&self, to: Arc<dyn Notify>, index: usize) {
        if !self.is_done() {
            let mut watch = self.cell.lock();
            if self.cell.watched(&watch) {
                watch.list.push(Watcher::Notify(to, index));
                return;
            }
        }
        to.notify(index);
    }

    /// Forgets every watch that `to` has here; whether there was one, which will not be told then.
    pub(crate) fn unwatch(&self, to: &Arc<dyn Notify>) -> bool {
        let mut gone = Vec::new();
        let mut watch = self.cell.lock();
        let own = |watcher: &Watcher<T>| matches!(watcher, Watcher::Notify(own, _) if Arc::ptr_eq(own, to));
        while let Some(watcher) = watch.list.take_first(own) {
            gone.push(watcher);
        }
        drop(watch);
        !gone.is_empty()
    }

    /// Whether somebody has asked to be shown what it comes to.
    pub(crate) fn has_callbacks(&self) -> bool {
        self.cell.lock().list.iter().any(|watcher| matches!(watcher, Watcher::Callback(_)))
    }

    /// Whether anybody is to be told by code of its own when it settles. Who sleeps until then is not meant.
    pub(crate) fn is_watched(&self) -> bool {
        self.cell.may_be_watched() && !self.cell.lock().list.is_empty()
    }

    /// How many watch it.
    #[cfg(test)]
    pub(crate) fn watchers(&self) -> usize {
        self.cell.lock().list.len()
    }

    /// Runs `callback` with the result when it settles, before anyone can take it, or here and now where it has.
    pub(crate) fn on_done(&self, callback: Callback<T>) {
        loop {
            match self.cell.borrow() {
                Taken::Gone => return,
                Taken::Value(value) => {
                    let result = value.open();
                    run(callback, &result);
                    let value = result.into();
                    self.judge(&value);
                    self.announce(self.cell.back(value));
                    return;
                }
                Taken::NotYet => {}
            }
            let mut watch = self.cell.lock();
            if self.cell.watched(&watch) {
                watch.list.push(Watcher::Callback(callback));
                return;
            }
            // It has settled meanwhile; where somebody else shows it around, until that is done.
            if self.cell.must_wait(&watch) {
                drop(
                    self.cell
                        .sleep(watch, |changed, watch| changed.wait(watch).unwrap_or_else(PoisonError::into_inner)),
                );
            }
        }
    }
}

impl<T> Drop for Slot<T> {
    /// A value that nobody took is dropped by whoever lets go of the slot last. That may be the thread that looks after
    /// a worker, so a destructor that panics must not get through.
    fn drop(&mut self) {
        let (value, watchers) = self.cell.dismantle();
        panics::dismiss(value);
        panics::dismiss(std::mem::replace(watchers, Few::EMPTY));
    }
}

/// A callback that panics spoils nothing but itself; the panic hook has told the user.
fn run<T>(callback: Callback<T>, result: &Result<T>) {
    let _ = panics::caught_text(|| callback(result));
}

fn already_taken() -> Error {
    Error::invalid("the value of this future has been taken already; `result_within` gives it once")
}
