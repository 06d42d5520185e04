//! [`Cluster`]: what a pool has of a Ray cluster. The bridge of the moment, and what the next one is told.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::actor::Actor;
use super::bridge::Bridge;
use super::image::Image;
use super::options::{RayOptions, RayTransport};
use crate::error::{Error, Result};

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
    bridge: Option<Arc<Bridge>>,
    closed: bool,
    /// The nodes that cannot be reached from here.
    unreachable: BTreeSet<IpAddr>,
}

/// A pool's part of a cluster.
pub(crate) struct Cluster {
    /// The type of the workers, which errors name.
    worker: &'static str,
    python: PathBuf,
    /// What every bridge is told first.
    hello: Vec<u8>,
    /// The file that this process runs, also where that has been replaced or deleted meanwhile.
    executable: File,
    image: Image,
    /// A worker's place on the cluster goes with it.
    release: bool,
    transport: RayTransport,
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
        let hello = options.hello(name.replace('\0', "?"), capture_stderr).and_then(|hello| hello.to_bytes());
        let hello = hello.map_err(|error| match error {
            Error::Config { message } => Error::config(format!("{worker}: {message}")),
            other => other,
        })?;
        let executable = File::open("/proc/self/exe").map_err(|error| {
            Error::init_failed(format!("the program's own executable cannot be read (is /proc mounted?): {error}"))
        })?;
        let python = options.interpreter();
        let bridge = Bridge::start(worker, &python, &hello, &executable)?;
        let image = bridge.ready().inspect_err(|_| {
            bridge.leave(true);
            bridge.await_end();
        })?;
        let state = Mutex::new(State { bridge: Some(bridge), ..State::default() });
        let transport = options.way();
        Ok(Arc::new(Cluster { worker, python, hello, executable, image, release, transport, state }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The executable that workers run.
    pub(crate) fn image(&self) -> Image {
        self.image
    }

    /// A bridge that is up. Where there is none any more, another is started, and waited for.
    fn bridge(&self) -> Result<Arc<Bridge>> {
        let mut state = self.state();
        if state.closed {
            return Err(Error::stopped());
        }
        let bridge = match &state.bridge {
            Some(bridge) if !bridge.is_over() => bridge.clone(),
            _ => state.bridge.insert(Bridge::start(self.worker, &self.python, &self.hello, &self.executable)?).clone(),
        };
        drop(state);
        let image = bridge.ready()?;
        if image != self.image {
            return Err(Error::ray(format!("{}: the program's executable was written to while it runs", self.worker)));
        }
        Ok(bridge)
    }

    /// Has a worker started in this seat. Returns at once, where there is a bridge.
    pub(crate) fn spawn(&self, seat: usize, capture_stderr: bool) -> Result<Away> {
        let bridge = self.bridge()?;
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
        let actor = bridge.fork(seat, self.release, direct, &files)?;
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

    /// No worker will be started any more: the bridge ends those that are there, and itself. Does not wait.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true)
            && let Some(bridge) = &state.bridge
        {
            bridge.leave(false);
        }
    }

    /// Waits until the bridge is gone.
    pub(crate) fn await_end(&self) {
        let bridge = self.state().bridge.clone();
        if let Some(bridge) = bridge {
            bridge.await_end();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.close();
    }
}
