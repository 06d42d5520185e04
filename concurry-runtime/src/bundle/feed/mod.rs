//! [`Feed`]: what is drawn and not begun, the chunks of the workers, and what is done and not read.

mod ends;
mod queue;
mod reading;
mod working;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam::utils::CachePadded;

use self::queue::Queue;
use self::reading::Want;
pub(super) use self::working::{Ask, Taken};
use super::chunk::{Chunk, Outcome, Piece};
use crate::call::Place;
use crate::observe::{self, Bundled};
use crate::panics::dismiss;
use crate::pool::core::{Core, OPEN};
use crate::spin::Patience;

/// The most calls of a chunk.
pub(super) const MOST: usize = 256;

/// A runner that is not over.
#[derive(Clone, Copy)]
struct Seat {
    id: u64,
    /// It has nothing, and takes whatever is there as soon as it gets to it.
    coming: bool,
}

struct State<A, T> {
    inputs: Queue<A>,
    /// The number of the first of them.
    first: u64,
    done: Vec<Piece<T>>,
    /// Buffers to use again.
    spare: Vec<VecDeque<Outcome<T>>>,
    /// How many calls were accepted, and are not done and published. While there are any, the pool has one call more.
    unresolved: u64,
    seats: Vec<Option<Seat>>,
    /// How many of these are taken, and how many runners are coming.
    active: usize,
    coming: usize,
    /// How many runners look for inputs, to be told of the next.
    looking: usize,
    /// How many inputs they are told of.
    worth: usize,
    /// How many chunks were left to whoever comes.
    left: usize,
    /// There may be inputs in a chunk behind a call that takes long: as long as there are workers without a runner, one is
    /// coming for them.
    left_behind: bool,
    /// What the reader sleeps for.
    want: Option<Want>,
    /// The reader is gone.
    closed: bool,
    aborted: bool,
}

/// The chunk of one worker, which the others hardly ever look at.
type OwnChunk<A, T> = CachePadded<Mutex<Chunk<A, T>>>;

/// Where the calls of one map are.
pub(super) struct Feed<A, T> {
    pub(super) core: Arc<Core>,
    pub(super) worker: &'static str,
    pub(super) method: &'static str,
    state: Mutex<State<A, T>>,
    /// One for each worker.
    chunks: Box<[OwnChunk<A, T>]>,
    patience: Box<[CachePadded<Patience>]>,
    /// Whether anything is done that the reader has not seen.
    news: CachePadded<AtomicBool>,
    /// Whether there are inputs, for runners that look for some.
    filled: CachePadded<AtomicBool>,
    /// Whether calls take so little that many may be drawn ahead.
    cheap: AtomicBool,
    changed: Condvar,
    /// Nobody wants what the calls come to any more.
    pub(super) over: Arc<AtomicBool>,
    /// Where somebody watches.
    pub(super) seen: Option<Box<Bundled>>,
}

/// What is to be done once the lock is given back.
#[must_use]
struct After<T> {
    notify: bool,
    /// The last call is resolved.
    release: bool,
    garbage: Vec<VecDeque<Outcome<T>>>,
}

impl<T> After<T> {
    fn nothing() -> Self {
        After { notify: false, release: false, garbage: Vec::new() }
    }
}

