//! The one-shot between whoever answers a call and whoever waits for it.
//!
//! States: `Pending` until [`Slot::settle`], which happens once; then `Ready` until somebody takes the value, then
//! `Taken`. `Busy` stands for a value that is out for a moment, being decoded or shown to a callback; whoever wants
//! it then waits for it to come back. User code (callbacks, destructors, decoders) never runs under the lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::error::{Error, Result};
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

/// What a call came to.
pub(crate) enum Value<T> {
    Ready(Result<T>),
    /// Decoded by whoever takes it, not by the thread that received it.
    Encoded(Decoder<T>),
}

impl<T> Value<T> {
    pub(crate) fn open(self) -> Result<T> {
        match self {
            Value::Ready(result) => result,
            Value::Encoded(decode) => decode(),
        }
    }
}

type Callback<T> = Box<dyn FnOnce(&Result<T>) + Send>;

enum Watcher<T> {
    Callback(Callback<T>),
    Notify(Arc<dyn Notify>, usize),
}

enum State<T> {
    Pending,
    Ready(Value<T>),
    Busy,
    Taken,
}

struct Inner<T> {
    state: State<T>,
    waker: Option<Waker>,
    watchers: Vec<Watcher<T>>,
    sleepers: u32,
    cancelled: bool,
}

