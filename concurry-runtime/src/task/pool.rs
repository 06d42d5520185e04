//! [`TaskPool`]: a pool of a task besides its own, and its options.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::args::IntoTaskArgs;
use super::map::{TaskMap, TaskMapUnordered};
use super::{CALL, Task};
use crate::error::Result;
use crate::future::TaskFuture;
use crate::options::Options;
use crate::pool::{Client, Held, Pool, WorkerClient, start};

/// The options of another pool of a task; made by the task's `options()`.
///
/// ```
/// use concurry::prelude::*;
///
/// #[task(mode = "process")]
/// fn heavy(x: u64) -> u64 {
///     x * x
/// }
///
/// let options = heavy::options().mode(Mode::Thread).max_workers(2).name("squares");
/// let pool: TaskPool<heavy> = options.init()?;
/// assert_eq!((pool.max_workers(), pool.name()), (2, "squares"));
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "options do nothing until `init` starts the pool"]
pub struct TaskOptions<T: Task>(Options, PhantomData<fn() -> T>);

impl<T: Task> TaskOptions<T> {
    #[doc(hidden)]
    #[allow(clippy::new_without_default, reason = "a task's `options()` is how users get one")]
    pub fn new() -> Self {
        TaskOptions(Options::new::<T>(), PhantomData)
    }

    crate::__option_setters!(0);

    /// Starts the pool.
    ///
    /// # Errors
    /// A bad option, or a mode that cannot run here.
    pub fn init(self) -> Result<TaskPool<T>> {
        start::<T>(self.0, T::no_arguments()).map(TaskPool)
    }
}

impl<T: Task> Clone for TaskOptions<T> {
    fn clone(&self) -> Self {
        TaskOptions(self.0.clone(), PhantomData)
    }
}

impl<T: Task> fmt::Debug for TaskOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A pool of a task, besides the one that calls of the function itself run in.
///
/// It derefs to [`Pool`]: it is stopped, counted and waited for as any other. Dropping its last clone stops it in the
/// background.
///
/// ```
/// use concurry::prelude::*;
///
/// #[task(mode = "thread")]
/// fn join(words: Vec<String>, by: &str) -> String {
///     words.join(by)
/// }
///
/// let pool: TaskPool<join> = join::options().init()?;
/// let words = TaskFuture::ready(vec!["a".to_owned(), "b".to_owned()]);
/// assert_eq!(pool.submit((words, "-")).result()?, "a-b");
/// pool.stop()?;
/// # Ok::<(), concurry::Error>(())
/// ```
pub struct TaskPool<T: Task>(Client<T>);

impl<T: Task> TaskPool<T> {
    /// Calls the task; several arguments come as a tuple, and each may be a future of its value.
    ///
    /// After `stop` the future resolves to [`Error::Stopped`](crate::Error::Stopped).
    pub fn submit<A>(&self, args: A) -> TaskFuture<T::Output>
    where
        A: IntoTaskArgs<T::Args, T::Shape>,
    {
        self.0.submit(CALL, args.into_held(), |held| T::message(A::values(held)), T::decode().0)
    }

    /// Calls the task with each of `inputs` and yields the results in their order. See [`TaskMap`].
    pub fn map<I>(&self, inputs: I) -> TaskMap<T, I::IntoIter>
    where
        I: IntoIterator<Item = T::Args>,
    {
        TaskMap::of_pool(self.0.patient(), inputs.into_iter())
    }

    /// Calls the task with each of `inputs` and yields `(index, result)` as they finish. See [`TaskMapUnordered`].
    pub fn map_unordered<I>(&self, inputs: I) -> TaskMapUnordered<T, I::IntoIter>
    where
        I: IntoIterator<Item = T::Args>,
    {
        TaskMapUnordered::of_pool(self.0.patient(), inputs.into_iter())
    }
}

impl<T: Task> Clone for TaskPool<T> {
    fn clone(&self) -> Self {
        TaskPool(self.0.clone())
    }
}

impl<T: Task> fmt::Debug for TaskPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Task> Deref for TaskPool<T> {
    type Target = Pool;
    fn deref(&self) -> &Pool {
        self.0.pool()
    }
}

impl<T: Task> WorkerClient for TaskPool<T> {
    fn pool(&self) -> &Pool {
        self.0.pool()
    }
    fn worker(&self, index: usize) -> Self {
        TaskPool(self.0.worker(index))
    }
    fn holding(&self, held: Held) -> Self {
        TaskPool(self.0.holding(held))
    }
}
