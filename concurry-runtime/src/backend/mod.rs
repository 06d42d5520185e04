//! What workers live on: the traits between a pool and its backends.
//!
//! A pool asks its [`Backend`] to start the worker of a [`Place`]; the backend answers at once with a [`Link`] and
//! tells the [`Host`] later how it went: [`Host::up`] when the worker takes calls, [`Host::ended`] exactly once, when
//! it is gone for whatever reason. Each incarnation of a worker has a generation of its own; what an earlier one still
//! says is recognised by it and dropped.

mod answer;
#[cfg(feature = "tokio")]
pub(crate) mod event_loop;
pub(crate) mod fake;
pub(crate) mod inline;
pub(crate) mod process;
#[cfg(feature = "ray")]
pub(crate) mod ray;
pub(crate) mod thread;
mod work;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::bell::{Bell, Watch, Watched};
pub(crate) use crate::call::Place;
use crate::call::{Call, Interrupt, Job};
use crate::context::{self, CallContext};
use crate::error::{Death, Error, Result};
use crate::executor;
use crate::limits::{Holder, Keeper, Limiting, Limits, Local};
use crate::panics;
pub(crate) use crate::panics::dismiss;
use crate::run::Run;
use crate::worker::{Reply, Worker};
pub use answer::Answer;
pub(crate) use work::{Ticket, Visit, Work};

/// How an incarnation ended.
pub(crate) enum End {
    /// It was told to finish and did.
    Finished,
    /// It never came up.
    Failed(Error),
    /// It died. `running` is the job that it had begun and not answered.
    Died { death: Death, running: Option<Job> },
    /// It was ended on purpose, for the sake of the job that it was running.
    Replaced { running: Option<Job> },
}

impl End {
    /// The same of a worker that was ended since it took too long to be built, `at_first` or anew; and what it had told
    /// instead, which is for the caller to let go of outside of its locks, since a constructor's error is the user's.
    pub(crate) fn late(self, why: String, at_first: bool) -> (Self, Option<Error>) {
        let (running, told) = match self {
            End::Died { running, .. } | End::Replaced { running } => (running, None),
            End::Failed(error) => (None, Some(error)),
            End::Finished => (None, None),
        };
        let end = match at_first {
            true => End::Failed(Error::init_failed(why)),
            false => End::Died { death: why.into(), running },
        };
        (end, told)
    }

    /// Code of concurry's own panicked, which the panic hook has told. The worker is replaced; nobody waits for ever.
    pub(crate) fn broken(why: String) -> Self {
        End::Died { death: broken(why), running: None }
    }
}

/// The thread of a worker, which begins when that of its predecessor has ended.
fn thread_of(
    pool: &str,
    place: Place,
    previous: Option<JoinHandle<()>>,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let named = std::thread::Builder::new().name(format!("{pool}-{}", place.index).replace('\0', "?"));
    let spawned = named.spawn(move || {
        if let Some(previous) = previous {
            // It has reported its end; this waits for its last instructions.
            let _ = previous.join();
        }
        work();
    });
    spawned.map_err(|error| Error::refused(format_args!("no thread could be made for worker {}", place.index), &error))
}

/// The death of a worker whose thread in this process panicked.
pub(crate) fn broken(why: String) -> Death {
    format!("its thread panicked: {why}").into()
}

/// The way to one incarnation of a worker. Nothing here blocks.
pub(crate) trait Link: Send + Sync {
    /// Hands over a job; jobs run in the order in which they were sent.
    fn send(&self, job: Job);
    /// A thread is about to wait for a call that was sent here: it may do for a moment what brings it to its end, until
    /// `done`.
    fn help(&self, _done: &dyn Fn() -> bool) {}
    /// An attempt of a call that was sent is given up: it is not to be run where it has not begun, and is told where
    /// it has. `how` says whether the worker may be ended for that.
    fn interrupt(&self, id: u64, attempt: u32, how: Interrupt);
    /// Nothing more will be sent: end once what was sent is done.
    fn finish(&self);
    /// Nothing more will be sent: end after the call that runs, and let the rest come back.
    fn retire(&self) {
        self.finish();
    }
    /// How many bytes of memory the worker has, where it has its own.
    fn memory(&self) -> Option<u64> {
        None
    }
    /// End now. Returns whether it lingers all the same: a thread that is inside a method ends when that returns.
    fn kill(&self) -> bool;
    /// As `kill`, of a worker that is ended for a reason of its own; what that costs comes to its death by `status`.
    fn condemn(&self, _status: &str) -> bool {
        self.kill()
    }
    /// What was sent and has not come back, in order; asked when the worker has ended or is given up. The caller lets go
    /// of the jobs outside of its locks.
    fn drain(&self) -> Vec<Job>;
    /// The calls that a thread is inside of, which nobody else can end, with their attempts; asked once it is given up.
    fn running(&self) -> Vec<(Call, u32)> {
        Vec::new()
    }
    /// It was killed, and its calls are resolved: whoever waits inside one of them need not any longer. Asked under no
    /// lock.
    fn release(&self) {}
    /// The worker's process, where it has one of its own.
    fn pid(&self) -> Option<u32> {
        None
    }
}

