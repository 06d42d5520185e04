//! How many calls of a pool may be unresolved: `max_pending`.
//!
//! A call takes a place before it is accepted, and gives it back when it is settled, just before its future resolves; so
//! whoever has seen a result finds the place free. Retries keep it, since the call is not resolved meanwhile.
//!
//! ```text
//! free ──> taken by a call, or held for one that is yet to be made ([`Held`]) ──> given back
//!                                                                                    │
//!              the first in line has it at once, else it is free <───────────────────┘
//! ```
//!
//! Nobody gets past the line, so those who wait are served in order. One who goes away gives what it was granted to the
//! next. When the pool stops the line is dissolved: there is nothing to wait for any more. No lock is held while a waker
//! is woken or dropped.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::core::Core;
use super::stats::add;
use crate::error::Error;
use crate::executor;
use crate::full::OnFull;
use crate::timer;

/// The places of a pool.
pub(super) struct Room {
    most: usize,
    on_full: OnFull,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    line: VecDeque<Arc<Seat>>,
    /// The pool stops: nobody waits any more.
    closed: bool,
}

/// Somebody's place in the line.
#[derive(Default)]
struct Seat(Mutex<Word>);

enum Word {
    Waiting(Option<Waker>),
    Granted,
    /// The line was dissolved.
    Dissolved,
    /// Whoever waited is gone, or has what it waited for.
    Left,
}

impl Default for Word {
    fn default() -> Self {
        Word::Waiting(None)
    }
}

impl Seat {
    fn word(&self) -> MutexGuard<'_, Word> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait; `false` where nobody waits here any more.
    fn tell(&self, word: Word) -> bool {
        let mut own = self.word();
        let Word::Waiting(waker) = &mut *own else { return false };
        let waker = waker.take();
        *own = word;
        drop(own);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

/// What came of asking for a place.
enum Asked {
    Taken,
    Full,
    Closed,
}

impl Room {
    pub(super) fn new(most: Option<usize>, on_full: OnFull) -> Option<Self> {
        most.map(|most| Room { most, on_full, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, state: &mut State) -> Asked {
        match state {
            State { closed: true, .. } => Asked::Closed,
            State { taken, .. } if *taken < self.most => {
                *taken += 1;
                Asked::Taken
            }
            _ => Asked::Full,
        }
    }

    /// One place less is taken, unless somebody waits for it.
    pub(super) fn leave(&self) {
        loop {
            let mut state = self.state();
            let Some(first) = state.line.pop_front() else {
                state.taken -= 1;
                return;
            };
            drop(state);
            if first.tell(Word::Granted) {
                return;
            }
        }
    }

    /// Nobody waits any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let line = std::mem::take(&mut state.line);
        drop(state);
        for seat in line {
            let _gone = seat.tell(Word::Dissolved);
        }
    }

    /// Where there is no place, a seat in the line for one.
    fn ask_or_wait(&self) -> Result<Asked, Arc<Seat>> {
        let mut state = self.state();
        match self.ask(&mut state) {
            Asked::Full => {
                let seat = Arc::<Seat>::default();
                state.line.push_back(seat.clone());
                Err(seat)
            }
            asked => Ok(asked),
        }
    }
}

/// How a call gets in.
pub(super) enum Entry {
    /// It has its place, or needs none.
    In,
    /// The pool stops.
    Stopped,
    Refused(Error),
}

impl Core {
    /// Finds a place for a call. `patient` waits for one whatever the options say.
    pub(super) fn enter_room(&self, patient: bool) -> Entry {
        let Some(room) = &self.room else { return Entry::In };
        let asked = room.ask(&mut room.state());
        match asked {
            Asked::Taken => return Entry::In,
            Asked::Closed => return Entry::Stopped,
            Asked::Full => {}
        }
        if !patient && room.on_full == OnFull::Reject {
            add(&self.rejected);
            return Entry::Refused(Error::full(room.most));
        }
        if self.is_own_thread() || timer::is_here() {
            return Entry::Refused(Error::unsupported(format!(
                "the pool `{}` is full: {} of its calls are not resolved (`max_pending`), and this thread, which is one that resolves them, would wait for itself for ever; `.await` the client's `reserve()` first, use `on_full(OnFull::Reject)`, or call another pool",
                self.settings.name, room.most
            )));
        }
        match executor::wait_for(Wait::of(self.me.upgrade())) {
            Ok(()) => Entry::In,
            Err(Closed) => Entry::Stopped,
        }
    }

    /// A call has got past its place, or did not need it.
    pub(super) fn leave_room(&self) {
        if let Some(room) = &self.room {
            room.leave();
        }
    }
}

/// The pool stops, and its line is dissolved.
#[derive(Debug)]
pub(super) struct Closed;

/// Waits for a place in the room of a pool, and takes it.
pub(super) struct Wait {
    /// `None` where there is nothing to wait for.
    core: Option<Arc<Core>>,
    seat: Option<Arc<Seat>>,
}

impl Wait {
    pub(super) fn of(core: Option<Arc<Core>>) -> Self {
        Wait { core: core.filter(|core| core.room.is_some()), seat: None }
    }
}

impl Future for Wait {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(room) = this.core.as_ref().and_then(|core| core.room.as_ref()) else { return Poll::Ready(Ok(())) };
        let seat = match &this.seat {
            Some(seat) => seat,
            None => match room.ask_or_wait() {
                Ok(Asked::Closed) => return Poll::Ready(Err(Closed)),
                Ok(_) => return Poll::Ready(Ok(())),
                Err(seat) => this.seat.insert(seat),
            },
        };
        let mut word = seat.word();
        let ready = match &mut *word {
            Word::Waiting(waker) => {
                let old = waker.replace(context.waker().clone());
                drop(word);
                drop(old);
                return Poll::Pending;
            }
            Word::Granted => Ok(()),
            Word::Dissolved | Word::Left => Err(Closed),
        };
        *word = Word::Left;
        drop(word);
        this.seat = None;
        Poll::Ready(ready)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let Some(room) = self.core.as_ref().and_then(|core| core.room.as_ref()) else { return };
        let word = std::mem::replace(&mut *seat.word(), Word::Left);
        match word {
            // It was granted, and nobody has it.
            Word::Granted => room.leave(),
            Word::Waiting(_) => room.state().line.retain(|other| !Arc::ptr_eq(other, &seat)),
            Word::Dissolved | Word::Left => {}
        }
    }
}

/// A place that is taken for a call which is yet to be made. It is given back if none is.
#[doc(hidden)]
pub struct Held {
    core: Arc<Core>,
    used: AtomicBool,
}

impl Held {
    /// The place that a [`Wait`] has come to; `None` where places are not counted.
    pub(super) fn of(core: &Arc<Core>) -> Option<Self> {
        core.room.is_some().then(|| Held { core: core.clone(), used: AtomicBool::new(false) })
    }

    /// Whether the place is still there; it is the caller's then.
    pub(super) fn take(&self) -> bool {
        !self.used.swap(true, Ordering::AcqRel)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.take() {
            self.core.leave_room();
        }
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("used", &self.used).finish_non_exhaustive()
    }
}
