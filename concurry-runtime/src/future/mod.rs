//! What a call gives back at once: the future, the slot behind it, and futures as arguments.

pub(crate) mod argument;
pub(crate) mod join;
pub(crate) mod slot;
mod task_future;

pub use argument::{Arg, Args, IntoArg};
pub(crate) use join::gather_args;
#[cfg(any(test, feature = "ray"))]
pub(crate) use task_future::Promise;
pub use task_future::{CallId, TaskFuture};
pub(crate) use task_future::{Outcome, next_id};
