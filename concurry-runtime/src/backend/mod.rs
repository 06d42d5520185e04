//! What workers live on: the traits between a pool and its backends.
//!
//! A pool asks its [`Backend`] to start the worker of a [`Place`]; the backend answers at once with a [`Link`] and
//! tells the [`Host`] later how it went: [`Host::up`] when the worker takes calls, [`Host::ended`] exactly once, when
//! it is gone for whatever reason. Each incarnation of a worker has a generation of its own; what an earlier one still
//! says is recognised by it and dropped.

#[cfg(feature = "tokio")]
pub(crate) mod event_loop;
pub(crate) mod inline;
pub(crate) mod process;
pub(crate) mod thread;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

pub(crate) use crate::call::Place;
use crate::call::{Call, Interrupt, Job};
use crate::context::{self, CallContext, Cancel};
use crate::error::{Error, Result};
use crate::executor;
use crate::limits::{Holder, Keeper, Limiting, Limits, Local};
use crate::panics;
pub(crate) use crate::panics::dismiss;
use crate::run::Run;
use crate::worker::{Reply, Worker};

/// How an incarnation ended.
pub(crate) enum End {
    /// It was told to finish and did.
    Finished,
    /// It never came up.
    Failed(Error),
    /// It died. `running` is the job that it had begun and not answered.
    Died { status: String, running: Option<Job> },
    /// It was ended on purpose, for the sake of the job that it was running.
    Replaced { running: Option<Job> },
}

impl End {
    /// Code of concurry's own panicked, which the panic hook has told. The worker is replaced; nobody waits for ever.
    pub(crate) fn broken(why: String) -> Self {
        End::Died { status: format!("its thread panicked: {why}"), running: None }
    }
}

/// The way to one incarnation of a worker. Nothing here blocks.
pub(crate) trait Link: Send + Sync {
    /// Hands over a job; jobs run in the order in which they were sent.
    fn send(&self, job: Job);
    /// An attempt of a call that was sent is given up: it is not to be run where it has not begun, and is told where
    /// it has. `how` says whether the worker may be ended for that.
    fn interrupt(&self, id: u64, attempt: u32, how: Interrupt);
    /// Nothing more will be sent: end once what was sent is done.
    fn finish(&self);
    /// End now. Returns whether it lingers all the same: a thread that is inside a method ends when that returns.
    fn kill(&self) -> bool;
    /// What was sent and has not come back, in order; asked when the worker has ended or is given up. The caller lets go
    /// of the jobs outside of its locks.
    fn drain(&self) -> Vec<Job>;
    /// The calls that a thread is inside of, which nobody else can end; asked once it is given up.
    fn running(&self) -> Vec<Call> {
        Vec::new()
    }
    /// The worker's process, where it has one of its own.
    fn pid(&self) -> Option<u32> {
        None
    }
}

/// The pool, as its backend sees it.
pub(crate) trait Host: Send + Sync {
    fn up(&self, place: Place);
    fn ended(&self, place: Place, end: End);
}

/// A worker on its way up.
pub(crate) struct Started {
    pub(crate) link: Arc<dyn Link>,
    pub(crate) thread: JoinHandle<()>,
}

/// What starts workers.
pub(crate) trait Backend: Send + Sync {
    /// Starts the worker of `place`, on a thread that first joins `previous`, the thread of the incarnation before.
    fn start(&self, place: Place, host: Arc<dyn Host>, previous: Option<JoinHandle<()>>) -> Result<Started>;
}

/// How to make a worker, again and again.
pub(crate) struct Recipe<W: Worker> {
    pub(crate) init: W::Init,
    pub(crate) start_hook: Option<fn()>,
    pub(crate) pool_name: Arc<str>,
    pub(crate) limiting: Limiting,
}

/// The place at which an incarnation of a worker works, and what its calls get to know of it. What the incarnation
/// still holds of limits is given back when this goes.
pub(crate) struct Post {
    pub(crate) pool_name: Arc<str>,
    pub(crate) index: usize,
    limits: Limits,
    /// Whether the worker runs several calls at once, which must be told apart where they wait for each other.
    several: bool,
    held: Option<(Arc<Local>, Holder)>,
}

impl Post {
    /// Of a worker whose limits are kept in another process.
    pub(crate) fn remote(pool_name: Arc<str>, index: usize, limits: Limits) -> Self {
        Post { pool_name, index, limits, several: false, held: None }
    }

