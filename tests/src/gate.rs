//! A gate at which workers stop, in whatever thread or process they are, until the test lets them through.
//!
//! The gate listens on a socket; a worker that knocks connects to it, says who it is, and reads until the test has
//! answered or the gate is gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use crate::{LONG, TempDir};

/// The test's side. Dropping it lets everybody through who stands there or comes later.
#[derive(Debug)]
pub struct Gate {
    listener: UnixListener,
    folder: TempDir,
}

/// The worker's side: an argument of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Door(pub PathBuf);

/// A worker that stands at the gate. Dropping it lets the worker through.
#[derive(Debug)]
pub struct Visitor {
    /// The process that it is in.
    pub pid: u32,
    /// What it said.
    pub word: String,
    stream: UnixStream,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        let folder = TempDir::new();
        let listener = UnixListener::bind(folder.path().join("gate")).unwrap();
        Gate { listener, folder }
    }

    /// What a worker needs to knock.
    pub fn door(&self) -> Door {
        Door(self.folder.path().join("gate"))
    }

    /// Waits for the next worker to knock.
    #[track_caller]
    pub fn visitor(&self) -> Visitor {
        let begun = Instant::now();
        loop {
            let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(1000u16));
            if matches!(ready, Ok(1..)) {
                break;
            }
            assert!(begun.elapsed() < LONG, "nobody came to the gate within {LONG:?}");
        }
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let (pid, word) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        Visitor { pid: pid.parse().unwrap(), word: word.to_owned(), stream }
    }

    /// Whether somebody stands at the gate who has not been seen.
    pub fn has_visitor(&self) -> bool {
        let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..))
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Visitor {
    /// Lets the worker through with a word for its way.
    pub fn pass(mut self, word: &str) {
        // A worker that was killed meanwhile takes nothing.
        let _ = self.stream.write_all(word.as_bytes());
    }
}

impl Door {
    /// Knocks and waits to be let through; what the test said then.
    pub fn knock(&self) -> String {
        self.knock_with("")
    }

    /// Knocks, saying `word`.
    pub fn knock_with(&self, word: &str) -> String {
        // Where the gate is gone, the way is free.
        let Ok(mut stream) = UnixStream::connect(&self.0) else { return String::new() };
        let mut answer = String::new();
        if writeln!(stream, "{} {word}", std::process::id()).is_ok() {
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    }
}