impl<A, T> Feed<A, T> {
    pub(super) fn new(core: Arc<Core>, worker: &'static str, method: &'static str, seen: Option<Box<Bundled>>) -> Self {
        let workers = core.settings.max_workers;
        Feed {
            core,
            worker,
            method,
            state: Mutex::new(State {
                inputs: Queue::new(),
                first: 0,
                done: Vec::new(),
                spare: Vec::new(),
                unresolved: 0,
                seats: vec![None; workers],
                active: 0,
                coming: 0,
                looking: 0,
                worth: 1,
                left: 0,
                left_behind: false,
                want: None,
                closed: false,
                aborted: false,
            }),
            chunks: (0..workers).map(|_| CachePadded::new(Mutex::new(Chunk::new()))).collect(),
            patience: (0..workers).map(|_| CachePadded::new(Patience::new())).collect(),
            news: CachePadded::default(),
            filled: CachePadded::default(),
            cheap: AtomicBool::new(false),
            changed: Condvar::new(),
            over: Arc::default(),
            seen,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<A, T>> {
        // Nothing of the user's runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, at: usize) -> MutexGuard<'_, Chunk<A, T>> {
        self.chunks[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, after: After<T>) {
        if after.notify {
            self.changed.notify_one();
        }
        after.garbage.into_iter().for_each(discard);
        if let Some(seen) = &self.seen {
            seen.tell();
        }
        if after.release {
            self.core.resolved();
        }
    }

    /// Accepts a call; whether another runner is needed. The input comes back where the pool takes no more.
    pub(super) fn push(&self, input: A) -> Result<bool, A> {
        let mut state = self.state();
        if !self.is_open(&state) {
            return Err(input);
        }
        state.unresolved += 1;
        state.inputs.push(input);
        self.tell(&mut state);
        Ok(state.needs_runner())
    }

    /// Accepts a block of calls; whether another runner is needed. The block is empty afterwards, and untouched where the
    /// pool takes no more, for which there is `None`.
    pub(super) fn push_block(&self, block: &mut VecDeque<A>) -> Option<bool> {
        let mut state = self.state();
        if !self.is_open(&state) {
            return None;
        }
        state.unresolved += block.len() as u64;
        state.inputs.push_block(block);
        self.tell(&mut state);
        Some(state.needs_runner())
    }

    /// Whether the pool takes calls. Where it had none of this map it has accepted one then.
    fn is_open(&self, state: &State<A, T>) -> bool {
        match state.unresolved {
            0 => !state.aborted && self.core.accept(),
            // The pool cannot end meanwhile: it has the calls that are not resolved.
            _ => self.core.phase() == OPEN,
        }
    }

    /// There are inputs, for who looks for some.
    fn tell(&self, state: &mut State<A, T>) {
        if state.looking > 0 && state.inputs.len() >= state.worth {
            state.looking = 0;
            self.filled.store(true, Ordering::Release);
        }
    }

    /// Finds a seat for another runner: its number and what tells it from others. Where there is nobody to send, and
    /// nobody is there either, all calls come to an error.
    pub(super) fn seat(&self, in_any_case: bool) -> Option<(usize, u64)> {
        let mut state = self.state();
        let needed = in_any_case || state.needs_runner();
        if !needed || state.closed || state.aborted {
            return None;
        }
        let seat = self.core.worker_for_runner(&|index| state.seats[index].is_some());
        if let Some(seat) = seat {
            let id = crate::future::next_id();
            state.sit(seat, id);
            return Some((seat, id));
        }
        let nobody = state.active == 0;
        drop(state);
        if nobody {
            self.give_up(&self.core.nobody_left());
        }
        None
    }

    /// Moves what is done out of a chunk, and counts it. It is to be delivered.
    fn pack(&self, at: usize, chunk: &mut Chunk<A, T>) -> Option<Piece<T>> {
        if chunk.outcomes.is_empty() {
            return None;
        }
        let mut outcomes = std::mem::take(&mut chunk.spare);
        outcomes.extend(chunk.outcomes.drain(..));
        let (first, calls) = (chunk.first, outcomes.len() as u64);
        chunk.first += calls;
        let errors = std::mem::take(&mut chunk.failed);
        if let Some(seen) = &self.seen {
            let mut came = std::mem::take(&mut chunk.errors);
            came.add(observe::Outcome::Ok, calls - errors);
            seen.note(&came);
        }
        self.core.count(Place { index: at, generation: chunk.generation }, calls - errors, errors);
        Some(Piece { first, outcomes })
    }

    /// Gives the reader what is done of a chunk.
    fn publish(&self, state: &mut State<A, T>, at: usize, chunk: &mut Chunk<A, T>, after: &mut After<T>) {
        if let Some(piece) = self.pack(at, chunk) {
            chunk.spare = state.spare.pop().unwrap_or_default();
            self.deliver(state, piece, after);
        }
    }

    /// Gives the reader what has been counted.
    fn deliver(&self, state: &mut State<A, T>, piece: Piece<T>, after: &mut After<T>) {
        state.unresolved -= piece.outcomes.len() as u64;
        after.release |= state.unresolved == 0;
        if state.closed {
            after.garbage.push(piece.outcomes);
            return;
        }
        if state.want.take_if(|want| want.is_met_by(&piece)).is_some() {
            after.notify = true;
        }
        state.done.push(piece);
        if !self.news.load(Ordering::Relaxed) {
            self.news.store(true, Ordering::Release);
        }
    }

    pub(super) fn is_cheap(&self) -> bool {
        self.cheap.load(Ordering::Relaxed)
    }
}

impl<A, T> State<A, T> {
    /// Whether there are more inputs than runners on their way, and workers without one.
    fn needs_runner(&self) -> bool {
        self.active < self.seats.len() && self.coming < self.inputs.len()
    }

    fn sit(&mut self, seat: usize, id: u64) {
        self.seats[seat] = Some(Seat { id, coming: true });
        self.active += 1;
        self.coming += 1;
    }

    fn stand_up(&mut self, seat: usize, id: u64) {
        if let Some(gone) = self.seats[seat].take_if(|seat| seat.id == id) {
            self.active -= 1;
            self.coming -= usize::from(gone.coming);
        }
    }

    /// Notes whether a runner is coming; `false` where it has been given up.
    fn comes(&mut self, seat: usize, id: u64, coming: bool) -> bool {
        let Some(seat) = self.seats[seat].as_mut().filter(|seat| seat.id == id) else { return false };
        self.coming = self.coming + usize::from(coming) - usize::from(seat.coming);
        seat.coming = coming;
        true
    }
}

/// Drops what nobody has taken, one by one, since a destructor may panic.
fn discard<X>(values: VecDeque<X>) {
    if std::mem::needs_drop::<X>() {
        values.into_iter().for_each(dismiss);
    }
}
