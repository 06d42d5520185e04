//! The typed way into a pool, which generated stubs use, and what every such way can do.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::core::Core;
use super::room::{Entry, Held};
use super::{Pool, Reserve};
use crate::call::{AnyCall, CallCell, Care, DecodeFn, Header, Ledger, More, NONE, Payload, Replay};
use crate::context;
use crate::error::{Error, Result};
#[cfg(feature = "ray")]
use crate::far::{Behind, Pieces, Site};
use crate::future::{Args, TaskFuture, gather_args};
#[cfg(feature = "ray")]
use crate::mode::Mode;
use crate::observe::Seen;
use crate::panics;
use crate::wire::codec;
#[cfg(feature = "ray")]
use crate::wire::codec::Codec;
use crate::worker::{OfAKind, Wire, Worker};

/// What every client of a pool can do, whatever its worker: the generated clients, `TaskPool` and `TaskWorkerClient`
/// implement it. Everything that concerns the pool as a whole is on [`Pool`], to which each of them derefs.
pub trait WorkerClient: Clone + Deref<Target = Pool> {
    /// The pool; the way to it where a worker's method hides one of the pool's.
    fn pool(&self) -> &Pool;

    /// A client of one worker of the pool. Where there is no worker of that index, which on demand there never is,
    /// its calls resolve to [`Error::Invalid`].
    #[must_use]
    fn worker(&self, index: usize) -> Self;

    /// Waits, without a thread, until the pool has room for a call (`max_pending`), and returns a client that has a place:
    /// its first call neither waits nor is refused. Who waits is served in order; a client that is dropped without a call
    /// gives its place back. Where `max_pending` is not set there is always room.
    ///
    /// # Errors
    /// [`Error::Stopped`] where the pool is stopped, before or meanwhile.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// #[derive(Default)]
    /// struct Doubler;
    ///
    /// #[worker(mode = "thread", max_pending = 2)]
    /// impl Doubler {
    ///     pub fn double(&self, x: u64) -> u64 {
    ///         x * 2
    ///     }
    /// }
    ///
    /// async fn all(pool: &DoublerClient) -> concurry::Result<Vec<u64>> {
    ///     let mut futures = Vec::new();
    ///     for x in 0..100 {
    ///         futures.push(pool.reserve().await?.double(x));
    ///     }
    ///     gather(futures).await
    /// }
    /// ```
    fn reserve(&self) -> Reserve<Self> {
        Reserve::new(self.clone())
    }

    #[doc(hidden)]
    #[must_use]
    fn holding(&self, held: Held) -> Self;

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
    remote: Option<Wire<W>>,
    /// The place that its first call has, where it has been waited for.
    held: Option<Arc<Held>>,
    /// Waits for a place where there is none, whatever the options say.
    patient: bool,
    marker: PhantomData<fn() -> W>,
}

impl<W: Worker> Clone for Client<W> {
    fn clone(&self) -> Self {
        let Client { pool, pinned, remote, held, patient, .. } = self;
        Client {
            pool: pool.clone(),
            pinned: *pinned,
            remote: *remote,
            held: held.clone(),
            patient: *patient,
            marker: PhantomData,
        }
    }
}

impl<W: Worker> fmt::Debug for Client<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.pool, f)
    }
}

impl Core {
    /// What is to be done for a call of `method` beyond running it. One that is made inside a call which has a deadline
    /// has that too.
    fn care(&self, method: usize) -> Option<Care> {
        let terms = self.terms.get(method)?;
        let until = context::deadline();
        (!terms.is_empty() || until.is_some()).then(|| Care::new(terms.clone(), until))
    }
}

