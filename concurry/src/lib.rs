//! Typed worker pools: `#[worker]` over an `impl` block, and its methods run on threads or in processes.

pub use concurry_runtime::{
    CallContext, CallId, Error, Failure, IntoArg, LoadBalancing, Mode, Pool, PoolStats, RemoteError, Result, TaskFuture,
    TimeoutScope, WorkerClient, WorkerStats, current,
};

#[doc(hidden)]
pub use concurry_runtime::__private;

/// What most programs need; `use concurry::prelude::*;`.
pub mod prelude {
    pub use crate::{CallContext, LoadBalancing, Mode, TaskFuture, WorkerClient};
}
