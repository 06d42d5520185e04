//! [`Cluster`]: what a pool has of a Ray cluster. The bridge of the moment, and what the next one is told.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::actor::Actor;
use super::bridge::Bridge;
use super::image::Image;
use super::options::RayOptions;
use crate::error::{Error, Result};

/// A worker on its way up.
pub(crate) struct Away {
    pub(crate) actor: Arc<Actor>,
    pub(crate) socket: UnixStream,
    /// The other end of its stderr, where that is captured.
    pub(crate) stderr: Option<OwnedFd>,
}

#[derive(Default)]
struct State {
    bridge: Option<Arc<Bridge>>,
    closed: bool,
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
        let state = Mutex::new(State { bridge: Some(bridge), closed: false });
        Ok(Arc::new(Cluster { worker, python, hello, executable, image, release, state }))
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
        let actor = bridge.fork(seat, self.release, &files)?;
        Ok(Away { actor, socket, stderr })
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
