//! Waiting for a grant: by a thread that sleeps, or by a future.
//!
//! The keeper's reply goes to a place that both sides share: `Open` while it is waited for, `Settled` with the reply,
//! then `Closed`, be it that the waiter took it or that it went away. A grant that comes to a closed place, or lies in
//! one when its waiter goes, is given back at once as unused.
//!
//! Inside a call, who waits has listened to its worker's bell before it looks whether the call is still wanted, so that it
//! ends when the call does. A thread knows by itself when the call's time is up; to a future an alarm brings that as the
//! reply.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::acquisition::Acquisition;
use super::keeper::{End, Grant, Holder, Keeper, TicketId};
use super::request::Request;
use crate::bell::{Listening, Sleeper, Watch};
use crate::error::{Error, Result, TimeoutScope};
use crate::spin::Patience;
use crate::timer::{self, Alarm};

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
    Open(Listener),
    Settled(Result<Grant>),
    /// The call that waits has had its time, or nobody can tell when it will have.
    Over(Error),
    Closed,
}

/// Who is to be told.
enum Listener {
    /// Nobody: they look by themselves.
    None,
    /// A thread that sleeps.
    Thread,
    /// A task.
    Task(Waker),
}

/// Where the reply goes.
struct Place {
    keeper: Arc<dyn Keeper>,
    holder: Holder,
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Whether the slot is not open any more, for who looks without the lock.
    done: AtomicBool,
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, listener: Listener) {
        match listener {
            Listener::None => {}
            Listener::Thread => self.changed.notify_one(),
            Listener::Task(waker) => waker.wake(),
        }
    }

    /// Brings `what` where somebody waits for it; `what` again where nobody does.
    fn bring(&self, what: Slot) -> Option<Slot> {
        let mut slot = self.lock();
        let Slot::Open(listener) = &mut *slot else { return Some(what) };
        let listener = std::mem::replace(listener, Listener::None);
        *slot = what;
        drop(slot);
        self.done.store(true, Ordering::Release);
        self.tell(listener);
        None
    }

    fn settle(&self, result: Result<Grant>) {
        if let Some(Slot::Settled(Ok(grant))) = self.bring(Slot::Settled(result)) {
            self.refuse(grant);
        }
    }

    /// Nobody is there to take it.
    fn refuse(&self, grant: Grant) {
        self.keeper.give_back(self.holder, grant, End::Unused);
    }
}

impl Sleeper for Place {
    fn wake(&self) {
        let listener = match &mut *self.lock() {
            Slot::Open(listener) => std::mem::replace(listener, Listener::None),
            _ => return,
        };
        self.tell(listener);
    }
}

/// How long a thread looks before it sleeps: it pays where the answer to each request is on its way already, be it from
/// another process or from whoever holds for a moment.
static PATIENCE: Patience = Patience::new();

/// Somebody who waits. Dropping it leaves the line.
struct Waiting {
    place: Arc<Place>,
    /// The place in line, until the keeper has replied.
    ticket: Option<TicketId>,
    /// Wakes it when a call is over.
    listening: Option<Listening>,
    /// Ends the wait of a future.
    alarm: Option<Alarm>,
}

impl Waiting {
    fn start(keeper: Arc<dyn Keeper>, holder: Holder, request: Request) -> Self {
        let place = Arc::new(Place {
            keeper,
            holder,
            slot: Mutex::new(Slot::Open(Listener::None)),
            changed: Condvar::new(),
            done: AtomicBool::new(false),
        });
        let told = place.clone();
        let ticket = place.keeper.request(holder, request, Box::new(move |result| told.settle(result)));
        Waiting { place, ticket: Some(ticket), listening: None, alarm: None }
    }

    /// What there is, which is the end of this; where there is nothing yet, `listener` is told when there is.
    fn take(&mut self, listener: impl FnOnce(Listener) -> Listener) -> Option<Result<Acquisition>> {
        let mut slot = self.place.lock();
        let taken = match &mut *slot {
            Slot::Open(present) => {
                *present = listener(std::mem::replace(present, Listener::None));
                return None;
            }
            slot => std::mem::replace(slot, Slot::Closed),
        };
        drop(slot);
        Some(match taken {
            Slot::Settled(result) => {
                self.ticket = None;
                result.map(|grant| Acquisition::new(self.place.keeper.clone(), self.place.holder, grant))
            }
            Slot::Over(error) => Err(error),
            Slot::Open(_) | Slot::Closed => Err(Error::limit("the answer was taken before")),
        })
    }

