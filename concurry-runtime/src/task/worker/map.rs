//! A function over many inputs: [`TaskWorkerMap`] in order, [`TaskWorkerMapUnordered`] as results come.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use super::client::TaskWorkerClient;
use crate::bundle::{Reader, Results, ResultsUnordered, Way};
use crate::error::Result;
use crate::future::TaskFuture;

/// Makes one call.
pub(super) type CallOne<F, A, T> = fn(&TaskWorkerClient, &Arc<F>, A) -> TaskFuture<T>;
/// Opens the way for many.
pub(super) type CallMany<F, A, T> = fn(&TaskWorkerClient, &Arc<F>) -> Option<Reader<A, T>>;

/// Which function is called, and how.
pub(super) struct Calls<F, A, T> {
    pub(super) function: Arc<F>,
    pub(super) client: TaskWorkerClient,
    pub(super) one: CallOne<F, A, T>,
    pub(super) many: CallMany<F, A, T>,
}

impl<F, A, T> Way<A, T> for Calls<F, A, T> {
    fn open(&self) -> Option<Reader<A, T>> {
        (self.many)(&self.client, &self.function)
    }

    fn call(&self, input: A) -> TaskFuture<T> {
        (self.one)(&self.client, &self.function, input)
    }
}

/// The results of a function in the order of its inputs; made by [`TaskWorkerClient::map`] and
/// [`try_map`](TaskWorkerClient::try_map).
///
/// It draws inputs and looks ahead as [`concurry::map`](crate::map()) does: an endless input works, and a slow consumer
/// holds the calls back. An error is given in its place and does not end the iteration. Dropping it draws no more and
/// cancels the calls whose results were not taken. How its calls travel is told [there](crate::TaskMap#how-the-calls-travel).
///
/// ```
/// use concurry::prelude::*;
///
/// let pool = TaskWorker::options().max_workers(2).init()?;
/// let by = 10;
/// let first: Vec<u64> = pool.map(0.., move |x: u64| x * by).take(3).collect::<concurry::Result<_>>()?;
/// assert_eq!(first, [0, 10, 20]);
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct TaskWorkerMap<I: Iterator, F, T> {
    results: Results<I, T>,
    calls: Calls<F, I::Item, T>,
}

impl<I: Iterator, F, T> TaskWorkerMap<I, F, T> {
    pub(super) fn new(inputs: I, calls: Calls<F, I::Item, T>) -> Self {
        TaskWorkerMap { results: Results::new(inputs), calls }
    }

    /// As [`TaskMap::look_ahead`](crate::TaskMap::look_ahead).
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.results.look_ahead(calls);
        self
    }
}

impl<I: Iterator, F, T> Iterator for TaskWorkerMap<I, F, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.results.next(&self.calls)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.results.size_hint()
    }
}

impl<I: Iterator, F, T> FusedIterator for TaskWorkerMap<I, F, T> {}

impl<I: ExactSizeIterator, F, T> ExactSizeIterator for TaskWorkerMap<I, F, T> {}

impl<I: Iterator, F, T> fmt::Debug for TaskWorkerMap<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.describe(f.debug_struct("TaskWorkerMap").field("pool", &self.calls.client))
    }
}

/// The results of a function with the positions of their inputs, in the order of completion; made by
/// [`TaskWorkerClient::map_unordered`] and [`try_map_unordered`](TaskWorkerClient::try_map_unordered). Else as
/// [`TaskWorkerMap`].
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct TaskWorkerMapUnordered<I: Iterator, F, T> {
    results: ResultsUnordered<I, T>,
    calls: Calls<F, I::Item, T>,
}

impl<I: Iterator, F, T> TaskWorkerMapUnordered<I, F, T> {
    pub(super) fn new(inputs: I, calls: Calls<F, I::Item, T>) -> Self {
        TaskWorkerMapUnordered { results: ResultsUnordered::new(inputs), calls }
    }

    /// As [`TaskMap::look_ahead`](crate::TaskMap::look_ahead).
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.results.look_ahead(calls);
        self
    }
}

impl<I: Iterator, F, T> Iterator for TaskWorkerMapUnordered<I, F, T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<(usize, Result<T>)> {
        self.results.next(&self.calls)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.results.size_hint()
    }
}

impl<I: Iterator, F, T> FusedIterator for TaskWorkerMapUnordered<I, F, T> {}

impl<I: ExactSizeIterator, F, T> ExactSizeIterator for TaskWorkerMapUnordered<I, F, T> {}

impl<I: Iterator, F, T> fmt::Debug for TaskWorkerMapUnordered<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.describe(f.debug_struct("TaskWorkerMapUnordered").field("pool", &self.calls.client))
    }
}
