//! Making a pool of a worker type, and the typed way into it that generated stubs use.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::de::DeserializeOwned;

use super::core::{Core, Engine};
use super::{Handle, Pool};
#[cfg(feature = "tokio")]
use crate::backend::event_loop::EventLoops;
use crate::backend::inline::InlineWorker;
use crate::backend::process::Processes;
use crate::backend::thread::Threads;
use crate::backend::{Backend, Recipe};
use crate::call::{AnyCall, CallCell, Care, DecodeFn, Header, Ledger, NONE, Payload, Replay, Terms};
use crate::context;
use crate::error::{Error, Result};
use crate::future::{Args, TaskFuture, gather_args};
use crate::mode::Mode;
use crate::options::Options;
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::worker::{Method, Worker};

/// What every client of a pool can do, whatever its worker: the generated clients, `TaskPool` and `TaskWorkerClient`
/// implement it. Everything that concerns the pool as a whole is on [`Pool`], to which each of them derefs.
pub trait WorkerClient: Clone + Deref<Target = Pool> {
    /// The pool; the way to it where a worker's method hides one of the pool's.
    fn pool(&self) -> &Pool;

    /// A client of one worker of the pool. Where there is no worker of that index, which on demand there never is,
    /// its calls resolve to [`Error::Invalid`].
    #[must_use]
    fn worker(&self, index: usize) -> Self;

    /// Calls every worker, and returns their futures in the order of the workers. On demand there are no lasting
    /// workers, and nothing is called.
    fn broadcast<T>(&self, mut call: impl FnMut(&Self) -> TaskFuture<T>) -> Vec<TaskFuture<T>> {
        let core = self.pool().core();
        let workers = if core.settings.on_demand { 0 } else { core.settings.max_workers };
        (0..workers).map(|index| call(&self.worker(index))).collect()
    }
}

/// The way into a pool of `W`; a generated client wraps one.
pub struct Client<W: Worker> {
    pool: Pool,
    pinned: usize,
    /// How messages leave this process, where they do.
    remote: Option<crate::worker::Wire<W>>,
    marker: PhantomData<fn() -> W>,
}

impl<W: Worker> Clone for Client<W> {
    fn clone(&self) -> Self {
        Client { pool: self.pool.clone(), pinned: self.pinned, remote: self.remote, marker: PhantomData }
    }
}

impl<W: Worker> fmt::Debug for Client<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.pool, f)
    }
}

/// Makes a pool of `W` and waits until its workers are up.
///
/// # Errors
/// [`Error::Config`] for a value that cannot be; [`Error::Unsupported`] for a mode that cannot run here;
/// [`Error::InitFailed`] where a worker cannot be started or its constructor fails; what the constructor itself
/// returned where that is an [`Error`].
pub fn start<W: Worker>(options: Options, init: W::Init) -> Result<Client<W>> {
    make(options, init).map_err(|error| error.at(W::NAME, "new"))
}

