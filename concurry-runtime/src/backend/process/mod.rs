//! Workers that are processes of their own.
//!
//! The driver's side. A worker has one thread here, which starts the process, hands it its description and the memory
//! that they share, and then reads what it says until it is gone ([`reader`]). Whoever submits writes to the ring in
//! that memory directly, as far as there is room; what finds none, the reader writes once there is ([`link`]).
//!
//! ```text
//! start ──> spawned ──> described ──> Ready: up ──> … ──> end of the socket ──> reaped ──> ended
//!    │         │            │           └─ Failed: the constructor's error        (for every path)
//!    └─ no executable, no process, no socket: failed, nothing to reap
//! ```
//!
//! Whoever waits for a value of a small call takes it out of the ring by itself, where the reader sleeps ([`answers`]).
//!
//! The end of the socket is how a death is noticed; the exit status tells the cause, the mark which call had begun. If
//! the driver dies, the worker's own reader sees the same end and leaves ([`child`]).
//!
//! What a worker writes to its stderr is shown by the driver and kept for the error of its death ([`stderr`]); whether the
//! out-of-memory killer may have ended it is looked up ([`kills`]).
//!
//! The socket is the child's standard input until it takes over before `main` ([`hook`]); both ends are closed on
//! `exec`, so no grandchild keeps one open.

mod answers;
mod child;
#[cfg(feature = "ray")]
mod far;
mod hook;
mod kills;
mod launch;
mod life;
mod link;
mod mark;
mod nursery;
mod reader;
mod refilling;
mod sent;
mod status;
mod stderr;
mod sys;
mod tail;
mod talk;
mod zygote;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

#[cfg(feature = "fault-injection")]
pub(crate) use self::sys::fork;
pub(crate) use self::sys::watch_forks;
pub(crate) use self::sys::{Arrived, Body, Named, Nameless};
#[cfg(feature = "ray")]
pub(super) use self::{
    sys::{Kept, keep},
    tail::Tail,
    talk::{Message, receive},
};

use self::launch::{Choices, Launch};
use self::link::ProcessLink;
use self::nursery::Nursery;
#[cfg(feature = "ray")]
use super::ray::Cluster;
use super::{Backend, Host, Place, Recipe, Started};
use crate::error::{Error, Result};
#[cfg(feature = "ray")]
use crate::far::Site;
use crate::fault::Point;
use crate::options::Settings;
use crate::panics;
use crate::worker::{Wire, Worker};

/// Starts processes that run workers of one kind.
pub(crate) struct Processes {
    launch: Arc<Launch>,
    /// Where they are forked, if they are.
    nursery: Option<Arc<Nursery>>,
    /// Where they are, if not here.
    #[cfg(feature = "ray")]
    cluster: Option<Arc<Cluster>>,
}

impl Processes {
    /// Takes down what every worker is started with: the environment and the folder of this moment among it.
    pub(crate) fn new<W: Worker>(recipe: &Recipe<W>, wire: Wire<W>, settings: &Settings) -> Result<Self> {
        let Settings { preload, on_demand, max_workers, .. } = *settings;
        let launch = Arc::new(Launch::prepare(recipe, wire, Choices::of(settings), preload)?);
        let nursery = (preload || on_demand).then(|| Nursery::new(launch.clone(), max_workers, on_demand));
        Ok(Processes {
            launch,
            nursery,
            #[cfg(feature = "ray")]
            cluster: None,
        })
    }

    /// The same on the nodes of a Ray cluster, which is joined first.
    #[cfg(feature = "ray")]
    pub(crate) fn on_ray<W: Worker>(recipe: &Recipe<W>, wire: Wire<W>, settings: &Settings) -> Result<Self> {
        let Settings { capture_stderr, on_demand, .. } = *settings;
        let launch = Launch::prepare(recipe, wire, Choices::of(settings), false)?;
        let cluster = Cluster::join(settings.worker, &settings.ray, &recipe.pool_name, capture_stderr, on_demand)?;
        let launch = Arc::new(launch.on_cluster(cluster.clone()));
        Ok(Processes { launch, nursery: None, cluster: Some(cluster) })
    }
}

impl Backend for Processes {
    fn start(&self, place: Place, host: Arc<dyn Host>, previous: Option<JoinHandle<()>>) -> Result<Started> {
        let link = ProcessLink::new(self.launch.decode_error, self.nursery.clone(), self.launch.faults.clone())?;
        let (launch, nursery, own) = (self.launch.clone(), self.nursery.clone(), link.clone());
        let builder = thread::Builder::new().name(format!("{}-{}", launch.pool_name, place.index).replace('\0', "?"));
        let may_be = self.launch.faults.allows(Point::Thread);
        let thread = may_be
            .and_then(|()| {
                builder.spawn(move || {
                    if let Some(previous) = previous {
                        // It has reported its end; this waits for its last instructions.
                        let _ = previous.join();
                    }
                    let lived = panics::caught_text(|| reader::live(&launch, nursery.as_ref(), &own, place, &*host));
                    let (end, tap) = lived.unwrap_or_else(|why| (own.abandon(why, place.index), None));
                    host.ended(place, end);
                    if let Some(tap) = tap {
                        // Nobody's answer waits for this, but a stop does, so that what was written is shown by then.
                        tap.settle();
                    }
                })
            })
            .map_err(|error| {
                Error::refused(format_args!("no thread could be made to look after worker {}", place.index), &error)
            })?;
        Ok(Started { link, thread })
    }

    fn close(&self) {
        if let Some(nursery) = &self.nursery {
            nursery.close();
        }
        #[cfg(feature = "ray")]
        if let Some(cluster) = &self.cluster {
            cluster.close();
        }
    }

    #[cfg(feature = "ray")]
    fn site(&self) -> Option<Arc<dyn Site>> {
        self.cluster.as_ref()?.site()
    }

    fn join(&self) {
        if let Some(nursery) = &self.nursery {
            nursery.join();
        }
        #[cfg(feature = "ray")]
        if let Some(cluster) = &self.cluster {
            cluster.await_end();
        }
    }
}
