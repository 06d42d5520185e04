//! What a worker does with a feed: taking calls, one after another, and leaving what they came to.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::super::chunk::{Chunk, Outcome};
use super::{After, Feed, State};
use crate::call::Place;
use crate::panics::dismiss;

/// How many cheap calls are worth the way.
const FEW: usize = 64;
/// How often whoever waits for that many pauses; some microseconds.
const PAUSES: u32 = 400;

/// What a worker asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ask {
    /// What is worth the way, where calls take next to nothing.
    Many,
    /// Whatever is in the feed.
    Any,
    /// The same, or half of what another worker has. Where there is nothing at all, the runner is over.
    Last,
}

/// What came of asking for calls.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Taken {
    /// With `more`, somebody should come for what this worker cannot begin, and nobody is coming.
    Some { more: bool },
    /// Not as much is in the feed. The runner is told when it is.
    NotYet,
    /// None is left anywhere, and the runner is over.
    None,
}

impl<A, T> Feed<A, T> {
    /// Publishes what the worker at `place` has done, and gives it more: what it has left, what others have left, what is
    /// in the feed.
    pub(in super::super) fn take(&self, place: Place, seat: usize, id: u64, ask: Ask) -> Taken {
        let mut after = After::nothing();
        // Before the lock, since it takes its time.
        let piece = self.pack(place.index, &mut self.chunk(place.index));
        let mut guard = self.state();
        let state = &mut *guard;
        let mut chunk = self.chunk(place.index);
        let own = &mut *chunk;
        if let Some(piece) = piece {
            own.spare = state.spare.pop().unwrap_or_default();
            self.deliver(state, piece, &mut after);
        }
        let may_wait = ask == Ask::Many && self.is_cheap() && state.want.is_none();
        let worth = if may_wait { (own.size / 4).clamp(1, FEW) } else { 1 };
        let mut taken = if state.closed || state.aborted {
            Taken::None
        } else if self.take_up(state, place, own)
            || state.left > 0 && self.take_half(state, place, own, true)
            || self.take_first(state, place, own, worth)
        {
            Taken::Some { more: false }
        } else if ask != Ask::Last {
            Taken::NotYet
        } else if self.take_half(state, place, own, false) {
            Taken::Some { more: false }
        } else {
            Taken::None
        };
        match taken {
            Taken::Some { .. } => {
                own.eager = state.want.is_some_and(|want| want.wants_each(own));
                state.comes(seat, id, false);
                // What is left of a chunk waits for its worker, or for whoever has nothing else; and its worker may be
                // long at one call.
                // Whoever was coming for that, and has found something else, sends another.
                state.left_behind |= own.inputs.len() > 1 || ask == Ask::Last;
                let more = state.left_behind && state.coming == 0 && state.active < state.seats.len();
                taken = Taken::Some { more };
            }
            Taken::NotYet if state.comes(seat, id, true) => {
                state.looking += 1;
                state.worth = worth;
                self.filled.store(false, Ordering::Relaxed);
            }
            // Somebody has given the runner up.
            Taken::NotYet => taken = Taken::None,
            Taken::None => {
                // All that there is, is running.
                state.left_behind = false;
                state.stand_up(seat, id);
            }
        }
        drop(chunk);
        drop(guard);
        self.finish(after);
        taken
    }

    /// What the worker itself had left.
    fn take_up(&self, state: &mut State<A, T>, place: Place, own: &mut Chunk<A, T>) -> bool {
        if std::mem::take(&mut own.left) {
            state.left -= 1;
        }
        let calls = own.inputs.len() as u64;
        if calls > 0 && own.generation != place.generation {
            // The incarnation before was counted out with all that it had.
            own.generation = place.generation;
            self.core.take_back(place, calls);
            self.core.give(place, calls);
        }
        calls > 0
    }

    /// The first ones of the feed, if so many are there.
    fn take_first(&self, state: &mut State<A, T>, place: Place, own: &mut Chunk<A, T>, worth: usize) -> bool {
        let there = state.inputs.len();
        if there < worth {
            return false;
        }
        // A part of a part, so that all workers are done at about the same time; but not many of next to nothing.
        let part = there.div_ceil(2 * self.chunks.len());
        let some = state.inputs.take(part.max(own.size / 8).min(own.size), &mut own.inputs);
        own.first = state.first;
        own.generation = place.generation;
        state.first += some as u64;
        self.core.give(place, some as u64);
        true
    }

    /// The latter half of what another worker has; only of one that has `left` it, where that is asked for.
    fn take_half(&self, state: &mut State<A, T>, place: Place, own: &mut Chunk<A, T>, left: bool) -> bool {
        let workers = self.chunks.len();
        for at in (1..workers).map(|step| (place.index + step) % workers) {
            // Whoever takes two of these locks has that of the state.
            let mut other = self.chunk(at);
            if other.inputs.is_empty() || left && !other.left {
                continue;
            }
            let keeps = other.inputs.len() / 2;
            own.first = other.next_number() + keeps as u64;
            own.inputs = other.inputs.split_off(keeps);
            own.generation = place.generation;
            if keeps == 0 && std::mem::take(&mut other.left) {
                state.left -= 1;
            }
            let calls = own.inputs.len() as u64;
            self.core.take_back(Place { index: at, generation: other.generation }, calls);
            self.core.give(place, calls);
            return true;
        }
        false
    }

