//! A task over many inputs: [`TaskMap`] in order, [`TaskMapUnordered`] as results come.

use std::fmt;
use std::iter::FusedIterator;

use super::home::{call, client};
use super::{CALL, Task, arg, submit};
use crate::bundle::{self, Reader, Results, ResultsUnordered};
use crate::error::Result;
use crate::future::TaskFuture;
use crate::pool::Client;

/// Which pool the calls of a map go to.
enum Way<T: Task> {
    /// The task's own, whichever that is when an input is drawn.
    Home,
    Pool(Client<T>),
}

impl<T: Task> bundle::Way<T::Args, T::Output> for Way<T> {
    fn open(&self) -> Option<Reader<T::Args, T::Output>> {
        let open = |client: &Client<T>| {
            bundle::open(client, CALL, |worker: &mut T, args, context, reply| {
                worker.call(T::message(args), context, reply)
            })
        };
        match self {
            Way::Home => open(&client::<T>().ok()?),
            Way::Pool(client) => open(client),
        }
    }

    fn call(&self, args: T::Args) -> TaskFuture<T::Output> {
        match self {
            Way::Home => call::<T, _>((arg(args), ()), |(args, ())| T::message(args), true),
            Way::Pool(client) => submit(client, args),
        }
    }
}

impl<T: Task> Way<T> {
    fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>) {
        name.field("task", &T::NAME);
        if let Way::Pool(client) = self {
            name.field("pool", client);
        }
    }
}

/// The results of a task in the order of its inputs; made by the task's `map` and by
/// [`TaskPool::map`](super::TaskPool::map).
///
/// It draws inputs and looks ahead as [`concurry::map`](crate::map()) does: an endless input works, and a slow consumer
/// holds the calls back. An error is given in its place and does not end the iteration. Dropping it draws no more and
/// cancels the calls whose results were not taken.
///
/// # How the calls travel
///
/// In mode `thread` workers take the calls of a map in chunks, as many as take some 50 microseconds, so that small ones cost
/// some tens of nanoseconds each instead of about a microsecond. To whoever looks each is a call by itself: it runs
/// as soon as a worker is free, whatever the input, the other calls or the reader wait for; its result is there when it
/// is done; it has its own error, its own context, and its place in the statistics. The map goes to every worker that
/// it has calls for, beginning with those that `load_balancing` would pick.
///
/// Calls are sent one by one in the other modes, on demand, with limits, retries, a timeout, `max_pending` or
/// `max_calls_per_worker`; to a single worker of a pool; and on a worker of the very pool, or inside a call that has a
/// deadline.
///
/// ```
/// use concurry::prelude::*;
///
/// #[task(mode = "thread", max_workers = 2)]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
///
/// let first: Vec<u64> = square::map(0..).take(4).collect::<concurry::Result<_>>()?;
/// assert_eq!(first, [0, 1, 4, 9]);
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct TaskMap<T: Task, I: Iterator> {
    results: Results<I, T::Output>,
    way: Way<T>,
}

impl<T: Task, I: Iterator> TaskMap<T, I> {
    /// At most `calls` calls have results that were not taken. At least 1.
    ///
    /// Unless this is called they are 256; up to 8192 where calls that travel in chunks take less than a microsecond each
    /// and neither their inputs nor their results own any memory.
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.results.look_ahead(calls);
        self
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> TaskMap<T, I> {
    pub(super) fn of_pool(client: Client<T>, inputs: I) -> Self {
        TaskMap { results: Results::new(inputs), way: Way::Pool(client) }
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> Iterator for TaskMap<T, I> {
    type Item = Result<T::Output>;

    fn next(&mut self) -> Option<Result<T::Output>> {
        let TaskMap { results, way } = self;
        results.next(way)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.results.size_hint()
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> FusedIterator for TaskMap<T, I> {}

impl<T: Task, I: ExactSizeIterator<Item = T::Args>> ExactSizeIterator for TaskMap<T, I> {}

impl<T: Task, I: Iterator> fmt::Debug for TaskMap<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = f.debug_struct("TaskMap");
        self.way.describe(&mut name);
        self.results.describe(&mut name)
    }
}

/// The results of a task with the positions of their inputs, in the order of completion; made by the task's
/// `map_unordered` and by [`TaskPool::map_unordered`](super::TaskPool::map_unordered). Else as [`TaskMap`].
///
/// ```
/// use concurry::prelude::*;
///
/// #[task(mode = "thread", max_workers = 2)]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
///
/// for (index, result) in square::map_unordered([3, 4, 5]) {
///     assert_eq!(result?, [9, 16, 25][index]);
/// }
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "iterators are lazy: no call is made until it is iterated over"]
pub struct TaskMapUnordered<T: Task, I: Iterator> {
    results: ResultsUnordered<I, T::Output>,
    way: Way<T>,
}

impl<T: Task, I: Iterator> TaskMapUnordered<T, I> {
    /// As [`TaskMap::look_ahead`].
    pub fn look_ahead(mut self, calls: usize) -> Self {
        self.results.look_ahead(calls);
        self
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> TaskMapUnordered<T, I> {
    pub(super) fn of_pool(client: Client<T>, inputs: I) -> Self {
        TaskMapUnordered { results: ResultsUnordered::new(inputs), way: Way::Pool(client) }
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> Iterator for TaskMapUnordered<T, I> {
    type Item = (usize, Result<T::Output>);

    fn next(&mut self) -> Option<(usize, Result<T::Output>)> {
        let TaskMapUnordered { results, way } = self;
        results.next(way)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.results.size_hint()
    }
}

impl<T: Task, I: Iterator<Item = T::Args>> FusedIterator for TaskMapUnordered<T, I> {}

impl<T: Task, I: ExactSizeIterator<Item = T::Args>> ExactSizeIterator for TaskMapUnordered<T, I> {}

impl<T: Task, I: Iterator> fmt::Debug for TaskMapUnordered<T, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = f.debug_struct("TaskMapUnordered");
        self.way.describe(&mut name);
        self.results.describe(&mut name)
    }
}

/// `map` of a task, in its own pool.
pub fn task_map<T, I>(inputs: I) -> TaskMap<T, I::IntoIter>
where
    T: Task,
    I: IntoIterator<Item = T::Args>,
{
    TaskMap { results: Results::new(inputs.into_iter()), way: Way::Home }
}

/// `map_unordered` of a task, in its own pool.
pub fn task_map_unordered<T, I>(inputs: I) -> TaskMapUnordered<T, I::IntoIter>
where
    T: Task,
    I: IntoIterator<Item = T::Args>,
{
    TaskMapUnordered { results: ResultsUnordered::new(inputs.into_iter()), way: Way::Home }
}
