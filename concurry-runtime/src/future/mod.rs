//! What a call gives back at once: the future, the slot behind it, and futures as arguments.

pub(crate) mod argument;
#[cfg(feature = "ray")]
pub(crate) mod remote;
pub(crate) mod slot;
mod task_future;

pub(crate) use argument::gather_args;
pub use argument::{Arg, Args, IntoArg};
#[cfg(feature = "ray")]
pub(crate) use argument::{Behind, Pieces};
#[cfg(feature = "ray")]
pub use remote::RemoteRef;
#[cfg(test)]
pub(crate) use task_future::Promise;
pub use task_future::{CallId, TaskFuture};
pub(crate) use task_future::{Outcome, next_id};
