#![doc = include_str!("../../README.md")]

pub use concurry_macros::{task, worker};
pub use concurry_runtime::{
    AsCompleted, CallContext, CallId, Error, Failure, Gather, GatherFuture, IntoArg, IntoFailure, IntoGather,
    IntoTaskArgs, LoadBalancing, Map, MapUnordered, Mode, Pool, PoolStats, ProgressBar, ProgressIter, RemoteError,
    Result, ReturnWhen, Task, TaskFuture, TaskMap, TaskMapUnordered, TaskOptions, TaskPool, TaskWorker,
    TaskWorkerClient, TaskWorkerMap, TaskWorkerMapUnordered, TaskWorkerOptions, TimeoutScope, Waited, WorkerClient,
    WorkerStats, current, gather, map, map_unordered, wait,
};

#[doc(hidden)]
pub use concurry_runtime::__private;

/// What most programs need; `use concurry::prelude::*;`.
pub mod prelude {
    pub use crate::{
        CallContext, LoadBalancing, Mode, ProgressBar, ReturnWhen, TaskFuture, TaskPool, TaskWorker, Waited,
        WorkerClient, gather, task, wait, worker,
    };
}