    /// The next call for the worker at `at`, after what the last one came to; `None` where its chunk is done.
    pub(in super::super) fn step(&self, at: usize, outcome: Option<Outcome<T>>) -> Option<A> {
        let mut chunk = self.chunk(at);
        if let Some(outcome) = outcome {
            if std::mem::take(&mut chunk.void) {
                chunk.running = false;
                drop(chunk);
                dismiss(outcome);
                return None;
            }
            chunk.push(outcome);
            if chunk.eager {
                drop(chunk);
                self.flush(at);
                chunk = self.chunk(at);
            }
        }
        let input = chunk.inputs.pop_front();
        chunk.running = input.is_some();
        input
    }

    /// Publishes what a worker has done in the middle of its chunk.
    fn flush(&self, at: usize) {
        let mut after = After::nothing();
        let mut state = self.state();
        let mut chunk = self.chunk(at);
        self.publish(&mut state, at, &mut chunk, &mut after);
        chunk.eager = state.want.is_some_and(|want| want.wants_each(&chunk));
        drop(chunk);
        drop(state);
        self.finish(after);
    }

    /// Publishes what the worker at `place` has done, and leaves its inputs where whoever comes can take them. Its runner
    /// is to come again, by the number that is returned; `None` where that has been given up.
    pub(in super::super) fn leave(
        &self,
        place: Place,
        seat: usize,
        id: u64,
        outcome: Option<Outcome<T>>,
    ) -> Option<u64> {
        let mut after = After::nothing();
        let mut guard = self.state();
        let state = &mut *guard;
        let mut chunk = self.chunk(place.index);
        if let Some(outcome) = outcome {
            if std::mem::take(&mut chunk.void) {
                chunk.running = false;
                after.garbage.push(VecDeque::from([outcome]));
            } else {
                chunk.push(outcome);
            }
        }
        self.publish(state, place.index, &mut chunk, &mut after);
        if !chunk.inputs.is_empty() && !chunk.left {
            chunk.left = true;
            state.left += 1;
        }
        drop(chunk);
        let again = state.seats[seat].is_some_and(|seat| seat.id == id).then(|| {
            state.stand_up(seat, id);
            let id = crate::future::next_id();
            state.sit(seat, id);
            id
        });
        drop(guard);
        self.finish(after);
        again
    }

    /// Waits for what would be worth the way, but not longer than that takes while inputs are drawn.
    pub(in super::super) fn gather(&self, others: &dyn Fn() -> bool) {
        for _ in 0..PAUSES {
            if self.filled.load(Ordering::Acquire) || others() {
                return;
            }
            std::hint::spin_loop();
        }
    }

    /// Looks for inputs for a moment, unless there is something else to do.
    pub(in super::super) fn look(&self, at: usize, others: &dyn Fn() -> bool) {
        self.patience[at].spin(|| self.filled.load(Ordering::Acquire) || others());
    }

    /// Has the worker take up to `size` calls the next time; `cheap` where calls take next to nothing.
    pub(in super::super) fn set_size(&self, at: usize, size: usize, cheap: bool) {
        let mut chunk = self.chunk(at);
        // One that was quick does not make all others so.
        chunk.size = size.min(chunk.size * 2);
        drop(chunk);
        if cheap != self.cheap.load(Ordering::Relaxed) {
            self.cheap.store(cheap, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::Mode;
    use crate::task::TaskWorker;

    #[test]
    fn who_was_coming_for_what_is_left_behind_and_found_something_else_sends_another() {
        let client = TaskWorker::options().mode(Mode::Thread).max_workers(3).init().unwrap();
        let feed = Feed::<u32, u32>::new(client.core().clone(), "Worker", "method", None);
        for input in 0..7 {
            assert!(feed.push(input).is_ok());
        }
        let come = || feed.seat(true).unwrap();
        let take = |(seat, id), ask| feed.take(Place { index: seat, generation: 1 }, seat, id, ask);

        // One takes two while another is coming, who would find the second; and begins the first, which takes long.
        let (first, second) = (come(), come());
        feed.set_size(first.0, 2, false);
        assert_eq!(take(first, Ask::Any), Taken::Some { more: false });
        assert_eq!(feed.step(first.0, None), Some(0));
        // That one finds something else on the way, which takes long as well.
        assert_eq!(take(second, Ask::Any), Taken::Some { more: true });
        assert_eq!(feed.step(second.0, None), Some(2));

        let third = come();
        let mut inputs = Vec::new();
        while let Taken::Some { more } = take(third, Ask::Last) {
            assert!(!more, "there is no other worker");
            let mut outcome = None;
            while let Some(input) = feed.step(third.0, outcome.take()) {
                inputs.push(input);
                outcome = Some(Ok(input));
            }
        }
        assert_eq!(inputs, [3, 4, 5, 6, 1]);
        // What is running is left to those who run it. Another has nothing to come for.
        assert!(!feed.state().left_behind);
        for (seat, input) in [(first, 0), (second, 2)] {
            assert_eq!(feed.step(seat.0, Some(Ok(input))), None);
            assert_eq!(take(seat, Ask::Last), Taken::None);
        }
        let stats = client.stats();
        assert_eq!((stats.completed, stats.queued, stats.in_flight), (7, 0, 0));
        client.stop().unwrap();
    }
}