/// A place for one value.
pub(crate) struct Slot<T> {
    /// Whether it has settled, for who looks without the lock.
    settled: AtomicBool,
    inner: Mutex<Inner<T>>,
    changed: Condvar,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Slot {
            settled: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                state: State::Pending,
                waker: None,
                watchers: Vec::new(),
                sleepers: 0,
                cancelled: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing of the user's runs under this lock, so a poisoned one is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the value in and wakes whoever waits. The caller sees to it that this happens once.
    pub(crate) fn settle(&self, value: Value<T>) {
        let mut value = value;
        let mut notify = Vec::new();
        loop {
            let mut inner = self.lock();
            let mut callbacks = Vec::new();
            for watcher in std::mem::take(&mut inner.watchers) {
                match watcher {
                    Watcher::Callback(callback) => callbacks.push(callback),
                    Watcher::Notify(to, index) => notify.push((to, index)),
                }
            }
            if callbacks.is_empty() {
                inner.cancelled = matches!(&value, Value::Ready(Err(Error::Cancelled { .. })));
                inner.state = State::Ready(value);
                self.settled.store(true, Ordering::Release);
                self.announce(inner);
                break;
            }
            drop(inner);
            let result = value.open();
            for callback in callbacks {
                run(callback, &result);
            }
            value = Value::Ready(result);
        }
        for (to, index) in notify {
            // It may run code of the user's, and this thread has more to do than that.
            let _ = panics::caught_text(|| to.notify(index));
        }
    }

    fn announce(&self, mut inner: MutexGuard<'_, Inner<T>>) {
        let waker = inner.waker.take();
        let sleepers = inner.sleepers;
        drop(inner);
        if sleepers > 0 {
            self.changed.notify_all();
        }
        if let Some(waker) = waker {
            let _ = panics::caught_text(|| waker.wake());
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Whether it settled as cancelled; `None` while it has not settled.
    pub(crate) fn cancelled(&self) -> Option<bool> {
        let inner = self.lock();
        (!matches!(inner.state, State::Pending)).then_some(inner.cancelled)
    }

    /// Whether it settled with an error and nobody has taken it.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.lock().state, State::Ready(Value::Ready(Err(_))))
    }

    /// Takes the value, waiting until `deadline` or as long as it takes; `None` where time ran out.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Result<T>> {
        if !self.is_done() {
            let _ = PATIENCE.try_with(|patience| patience.spin(|| self.is_done()));
        }
        let mut inner = self.lock();
        loop {
            match std::mem::replace(&mut inner.state, State::Taken) {
                State::Ready(value) => {
                    drop(inner);
                    return Some(value.open());
                }
                State::Taken => return Some(Err(already_taken())),
                waiting => inner.state = waiting,
            }
            inner.sleepers += 1;
            match deadline {
                None => inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        inner.sleepers -= 1;
                        return None;
                    }
                    inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
            inner.sleepers -= 1;
        }
    }

    /// Takes the value if it is there.
    pub(crate) fn try_take(&self) -> Option<Result<T>> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.state, State::Taken) {
            State::Ready(value) => {
                drop(inner);
                Some(value.open())
            }
            State::Taken => Some(Err(already_taken())),
            waiting => {
                inner.state = waiting;
                None
            }
        }
    }

    /// Takes the value or leaves the waker.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.state, State::Taken) {
            State::Ready(value) => {
                drop(inner);
                Poll::Ready(value.open())
            }
            State::Taken => {
                drop(inner);
                Poll::Ready(Err(already_taken()))
            }
            waiting => {
                inner.state = waiting;
                let old = match &mut inner.waker {
                    Some(old) if old.will_wake(context.waker()) => None,
                    other => other.replace(context.waker().clone()),
                };
                drop(inner);
                drop(old);
                Poll::Pending
            }
        }
    }

    /// Tells `to` once, when the slot settles or at once where it has.
    pub(crate) fn watch(&self, to: Arc<dyn Notify>, index: usize) {
        let mut inner = self.lock();
        if matches!(inner.state, State::Pending) {
            inner.watchers.push(Watcher::Notify(to, index));
        } else {
            drop(inner);
            to.notify(index);
        }
    }

    /// Forgets every watch that `to` has here; whether there was one, which will not be told then.
    pub(crate) fn unwatch(&self, to: &Arc<dyn Notify>) -> bool {
        let mut gone = Vec::new();
        let mut inner = self.lock();
        let mut index = 0;
        while index < inner.watchers.len() {
            if matches!(&inner.watchers[index], Watcher::Notify(own, _) if Arc::ptr_eq(own, to)) {
                gone.push(inner.watchers.swap_remove(index));
            } else {
                index += 1;
            }
        }
        drop(inner);
        !gone.is_empty()
    }

    /// How many watch it.
    #[cfg(test)]
    pub(crate) fn watchers(&self) -> usize {
        self.lock().watchers.len()
    }

    /// Runs `callback` with the result when it settles, before anyone can take it, or here and now where it has.
    pub(crate) fn on_done(&self, callback: Callback<T>) {
        let mut inner = self.lock();
        loop {
            match std::mem::replace(&mut inner.state, State::Busy) {
                State::Pending => {
                    inner.state = State::Pending;
                    inner.watchers.push(Watcher::Callback(callback));
                    return;
                }
                State::Ready(value) => {
                    drop(inner);
                    let result = value.open();
                    run(callback, &result);
                    let mut inner = self.lock();
                    inner.state = State::Ready(Value::Ready(result));
                    self.announce(inner);
                    return;
                }
                State::Taken => {
                    inner.state = State::Taken;
                    return;
                }
                State::Busy => {
                    inner.sleepers += 1;
                    inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
                    inner.sleepers -= 1;
                }
            }
        }
    }
}

impl<T> Drop for Slot<T> {
    /// A value that nobody took is dropped by whoever lets go of the slot last. That may be the thread that looks after
    /// a worker, so a destructor that panics must not get through.
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        panics::dismiss(std::mem::replace(&mut inner.state, State::Taken));
        panics::dismiss(std::mem::take(&mut inner.watchers));
        panics::dismiss(inner.waker.take());
    }
}

/// A callback that panics spoils nothing but itself; the panic hook has told the user.
fn run<T>(callback: Callback<T>, result: &Result<T>) {
    let _ = panics::caught_text(|| callback(result));
}

fn already_taken() -> Error {
    Error::invalid("the value of this future has been taken already; `result_within` gives it once")
}
