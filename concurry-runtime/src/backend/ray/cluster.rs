//! [`Cluster`]: what a pool has of a Ray cluster. The bridge of the moment, and what the next one is told.
//!
//! Each bridge knows the pool by a number of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::actor::Actor;
use super::bridge::{Bridge, Wanted, named};
use super::image::Image;
use super::options::{Hello, RayOptions, RayTransport, Site};
use crate::error::{Error, Result};
use crate::far::Site as Values;

/// How long connecting to a node may take where there is another way, and where there is none.
const PATIENCE: Duration = Duration::from_secs(2);
const GREAT_PATIENCE: Duration = Duration::from_secs(10);

/// A worker on its way up.
pub(crate) struct Away {
    pub(crate) actor: Arc<Actor>,
    /// The other end is the bridge's.
    pub(crate) socket: UnixStream,
    /// The other end of its stderr, where that is captured.
    pub(crate) stderr: Option<OwnedFd>,
}

#[derive(Default)]
struct State {
    /// The bridge, and the pool's number there.
    bridge: Option<(Arc<Bridge>, u64)>,
    closed: bool,
    /// The nodes that cannot be reached from here.
    unreachable: BTreeSet<IpAddr>,
}

/// A pool's part of a cluster.
pub(crate) struct Cluster {
    /// The type of the workers, which errors name.
    worker: &'static str,
    site: Site,
    /// What every bridge is told of the pool.
    hello: Hello,
    /// The file that this process runs, also where that has been replaced or deleted meanwhile.
    executable: File,
    image: Image,
    /// A worker's place on the cluster goes with it.
    release: bool,
    transport: RayTransport,
    /// See [`reference_above`](Self::reference_above).
    reference_above: Option<u64>,
    state: Mutex<State>,
}

impl Cluster {
    /// Joins the cluster that `options` name, for a pool of this name; `release` where no worker has a successor.
    pub(crate) fn join(
        worker: &'static str,
        options: &RayOptions,
        name: &str,
        capture_stderr: bool,
        release: bool,
    ) -> Result<Arc<Self>> {
        let hello = options.hello(name.replace('\0', "?"), capture_stderr).map_err(|error| named(error, worker))?;
        let site = options.site().map_err(|error| named(error, worker))?;
        let executable = File::open("/proc/self/exe").map_err(|error| {
            Error::init_failed(format!("the program's own executable cannot be read (is /proc mounted?): {error}"))
        })?;
        let bridge = Bridge::to(&site, worker, &executable)?;
        let opened = bridge.ready(worker).and_then(|image| Ok((image, bridge.open(&hello)?)));
        let (image, pool) = opened.map_err(|error| {
            bridge.leave();
            bridge.await_end();
            named(error, worker)
        })?;
        let state = Mutex::new(State { bridge: Some((bridge, pool)), ..State::default() });
        let (transport, reference_above) = (options.way(), options.large().filter(|_| site.keeps_values()));
        Ok(Arc::new(Cluster { worker, site, hello, executable, image, release, transport, reference_above, state }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its values are, if any are to stay there: behind the bridge of the moment.
    pub(crate) fn site(&self) -> Option<Arc<dyn Values>> {
        self.reference_above?;
        let bridge = self.state().bridge.as_ref().map(|(bridge, _)| bridge.clone());
        bridge.filter(|bridge| !bridge.is_over()).map(|bridge| bridge as Arc<dyn Values>)
    }

    /// From how many bytes on a result may stay on its node.
    pub(crate) fn reference_above(&self) -> Option<u64> {
        self.reference_above
    }

    /// The executable that workers run.
    pub(crate) fn image(&self) -> Image {
        self.image
    }

    /// Sees to it that there is a bridge that is up. Where there is none any more, another is started, and waited for.
    fn see_to_a_bridge(&self) -> Result<()> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::stopped());
        }
        let bridge = match &state.bridge {
            Some((bridge, _)) if !bridge.is_over() => bridge.clone(),
            _ => {
                if let Some((gone, _)) = state.bridge.take() {
                    gone.leave();
                }
                let bridge = Bridge::to(&self.site, self.worker, &self.executable)?;
                match bridge.open(&self.hello) {
                    Ok(pool) => state.bridge = Some((bridge.clone(), pool)),
                    Err(error) => {
                        bridge.leave();
                        return Err(error);
                    }
                }
                bridge
            }
        };
        drop(state);
        if bridge.ready(self.worker)? != self.image {
            return Err(Error::ray(format!("{}: the program's executable was written to while it runs", self.worker)));
        }
        Ok(())
    }

