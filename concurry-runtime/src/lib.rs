//! The runtime behind concurry. Depend on the crate `concurry`; this one is its inside and has no stable interface.

mod backend;
mod balance;
mod call;
pub mod config;
mod context;
mod demands;
mod draw;
mod error;
mod executor;
mod future;
mod gather;
mod limits;
mod mode;
mod options;
mod panics;
mod pool;
mod retry;
mod run;
mod spin;
mod task;
mod timer;
mod wire;
mod words;
mod worker;

pub use balance::LoadBalancing;
pub use context::{CallContext, current};
pub use error::{Error, Failure, Name, RemoteError, Result, TimeoutScope};
pub use future::{CallId, IntoArg, TaskFuture};
pub use gather::{
    AsCompleted, Gather, GatherFuture, IntoGather, Map, MapUnordered, ProgressBar, ProgressIter, ReturnWhen, Waited,
    gather, map, map_unordered, wait,
};
pub use limits::{
    AcquireFuture, Acquisition, IntoRequest, LimitPool, LimitSet, LimitSetStats, LimitSource, LimitStats, Limits,
    RateAlgorithm, Wanted, Window,
};
pub use mode::Mode;
pub use pool::{Pool, PoolStats, WorkerClient, WorkerStats};
pub use retry::{Attempt, Retry};
pub use task::{
    IntoFailure, IntoTaskArgs, Task, TaskMap, TaskMapUnordered, TaskOptions, TaskPool, TaskWorker, TaskWorkerClient,
    TaskWorkerMap, TaskWorkerMapUnordered, TaskWorkerOptions,
};

#[doc(hidden)]
pub mod __private;
