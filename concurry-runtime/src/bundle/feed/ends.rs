//! How a feed ends: its reader goes, the pool is aborted, no worker is left.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::super::chunk::Piece;
use super::super::runner::told;
use super::{After, Feed, State, discard};
use crate::call::Place;
use crate::error::Error;
use crate::observe::{Outcome, Outcomes};
use crate::pool::Bundle;

/// Calls that have not begun, or of which nobody waits for the end: from a number on so many, and the inputs of those that
/// have any.
struct Left<A> {
    runs: Vec<(u64, usize)>,
    inputs: Vec<VecDeque<A>>,
    calls: u64,
}

impl<A, T> Feed<A, T> {
    /// Takes out everything that has not begun; and with `running`, has nobody wait for what has.
    fn clear(&self, state: &mut State<A, T>, running: bool, after: &mut After<T>) -> Left<A> {
        let mut left = Left { runs: Vec::new(), inputs: Vec::new(), calls: 0 };
        for at in 0..self.chunks.len() {
            let mut chunk = self.chunk(at);
            let place = Place { index: at, generation: chunk.generation };
            self.publish(state, at, &mut chunk, after);
            if std::mem::take(&mut chunk.left) {
                state.left -= 1;
            }
            if running && chunk.running && !chunk.void {
                chunk.void = true;
                self.core.count(place, 0, 1);
                left.runs.push((chunk.first, 1));
                chunk.first += 1;
            }
            if !chunk.inputs.is_empty() {
                let inputs = std::mem::take(&mut chunk.inputs);
                self.core.take_back(place, inputs.len() as u64);
                left.add(chunk.next_number() - u64::from(chunk.void), VecDeque::from([inputs]));
            }
        }
        let first = state.first;
        state.first += state.inputs.len() as u64;
        left.add(first, state.inputs.take_all());
        left
    }

    /// Brings what was cleared to an end. Its inputs go first: their destructors are the user's and may take their time.
    fn bury(&self, left: Left<A>, error: &Error) {
        let Left { runs, inputs, calls } = left;
        inputs.into_iter().for_each(discard);
        let mut after = After::nothing();
        let mut state = self.state();
        self.core.count_unsent(calls);
        if let Some(seen) = &self.seen {
            let mut came = Outcomes::default();
            came.add(Outcome::of(error), runs.iter().map(|(_, calls)| *calls as u64).sum());
            seen.note(&came);
        }
        for (first, calls) in runs {
            if state.closed {
                state.unresolved -= calls as u64;
                after.release |= state.unresolved == 0;
            } else {
                let outcomes = (0..calls).map(|_| told(error.clone(), self.worker, self.method)).collect();
                self.deliver(&mut state, Piece { first, outcomes }, &mut after);
            }
        }
        drop(state);
        self.finish(after);
    }

    /// The reader goes: nothing more begins, and what runs is told.
    pub(in super::super) fn close(&self) {
        let mut after = After::nothing();
        let mut guard = self.state();
        let state = &mut *guard;
        state.closed = true;
        self.over.store(true, Ordering::Release);
        let left = self.clear(state, false, &mut after);
        after.garbage.extend(std::mem::take(&mut state.done).into_iter().map(|piece| piece.outcomes));
        drop(guard);
        self.finish(after);
        self.bury(left, &Error::cancelled());
    }

    /// No worker is left, for this reason.
    pub(in super::super) fn give_up(&self, error: &Error) {
        let mut after = After::nothing();
        let left = self.clear(&mut self.state(), false, &mut after);
        self.finish(after);
        self.bury(left, error);
    }

    /// A runner comes to no worker. Where it was the last, nobody is left.
    pub(in super::super) fn lost(&self, seat: usize, id: u64, error: &Error) {
        let mut state = self.state();
        if state.seats[seat].is_none_or(|seat| seat.id != id) {
            return;
        }
        state.stand_up(seat, id);
        let last = state.active == 0 && state.unresolved > 0;
        drop(state);
        if last {
            self.give_up(error);
        }
    }
}

impl<A> Left<A> {
    fn add(&mut self, first: u64, inputs: VecDeque<VecDeque<A>>) {
        let calls = inputs.iter().map(VecDeque::len).sum();
        if calls > 0 {
            self.calls += calls as u64;
            self.runs.push((first, calls));
            self.inputs.extend(inputs);
        }
    }
}

impl<A: Send, T: Send> Bundle for Feed<A, T> {
    fn queued(&self) -> u64 {
        let mut after = After::nothing();
        let mut state = self.state();
        for at in 0..self.chunks.len() {
            let mut chunk = self.chunk(at);
            self.publish(&mut state, at, &mut chunk, &mut after);
        }
        let queued = state.inputs.len() as u64;
        drop(state);
        self.finish(after);
        queued
    }

    fn abort(&self) {
        let mut after = After::nothing();
        let mut guard = self.state();
        let state = &mut *guard;
        state.aborted = true;
        self.over.store(true, Ordering::Release);
        let left = self.clear(state, true, &mut after);
        drop(guard);
        self.finish(after);
        self.bury(left, &Error::stopped());
    }
}

impl<A, T> Drop for Feed<A, T> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.inputs.take_all().into_iter().for_each(discard);
        std::mem::take(&mut state.done).into_iter().for_each(|piece| discard(piece.outcomes));
    }
}
