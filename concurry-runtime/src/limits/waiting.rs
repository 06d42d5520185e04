//! Waiting for a grant: by a thread that sleeps, or by a future.
//!
//! The keeper's reply goes to a place that both sides share: `Open` while it is waited for, `Settled` with the reply,
//! then `Closed`, be it that the waiter took it or that it went away. A grant that comes to a closed place, or lies in
//! one when its waiter goes, is given back at once as unused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::acquisition::Acquisition;
use super::keeper::{End, Grant, Holder, Keeper, TicketId};
use super::request::Request;
use crate::error::{Error, Result};

/// A place in a line, which is left when this is dropped.
pub(crate) struct Ticket {
    keeper: Arc<dyn Keeper>,
    id: TicketId,
}

impl Ticket {
    pub(super) fn new(keeper: Arc<dyn Keeper>, id: TicketId) -> Self {
        Ticket { keeper, id }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.keeper.cancel(self.id);
    }
}

enum Slot {
    Open(Option<Waker>),
    Settled(Result<Grant>),
    Closed,
}

/// Where the reply goes.
struct Place {
    keeper: Arc<dyn Keeper>,
    holder: Holder,
    slot: Mutex<Slot>,
    changed: Condvar,
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, result: Result<Grant>) {
        let mut slot = self.lock();
        match std::mem::replace(&mut *slot, Slot::Closed) {
            Slot::Open(waker) => {
                *slot = Slot::Settled(result);
                drop(slot);
                self.changed.notify_one();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Slot::Settled(_) | Slot::Closed => {
                drop(slot);
                self.refuse(result);
            }
        }
    }

    /// Nobody is there to take it.
    fn refuse(&self, result: Result<Grant>) {
        if let Ok(grant) = result {
            self.keeper.give_back(self.holder, grant, End::Unused);
        }
    }

    /// What was settled, which is the end of this place.
    fn take(slot: &mut Slot) -> Option<Result<Grant>> {
        match std::mem::replace(slot, Slot::Closed) {
            Slot::Settled(result) => Some(result),
            other => {
                *slot = other;
                None
            }
        }
    }

    fn acquired(&self, result: Result<Grant>) -> Result<Acquisition> {
        result.map(|grant| Acquisition::new(self.keeper.clone(), self.holder, grant))
    }
}

/// Somebody who waits. Dropping it leaves the line.
struct Waiting {
    place: Arc<Place>,
    ticket: Option<Ticket>,
}

impl Waiting {
    fn start(keeper: Arc<dyn Keeper>, holder: Holder, request: Request) -> Self {
        let place = Arc::new(Place {
            keeper: keeper.clone(),
            holder,
            slot: Mutex::new(Slot::Open(None)),
            changed: Condvar::new(),
        });
        let told = place.clone();
        let id = keeper.request(holder, request, Box::new(move |result| told.settle(result)));
        Waiting { place, ticket: Some(Ticket::new(keeper, id)) }
    }

    /// Sleeps until there is a reply; `None` where `until` came first.
    fn sleep(&self, until: Option<Instant>) -> Option<Result<Acquisition>> {
        let mut slot = self.place.lock();
        loop {
            if let Some(result) = Place::take(&mut slot) {
                drop(slot);
                return Some(self.place.acquired(result));
            }
            slot = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.place.changed.wait(slot).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return None,
                Some(left) => self.place.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Acquisition>> {
        let mut slot = self.place.lock();
        if let Some(result) = Place::take(&mut slot) {
            drop(slot);
            return Poll::Ready(self.place.acquired(result));
        }
        let old = match &mut *slot {
            Slot::Open(Some(old)) if old.will_wake(context.waker()) => None,
            Slot::Open(waker) => waker.replace(context.waker().clone()),
            Slot::Settled(_) | Slot::Closed => None,
        };
        drop(slot);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // The place closes first, so that a grant that comes while the line is left finds it so.
        let left = std::mem::replace(&mut *self.place.lock(), Slot::Closed);
        if let Slot::Settled(result) = left {
            self.place.refuse(result);
        }
        self.ticket = None;
    }
}

/// Waits on this thread; `None` where `until` came first.
pub(super) fn wait(
    keeper: &Arc<dyn Keeper>,
    holder: Holder,
    request: Request,
    until: Option<Instant>,
) -> Option<Result<Acquisition>> {
    Waiting::start(keeper.clone(), holder, request).sleep(until)
}

enum State {
    New(Arc<dyn Keeper>, Holder, Request),
    Wrong(Error),
    Waiting(Waiting),
    Over,
}

/// The future behind `acquire_async`: all that was asked for, once it can be had. It works under any executor.
///
/// It takes its place in line when it is first polled, and leaves it when it is dropped.
///
/// ```
/// use concurry::prelude::*;
///
/// async fn with_connection(limits: LimitSet) -> concurry::Result<()> {
///     let _taken = limits.acquire_async(("db", 1)).await?;
///     Ok(())
/// }
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct AcquireFuture {
    state: State,
}

impl AcquireFuture {
    pub(super) fn new(keeper: Arc<dyn Keeper>, holder: Holder, request: Result<Request>) -> Self {
        let state = match request {
            Ok(request) => State::New(keeper, holder, request),
            Err(error) => State::Wrong(error),
        };
        AcquireFuture { state }
    }

    pub(super) fn wrong(error: Error) -> Self {
        AcquireFuture { state: State::Wrong(error) }
    }
}

impl Future for AcquireFuture {
    type Output = Result<Acquisition>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Acquisition>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::New(keeper, holder, request) => {
                    self.state = State::Waiting(Waiting::start(keeper, holder, request));
                }
                State::Wrong(error) => return Poll::Ready(Err(error)),
                State::Waiting(waiting) => {
                    let poll = waiting.poll(context);
                    if poll.is_pending() {
                        self.state = State::Waiting(waiting);
                    }
                    return poll;
                }
                State::Over => {
                    return Poll::Ready(Err(Error::limit(
                        "the acquisition was taken by an earlier poll of this future",
                    )));
                }
            }
        }
    }
}

impl fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::New(..) | State::Wrong(_) => "not polled",
            State::Waiting(_) => "waiting",
            State::Over => "over",
        };
        f.debug_struct("AcquireFuture").field("state", &state).finish()
    }
}
