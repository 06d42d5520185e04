//! What workers live on: the traits between a pool and its backends.
//!
//! A pool asks its [`Backend`] to start the worker of a [`Place`]; the backend answers at once with a [`Link`] and
//! tells the [`Host`] later how it went: [`Host::up`] when the worker takes calls, [`Host::ended`] exactly once, when
//! it is gone for whatever reason. Each incarnation of a worker has a generation of its own; what an earlier one still
//! says is recognised by it and dropped.

pub(crate) mod inline;
pub(crate) mod process;
pub(crate) mod thread;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::call::{Call, Header};
use crate::context::{self, CallContext, Cancel};
use crate::error::{Error, Result};
use crate::panics;
use crate::worker::{Reply, Worker};

/// A worker's index in its pool, and which incarnation of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) generation: u64,
}

/// How an incarnation ended.
pub(crate) enum End {
    /// It was told to finish and did.
    Finished,
    /// It never came up.
    Failed(Error),
    /// It died. `running` is the id of the call that it had begun.
    Died { status: String, running: Option<u64> },
}

/// The way to one incarnation of a worker. Nothing here blocks.
pub(crate) trait Link: Send + Sync {
    /// Hands over a call; calls run in the order in which they were sent.
    fn send(&self, call: Call);
    /// The caller has cancelled a call that was sent.
    fn cancelled(&self, _call: &Header) {}
    /// Nothing more will be sent: end once what was sent is done.
    fn finish(&self);
    /// End now. Returns whether it lingers all the same: a thread that is inside a method ends when that returns.
    fn kill(&self) -> bool;
    /// What was sent and has not come back, in order; asked once, when the worker has ended or is given up.
    fn drain(&self) -> Vec<Call>;
    /// The worker's process, where it has one of its own.
    fn pid(&self) -> Option<u32> {
        None
    }
}

/// The pool, as its backend sees it.
pub(crate) trait Host: Send + Sync {
    fn up(&self, place: Place);
    fn ended(&self, place: Place, end: End);
    /// The worker is done with a call, whatever became of the call before.
    fn finished(&self, call: &Header);
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
}

impl<W: Worker> Recipe<W> {
    /// Runs the start hook and the constructor on this thread; a panic is an error that says where.
    pub(crate) fn make(&self) -> Result<W> {
        if let Some(hook) = self.start_hook {
            guard("the hook `on_worker_start`", || {
                hook();
                Ok(())
            })?;
        }
        self.rebuild()
    }

    /// Runs the constructor alone.
    pub(crate) fn rebuild(&self) -> Result<W> {
        let init = self.init.clone();
        guard("its constructor", || W::construct(init)).map_err(|error| error.at(W::NAME, "new"))
    }
}

fn guard<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        Err(match panics::error(&*payload) {
            Error::Panicked { message, location, .. } => {
                Error::init_failed(format!("{what} panicked at {location}: {message}"))
            }
            other => other,
        })
    })
}

/// Lets go of a worker whose destructor may panic; the panic hook has told the user then.
pub(crate) fn dismiss<W>(worker: W) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(worker)));
}

/// Runs one call on a worker that shares memory with its caller. `None` where the method panicked: the worker is lost,
/// the call resolved.
pub(crate) fn run_local<W: Worker>(mut worker: W, call: &Call, pool_name: &Arc<str>, index: usize) -> Option<W> {
    let header = call.header();
    let mut message: Option<W::Message> = None;
    call.take_message(&mut message);
    let Some(message) = message else {
        call.fail(Error::codec("the message is of another type than the worker's"), true);
        return Some(worker);
    };
    let context = CallContext {
        cancel: Cancel::Call(call.clone()),
        attempt: header.attempt(),
        worker_index: index,
        pool_name: pool_name.clone(),
        method: header.method_name(),
        deadline: None,
        limits: Default::default(),
    };
    let entered = context::enter(&context);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _replied = worker.call(message, &context, Reply::local(call));
    }));
    drop(entered);
    match outcome {
        Ok(()) => Some(worker),
        Err(payload) => {
            let error = panics::error(&*payload);
            dismiss(worker);
            dismiss(payload);
            call.fail(error, true);
            None
        }
    }
}
