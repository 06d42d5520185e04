//! What the processes of a pool are started with, and starting one.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Once};
use std::time::Duration;

use nix::unistd::Pid;
use serde::Serialize;

use super::child::{self, Description, Preload, Serve, Start};
use super::hook::MARKER;
use super::life::Life;
use super::sys::{self, Build, Kept, Offset};
use crate::backend::Recipe;
#[cfg(feature = "ray")]
use crate::backend::ray::{Away, Cluster};
use crate::error::{BoxError, Error, Result};
use crate::fault::{Faults, Point};
use crate::limits::{Keeper, Limiting};
use crate::observe::Lines;
use crate::options::Settings;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Memory, write_frame};
use crate::worker::{Wire, Worker};

/// Rebuilds a method's own error of its encoding.
pub(super) type DecodeError = fn(usize, &[u8]) -> Option<BoxError>;

/// The executable of this process, also where its file has been replaced or deleted meanwhile.
const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// What has been started.
pub(super) struct Spawned<L = Life> {
    pub(super) life: L,
    /// Before the socket.
    pub(super) kept: Kept,
    pub(super) socket: Arc<UnixStream>,
    /// The other end of its stderr, where that is captured.
    pub(super) stderr: Option<OwnedFd>,
}

/// What a pool's options say of its processes.
#[derive(Clone, Copy)]
pub(crate) struct Choices {
    pub(crate) capture_stderr: bool,
    pub(crate) forward_logs: bool,
    /// In bytes.
    pub(crate) max_message_size: usize,
}

impl Choices {
    pub(super) fn of(settings: &Settings) -> Self {
        let Settings { capture_stderr, forward_logs, max_message_size, .. } = *settings;
        Choices { capture_stderr, forward_logs, max_message_size }
    }
}

/// Memory to share, and the file to hand on.
pub(super) type Shared = (Arc<Memory>, OwnedFd);

/// What surely fits into a socket that nobody reads.
const SHORT: usize = 32 << 10;

/// What every worker of a pool is started with, as it was when the pool was made.
pub(super) struct Launch {
    pub(super) pool_name: String,
    pub(super) decode_error: DecodeError,
    pub(super) limiting: Limiting,
    build: Build,
    serve: Offset,
    /// The zygote's entry, where it is to run the constructor.
    preload: Option<Offset>,
    hook: Option<Offset>,
    msgpack: bool,
    /// Whether memory is to be shared.
    rings: bool,
    init: Vec<u8>,
    init_timeout: Option<Duration>,
    pub(super) choices: Choices,
    pub(super) faults: Faults,
    /// Where its processes are started, if not here.
    #[cfg(feature = "ray")]
    cluster: Option<Arc<Cluster>>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    name: OsString,
}

