//! Ray clusters for tests: a real one, where `CONCURRY_TEST_RAY` says that `RAY_ADDRESS` is its and that `CONCURRY_PYTHON`
//! has Ray; or what stands in for it in `tests/ray/stub`, which needs a Python and nothing else. Frames travel as
//! `CONCURRY_TEST_TRANSPORT` says, be it `relay` or `direct`, else as they do by default.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use concurry::{RayOptions, RayTransport};

use crate::{TempDir, eventually, is_alive, is_of_this_session};

/// Whether the cluster is a real one.
pub fn is_real() -> bool {
    std::env::var_os("CONCURRY_TEST_RAY").is_some()
}

/// How frames travel, unless a test says otherwise.
pub fn transport() -> RayTransport {
    match std::env::var("CONCURRY_TEST_TRANSPORT").as_deref() {
        Err(_) => RayTransport::default(),
        Ok("relay") => RayTransport::Relay,
        Ok("direct") => RayTransport::Direct,
        Ok(other) => panic!("there is no transport `{other}`"),
    }
}

/// Whether there is a Python here. Where there is none, tests that need one are left out, loudly, and not where `CI` is set.
#[track_caller]
pub fn has_python() -> bool {
    let found = Command::new("python3").arg("-c").arg("pass").status().is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "there is no python3, which the tests of mode `ray` need");
        eprintln!("LEFT OUT: there is no python3, which this test needs");
    }
    found
}

/// Where what stands in for Ray is.
pub fn stub() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ray/stub")
}

/// What stands before the bridge: it notes the bridge's process, and lets it find what stands in for Ray.
#[derive(Debug)]
pub struct Interpreter {
    folder: TempDir,
}

impl Interpreter {
    /// One that has Ray, or what stands in for it.
    pub fn new() -> Self {
        let python = std::env::var("CONCURRY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        match is_real() {
            true => Self::with(&python, None),
            false => Self::with("python3", Some(&stub())),
        }
    }

    /// One that finds modules in `folder` first.
    pub fn with(python: &str, folder: Option<&Path>) -> Self {
        let modules = folder.map(|folder| format!("export PYTHONPATH='{}'\n", folder.display())).unwrap_or_default();
        Self::after(&modules, python)
    }

    /// What stands in for Ray, with nodes that say that this is their address.
    pub fn with_nodes_at(address: &str) -> Self {
        let variables = format!("export PYTHONPATH='{}' STUB_NODE_ADDRESS={address}\n", stub().display());
        Self::after(&variables, "python3")
    }

    /// What stands in for Ray, with nodes whose ports are known outside as who listens at this path says.
    pub fn with_nodes_behind(gateway: &Path) -> Self {
        let variables = format!("export PYTHONPATH='{}' STUB_GATEWAY='{}'\n", stub().display(), gateway.display());
        Self::after(&variables, "python3")
    }

    /// `python`, which a shell comes to by `first`.
    fn after(first: &str, python: &str) -> Self {
        let own = TempDir::new();
        let path = own.path().join("python");
        let noted = own.path().join("pid");
        // In one go: whoever reads it must not see half of it.
        let noted = format!("echo $$ > '{0}.new' && mv '{0}.new' '{0}'", noted.display());
        write_program(&path, &format!("#!/bin/sh\n{first}{noted}\nexec '{python}' \"$@\"\n"));
        Interpreter { folder: own }
    }

    /// No Python at all: this, as a shell reads it.
    pub fn script(text: &str) -> Self {
        let own = Self::with("python3", None);
        write_program(&own.path(), &format!("#!/bin/sh\n{text}\n"));
        own
    }

    /// What to run.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("python")
    }

    /// The process of the last bridge that was started.
    #[track_caller]
    pub fn bridge(&self) -> u32 {
        fs::read_to_string(self.folder.path().join("pid")).unwrap().trim().parse().unwrap()
    }

    /// Options of a pool on that cluster, whose workers are small, so that many tests have room.
    pub fn options(&self) -> RayOptions {
        let ray = RayOptions::new().python(self.path()).num_cpus(0.25).transport(transport());
        if is_real() { ray } else { ray.address("stub") }
    }

    /// Waits until none of these processes is left, nor the bridge.
    #[track_caller]
    pub fn nothing_left(&self, processes: &[u32]) {
        // Ray's own processes have sessions of their own.
        let is_left = |pid| is_alive(pid) && (is_real() || is_of_this_session(pid));
        eventually("nothing is left", || !is_left(self.bridge()) && !processes.iter().any(|&process| is_left(process)));
    }
}

/// A real cluster of a test's own, of two nodes, which ends with it. What it takes is where there is a real one anyway.
#[derive(Debug)]
pub struct OwnCluster {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Where it is.
    pub address: String,
    /// The ids of its nodes.
    pub nodes: Vec<String>,
}

impl OwnCluster {
    /// Starts it.
    pub fn start() -> Self {
        let python = std::env::var("CONCURRY_PYTHON").unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/ray/cluster.py");
        let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        let address = words.next().expect("the cluster is not up");
        OwnCluster { child, lines, address, nodes: words.collect() }
    }

    /// Has it do something, and waits until that is done.
    #[track_caller]
    pub fn order(&mut self, what: &str, which: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what} {which}").unwrap();
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.ends_with(&format!(" {which}\n")), "{line}");
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Has another process write it: what this one has open for writing, a fork of it has too for a moment, whichever thread
/// forks, and nobody can run it then.
fn write_program(path: &Path, text: &str) {
    let script = ["-c", "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"];
    let written = Command::new("sh").args(script).arg(path).arg(text).status().unwrap();
    assert!(written.success());
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}