fn make<W: Worker>(options: Options, init: W::Init) -> Result<Client<W>> {
    let settings = options.resolve()?;
    panics::install();
    let name = settings.name.clone();
    let recipe = Arc::new(Recipe::<W> {
        init,
        start_hook: settings.on_worker_start,
        pool_name: Arc::from(name.as_str()),
        limiting: settings.limiting.clone(),
    });
    let workers = |backend: Box<dyn Backend>| Engine::Workers(backend);
    let (engine, remote) = match settings.mode {
        Mode::Sync => (Engine::Inline(Box::new(InlineWorker::start(recipe)?)), None),
        Mode::Thread => (workers(Box::new(Threads::new(recipe))), None),
        Mode::Process => {
            let wire = W::wire().ok_or_else(|| {
                Error::unsupported(format!(
                    "{} is `#[worker(local)]`, whose messages cannot leave this process; use mode `thread`, or drop `local` and make its arguments and results serializable",
                    W::NAME
                ))
            })?;
            (workers(Box::new(Processes::new(&recipe, wire)?)), Some(wire))
        }
        #[cfg(feature = "tokio")]
        Mode::Async => (workers(Box::new(EventLoops::new(recipe))), None),
        #[cfg(not(feature = "tokio"))]
        Mode::Async => {
            return Err(Error::unsupported(format!(
                "{}: mode `async` is not built into this concurry; write `concurry = {{ features = [\"tokio\"] }}` in Cargo.toml, or use mode `thread`",
                W::NAME
            )));
        }
        Mode::Ray => {
            return Err(Error::unsupported(format!(
                "{}: mode `ray` is not built into this concurry; use mode `process`",
                W::NAME
            )));
        }
    };
    let terms = |(number, method): (usize, &Method)| Terms {
        timeout: method.said.timeout.or(settings.timeout),
        run_timeout: method.said.run_timeout.or(settings.run_timeout),
        policy: settings.retries.of(number).cloned(),
    };
    let terms: Vec<Terms> = W::METHODS.iter().enumerate().map(terms).collect();
    let core = Core::new(settings, terms, engine);
    let client = Client { pool: Pool(Arc::new(Handle(core.clone()))), pinned: NONE, remote, marker: PhantomData };
    core.make()?;
    Ok(client)
}

impl Core {
    /// What is to be done for a call of `method` beyond running it. One that is made inside a call which has a deadline
    /// has that too.
    fn care(&self, method: usize) -> Option<Box<Care>> {
        let terms = self.terms.get(method)?;
        let until = context::deadline();
        (!terms.is_empty() || until.is_some()).then(|| Box::new(Care::new(terms.clone(), until)))
    }

    /// Starts the workers that a pool has from its beginning.
    fn make(&self) -> Result<()> {
        if let (Engine::Workers(_), false) = (&self.engine, self.settings.on_demand) {
            let mut failed = None;
            for index in 0..self.settings.max_workers {
                let (group, at) = self.home(index);
                let mut group = self.group(group);
                if let Err(error) = self.start(&mut group, at) {
                    group.lanes[at].status = super::lane::Status::Vacant;
                    failed = Some(error);
                    break;
                }
            }
            if failed.is_none() {
                let mut error = None;
                self.wait_until_gate(|gate| {
                    error = gate.init_error.clone();
                    error.is_some() || gate.came_up == self.settings.max_workers
                });
                failed = error;
            }
            if let Some(error) = failed {
                self.abort()?;
                return Err(error);
            }
        }
        self.making.store(false, Ordering::SeqCst);
        Ok(())
    }
}

