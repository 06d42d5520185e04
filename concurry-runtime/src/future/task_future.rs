//! [`TaskFuture`]: a value that is on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::slot::{Notify, Slot, Value};
use crate::call::here;
use crate::error::{Error, Result, TimeoutScope};
#[cfg(feature = "ray")]
use crate::far::Site;
use crate::panics;

/// A number that no other call of this process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1);

pub(crate) fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What stands behind a future: a call, a mapped value, one that is there already.
pub(crate) trait Outcome<T>: Send + Sync {
    fn slot(&self) -> &Slot<T>;
    fn id(&self) -> u64;
    /// Asks for it not to be run; whether that, or telling it, was possible.
    fn cancel(&self) -> bool;
    /// As `cancel`, and where a process is running it, that process is ended.
    fn cancel_hard(&self) -> bool {
        self.cancel()
    }
    /// The call that it was to be an argument of is given up: cancels it, unless somebody else waits for it.
    fn abandon(&self) {
        if !self.slot().has_callbacks() {
            self.cancel();
        }
    }
    /// Whether it was asked to stop.
    fn cancel_asked(&self) -> bool;
    /// Worker and method, for errors.
    fn names(&self) -> (&'static str, &'static str);
    /// Its value is only to go to a call at this site, or to stay wherever it is: it need not come here.
    #[cfg(feature = "ray")]
    fn want_far(&self, _target: Option<&Arc<dyn Site>>) {}
    /// This thread is about to wait for it, and may help for a moment instead.
    fn help(&self) {}
    /// Why this thread must not block until it is there: nobody else would see to it.
    fn refusal(&self) -> Option<Error> {
        None
    }
}

/// The value of a call that is on its way. Every method of a client returns one, at once.
///
/// It can be waited for by a thread ([`result`](Self::result)), awaited under any executor, watched
/// ([`on_done`](Self::on_done)) or given to another call as an argument. Dropping it does not cancel the call.
///
/// ```
/// use concurry::prelude::*;
/// let future = TaskFuture::ready(20).map(|x| x + 1);
/// assert_eq!(future.result().unwrap(), 21);
/// ```
#[must_use = "the call runs all the same, but its result and its error are lost"]
pub struct TaskFuture<T>(pub(crate) Arc<dyn Outcome<T>>);

/// Who waits for less does not help: it might take longer than that.
const WORTH_HELPING: Duration = Duration::from_millis(1);

impl<T> TaskFuture<T> {
    /// Waits for the value.
    ///
    /// # Errors
    /// The error that the call came to. On the thread of a worker, [`Error::Unsupported`] at once where that very
    /// worker would have to run the call, or one that it waits for: the wait would never end.
    pub fn result(self) -> Result<T> {
        if let Some(error) = self.refusal() {
            return Err(error);
        }
        self.0.help();
        // Without a deadline the wait ends with an answer only.
        self.0.slot().wait(None).unwrap_or_else(|| Err(self.wait_timed_out(Duration::MAX)))
    }

    /// Waits for the value for at most `timeout`. The value can be taken once.
    ///
    /// # Errors
    /// [`Error::TimedOut`] with [`TimeoutScope::Wait`] where it is not there in time (the call goes on, and this
    /// future stays usable); else the error that the call came to. [`Error::Unsupported`] as for
    /// [`result`](Self::result), and the future stays usable then too.
    pub fn result_within(&mut self, timeout: Duration) -> Result<T> {
        if let Some(error) = self.refusal() {
            return Err(error);
        }
        let deadline = Instant::now().checked_add(timeout);
        if timeout >= WORTH_HELPING {
            self.0.help();
        }
        match self.0.slot().wait(deadline) {
            Some(result) => result,
            None => Err(self.wait_timed_out(timeout)),
        }
    }

    /// Why this thread must not wait for it.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if here::looks() { self.0.refusal() } else { None }
    }

    fn wait_timed_out(&self, timeout: Duration) -> Error {
        let (worker, method) = self.0.names();
        Error::timed_out(TimeoutScope::Wait, Some(timeout)).at(worker, method)
    }

    /// Whether the call has come to an end, with a value or an error.
    pub fn is_done(&self) -> bool {
        self.0.slot().is_done()
    }

    /// Cancels the call: one that has not begun never runs and resolves to [`Error::Cancelled`]; one that runs sees
    /// [`CallContext::is_cancelled`](crate::CallContext::is_cancelled) and decides for itself. An `async fn` that runs
    /// in mode `async` does not get to decide: its future is dropped at the await point where it is, and the call
    /// resolves to [`Error::Cancelled`] then.
    ///
    /// Futures that the call waits for as its arguments are cancelled with it, and so on up the chain; not so one that
    /// somebody else waits for, with [`on_done`](Self::on_done).
    ///
    /// Returns whether it will not run or was told to stop; `false` where it was done already.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// As [`cancel`](Self::cancel), but a worker process that is running the call is ended and replaced at once, which
    /// resolves it to [`Error::Cancelled`]. That is no death: it does not count against `max_restarts`, and costs no
    /// other call. A thread cannot be ended, so there it is the same as `cancel`.
    pub fn cancel_hard(&self) -> bool {
        self.0.cancel_hard()
    }

    /// Whether it was cancelled: resolved as such, or still going but told to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.slot().cancelled().unwrap_or_else(|| self.0.cancel_asked())
    }

    /// A number that no other call of this process has.
    pub fn id(&self) -> CallId {
        CallId(self.0.id())
    }
}

