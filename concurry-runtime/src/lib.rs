//! The runtime behind concurry. Depend on the crate `concurry`; this one is its inside and has no stable interface.

mod backend;
mod balance;
mod bell;
mod bundle;
mod call;
pub mod config;
mod context;
mod demands;
mod depth;
mod draw;
mod error;
mod executor;
#[cfg(feature = "ray")]
mod far;
#[cfg(feature = "fault-injection")]
#[doc(hidden)]
pub mod fault;
#[cfg(not(feature = "fault-injection"))]
#[path = "fault/off.rs"]
mod fault;
mod few;
mod fork;
mod full;
mod future;
mod gather;
#[cfg(test)]
mod hostile;
mod limits;
mod mode;
mod observe;
mod options;
mod panics;
mod pool;
mod retry;
mod run;
mod spin;
mod task;
pub mod testing;
mod timer;
mod wire;
mod words;
mod worker;

pub use backend::Answer;
#[cfg(feature = "ray")]
pub use backend::ray::{RayOptions, RayStrategy, RayTransport};
pub use balance::LoadBalancing;
pub use context::{CallContext, current};
pub use error::{Error, Failure, IntoFailure, Name, RemoteError, Result, TimeoutScope};
#[cfg(feature = "ray")]
pub use far::RemoteRef;
pub use full::OnFull;
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
#[cfg(feature = "metrics")]
pub use observe::figures::enable as enable_metrics;
pub use observe::timeline;
pub use pool::{Pool, PoolStats, Reserve, WorkerClient, WorkerStats};
pub use retry::{Attempt, Retry};
pub use task::{
    IntoTaskArgs, Task, TaskMap, TaskMapUnordered, TaskOptions, TaskPool, TaskWorker, TaskWorkerClient, TaskWorkerMap,
    TaskWorkerMapUnordered, TaskWorkerOptions,
};

#[doc(hidden)]
pub mod __private;