    /// Has a worker started in this seat. Returns at once, where there is a bridge.
    pub(crate) fn spawn(&self, seat: usize, capture_stderr: bool) -> Result<Away> {
        self.see_to_a_bridge()?;
        let (socket, theirs) =
            UnixStream::pair().map_err(|error| Error::refused("no socket could be made for its process", &error))?;
        let (stderr, written) = match capture_stderr {
            false => (None, None),
            true => {
                let (read, write) = pipe2(OFlag::O_CLOEXEC)
                    .map_err(|error| Error::refused("no pipe could be made for its stderr", &error.into()))?;
                (Some(read), Some(write))
            }
        };
        let mut files = vec![theirs.as_raw_fd()];
        files.extend(written.iter().map(AsRawFd::as_raw_fd));
        let direct = self.transport != RayTransport::Relay;
        // Under the lock: once the bridge was told that the pool is over, it is told of no worker of it.
        let state = self.state();
        let Some((bridge, pool)) = state.bridge.as_ref().filter(|_| !state.closed) else {
            return Err(Error::stopped());
        };
        let wanted = Wanted { pool: *pool, seat, release: self.release, direct };
        let actor = bridge.fork(&wanted, self.worker, &files)?;
        Ok(Away { actor, socket, stderr })
    }

    /// Connects to a worker's node, once the worker has its place; `None` where its frames go through the bridge, by
    /// `relayed`, or it is not to be. The bridge ends `relayed` where the worker is ended meanwhile.
    pub(crate) fn connect(&self, actor: &Arc<Actor>, relayed: &UnixStream) -> Option<Arc<UnixStream>> {
        let patience = match self.transport {
            RayTransport::Relay => return None,
            RayTransport::Auto => PATIENCE,
            RayTransport::Direct => GREAT_PATIENCE,
        };
        let offer = actor.await_offer()?;
        let node = offer.at.ip();
        if self.state().unreachable.contains(&node) {
            actor.relay();
            return None;
        }
        match offer.take(patience, relayed) {
            Ok(socket) => {
                let socket = Arc::new(socket);
                actor.connected(&socket);
                // So that its number is known before it is up. Where it was not started, its fate says why.
                actor.await_begun();
                return Some(socket);
            }
            Err(error) if self.transport == RayTransport::Direct => actor.refuse(&format!(
                "its node cannot be reached at {} from here ({error}); open the ports between this machine and the cluster's nodes, or let calls go through Ray: `RayTransport::Auto` or `RayTransport::Relay`",
                offer.at
            )),
            // It may have died, or have been ended, which says nothing of its node.
            Err(error) => {
                actor.relay();
                if actor.await_begun() && self.state().unreachable.insert(node) {
                    self.say_unreachable(offer.at, &error);
                }
            }
        }
        None
    }

    fn say_unreachable(&self, at: SocketAddr, error: &io::Error) {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            // Where that cannot be written, it cannot be told.
            let _ = writeln!(
                io::stderr(),
                "concurry: {}: the node of a worker cannot be reached at {at} from here ({error}); its calls go through Ray, which is slower (with `RayTransport::Relay` that is not tried)",
                self.worker
            );
        });
    }

    /// No worker will be started any more: the bridge ends those that are there, and itself where no other pool has to do
    /// with it. Does not wait.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true)
            && let Some((bridge, pool)) = &state.bridge
        {
            bridge.shut(*pool);
            bridge.leave();
        }
    }

    /// Waits until that is done.
    pub(crate) fn await_end(&self) {
        let bridge = self.state().bridge.clone();
        if let Some((bridge, pool)) = bridge {
            bridge.await_shut(pool);
            bridge.await_end();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.close();
    }
}
