//! [`map_unordered`]: results as they come, of inputs that are drawn as needed.

use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};
use std::sync::Arc;

use super::board::Board;
use super::map::{LOOK_AHEAD, hint};
use crate::call::here;
use crate::error::Result;
use crate::future::TaskFuture;
use crate::future::slot::Notify;

/// As [`map`](super::map()), giving each result with the position of its input as soon as it is there.
///
/// ```
/// let results = concurry::map_unordered(["a", "b"], |x| concurry::TaskFuture::ready(x.len()));
/// let mut indices: Vec<usize> = results.map(|(index, _)| index).collect();
/// indices.sort();
/// assert_eq!(indices, [0, 1]);
/// ```
pub fn map_unordered<I, F, T>(inputs: I, call: F) -> MapUnordered<I::IntoIter, F, T>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
    MapUnordered { ahead: AheadUnordered::new(inputs.into_iter()), call }
}

/// Results with the positions of their inputs, in the order of completion; made by [`map_unordered`].
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct MapUnordered<I, F, T> {
    ahead: AheadUnordered<I, T>,
    call: F,
}

impl<I, F, T> MapUnordered<I, F, T> {
    /// At most `calls` calls, 256 unless this is called, have results that were not taken. At least 1.
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.ahead.look_ahead(calls);
        self
    }
}

impl<I, F, T> Iterator for MapUnordered<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<(usize, Result<T>)> {
        self.ahead.next(&mut self.call)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ahead.size_hint()
    }
}

impl<I, F, T> FusedIterator for MapUnordered<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
}

impl<I, F, T> ExactSizeIterator for MapUnordered<I, F, T>
where
    I: ExactSizeIterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
}

impl<I, F, T> fmt::Debug for MapUnordered<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ahead.describe(&mut f.debug_struct("MapUnordered"))
    }
}

/// As [`Ahead`](super::map::Ahead), for maps in the order of completion.
pub(crate) struct AheadUnordered<I, T> {
    inputs: Fuse<I>,
    bound: usize,
    drawn: usize,
    /// The calls that are ahead, by the place that the board knows them by; places are used again.
    places: Vec<Option<(usize, TaskFuture<T>)>>,
    free: Vec<usize>,
    board: Arc<Board>,
    batch: VecDeque<usize>,
}

impl<I, T> AheadUnordered<I, T> {
    pub(crate) fn look_ahead(&mut self, calls: usize) {
        self.bound = calls.max(1);
    }

    /// How many calls have results that were not taken.
    pub(crate) fn ahead(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// On a worker's thread, gives up calls that it would have to run itself; whether there is one.
    fn refuse(&mut self) -> bool {
        if here::looks() {
            let board: Arc<dyn Notify> = self.board.clone();
            let refused = self.places.iter().enumerate().filter(|(_, entry)| {
                entry.as_ref().is_some_and(|(_, future)| future.refusal().is_some() && future.0.slot().unwatch(&board))
            });
            self.batch.extend(refused.map(|(place, _)| place));
        }
        !self.batch.is_empty()
    }

    /// Whether a result is there.
    fn ready(&mut self) -> bool {
        !self.batch.is_empty() || self.board.read(&mut self.batch)
    }

    fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        name.field("ahead", &self.ahead()).field("look_ahead", &self.bound).finish()
    }
}

impl<I: Iterator, T> AheadUnordered<I, T> {
    pub(crate) fn new(inputs: I) -> Self {
        AheadUnordered::of(inputs, None)
    }

    /// With another bound than the usual one, if there is one.
    pub(crate) fn of(inputs: I, bound: Option<usize>) -> Self {
        AheadUnordered {
            inputs: inputs.fuse(),
            bound: bound.unwrap_or(LOOK_AHEAD),
            drawn: 0,
            places: Vec::new(),
            free: Vec::new(),
            board: Arc::default(),
            batch: VecDeque::new(),
        }
    }

    fn draw(&mut self, call: &mut impl FnMut(I::Item) -> TaskFuture<T>) -> bool {
        let Some(input) = self.inputs.next() else { return false };
        let future = call(input);
        let outcome = future.0.clone();
        let entry = Some((self.drawn, future));
        self.drawn += 1;
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place] = entry;
                place
            }
            None => {
                self.places.push(entry);
                self.places.len() - 1
            }
        };
        outcome.slot().watch(self.board.clone(), place);
        true
    }

    /// The next result that is there, waiting for one; `call` makes the calls that are due before.
    pub(crate) fn next(&mut self, call: &mut impl FnMut(I::Item) -> TaskFuture<T>) -> Option<(usize, Result<T>)> {
        let mut more = self.ahead() < self.bound && self.draw(call);
        while more && self.ahead() < self.bound && !self.ready() {
            more = self.draw(call);
        }
        loop {
            if self.ahead() == 0 {
                return None;
            }
            let Some(place) = self.batch.pop_front() else {
                if !self.refuse() {
                    self.board.wait(&mut self.batch, None);
                }
                continue;
            };
            if let Some((index, future)) = self.places.get_mut(place).and_then(Option::take) {
                self.free.push(place);
                return Some((index, future.result()));
            }
        }
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        hint(self.inputs.size_hint(), self.ahead())
    }
}

impl<I, T> Drop for AheadUnordered<I, T> {
    fn drop(&mut self) {
        let board: Arc<dyn Notify> = self.board.clone();
        // The last drawn first, so that no worker begins a call that is about to be cancelled.
        let mut left: Vec<_> = self.places.drain(..).flatten().collect();
        left.sort_unstable_by_key(|(index, _)| *index);
        for (_, future) in left.into_iter().rev() {
            future.0.slot().unwatch(&board);
            future.cancel();
        }
    }
}