impl<W: Worker> Client<W> {
    /// A client of a pool's workers, whichever of them.
    pub(super) fn of(pool: Pool, remote: Option<Wire<W>>) -> Self {
        Client { pool, pinned: NONE, remote, held: None, patient: false, marker: PhantomData }
    }

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
        if core.is_elsewhere() {
            return refuse(Error::in_a_fork());
        }
        if !self.held.as_ref().is_some_and(|held| held.take()) {
            match core.enter_room(self.patient) {
                Entry::In => {}
                Entry::Stopped => return Err(args),
                Entry::Refused(error) => return refuse(error),
            }
        }
        if !core.accept() {
            core.leave_room();
            return Err(args);
        }
        let ledger: Arc<dyn Ledger> = core.clone();
        let more = More::of(core.care(method), Seen::submitted(&core.scene));
        let header = Header::new(method, W::KIND, ledger, self.pinned, more);
        let remote = self.remote.and_then(|wire| decode.map(|decode| (wire.codec, decode)));
        #[cfg(feature = "ray")]
        let args = {
            let mut args = args;
            if core.settings.mode == Mode::Sync {
                // Nobody but this thread can make the call.
                args.come(true);
            }
            args
        };
        match args.ready() {
            Ok(values) => Ok(match pack(self.remote, &header, build(values), core.settings.max_message_size) {
                Ok(payload) => {
                    let cell = CallCell::new(header, payload, remote);
                    core.dispatch(cell.clone());
                    core.scene.tell();
                    TaskFuture(cell)
                }
                Err(error) => {
                    let cell = CallCell::new(header, Payload::<W::Message>::Gone, remote);
                    cell.fail(error, None);
                    TaskFuture(cell)
                }
            }),
            Err(args) => {
                let cell = CallCell::new(header, Payload::Expected(None), remote);
                core.park(cell.clone(), None);
                #[cfg(feature = "ray")]
                let mut args = args;
                #[cfg(feature = "ray")]
                let site = self.stay(&mut args);
                let upstream = gather_args(args, {
                    let (cell, core) = (cell.clone(), core.clone());
                    let wire = self.remote;
                    move |args| {
                        match args {
                            Ok(args) => {
                                if core.unpark(cell.header().id) {
                                    let most = core.settings.max_message_size;
                                    let payload = match args.ready() {
                                        Ok(values) => pack(wire, cell.header(), build(values), most),
                                        #[cfg(feature = "ray")]
                                        Err(args) => compose(method, &args, site.as_ref(), most),
                                        #[cfg(not(feature = "ray"))]
                                        Err(_) => Err(Error::invalid("an argument's future gave no value")),
                                    };
                                    match payload {
                                        Ok(payload) => {
                                            cell.provide(payload);
                                            core.dispatch(cell.clone());
                                        }
                                        Err(error) => drop(cell.fail(error, None)),
                                    }
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

    /// Has arguments stay where they are, if that is the site that this returns, and else come here.
    #[cfg(feature = "ray")]
    fn stay<A: Args>(&self, args: &mut A) -> Option<Arc<dyn Site>> {
        let composes = self.remote.is_some_and(|wire| wire.codec == Codec::Bincode);
        let site = if composes { self.pool.core().site() } else { None };
        let site = site.filter(|site| args.stay(&Behind(site)));
        if site.is_none() {
            args.come(false);
        }
        site
    }

    /// A client whose first call has a place.
    #[must_use]
    pub fn holding(&self, held: Held) -> Self {
        Client { held: Some(Arc::new(held)), ..self.clone() }
    }

    /// The same for who waits anyway, as an iterator over results does.
    pub(crate) fn patient(&self) -> Self {
        Client { patient: true, ..self.clone() }
    }

    /// Whether its calls are for any worker, and none has a place already.
    pub(crate) fn is_anybodys(&self) -> bool {
        self.pinned == NONE && self.held.is_none()
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

/// A message some of whose arguments are on a cluster.
#[cfg(feature = "ray")]
fn compose<A: Args, M>(method: usize, args: &A, site: Option<&Arc<dyn Site>>, most: usize) -> Result<Payload<M>> {
    let site = site.ok_or_else(|| Error::invalid("an argument's future gave no value"))?;
    let mut pieces = Pieces::of(method, most)?;
    args.pieces(&Behind(site), &mut pieces)?;
    let (bytes, lacks) = pieces.into_message()?;
    Ok(Payload::Composed(Arc::new(bytes), Arc::new(lacks)))
}

/// A message, in the form in which its call carries it: where it is sent, in so many bytes at most.
fn pack<W: Worker>(
    wire: Option<Wire<W>>,
    header: &Header,
    message: W::Message,
    most: usize,
) -> Result<Payload<W::Message>> {
    Ok(match wire {
        None if header.care().is_some_and(|care| care.may_repeat(0)) => {
            let wire = W::wire().map(|wire| (wire.codec, wire.encode, wire.decode));
            Payload::Kept(Box::new((message, Replay { copy: W::copy_message, wire })))
        }
        None => Payload::Typed(message),
        Some(wire) => {
            Payload::Encoded(encode(wire, message, most).map_err(|why| Error::codec(format!("an argument {why}")))?)
        }
    })
}

/// Runs the user's `Serialize`, and lets go of the message.
fn encode<W: Worker>(wire: Wire<W>, message: W::Message, most: usize) -> Result<Vec<u8>, String> {
    let done = codec::checked(|| (wire.encode)(wire.codec, &message, most));
    panics::dismiss(message);
    done
}
