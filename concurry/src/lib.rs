#![doc = include_str!("../README.md")]

pub use concurry_macros::{task, worker};
pub use concurry_runtime::config;
pub use concurry_runtime::testing;
pub use concurry_runtime::timeline;
pub use concurry_runtime::{
    AcquireFuture, Acquisition, Answer, AsCompleted, Attempt, CallContext, CallId, Error, Failure, Gather,
    GatherFuture, IntoArg, IntoFailure, IntoGather, IntoRequest, IntoTaskArgs, LimitPool, LimitSet, LimitSetStats,
    LimitSource, LimitStats, Limits, LoadBalancing, Map, MapUnordered, Mode, OnFull, Pool, PoolStats, ProgressBar,
    ProgressIter, RateAlgorithm, RemoteError, Reserve, Result, Retry, ReturnWhen, Task, TaskFuture, TaskMap,
    TaskMapUnordered, TaskOptions, TaskPool, TaskWorker, TaskWorkerClient, TaskWorkerMap, TaskWorkerMapUnordered,
    TaskWorkerOptions, TimeoutScope, Waited, Wanted, Window, WorkerClient, WorkerStats, current, gather, map,
    map_unordered, wait,
};

#[cfg(feature = "ray")]
pub use concurry_runtime::{RayOptions, RayStrategy, RayTransport, RemoteRef};

#[doc(hidden)]
pub use concurry_runtime::__private;

/// Figures of pools and calls, by the crate `metrics` (feature `metrics`).
#[cfg(feature = "metrics")]
pub mod metrics {
    pub use concurry_runtime::enable_metrics as enable;
}

/// What most programs need; `use concurry::prelude::*;`.
pub mod prelude {
    pub use crate::{
        CallContext, LimitPool, LimitSet, LoadBalancing, Mode, OnFull, ProgressBar, RateAlgorithm, Retry, ReturnWhen,
        TaskFuture, TaskPool, TaskWorker, Waited, Window, WorkerClient, gather, task, wait, worker,
    };
}
