//! What the processes of a pool are started with, and starting one.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::Pid;

use super::child::{self, Serve, Start};
use super::hook::MARKER;
use super::sys::{self, Build, Mark, Offset};
use crate::backend::Recipe;
use crate::error::{BoxError, Error, Result};
use crate::limits::{Keeper, Limiting};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::write_frame;
use crate::worker::{Wire, Worker};

/// Rebuilds a method's own error of its encoding.
pub(super) type DecodeError = fn(usize, &[u8]) -> Option<BoxError>;

/// The executable of this process, also where its file has been replaced or deleted meanwhile.
const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// What every worker of a pool is started with, as it was when the pool was made.
pub(super) struct Launch {
    pub(super) pool_name: String,
    pub(super) decode_error: DecodeError,
    pub(super) limiting: Limiting,
    build: Build,
    serve: Offset,
    hook: Option<Offset>,
    msgpack: bool,
    init: Vec<u8>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    name: OsString,
}

impl Launch {
    pub(super) fn prepare<W: Worker>(recipe: &Recipe<W>, wire: Wire<W>) -> Result<Self> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Error::init_failed(format!("{what}: {error}"));
        if env::var_os(MARKER).is_some() {
            // Were it taken for granted that the hook ran, a worker would run `main` and start workers without end.
            return Err(Error::unsupported(format!(
                "this process was started as a worker but runs `main`: the variable {MARKER} is set; unset it, or link the program so that its `.init_array` section is kept"
            )));
        }
        let serve: Serve = child::serve::<W>;
        sys::check_image(serve as usize).map_err(Error::unsupported)?;
        if let Some(hook) = recipe.start_hook {
            sys::check_image(hook as usize).map_err(Error::unsupported)?;
        }
        let init = codec::checked(|| (wire.encode_init)(wire.codec, &recipe.init))
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
            hook: recipe.start_hook.map(Offset::of_hook),
            msgpack: wire.codec == Codec::MsgPack,
            init,
            environment: env::vars_os().collect(),
            folder: env::current_dir().map_err(|error| failed("the current folder cannot be named", &error))?,
            name: env::args_os().next().unwrap_or_else(|| "concurry-worker".into()),
        })
    }

    /// Starts a process; it waits for [`describe`](Self::describe) before it does anything.
    pub(super) fn spawn(&self) -> Result<(Pid, UnixStream)> {
        let failed = |what: &str, error: &io::Error| Err(Error::init_failed(format!("{what}: {error}")));
        let (ours, theirs) = match UnixStream::pair() {
            Ok(pair) => pair,
            Err(error) => {
                return failed(
                    "no socket could be made for its process (`ulimit -n` bounds how many there can be)",
                    &error,
                );
            }
        };
        let mut command = Command::new(OWN_EXECUTABLE);
        command
            .arg0(&self.name)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(MARKER, std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)));
        if env::current_dir().ok().as_ref() != Some(&self.folder) {
            command.current_dir(&self.folder);
        }
        match command.spawn() {
            Ok(child) => Ok((Pid::from_raw(child.id().cast_signed()), ours)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.folder.is_dir() => failed(
                &format!("its process could not be started: the folder {} is gone", self.folder.display()),
                &error,
            ),
            Err(error) => failed("its process could not be started from /proc/self/exe", &error),
        }
    }

    /// Tells a process what it is, and hands it the mark.
    pub(super) fn describe(&self, socket: &UnixStream, mark: &OwnedFd, index: usize) -> Result<()> {
        let start = Start {
            build: self.build,
            serve: self.serve,
            hook: self.hook,
            msgpack: self.msgpack,
            init: self.init.clone(),
            pool_name: self.pool_name.clone(),
            index,
            limits: self.limiting.of(index).map(|local| local.plan().clone()),
        };
        let bytes = codec::encode(Codec::Bincode, &start)
            .map_err(|why| Error::codec(format!("the constructor's arguments {why}")))?;
        write_frame(socket, Head::plain(Kind::Start, bytes.len()), &bytes, &[mark.as_raw_fd()])
            .map_err(|error| Error::init_failed(format!("its process did not take its description: {error}")))
    }
}

/// A new mark, and the file to hand on.
pub(super) fn new_mark() -> Result<(Mark, OwnedFd)> {
    Mark::new()
        .and_then(|mut mark| match mark.take_file() {
            Some(file) => Ok((mark, file)),
            None => Err(io::Error::other("it has no file")),
        })
        .map_err(|error| Error::init_failed(format!("no shared memory could be made for its process: {error}")))
}
