//! [`TaskWorkerClient`]: submitting functions.

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errand::Errand;
use super::map::{CallMany, CallOne, Calls, TaskWorkerMap, TaskWorkerMapUnordered};
use super::outcome::{LocalTry, LocalValue, Outcome, Try, Value};
use super::{Call, TaskWorker};
use crate::bundle::{self, Reader};
use crate::call::DecodeFn;
use crate::error::{Error, IntoFailure, Result};
use crate::future::TaskFuture;
use crate::pool::{Client, Held, Pool, WorkerClient};
use crate::task::arg;
use crate::wire::codec;

/// A pool of [`TaskWorker`]s.
///
/// Every method returns at once with a future. In mode `process` a function is known to the worker by its name, so a
/// closure that captures variables is refused there: its future resolves to
/// [`Error::Unsupported`](crate::Error::Unsupported), which says what to do instead. A function or a closure that
/// captures nothing runs in every mode; arguments and results of `submit_with` and `map` are therefore serializable.
///
/// A function that wants to know of its call asks [`concurry::current`](crate::current).
#[derive(Clone, Debug)]
pub struct TaskWorkerClient(Client<TaskWorker>);

impl TaskWorkerClient {
    pub(super) fn new(client: Client<TaskWorker>) -> Self {
        TaskWorkerClient(client)
    }

