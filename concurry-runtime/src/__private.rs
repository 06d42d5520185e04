//! What generated code names. Nothing here is for users, and nothing here is stable.

pub use ::serde;
pub use ::std;
pub use concurry_options::options as option_table;

pub use crate::__option_setters as option_setters;
pub use crate::backend::Answer;
#[cfg(feature = "ray")]
pub use crate::backend::ray::RayOptions;
pub use crate::balance::LoadBalancing;
pub use crate::config::Attributes;
pub use crate::context::CallContext;
pub use crate::demands::{
    Crosses, Kept, Owned, Repeated, Returned, Startable, Travels, Wired, argument, copy, crosses, kept, outcome,
    probes, travels,
};
pub use crate::error::{BoxError, Captured, Error, MethodError, Probe, Result, capture_traits as capture};
pub use crate::full::OnFull;
pub use crate::future::{Arg, Args, IntoArg, TaskFuture};
pub use crate::limits::LimitSource;
pub use crate::mode::Mode;
pub use crate::options::Options;
pub use crate::pool::{Client, Held, Pool, WorkerClient, fake, start};
pub use crate::retry::Retry;
pub use crate::run::Run;
pub use crate::task::{
    Decode, Many, One, Task, TaskHome, TaskMap, TaskMapUnordered, TaskOptions, task_call, task_map, task_map_unordered,
    task_stop,
};
pub use crate::wire::codec::Codec;
pub use crate::worker::{INIT, Method, NoDefaults, Replied, Reply, ResultLike, Wire, Worker, bytes, init_failed, wire};
