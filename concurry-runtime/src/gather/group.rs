//! Futures that are waited for together, whatever holds them: [`Group`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use super::progress::Outcome;
use super::shape::Shape;
use crate::error::{Error, Result, TimeoutScope};
use crate::future::TaskFuture;
use crate::future::slot::Notify;

/// What a [`Gather`](super::Gather) holds; made by [`IntoGather`](super::IntoGather) alone.
///
/// A group gives itself out part by part: once its results are taken it is empty.
pub trait Group {
    /// All values, in the container that the futures came in.
    type Results;
    /// All values or errors, in that container.
    type Settled;

    #[doc(hidden)]
    fn len(&self) -> usize;
    /// Has the board told the index of each future once it has settled.
    #[doc(hidden)]
    fn watch(&self, board: &Arc<Board>);
    /// Forgets the board at every future that has not arrived.
    #[doc(hidden)]
    fn unwatch(&self, board: &Arc<Board>);
    /// Gives up the futures that this thread must not wait for: they come to an error that says so, and are added to
    /// `refused` instead of being told to the board.
    #[doc(hidden)]
    fn refuse(&mut self, board: &Arc<Board>, refused: &mut VecDeque<usize>);
    /// Takes what the future at `index` came to, and keeps it here; what kind of end that is.
    #[doc(hidden)]
    fn arrive(&mut self, index: usize) -> Outcome;
    /// The error that `index` came to, if it has arrived with one; gives it out.
    #[doc(hidden)]
    fn error(&mut self, index: usize) -> Option<Error>;
    /// That time ran out, naming the first call that has not arrived.
    #[doc(hidden)]
    fn timed_out(&self, after: Option<Duration>) -> Error;
    /// The values; an error where one is missing.
    #[doc(hidden)]
    fn results(&mut self) -> Result<Self::Results>;
    /// The values and errors; what has not arrived timed out.
    #[doc(hidden)]
    fn settled(&mut self, after: Option<Duration>) -> Self::Settled;
}

/// One future of a group, and later what it came to.
pub enum Part<T> {
    Waiting(TaskFuture<T>),
    Arrived(T),
    Failed(Box<Error>),
    Gone,
}

pub(super) fn timed_out<T>(future: &TaskFuture<T>, after: Option<Duration>) -> Error {
    let (worker, method) = future.0.names();
    Error::timed_out(TimeoutScope::Wait, after).at(worker, method)
}

impl<T> Part<T> {
    pub(super) fn watch(&self, board: &Arc<Board>, index: usize) {
        if let Part::Waiting(future) = self {
            future.0.slot().watch(board.clone(), index);
        }
    }

    pub(super) fn unwatch(&self, board: &Arc<dyn Notify>) {
        if let Part::Waiting(future) = self {
            future.0.slot().unwatch(board);
        }
    }

    pub(super) fn refuse(&mut self, board: &Arc<dyn Notify>, index: usize, refused: &mut VecDeque<usize>) {
        if let Part::Waiting(future) = self
            && let Some(error) = future.refusal()
            // One that the board does not watch any more has settled meanwhile.
            && future.0.slot().unwatch(board)
        {
            *self = Part::Failed(Box::new(error));
            refused.push_back(index);
        }
    }

    pub(super) fn arrive(&mut self) -> Outcome {
        if let Part::Waiting(_) = self {
            *self = match self.open() {
                Ok(value) => Part::Arrived(value),
                Err(error) => Part::Failed(Box::new(error)),
            };
        }
        match self {
            Part::Arrived(_) => Outcome::Done,
            Part::Failed(error) => Outcome::of_error(error),
            Part::Waiting(_) | Part::Gone => Outcome::Failed,
        }
    }

    pub(super) fn error(&mut self) -> Option<Error> {
        match self {
            Part::Failed(_) => self.open().err(),
            _ => None,
        }
    }

    pub(super) fn timed_out(&self, after: Option<Duration>) -> Option<Error> {
        match self {
            Part::Waiting(future) => Some(timed_out(future, after)),
            _ => None,
        }
    }

