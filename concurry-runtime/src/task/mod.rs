//! Functions as tasks: what `#[task]` writes is a [`Task`], and everything that can be done with one is here.
//!
//! A task is a worker type with one method and no state. [`home`] holds the task's own pool, which the first call
//! starts; [`pool`] has further pools and their options; [`map`] runs a task over inputs. [`worker`] has the worker
//! that runs any function.

mod args;
mod home;
mod map;
mod pool;
mod worker;

pub use args::{IntoTaskArgs, Many, One};
pub use home::{TaskHome, task_call, task_stop};
pub use map::{TaskMap, TaskMapUnordered, task_map, task_map_unordered};
pub use pool::{TaskOptions, TaskPool};
pub use worker::{TaskWorker, TaskWorkerClient, TaskWorkerMap, TaskWorkerMapUnordered, TaskWorkerOptions};

use serde::de::DeserializeOwned;

use crate::call::DecodeFn;
use crate::future::{Arg, IntoArg, TaskFuture};
use crate::pool::Client;
use crate::wire::codec;
use crate::worker::Worker;

/// A function marked `#[task]`, as the type of its name. `#[task]` implements it; nobody else does.
///
/// It is here to be named, by code that takes a pool of whatever task:
///
/// ```
/// use concurry::Task;
/// use concurry::prelude::*;
///
/// #[task(mode = "thread")]
/// fn double(x: u64) -> u64 {
///     x * 2
/// }
///
/// fn total<T: Task<Args = u64, Output = u64>>(pool: &TaskPool<T>, most: u64) -> concurry::Result<u64> {
///     pool.map(0..most).sum()
/// }
///
/// let pool = double::options().max_workers(2).init()?;
/// assert_eq!(total(&pool, 10)?, 90);
/// # Ok::<(), concurry::Error>(())
/// ```
pub trait Task: Worker {
    /// What one call takes: the argument, or a tuple where there are none or several.
    type Args: Send + 'static;
    /// What a call gives: the function's value, or the `Ok` value where it returns a result.
    type Output: Send + 'static;
    /// Whether the function takes [`One`] argument or [`Many`], or none.
    #[doc(hidden)]
    type Shape;
    #[doc(hidden)]
    fn message(args: Self::Args) -> Self::Message;
    #[doc(hidden)]
    fn no_arguments() -> Self::Init;
    #[doc(hidden)]
    fn decode() -> Decode<Self::Output>;
    #[doc(hidden)]
    fn home() -> &'static TaskHome<Self>;
}

/// How a result that was encoded becomes a value; nothing for a task whose results stay in this process.
pub struct Decode<T>(Option<DecodeFn<T>>);

impl<T> Decode<T> {
    /// For a task whose results are never encoded.
    pub const fn never() -> Self {
        Decode(None)
    }
}

impl<T: DeserializeOwned + 'static> Decode<T> {
    /// For every other task.
    pub const fn result() -> Self {
        Decode(Some(codec::decode_result::<T>))
    }
}

/// The only method of a task.
const CALL: usize = 0;

/// Submits a call with arguments that are all there.
fn submit<T: Task>(client: &Client<T>, args: T::Args) -> TaskFuture<T::Output> {
    client.submit(CALL, (arg(args), ()), |(args, ())| T::message(args), T::decode().0)
}

fn arg<T>(value: T) -> Arg<T> {
    IntoArg::<T>::into_arg(value)
}