/// The pool, as its backend sees it.
pub(crate) trait Host: Send + Sync {
    fn up(&self, place: Place);
    /// The worker is built anew where it is, from now on.
    fn rebuilding(&self, place: Place);
    /// That is done, or has failed.
    fn rebuilt(&self, place: Place);
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
    /// No worker will be started any more: what was kept for that is to go. Does not wait.
    fn close(&self) {}
    /// Waits until it is gone.
    fn join(&self) {}
    /// Where its workers are, if that is a cluster.
    #[cfg(feature = "ray")]
    fn site(&self) -> Option<Arc<dyn crate::far::Site>> {
        None
    }
}

/// How to make a worker, again and again.
pub(crate) struct Recipe<W: Worker> {
    pub(crate) init: W::Init,
    pub(crate) start_hook: Option<fn()>,
    /// How long it may take, where its pool cannot see to that.
    pub(crate) init_timeout: Option<Duration>,
    /// How many calls it may run, where its pool does not count them.
    pub(crate) max_calls: Option<usize>,
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
    /// Rung when a call that was begun here may be over.
    bell: Arc<Bell>,
    held: Option<(Arc<Local>, Holder)>,
}

impl Post {
    /// Of a worker whose limits are kept in another process.
    pub(crate) fn remote(pool_name: Arc<str>, index: usize, limits: Limits, bell: Arc<Bell>) -> Self {
        Post { pool_name, index, limits, several: false, bell, held: None }
    }

    /// The context of a call.
    pub(crate) fn context(&self, facts: Facts) -> CallContext {
        let Facts { call, id, attempt, method, deadline, set } = facts;
        let watch = || Some(Watch::new(self.bell.clone(), call.clone(), attempt, deadline));
        let limits = self.limits.for_call(if self.several { id } else { 0 }, set, deadline, watch);
        CallContext {
            call: Some(call),
            attempt,
            worker_index: self.index,
            pool_name: self.pool_name.clone(),
            method,
            deadline,
            limits,
        }
    }
}

/// What a context is made of besides the [`Post`].
pub(crate) struct Facts {
    pub(crate) call: Arc<dyn Watched>,
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
    /// The post of the worker at `index` for a new incarnation, which has this bell; `several` where it runs several
    /// calls at once.
    pub(crate) fn post(&self, index: usize, several: bool, bell: Arc<Bell>) -> Post {
        let held = self.limiting.of(index).map(|local| (local.clone(), Holder::worker()));
        let limits = match &held {
            Some((local, holder)) => Limits::new(local.clone(), *holder),
            None => Limits::default(),
        };
        // A copy of its own: each call counts those who have it, which is dear where several threads do.
        let pool_name = Arc::from(&*self.pool_name);
        Post { pool_name, index, limits, several, bell, held }
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
        call: job.call().clone(),
        id: header.id,
        attempt: job.attempt(),
        method: header.method_name(),
        deadline: header.deadline(),
        set: header.limit_set(),
    });
    Some((message, context))
}

/// Runs the work of `ticket` for a while. `None` as for [`run_local`].
pub(crate) fn run_work<W: Worker>(
    worker: W,
    ticket: &Ticket<W>,
    place: Place,
    post: &Post,
    others: &dyn Fn() -> bool,
) -> Option<W> {
    let Some(work) = ticket.work.upgrade() else { return Some(worker) };
    let survivor = work.run(worker, &Visit { post, place, seat: ticket.seat, id: ticket.id, others });
    // Whoever waited for it may have gone meanwhile, and what is left of it is the user's.
    dismiss(work);
    survivor
}

/// Runs one call on a worker that shares memory with its caller. `None` where the method panicked: the worker is lost,
/// the call resolved.
pub(crate) fn run_local<W: Worker>(mut worker: W, job: &Job, post: &Post) -> Option<W> {
    let Some((message, context)) = unpack::<W>(job, post) else { return Some(worker) };
    let entered = context::enter(context);
    let outcome = panics::caught(|| {
        let _replied = worker.call(message, &entered, Reply::local(job));
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