impl<W: Worker> Client<W> {
    /// Calls a method; its arguments may be futures. The message is built of them by `build`.
    pub fn call<A: Args, T: DeserializeOwned + Send + 'static>(
        &self,
        method: usize,
        args: A,
        build: fn(A::Values) -> W::Message,
    ) -> TaskFuture<T> {
        self.submit(method, args, build, Some(codec::decode_result::<T>))
    }

    /// As [`call`](Self::call), for types whose results are not serializable.
    pub fn call_local<A: Args, T: Send + 'static>(
        &self,
        method: usize,
        args: A,
        build: fn(A::Values) -> W::Message,
    ) -> TaskFuture<T> {
        self.submit(method, args, build, None)
    }

    pub(crate) fn submit<A: Args, T: Send + 'static>(
        &self,
        method: usize,
        args: A,
        build: fn(A::Values) -> W::Message,
        decode: Option<DecodeFn<T>>,
    ) -> TaskFuture<T> {
        match self.offer(method, args, build, decode) {
            Ok(future) => future,
            Err(_args) => Self::refuse(method, Error::stopped()),
        }
    }

    /// A future of a call that is not made.
    pub(crate) fn refuse<T: Send + 'static>(method: usize, error: Error) -> TaskFuture<T> {
        let name = W::METHODS.get(method).map_or("", |method| method.name);
        TaskFuture::settled(Err(error.at(W::NAME, name)))
    }

    /// As `submit`; where the pool takes no more calls the arguments come back, so that another pool can have them.
    pub(crate) fn offer<A: Args, T: Send + 'static>(
        &self,
        method: usize,
        args: A,
        build: fn(A::Values) -> W::Message,
        decode: Option<DecodeFn<T>>,
    ) -> Result<TaskFuture<T>, A> {
        let core = self.pool.core();
        let refuse = |error: Error| Ok(Self::refuse(method, error));
        if self.pinned != NONE {
            if core.settings.on_demand {
                return refuse(Error::invalid(
                    "workers on demand come and go with their tasks, so none can be called by its index",
                ));
            }
            if self.pinned >= core.settings.max_workers {
                let most = core.settings.max_workers - 1;
                return refuse(Error::invalid(format!("there is no worker {}; the last is {most}", self.pinned)));
            }
        }
        if !core.accept() {
            return Err(args);
        }
        let ledger: Arc<dyn Ledger> = core.clone();
        let header = Header::new(method, W::NAME, W::METHODS, ledger, self.pinned, core.care(method));
        let remote = self.remote.and_then(|wire| decode.map(|decode| (wire.codec, decode)));
        match args.ready() {
            Ok(values) => {
                let cell = CallCell::new(header, Payload::Expected(None), remote);
                self.launch(core, &cell, build(values));
                Ok(TaskFuture(cell))
            }
            Err(args) => {
                let cell = CallCell::new(header, Payload::Expected(None), remote);
                core.park(cell.clone(), None);
                let upstream = gather_args(args, {
                    let (cell, core) = (cell.clone(), core.clone());
                    let wire = self.remote;
                    move |values| {
                        match values {
                            Ok(values) => {
                                if core.unpark(cell.header().id) {
                                    launch::<W, T>(&core, wire, &cell, build(values));
                                }
                            }
                            // Settling takes it out of where it waits.
                            Err(error) => {
                                cell.fail(error, None);
                            }
                        }
                    }
                });
                cell.expect(upstream);
                Ok(TaskFuture(cell))
            }
        }
    }

    fn launch<T: Send + 'static>(&self, core: &Arc<Core>, cell: &Arc<CallCell<W::Message, T>>, message: W::Message) {
        launch::<W, T>(core, self.remote, cell, message);
    }

    /// Whether its workers share no memory with this process.
    pub(crate) fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// A client of one worker.
    #[must_use]
    pub fn worker(&self, index: usize) -> Self {
        // The largest number stands for no worker in particular; no pool has that many.
        Client { pinned: index.min(NONE - 1), ..self.clone() }
    }
}

/// Gives a call its message and sends it on its way.
fn launch<W: Worker, T: Send + 'static>(
    core: &Arc<Core>,
    wire: Option<crate::worker::Wire<W>>,
    cell: &Arc<CallCell<W::Message, T>>,
    message: W::Message,
) {
    let payload = match wire {
        None if cell.header().care.as_ref().is_some_and(|care| care.may_repeat(0)) => {
            let wire = W::wire().map(|wire| (wire.codec, wire.encode, wire.decode));
            Payload::Kept(message, Replay { copy: W::copy_message, wire })
        }
        None => Payload::Typed(message),
        Some(wire) => match encode(wire.codec, wire.encode, message) {
            Ok(bytes) => Payload::Encoded(bytes),
            Err(why) => {
                cell.fail(Error::codec(format!("an argument {why}")), None);
                return;
            }
        },
    };
    cell.provide(payload);
    core.dispatch(cell.clone());
}

/// Runs the user's `Serialize`, and lets go of the message.
fn encode<M>(codec: Codec, encode: fn(Codec, &M) -> Result<Vec<u8>, String>, message: M) -> Result<Vec<u8>, String> {
    let done = codec::checked(|| encode(codec, &message));
    panics::dismiss(message);
    done
}
