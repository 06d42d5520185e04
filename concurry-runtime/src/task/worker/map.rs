//! A function over many inputs: [`TaskWorkerMap`] in order, [`TaskWorkerMapUnordered`] as results come.

use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use super::client::TaskWorkerClient;
use crate::error::Result;
use crate::future::TaskFuture;
use crate::gather::{Ahead, AheadUnordered};

/// Makes one call.
type CallOne<F, A, T> = fn(&TaskWorkerClient, &Arc<F>, A) -> TaskFuture<T>;

/// The results of a function in the order of its inputs; made by [`TaskWorkerClient::map`] and
/// [`try_map`](TaskWorkerClient::try_map).
///
/// It draws inputs and looks ahead as [`concurry::map`](crate::map()) does: an endless input works, and a slow consumer
/// holds the calls back. An error is given in its place and does not end the iteration. Dropping it draws no more and
/// cancels the calls whose results were not taken.
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
    ahead: Ahead<I, T>,
    function: Arc<F>,
    client: TaskWorkerClient,
    call: CallOne<F, I::Item, T>,
}

impl<I: Iterator, F, T> TaskWorkerMap<I, F, T> {
    pub(super) fn new(inputs: I, function: F, client: TaskWorkerClient, call: CallOne<F, I::Item, T>) -> Self {
        TaskWorkerMap { ahead: Ahead::new(inputs), function: Arc::new(function), client, call }
    }

    /// At most `calls` calls, 256 unless this is called, have results that were not taken. At least 1.
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.ahead.look_ahead(calls);
        self
    }
}

impl<I: Iterator, F, T> Iterator for TaskWorkerMap<I, F, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let TaskWorkerMap { ahead, function, client, call } = self;
        ahead.next(&mut |input| call(client, function, input))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ahead.size_hint()
    }
}

impl<I: Iterator, F, T> FusedIterator for TaskWorkerMap<I, F, T> {}

impl<I: ExactSizeIterator, F, T> ExactSizeIterator for TaskWorkerMap<I, F, T> {}

impl<I: Iterator, F, T> fmt::Debug for TaskWorkerMap<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ahead.describe(f.debug_struct("TaskWorkerMap").field("pool", &self.client))
    }
}

/// The results of a function with the positions of their inputs, in the order of completion; made by
/// [`TaskWorkerClient::map_unordered`] and [`try_map_unordered`](TaskWorkerClient::try_map_unordered). Else as
/// [`TaskWorkerMap`].
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct TaskWorkerMapUnordered<I: Iterator, F, T> {
    ahead: AheadUnordered<I, T>,
    function: Arc<F>,
    client: TaskWorkerClient,
    call: CallOne<F, I::Item, T>,
}

impl<I: Iterator, F, T> TaskWorkerMapUnordered<I, F, T> {
    pub(super) fn new(inputs: I, function: F, client: TaskWorkerClient, call: CallOne<F, I::Item, T>) -> Self {
        TaskWorkerMapUnordered { ahead: AheadUnordered::new(inputs), function: Arc::new(function), client, call }
    }

    /// At most `calls` calls, 256 unless this is called, have results that were not taken. At least 1.
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.ahead.look_ahead(calls);
        self
    }
}

impl<I: Iterator, F, T> Iterator for TaskWorkerMapUnordered<I, F, T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<(usize, Result<T>)> {
        let TaskWorkerMapUnordered { ahead, function, client, call } = self;
        ahead.next(&mut |input| call(client, function, input))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ahead.size_hint()
    }
}

impl<I: Iterator, F, T> FusedIterator for TaskWorkerMapUnordered<I, F, T> {}

impl<I: ExactSizeIterator, F, T> ExactSizeIterator for TaskWorkerMapUnordered<I, F, T> {}

impl<I: Iterator, F, T> fmt::Debug for TaskWorkerMapUnordered<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ahead.describe(f.debug_struct("TaskWorkerMapUnordered").field("pool", &self.client))
    }
}
