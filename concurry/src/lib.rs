#![doc = include_str!("../README.md")]

pub use concurry_macros::{task, worker};
pub use concurry_runtime::config;
pub use concurry_runtime::{
    AcquireFuture, Acquisition, AsCompleted, Attempt, CallContext, CallId, Error, Failure, Gather, GatherFuture,
    IntoArg, IntoFailure, IntoGather, IntoRequest, IntoTaskArgs, LimitPool, LimitSet, LimitSetStats, LimitSource,
    LimitStats, Limits, LoadBalancing, Map, MapUnordered, Mode, Pool, PoolStats, ProgressBar, ProgressIter,
    RateAlgorithm, RemoteError, Result, Retry, ReturnWhen, Task, TaskFuture, TaskMap, TaskMapUnordered, TaskOptions,
    TaskPool, TaskWorker, TaskWorkerClient, TaskWorkerMap, TaskWorkerMapUnordered, TaskWorkerOptions, TimeoutScope,
    Waited, Wanted, Window, WorkerClient, WorkerStats, current, gather, map, map_unordered, wait,
};

#[doc(hidden)]
pub use concurry_runtime::__private;

/// What most programs need; `use concurry::prelude::*;`.
pub mod prelude {
    pub use crate::{
        CallContext, LimitPool, LimitSet, LoadBalancing, Mode, ProgressBar, RateAlgorithm, Retry, ReturnWhen,
        TaskFuture, TaskPool, TaskWorker, Waited, Window, WorkerClient, gather, task, wait, worker,
    };
}