impl Launch {
    pub(super) fn prepare<W: Worker>(
        recipe: &Recipe<W>,
        wire: Wire<W>,
        choices: Choices,
        preload: bool,
    ) -> Result<Self> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Error::init_failed(format!("{what}: {error}"));
        if env::var_os(MARKER).is_some() {
            // Were it taken for granted that the hook ran, a worker would run `main` and start workers without end.
            return Err(Error::unsupported(format!(
                "this process was started as a worker but runs `main`: the variable {MARKER} is set; unset it, or link the program so that its `.init_array` section is kept"
            )));
        }
        let serve: Serve = child::serve::<W>;
        let preloaded: Preload = child::preload::<W>;
        sys::check_image(serve as usize).map_err(Error::unsupported)?;
        if let Some(hook) = recipe.start_hook {
            sys::check_image(hook as usize).map_err(Error::unsupported)?;
        }
        let init = codec::checked(|| (wire.encode_init)(wire.codec, &recipe.init, choices.max_message_size))
            .map_err(|why| Error::codec(format!("the constructor's arguments {why}")))?;
        Ok(Launch {
            pool_name: recipe.pool_name.to_string(),
            limiting: recipe.limiting.clone(),
            decode_error: match wire.codec {
                Codec::Bincode => |method, bytes| W::decode_error(method, Codec::Bincode, bytes),
                Codec::MsgPack => |method, bytes| W::decode_error(method, Codec::MsgPack, bytes),
            },
            build: sys::build_of_this_process().map_err(|error| {
                failed("the program's own executable cannot be looked at (is /proc mounted?)", &error)
            })?,
            serve: Offset::of_serve(serve),
            preload: preload.then(|| Offset::of_preload(preloaded)),
            hook: recipe.start_hook.map(Offset::of_hook),
            msgpack: wire.codec == Codec::MsgPack,
            rings: asks_for_rings()?,
            init,
            init_timeout: recipe.init_timeout,
            choices,
            faults: Faults::of_this_thread(),
            #[cfg(feature = "ray")]
            cluster: None,
            environment: env::vars_os().collect(),
            folder: env::current_dir().map_err(|error| failed("the current folder cannot be named", &error))?,
            name: env::args_os().next().unwrap_or_else(|| "concurry-worker".into()),
        })
    }

    /// What makes events of what the worker of this index writes to its stderr, if that is asked for.
    pub(super) fn lines(&self, worker: Option<usize>) -> Option<Lines> {
        if self.choices.forward_logs { Lines::new(&self.pool_name, worker) } else { None }
    }

    /// Has processes started on a cluster, which has this executable as what is shipped there.
    #[cfg(feature = "ray")]
    pub(super) fn on_cluster(self, cluster: Arc<Cluster>) -> Self {
        let build = Build::Shipped(cluster.image());
        // Nobody shares memory with another machine.
        Launch { build, rings: false, cluster: Some(cluster), ..self }
    }

    /// Starts the process of the worker at `index`; it waits for [`describe`](Self::describe) before it does anything. From
    /// `born` on it can be ended, also while this waits for a way to it.
    pub(super) fn spawn(&self, index: usize, born: &dyn Fn(&Life)) -> Result<Spawned> {
        #[cfg(feature = "ray")]
        if let Some(cluster) = &self.cluster {
            let Away { actor, socket, stderr } = cluster.spawn(index, self.choices.capture_stderr)?;
            let relayed = sys::keep(socket.as_fd());
            let life = Life::Actor(actor.clone());
            born(&life);
            let (kept, socket) = match cluster.connect(&actor, &socket) {
                None => (relayed, Arc::new(socket)),
                Some(direct) => {
                    drop(relayed);
                    (sys::keep(direct.as_fd()), direct)
                }
            };
            return Ok(Spawned { life, kept, socket, stderr });
        }
        let _ = index;
        let Spawned { life: pid, kept, socket, stderr } = self.spawn_with(&self.faults)?;
        let life = Life::Process(pid);
        born(&life);
        Ok(Spawned { life, kept, socket, stderr })
    }

    /// The same of one that is to be a zygote.
    pub(super) fn spawn_zygote(&self) -> Result<Spawned<Pid>> {
        self.spawn_with(&Faults::none())
    }

    fn spawn_with(&self, faults: &Faults) -> Result<Spawned<Pid>> {
        let failed = |what: &str, error: &io::Error| Err(Error::refused(what, error));
        let (ours, theirs) = match UnixStream::pair() {
            Ok(pair) => pair,
            Err(error) => return failed("no socket could be made for its process", &error),
        };
        // A fork of this process does not have it: its worker is to see the end of this process, and of no other.
        let kept = sys::keep(ours.as_fd());
        let mut command = Command::new(OWN_EXECUTABLE);
        command
            .arg0(&self.name)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(MARKER, std::process::id().to_string())
            .envs(faults.variable())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(if self.choices.capture_stderr { Stdio::piped() } else { Stdio::inherit() });
        if env::current_dir().ok().as_ref() != Some(&self.folder) {
            command.current_dir(&self.folder);
        }
        match faults.allows(Point::Spawn).and_then(|()| command.spawn()) {
            Ok(mut child) => {
                let stderr = child.stderr.take().map(OwnedFd::from);
                let life = Pid::from_raw(child.id().cast_signed());
                Ok(Spawned { life, kept, socket: Arc::new(ours), stderr })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.folder.is_dir() => failed(
                &format!("its process could not be started: the folder {} is gone", self.folder.display()),
                &error,
            ),
            Err(error) => failed("its process could not be started from /proc/self/exe", &error),
        }
    }

    /// Whether workers are forked from what their constructor made.
    pub(super) fn preloads(&self) -> bool {
        self.preload.is_some()
    }

    /// Whether what a worker is told first may be more than fits into its socket.
    pub(super) fn is_long(&self) -> bool {
        !self.preloads() && self.init.len() > SHORT
    }

    pub(super) fn captures_stderr(&self) -> bool {
        self.choices.capture_stderr
    }

    /// Why what a process writes to stderr cannot be captured.
    pub(super) fn no_stderr(error: &io::Error) -> Error {
        Error::refused(
            "what its process writes to stderr cannot be captured (`capture_stderr = false` does without)",
            error,
        )
    }

    /// Memory for a process to share; nothing where it is to do without.
    pub(super) fn memory(&self) -> Option<Shared> {
        if self.rings { new_memory(&self.faults) } else { None }
    }

    /// Tells a process what it is, and hands it the memory that it shares; `false` where it is gone.
    pub(super) fn describe(&self, socket: &UnixStream, memory: Option<&OwnedFd>, index: usize) -> Result<bool> {
        // One that is forked from what its constructor made needs no arguments of it.
        let init = if self.preloads() { Vec::new() } else { self.init.clone() };
        let start = Start { shared: memory.is_some(), ..self.start(index, init) };
        self.tell(socket, Kind::Start, &start, memory)
    }

    /// Tells a process that it is a zygote, and hands it the register; `false` where it is gone.
    pub(super) fn describe_zygote(&self, socket: &UnixStream, register: &OwnedFd) -> Result<bool> {
        let preload = self.preload.map(|entry| (entry, Start { limits: None, ..self.start(0, self.init.clone()) }));
        let description = Description { build: self.build, pool_name: self.pool_name.clone(), preload };
        self.tell(socket, Kind::Zygote, &description, Some(register))
    }

    /// From how many bytes on a result may stay on its node.
    fn reference_above(&self) -> Option<u64> {
        #[cfg(feature = "ray")]
        if let (Some(cluster), false) = (&self.cluster, self.msgpack) {
            return cluster.reference_above();
        }
        None
    }

    fn start(&self, index: usize, init: Vec<u8>) -> Start {
        Start {
            build: self.build,
            serve: self.serve,
            hook: self.hook,
            msgpack: self.msgpack,
            init,
            init_timeout: self.init_timeout,
            max_message_size: self.choices.max_message_size,
            pool_name: self.pool_name.clone(),
            index,
            limits: self.limiting.of(index).map(|local| local.plan().clone()),
            shared: false,
            reference_above: self.reference_above(),
        }
    }

    fn tell(&self, socket: &UnixStream, kind: Kind, what: &impl Serialize, file: Option<&OwnedFd>) -> Result<bool> {
        let files: Vec<_> = file.iter().map(|file| file.as_raw_fd()).collect();
        let bytes = codec::encode(Codec::Bincode, what)
            .map_err(|why| Error::codec(format!("the constructor's arguments {why}")))?;
        match write_frame(socket, Head::plain(kind, bytes.len()), &bytes, &files) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Ok(false)
            }
            Err(error) => Err(Error::init_failed(format!("its process could not be described: {error}"))),
        }
    }
}

/// Whether `CONCURRY_LINK` lets rings be used: for trying the other kind of link.
fn asks_for_rings() -> Result<bool> {
    match env::var_os(LINK) {
        None => Ok(true),
        Some(link) if link == "ring" => Ok(true),
        Some(link) if link == "socket" => Ok(false),
        Some(link) => Err(Error::config(format!(
            "the environment variable {LINK} is `{}`; it may be `ring` or `socket`, or not be set",
            link.display()
        ))),
    }
}

const LINK: &str = "CONCURRY_LINK";

/// Nothing where the system refuses it.
fn new_memory(faults: &Faults) -> Option<Shared> {
    static SAID: Once = Once::new();
    let made = faults.allows(Point::Memory).and_then(|()| Memory::new());
    made
        .inspect_err(|error| {
            SAID.call_once(|| {
                // Where that cannot be written, it cannot be told.
                let _ = writeln!(
                    io::stderr(),
                    "concurry: no memory can be shared with worker processes ({error}); their calls go over a socket, which is slower"
                );
            });
        })
        .ok()
}