    /// Runs a closure, in modes that share memory; elsewhere the future resolves to
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// A closure may use up what it holds, so it is called once, also in a pool that tries failed calls again; what
    /// [`submit_with`](Self::submit_with) takes can be called again.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let pool = TaskWorker::init()?;
    /// let text = "workers".to_owned();
    /// assert_eq!(pool.submit(move || text.len()).result()?, 7);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn submit<T, F>(&self, function: F) -> TaskFuture<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.closure::<LocalValue, T, F>(Call::Submit, function)
    }

    /// As [`submit`](Self::submit), for a closure that returns a result: the future is of its `Ok` value, its error
    /// becomes [`Error::Failed`](crate::Error::Failed).
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let pool = TaskWorker::init()?;
    /// assert_eq!(pool.try_submit(|| "7".parse::<u8>()).result()?, 7);
    /// let error = pool.try_submit(|| "seven".parse::<u8>()).result().unwrap_err();
    /// assert!(error.is::<std::num::ParseIntError>());
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn try_submit<T, E, F, M>(&self, function: F) -> TaskFuture<T>
    where
        T: Send + 'static,
        E: IntoFailure<M>,
        F: FnOnce() -> std::result::Result<T, E> + Send + 'static,
        M: 'static,
    {
        self.closure::<LocalTry<M>, _, F>(Call::TrySubmit, function)
    }

    /// Runs a function with an argument, in every mode; several arguments go as a tuple.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// fn repeat((text, times): (String, usize)) -> String {
    ///     text.repeat(times)
    /// }
    ///
    /// let pool = TaskWorker::options().mode(Mode::Thread).init()?;
    /// assert_eq!(pool.submit_with(("ab".to_owned(), 3), repeat).result()?, "ababab");
    /// assert_eq!(pool.submit_with(20, |x| x + 1).result()?, 21);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn submit_with<A, T, F>(&self, argument: A, function: F) -> TaskFuture<T>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        self.with::<Value, A, T, F>(Call::SubmitWith, argument, &Arc::new(function))
    }

    /// As [`submit_with`](Self::submit_with), for a function that returns a result: the future is of its `Ok` value.
    ///
    /// From a process its error comes back as a [`RemoteError`](crate::RemoteError), which knows the error's type by
    /// its name; a `#[task]` or a worker's method brings back the error itself where that is serializable.
    pub fn try_submit_with<A, T, E, F, M>(&self, argument: A, function: F) -> TaskFuture<T>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: IntoFailure<M>,
        F: Fn(A) -> std::result::Result<T, E> + Send + Sync + 'static,
        M: 'static,
    {
        self.with::<Try<M>, A, _, F>(Call::TrySubmitWith, argument, &Arc::new(function))
    }

    /// Runs a function with each of `inputs` and yields the results in their order. See [`TaskWorkerMap`].
    ///
    /// In modes that share memory the closure may capture; the workers share it.
    pub fn map<I, T, F>(&self, inputs: I, function: F) -> TaskWorkerMap<I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        TaskWorkerMap::new(
            inputs.into_iter(),
            self.calls(
                function,
                |client, function, input| client.with::<Value, _, T, F>(Call::Map, input, function),
                |client, function| client.many::<Value, _, T, F>(Call::Map, function),
            ),
        )
    }

    /// Runs a function with each of `inputs` and yields `(index, result)` as they finish. Else as [`map`](Self::map).
    pub fn map_unordered<I, T, F>(&self, inputs: I, function: F) -> TaskWorkerMapUnordered<I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        TaskWorkerMapUnordered::new(
            inputs.into_iter(),
            self.calls(
                function,
                |client, function, input| client.with::<Value, _, T, F>(Call::MapUnordered, input, function),
                |client, function| client.many::<Value, _, T, F>(Call::MapUnordered, function),
            ),
        )
    }

    /// As [`map`](Self::map), for a function that returns a result: it yields the `Ok` values, and errors in their
    /// places.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let pool = TaskWorker::options().max_workers(2).init()?;
    /// let texts = ["1", "2", "x"].map(str::to_owned);
    /// let numbers: Vec<_> = pool.try_map(texts, |text: String| text.parse::<u8>()).collect();
    /// assert!(matches!(numbers[..], [Ok(1), Ok(2), Err(concurry::Error::Failed { .. })]));
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn try_map<I, T, E, F, M>(&self, inputs: I, function: F) -> TaskWorkerMap<I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: IntoFailure<M>,
        F: Fn(I::Item) -> std::result::Result<T, E> + Send + Sync + 'static,
        M: 'static,
    {
        TaskWorkerMap::new(
            inputs.into_iter(),
            self.calls(
                function,
                |client, function, input| client.with::<Try<M>, _, _, F>(Call::TryMap, input, function),
                |client, function| client.many::<Try<M>, _, _, F>(Call::TryMap, function),
            ),
        )
    }

    /// As [`map_unordered`](Self::map_unordered), for a function that returns a result.
    pub fn try_map_unordered<I, T, E, F, M>(&self, inputs: I, function: F) -> TaskWorkerMapUnordered<I::IntoIter, F, T>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: IntoFailure<M>,
        F: Fn(I::Item) -> std::result::Result<T, E> + Send + Sync + 'static,
        M: 'static,
    {
        TaskWorkerMapUnordered::new(
            inputs.into_iter(),
            self.calls(
                function,
                |client, function, input| client.with::<Try<M>, _, _, F>(Call::TryMapUnordered, input, function),
                |client, function| client.many::<Try<M>, _, _, F>(Call::TryMapUnordered, function),
            ),
        )
    }

    fn calls<F, A, T>(&self, function: F, one: CallOne<F, A, T>, many: CallMany<F, A, T>) -> Calls<F, A, T> {
        Calls { function: Arc::new(function), client: self.patient(), one, many }
    }

    /// The way for many calls of a function, where they can travel together.
    fn many<O, A, R, F>(&self, call: Call, function: &Arc<F>) -> Option<Reader<A, O::Value>>
    where
        O: Outcome<R>,
        A: Send + 'static,
        R: 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
    {
        let function = function.clone();
        bundle::open(&self.0, call as usize, move |_: &mut TaskWorker, argument, _, reply| {
            O::reply(function(argument), reply)
        })
    }

    /// A client that waits for room in the pool, as an iterator over results may.
    fn patient(&self) -> Self {
        TaskWorkerClient(self.0.patient())
    }

    /// Submits what can only run where memory is shared.
    fn closure<O, R, F>(&self, call: Call, function: F) -> TaskFuture<O::Value>
    where
        O: Outcome<R>,
        F: FnOnce() -> R + Send + 'static,
    {
        if self.0.is_remote() {
            let (mode, name) = (self.pool().core().settings.mode, call.name());
            let error = Error::unsupported(format!(
                "TaskWorker::{name}: a closure cannot leave this process for a worker of mode `{mode}`; use `{name}_with(argument, function)` with a function or a closure that captures nothing, or mode `thread`"
            ));
            return Client::<TaskWorker>::refuse(call as usize, error);
        }
        self.send(call, Ok(Errand::once::<O, R, F>(call, function)), None)
    }

    /// Submits what runs in every mode.
    fn with<O, A, R, F>(&self, call: Call, argument: A, function: &Arc<F>) -> TaskFuture<O::Value>
    where
        O: Outcome<R>,
        O::Value: DeserializeOwned,
        A: Serialize + DeserializeOwned + Send + 'static,
        R: 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
    {
        let errand = Errand::with::<O, A, R, F>(call, self.0.is_remote(), argument, function);
        self.send(call, errand, Some(codec::decode_result::<O::Value>))
    }

    fn send<T: Send + 'static>(
        &self,
        call: Call,
        errand: Result<Errand>,
        decode: Option<DecodeFn<T>>,
    ) -> TaskFuture<T> {
        match errand {
            Ok(errand) => self.0.submit(call as usize, (arg(errand), ()), |(errand, ())| errand, decode),
            Err(error) => Client::<TaskWorker>::refuse(call as usize, error),
        }
    }
}

impl Deref for TaskWorkerClient {
    type Target = Pool;
    fn deref(&self) -> &Pool {
        self.0.pool()
    }
}

impl WorkerClient for TaskWorkerClient {
    fn pool(&self) -> &Pool {
        self.0.pool()
    }
    fn worker(&self, index: usize) -> Self {
        TaskWorkerClient(self.0.worker(index))
    }
    fn holding(&self, held: Held) -> Self {
        TaskWorkerClient(self.0.holding(held))
    }
}