    /// Ends the wait at `deadline`.
    fn end_at(&mut self, deadline: Instant) {
        let place = self.place.clone();
        let over = move || {
            place.bring(Slot::Over(Error::timed_out(TimeoutScope::Call, None)));
        };
        match timer::at(deadline, over) {
            Ok(alarm) => self.alarm = Some(alarm),
            Err(error) => {
                let why = format!("no thread can be started to keep the time of the call that waits: {error}");
                self.place.bring(Slot::Over(Error::limit(why)));
            }
        }
    }

    /// Sleeps until there is a reply, or no need for one; `None` where `until` came first.
    fn sleep(&mut self, until: Option<Instant>, watch: Option<&Watch>) -> Option<Result<Acquisition>> {
        let mut done = || self.place.done.load(Ordering::Acquire);
        if self.place.keeper.is_near() {
            PATIENCE.spin(&mut done);
        } else {
            self.place.keeper.attend(&mut done);
        }
        if done() {
            return self.take(|present| present);
        }
        self.listening = watch.map(|watch| watch.listen(self.place.clone()));
        loop {
            if let Some(result) = self.take(|_| Listener::Thread) {
                return Some(result);
            }
            if let Some(error) = watch.and_then(Watch::refusal) {
                return Some(Err(error));
            }
            let slot = self.place.lock();
            // Told between the looks, it has nothing to sleep for.
            if !matches!(*slot, Slot::Open(Listener::Thread)) {
                continue;
            }
            let changed = &self.place.changed;
            match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => drop(changed.wait(slot).unwrap_or_else(PoisonError::into_inner)),
                Some(left) if left.is_zero() => return None,
                Some(left) => drop(changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner)),
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, watch: Option<&Watch>) -> Poll<Result<Acquisition>> {
        let mut waker = Some(context.waker().clone());
        let mut old = None;
        let taken = self.take(|present| {
            old = Some(present);
            waker.take().map_or(Listener::None, Listener::Task)
        });
        // Wakers may be anybody's, and what they do when they go too.
        drop((old, waker));
        if let Some(result) = taken {
            return Poll::Ready(result);
        }
        if self.listening.is_none() {
            self.listening = watch.map(|watch| watch.listen(self.place.clone()));
        }
        // After the waker is there, so that a ring that comes just now wakes it.
        watch.and_then(Watch::refusal).map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // The place closes first, so that a grant that comes while the line is left finds it so.
            let left = std::mem::replace(&mut *self.place.lock(), Slot::Closed);
            if let Slot::Settled(Ok(grant)) = left {
                self.place.refuse(grant);
            }
            self.place.keeper.cancel(ticket);
        }
    }
}

/// Waits on this thread; `None` where `until` came first.
pub(super) fn wait(
    keeper: Arc<dyn Keeper>,
    holder: Holder,
    request: Request,
    until: Option<Instant>,
    watch: Option<&Watch>,
) -> Option<Result<Acquisition>> {
    Waiting::start(keeper, holder, request).sleep(until, watch)
}

/// What a future asks for, and until when.
struct Fresh {
    keeper: Arc<dyn Keeper>,
    holder: Holder,
    request: Request,
    deadline: Option<Instant>,
}

enum State {
    New(Fresh),
    Wrong(Error),
    Waiting(Waiting),
    Over,
}

/// The future behind `acquire_async`: all that was asked for, once it can be had. It works under any executor.
///
/// It takes its place in line when it is first polled, and leaves it when it is dropped. Inside a call it comes to an error
/// when the call's time is up, and where its worker runs one call at a time, when the call is cancelled or aborted.
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
    /// The call that this is for.
    watch: Option<Watch>,
}

impl AcquireFuture {
    pub(super) fn new(
        keeper: Arc<dyn Keeper>,
        holder: Holder,
        request: Request,
        deadline: Option<Instant>,
        watch: Option<Watch>,
    ) -> Self {
        AcquireFuture { state: State::New(Fresh { keeper, holder, request, deadline }), watch }
    }

    pub(super) fn wrong(error: Error) -> Self {
        AcquireFuture { state: State::Wrong(error), watch: None }
    }
}

impl Future for AcquireFuture {
    type Output = Result<Acquisition>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Acquisition>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::New(Fresh { keeper, holder, request, deadline }) => {
                    let mut waiting = Waiting::start(keeper, holder, request);
                    if let Some(deadline) = deadline
                        && !waiting.place.done.load(Ordering::Acquire)
                    {
                        waiting.end_at(deadline);
                    }
                    self.state = State::Waiting(waiting);
                }
                State::Wrong(error) => return Poll::Ready(Err(error)),
                State::Waiting(mut waiting) => {
                    let poll = waiting.poll(context, self.watch.as_ref());
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
            State::New(_) | State::Wrong(_) => "not polled",
            State::Waiting(_) => "waiting",
            State::Over => "over",
        };
        f.debug_struct("AcquireFuture").field("state", &state).finish()
    }
}
