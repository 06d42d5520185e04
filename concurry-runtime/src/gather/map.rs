//! [`map`]: results in the order of the inputs, which are drawn as needed.

use std::collections::VecDeque;
use std::fmt;
use std::iter::{Fuse, FusedIterator};

use crate::error::Result;
use crate::future::TaskFuture;

/// How many calls an iterator keeps going unless told otherwise.
pub(super) const LOOK_AHEAD: usize = 256;

/// Calls `call` with each of `inputs` and gives the results in order.
///
/// Inputs are drawn while the next result is not there, and one more for each result that is taken, as long as at
/// most 256 calls ([`Map::look_ahead`]) have results that were not taken. So an endless input works, in constant
/// memory, and a slow consumer holds the calls back. An error is given in its place and does not end the iteration.
/// Dropping the iterator draws no more and cancels the calls whose results were not taken.
///
/// ```
/// use concurry::prelude::*;
///
/// let mut squares = concurry::map(0u64.., |x| TaskFuture::ready(x * x));
/// assert_eq!(squares.next().transpose()?, Some(0));
/// let next: Vec<u64> = squares.take(3).collect::<concurry::Result<_>>()?;
/// assert_eq!(next, [1, 4, 9]);
/// # Ok::<(), concurry::Error>(())
/// ```
pub fn map<I, F, T>(inputs: I, call: F) -> Map<I::IntoIter, F, T>
where
    I: IntoIterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
    Map { ahead: Ahead::new(inputs.into_iter()), call }
}

/// Results in the order of the inputs; made by [`map`].
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct Map<I, F, T> {
    ahead: Ahead<I, T>,
    call: F,
}

impl<I, F, T> Map<I, F, T> {
    /// At most `calls` calls, 256 unless this is called, have results that were not taken. At least 1.
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.ahead.look_ahead(calls);
        self
    }
}

impl<I, F, T> Iterator for Map<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.ahead.next(&mut self.call)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ahead.size_hint()
    }
}

impl<I, F, T> FusedIterator for Map<I, F, T>
where
    I: Iterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
}

impl<I, F, T> ExactSizeIterator for Map<I, F, T>
where
    I: ExactSizeIterator,
    F: FnMut(I::Item) -> TaskFuture<T>,
{
}

impl<I, F, T> fmt::Debug for Map<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ahead.describe(&mut f.debug_struct("Map"))
    }
}

/// Inputs that are drawn as needed, and the calls made of them whose results were not taken: what is inside every
/// ordered map, whoever makes its calls.
pub(crate) struct Ahead<I, T> {
    inputs: Fuse<I>,
    bound: usize,
    calls: VecDeque<TaskFuture<T>>,
}

impl<I, T> Ahead<I, T> {
    pub(crate) fn look_ahead(&mut self, calls: usize) {
        self.bound = calls.max(1);
    }

    /// How many calls have results that were not taken.
    pub(crate) fn ahead(&self) -> usize {
        self.calls.len()
    }

    fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        name.field("ahead", &self.calls.len()).field("look_ahead", &self.bound).finish()
    }
}

impl<I: Iterator, T> Ahead<I, T> {
    pub(crate) fn new(inputs: I) -> Self {
        Ahead::of(inputs, None)
    }

    /// With another bound than the usual one, if there is one.
    pub(crate) fn of(inputs: I, bound: Option<usize>) -> Self {
        Ahead { inputs: inputs.fuse(), bound: bound.unwrap_or(LOOK_AHEAD), calls: VecDeque::new() }
    }

    fn draw(&mut self, call: &mut impl FnMut(I::Item) -> TaskFuture<T>) -> bool {
        let Some(input) = self.inputs.next() else { return false };
        self.calls.push_back(call(input));
        true
    }

    /// The next result, waiting for it; `call` makes the calls that are due before.
    pub(crate) fn next(&mut self, call: &mut impl FnMut(I::Item) -> TaskFuture<T>) -> Option<Result<T>> {
        // One for the result that is about to leave; more only while that is not there.
        let mut more = self.calls.len() < self.bound && self.draw(call);
        while more && self.calls.len() < self.bound && !self.calls.front().is_some_and(TaskFuture::is_done) {
            more = self.draw(call);
        }
        self.calls.pop_front().map(TaskFuture::result)
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        hint(self.inputs.size_hint(), self.calls.len())
    }
}

pub(super) fn hint((least, most): (usize, Option<usize>), ahead: usize) -> (usize, Option<usize>) {
    (least.saturating_add(ahead), most.and_then(|most| most.checked_add(ahead)))
}

impl<I, T> Drop for Ahead<I, T> {
    fn drop(&mut self) {
        // From the back, so that no worker begins a call that is about to be cancelled.
        while let Some(future) = self.calls.pop_back() {
            future.cancel();
        }
    }
}