impl<T: Send + 'static> TaskFuture<T> {
    /// Calls `callback` with the result, on the thread that resolves the call and before anyone can take the value;
    /// here and now where it is there already, and not at all where it has been taken.
    ///
    /// The callback should be short, and must not wait for this very future. A panic in it is caught.
    pub fn on_done(&self, callback: impl FnOnce(&Result<T>) + Send + 'static) {
        self.0.slot().on_done(Box::new(callback));
    }

    /// A future of what `f` makes of the value, on the thread that resolves the call. Errors pass `f` by; where `f`
    /// panics the result is [`Error::Panicked`]. Cancelling it cancels the call.
    pub fn map<U: Send + 'static>(self, f: impl FnOnce(T) -> U + Send + 'static) -> TaskFuture<U> {
        self.and_then(move |value| Ok(f(value)))
    }

    /// As [`map`](Self::map), for what can fail.
    pub(crate) fn and_then<U: Send + 'static>(self, f: impl FnOnce(T) -> Result<U> + Send + 'static) -> TaskFuture<U> {
        let promise = Promise::new(self.0.names());
        let link = Arc::new(Mapped { to: promise.clone(), cancel: AtomicBool::new(false), from: self.0 });
        let relay = Arc::new(Relay { node: link.clone(), f: std::sync::Mutex::new(Some(f)) });
        link.from.slot().watch(relay, 0);
        TaskFuture(link)
    }

    /// A future that is there already.
    pub fn ready(value: T) -> Self {
        Self::settled(Ok(value))
    }

    /// A future that has come to `result` already.
    pub(crate) fn settled(result: Result<T>) -> Self {
        let promise = Promise::new(("", ""));
        promise.settle(result);
        TaskFuture(promise)
    }
}

impl<T> Future for TaskFuture<T> {
    type Output = Result<T>;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.slot().poll(context)
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (worker, method) = self.0.names();
        f.debug_struct("TaskFuture")
            .field("id", &self.0.id())
            .field("call", &format_args!("{worker}::{method}"))
            .field("done", &self.is_done())
            .finish()
    }
}

/// A value that this process itself will provide, once.
pub(crate) struct Promise<T> {
    id: u64,
    slot: Slot<T>,
    settled: AtomicBool,
    names: (&'static str, &'static str),
}

impl<T: Send + 'static> Promise<T> {
    pub(crate) fn new(names: (&'static str, &'static str)) -> Arc<Self> {
        Arc::new(Promise { id: next_id(), slot: Slot::new(), settled: AtomicBool::new(false), names })
    }

    /// The first to settle it decides; whether this was the first.
    pub(crate) fn settle(&self, result: Result<T>) -> bool {
        self.settle_as(result.into())
    }

    /// The same, of a value in whichever form.
    pub(crate) fn settle_as(&self, value: Value<T>) -> bool {
        let first = !self.settled.swap(true, Ordering::AcqRel);
        if first {
            self.slot.settle(value);
        }
        first
    }
}

impl<T: Send + 'static> Outcome<T> for Promise<T> {
    fn slot(&self) -> &Slot<T> {
        &self.slot
    }
    fn id(&self) -> u64 {
        self.id
    }
    fn cancel(&self) -> bool {
        self.settle(Err(Error::cancelled().at(self.names.0, self.names.1)))
    }
    fn cancel_asked(&self) -> bool {
        false
    }
    fn names(&self) -> (&'static str, &'static str) {
        self.names
    }
}

/// A future made of another.
struct Mapped<T, U> {
    to: Arc<Promise<U>>,
    cancel: AtomicBool,
    from: Arc<dyn Outcome<T>>,
}

impl<T: Send + 'static, U: Send + 'static> Outcome<U> for Mapped<T, U> {
    fn slot(&self) -> &Slot<U> {
        self.to.slot()
    }
    fn id(&self) -> u64 {
        self.to.id
    }
    fn cancel(&self) -> bool {
        self.cancel.store(true, Ordering::Release);
        self.from.cancel()
    }
    fn cancel_hard(&self) -> bool {
        self.cancel.store(true, Ordering::Release);
        self.from.cancel_hard()
    }
    fn abandon(&self) {
        if !self.to.slot.has_callbacks() && !self.from.slot().has_callbacks() {
            self.cancel();
        }
    }
    fn cancel_asked(&self) -> bool {
        self.cancel.load(Ordering::Acquire)
    }
    fn names(&self) -> (&'static str, &'static str) {
        self.to.names
    }
    fn refusal(&self) -> Option<Error> {
        self.from.refusal()
    }
}

struct Relay<T, U, F> {
    node: Arc<Mapped<T, U>>,
    f: std::sync::Mutex<Option<F>>,
}

impl<T, U, F> Notify for Relay<T, U, F>
where
    T: Send + 'static,
    U: Send + 'static,
    F: FnOnce(T) -> Result<U> + Send + 'static,
{
    fn notify(self: Arc<Self>, _: usize) {
        let f = self.f.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (Some(f), Some(result)) = (f, self.node.from.slot().try_take()) else { return };
        let (worker, method) = self.node.from.names();
        let mapped = match result {
            Ok(value) => panics::caught(|| f(value)).unwrap_or_else(|error| Err(error.at(worker, method))),
            Err(error) => {
                panics::dismiss(f);
                Err(error)
            }
        };
        self.node.to.settle(mapped);
    }
}
