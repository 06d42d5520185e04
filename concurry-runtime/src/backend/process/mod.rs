//! Workers that are processes of their own.
//!
//! The driver's side. A worker has one thread here, which starts the process, hands it its description and the shared
//! mark, and then reads what it says until it is gone ([`reader`]). Whoever submits writes to the socket directly, as
//! far as it takes anything without blocking; what it does not take, the reader writes once there is room ([`link`]).
//!
//! ```text
//! start ──> spawned ──> described ──> Ready: up ──> … ──> end of the socket ──> reaped ──> ended
//!    │         │            │           └─ Failed: the constructor's error        (for every path)
//!    └─ no executable, no process, no socket: failed, nothing to reap
//! ```
//!
//! The end of the socket is how a death is noticed; the exit status tells the cause, the mark which call had begun. If
//! the driver dies, the worker's own reader sees the same end and leaves ([`child`]).
//!
//! The socket is the child's standard input until it takes over before `main` ([`hook`]); both ends are closed on
//! `exec`, so no grandchild keeps one open.

mod child;
mod hook;
mod launch;
mod link;
mod reader;
mod status;
mod sys;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

pub(crate) use self::sys::{Arrived, Body, Named, Nameless};

use self::launch::Launch;
use self::link::ProcessLink;
use super::{Backend, End, Host, Place, Recipe, Started};
use crate::error::{Error, Result};
use crate::panics;
use crate::worker::{Wire, Worker};

/// Starts processes that run workers of one kind.
pub(crate) struct Processes {
    launch: Arc<Launch>,
}

impl Processes {
    /// Takes down what every worker is started with: the environment and the folder of this moment among it.
    pub(crate) fn new<W: Worker>(recipe: &Recipe<W>, wire: Wire<W>) -> Result<Self> {
        Ok(Processes { launch: Arc::new(Launch::prepare(recipe, wire)?) })
    }
}

impl Backend for Processes {
    fn start(&self, place: Place, host: Arc<dyn Host>, previous: Option<JoinHandle<()>>) -> Result<Started> {
        let link = ProcessLink::new(self.launch.decode_error)?;
        let (launch, own) = (self.launch.clone(), link.clone());
        let thread = thread::Builder::new()
            .name(format!("{}-{}", launch.pool_name, place.index).replace('\0', "?"))
            .spawn(move || {
                if let Some(previous) = previous {
                    // It has reported its end; this waits for its last instructions.
                    let _ = previous.join();
                }
                let end = panics::caught_text(|| reader::live(&launch, &own, place, &*host));
                host.ended(
                    place,
                    end.unwrap_or_else(|why| {
                        own.abandon();
                        End::broken(why)
                    }),
                );
            })
            .map_err(|error| {
                Error::init_failed(format!("no thread could be made to look after worker {}: {error}", place.index))
            })?;
        Ok(Started { link, thread })
    }
}
