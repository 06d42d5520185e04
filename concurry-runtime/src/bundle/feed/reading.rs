//! What the reader does with a feed: taking what is done, and waiting for it.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::chunk::{Chunk, Outcome, Piece};
use super::{After, Feed, State};

/// How long the reader waits for whole chunks before it asks for each result as it comes: longer than chunks take.
const WHOLE: Duration = Duration::from_micros(200);

/// What the reader sleeps for.
#[derive(Clone, Copy)]
pub(in super::super) struct Want {
    /// The result of this call, or any.
    number: Option<u64>,
    /// As soon as it is there, not only with its chunk.
    each: bool,
}

impl Want {
    pub(super) fn is_met_by<T>(&self, piece: &Piece<T>) -> bool {
        self.number.is_none_or(|number| piece.has(number))
    }

    /// Whether the results of this chunk are to be published one by one.
    pub(super) fn wants_each<A, T>(&self, chunk: &Chunk<A, T>) -> bool {
        self.each && self.number.is_none_or(|number| chunk.awaits(number))
    }
}

impl<A, T> Feed<A, T> {
    /// Whether anything is done that was not read.
    pub(in super::super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    fn hand_over(&self, state: &mut State<A, T>, into: &mut Vec<Piece<T>>, spare: &mut Vec<VecDeque<Outcome<T>>>) {
        self.news.store(false, Ordering::Relaxed);
        std::mem::swap(&mut state.done, into);
        if state.spare.is_empty() {
            std::mem::swap(&mut state.spare, spare);
        }
    }

    /// Moves what is done into `into`, which is empty, and gives buffers back.
    pub(in super::super) fn read(&self, into: &mut Vec<Piece<T>>, spare: &mut Vec<VecDeque<Outcome<T>>>) {
        self.hand_over(&mut self.state(), into, spare);
    }

    /// Waits until the result of call `number` is done, or that of any, and reads as [`read`](Self::read) does.
    pub(in super::super) fn wait(
        &self,
        number: Option<u64>,
        into: &mut Vec<Piece<T>>,
        spare: &mut Vec<VecDeque<Outcome<T>>>,
    ) {
        let mut each = false;
        let mut state = self.state();
        loop {
            let want = Want { number, each };
            if state.done.iter().any(|piece| want.is_met_by(piece)) {
                state.want = None;
                return self.hand_over(&mut state, into, spare);
            }
            state.want = Some(want);
            if each {
                let mut after = After::nothing();
                for at in 0..self.chunks.len() {
                    let mut chunk = self.chunk(at);
                    self.publish(&mut state, at, &mut chunk, &mut after);
                    chunk.eager = want.wants_each(&chunk);
                }
                let met = state.want.is_none();
                if met || after.release {
                    drop(state);
                    self.finish(After { notify: false, ..after });
                    state = self.state();
                }
                if met {
                    continue;
                }
            }
            // Whoever brings what is wanted takes the want away.
            while state.want.is_some() {
                if each {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                let (guard, timeout) = self.changed.wait_timeout(state, WHOLE).unwrap_or_else(PoisonError::into_inner);
                state = guard;
                if timeout.timed_out() {
                    each = true;
                    break;
                }
            }
        }
    }
}
