//! What generated code names. Nothing here is for users, and nothing here is stable.

pub use ::serde;
pub use ::std;

pub use crate::__option_setters as option_setters;
pub use crate::balance::LoadBalancing;
pub use crate::context::CallContext;
pub use crate::error::{BoxError, Captured, Error, Probe, Result, capture_traits as capture};
pub use crate::future::{Arg, Args, IntoArg, TaskFuture};
pub use crate::mode::Mode;
pub use crate::options::Options;
pub use crate::pool::{Client, Pool, WorkerClient, start};
pub use crate::task::{
    Decode, Many, One, Task, TaskHome, TaskMap, TaskMapUnordered, TaskOptions, task_call, task_decode, task_keep,
    task_map, task_map_unordered, task_stop,
};
pub use crate::wire::codec::Codec;
pub use crate::worker::{
    Attributes, Method, NoDefaults, Replied, Reply, ResultLike, Wire, Worker, block_on, bytes, init_failed, wire,
};