    /// The context of a call.
    pub(crate) fn context(&self, facts: Facts) -> CallContext {
        let Facts { cancel, id, attempt, method, deadline, set } = facts;
        CallContext {
            cancel,
            attempt,
            worker_index: self.index,
            pool_name: self.pool_name.clone(),
            method,
            deadline,
            limits: self.limits.for_call(if self.several { id } else { 0 }, set, deadline),
        }
    }
}

/// What a context is made of besides the [`Post`].
pub(crate) struct Facts {
    pub(crate) cancel: Cancel,
    pub(crate) id: u64,
    pub(crate) attempt: u32,
    pub(crate) method: &'static str,
    pub(crate) deadline: Option<Instant>,
    pub(crate) set: Option<u32>,
}

impl Drop for Post {
    fn drop(&mut self) {
        if let Some((local, holder)) = &self.held {
            local.release_all(holder.worker);
        }
    }
}

impl<W: Worker> Recipe<W> {
    /// The post of the worker at `index` for a new incarnation; `several` where it runs several calls at once.
    pub(crate) fn post(&self, index: usize, several: bool) -> Post {
        let held = self.limiting.of(index).map(|local| (local.clone(), Holder::worker()));
        let limits = match &held {
            Some((local, holder)) => Limits::new(local.clone(), *holder),
            None => Limits::default(),
        };
        Post { pool_name: self.pool_name.clone(), index, limits, several, held }
    }

    /// Runs the start hook and the constructor on this thread; a panic is an error that says where.
    pub(crate) fn make(&self) -> Result<W> {
        self.hook()?;
        self.rebuild()
    }

    /// Runs the start hook alone.
    pub(crate) fn hook(&self) -> Result<()> {
        let Some(hook) = self.start_hook else { return Ok(()) };
        guard("the hook `on_worker_start`", || {
            hook();
            Ok(())
        })
    }

    /// Calls the constructor, and leaves it to the caller to see an asynchronous one to its end.
    pub(crate) fn begin(&self) -> Result<Run<'static, Result<W>>> {
        let init = self.init.clone();
        guard("its constructor", || Ok(W::construct(init)))
    }

    /// Runs the constructor alone.
    pub(crate) fn rebuild(&self) -> Result<W> {
        let made = self.begin().and_then(|run| match executor::refusal() {
            Some(why) if run.is_going() => Err(Error::unsupported(format!("{}::new: {why}", W::NAME))),
            _ => guard("its constructor", || run.wait()),
        });
        built(made)
    }
}

/// What a constructor came to, naming it where it failed.
pub(crate) fn built<W: Worker>(made: Result<W>) -> Result<W> {
    made.map_err(|error| error.at(W::NAME, "new"))
}

/// Runs user code that makes a worker; a panic is an error that says where.
pub(crate) fn guard<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    panics::caught(run).unwrap_or_else(|error| {
        Err(match error {
            Error::Panicked { message, location, .. } => {
                Error::init_failed(format!("{what} panicked at {location}: {message}"))
            }
            other => other,
        })
    })
}

/// Takes what a job brings to a worker that shares memory with its caller. `None` where there is nothing to run any
/// more: the call is resolved.
pub(crate) fn unpack<W: Worker>(job: &Job, post: &Post) -> Option<(W::Message, CallContext)> {
    let header = job.header();
    let mut message: Option<W::Message> = None;
    let taken = job.call().take_message(job.attempt(), &mut message);
    let message = match (taken, message) {
        (Ok(()), Some(message)) => message,
        (Err(error), _) => {
            job.give_up(error);
            return None;
        }
        // It was settled between its beginning and here, and its message dropped.
        (Ok(()), None) => return None,
    };
    let context = post.context(Facts {
        cancel: Cancel::Call(job.call().clone(), job.attempt()),
        id: header.id,
        attempt: job.attempt(),
        method: header.method_name(),
        deadline: header.deadline(),
        set: header.limit_set(),
    });
    Some((message, context))
}

/// Runs one call on a worker that shares memory with its caller. `None` where the method panicked: the worker is lost,
/// the call resolved.
pub(crate) fn run_local<W: Worker>(mut worker: W, job: &Job, post: &Post) -> Option<W> {
    let Some((message, context)) = unpack::<W>(job, post) else { return Some(worker) };
    let entered = context::enter(&context);
    let outcome = panics::caught(|| {
        let _replied = worker.call(message, &context, Reply::local(job));
    });
    drop(entered);
    match outcome {
        Ok(()) => Some(worker),
        Err(error) => {
            dismiss(worker);
            job.fail(error);
            None
        }
    }
}