    /// What the future came to, which has told the board that it settled.
    pub(super) fn open(&mut self) -> Result<T> {
        match std::mem::replace(self, Part::Gone) {
            Part::Waiting(future) => future.result(),
            Part::Arrived(value) => Ok(value),
            Part::Failed(error) => Err(*error),
            Part::Gone => Err(taken()),
        }
    }

    /// As [`open`](Self::open), where the future need not have settled: then it timed out.
    pub(super) fn close(&mut self, after: Option<Duration>) -> Result<T> {
        match self {
            Part::Waiting(future) if !future.is_done() => {
                let error = timed_out(future, after);
                *self = Part::Gone;
                Err(error)
            }
            _ => self.open(),
        }
    }
}

pub(super) fn taken() -> Error {
    Error::invalid("the results of this gather have been taken already")
}

/// Many futures of one type.
pub struct Many<S, T> {
    pub(super) shape: S,
    pub(super) parts: Vec<Part<T>>,
}

impl<S: Shape, T> Many<S, T> {
    pub(super) fn new(shape: S, futures: impl IntoIterator<Item = TaskFuture<T>>) -> Self {
        Many { shape, parts: futures.into_iter().map(Part::Waiting).collect() }
    }

    /// Key and result of the future at `index`, which has settled; given out.
    pub(super) fn open(&mut self, index: usize) -> Option<(S::Key, Result<T>)> {
        let result = self.parts.get_mut(index)?.open();
        Some((self.shape.key(index)?, result))
    }

    /// Key and timeout of the future at `index`, unless it has been given out; it is dropped.
    pub(super) fn give_up(&mut self, index: usize, after: Option<Duration>) -> Option<(S::Key, Result<T>)> {
        let part = self.parts.get_mut(index)?;
        let error = part.timed_out(after)?;
        *part = Part::Gone;
        Some((self.shape.key(index)?, Err(error)))
    }
}

impl<S: Shape, T> Group for Many<S, T> {
    type Results = S::Of<T>;
    type Settled = S::Of<Result<T>>;

    fn len(&self) -> usize {
        self.parts.len()
    }

    fn watch(&self, board: &Arc<Board>) {
        for (index, part) in self.parts.iter().enumerate() {
            part.watch(board, index);
        }
    }

    fn unwatch(&self, board: &Arc<Board>) {
        let board: Arc<dyn Notify> = board.clone();
        for part in &self.parts {
            part.unwatch(&board);
        }
    }

    fn refuse(&mut self, board: &Arc<Board>, refused: &mut VecDeque<usize>) {
        let board: Arc<dyn Notify> = board.clone();
        for (index, part) in self.parts.iter_mut().enumerate() {
            part.refuse(&board, index, refused);
        }
    }

    fn arrive(&mut self, index: usize) -> Outcome {
        self.parts.get_mut(index).map_or(Outcome::Failed, Part::arrive)
    }

    fn error(&mut self, index: usize) -> Option<Error> {
        self.parts.get_mut(index).and_then(Part::error)
    }

    fn timed_out(&self, after: Option<Duration>) -> Error {
        self.parts
            .iter()
            .find_map(|part| part.timed_out(after))
            .unwrap_or_else(|| Error::timed_out(TimeoutScope::Wait, after))
    }

    fn results(&mut self) -> Result<S::Of<T>> {
        let mut error = None;
        let parts = std::mem::take(&mut self.parts).into_iter();
        let values = parts.map_while(|mut part| match part.close(None) {
            Ok(value) => Some(value),
            Err(found) => {
                error = Some(found);
                None
            }
        });
        let built = self.shape.build(values);
        error.map_or(Ok(built), Err)
    }

    fn settled(&mut self, after: Option<Duration>) -> S::Of<Result<T>> {
        let parts = std::mem::take(&mut self.parts).into_iter();
        self.shape.build(parts.map(|mut part| part.close(after)))
    }
}
