//! Python's ways, by a process that is asked for one after the other. Without Python they are left out, which is said.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::measure::{Result, Row, Way, Who};

const SCRIPT: &str = include_str!("peers.py");

/// What is compared with.
const PACKAGES: [&str; 2] = ["loky==3.5.6", "concurry"];

/// A running script.
pub struct Python {
    asked: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Mutex<Child>,
    /// The ways that it has.
    ways: Vec<String>,
}

impl Drop for Python {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn passes(command: &mut Command) -> Result<()> {
    let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if done.success() { Ok(()) } else { Err(format!("`{command:?}` ended with {done}").into()) }
}

impl Python {
    /// A virtual environment in `folder` that has the peers, and the script running in it.
    pub fn start(folder: &Path) -> Result<Arc<Self>> {
        let environment = folder.join("venv");
        let python = environment.join("bin/python");
        if !python.exists() {
            passes(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        }
        for package in PACKAGES {
            // One that cannot be had is not among the ways that the script tells.
            let _ = passes(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]));
        }
        let script = folder.join("peers.py");
        std::fs::write(&script, SCRIPT)?;
        let mut child = Command::new(&python)
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (to, from) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        let mut from = BufReader::new(from);
        let mut ways = String::new();
        from.read_line(&mut ways)?;
        let ways = ways.split_whitespace().map(str::to_owned).collect();
        Ok(Arc::new(Python { asked: Mutex::new((to, from)), child: Mutex::new(child), ways }))
    }

    fn ask(&self, way: &str, work: &str, operations: u32) -> Result<Duration> {
        let mut asked = self.asked.lock().map_err(|_| "it was left in the middle of a question")?;
        let (to, from) = &mut *asked;
        writeln!(to, "{way} {work} {operations}")?;
        let mut answer = String::new();
        from.read_line(&mut answer)?;
        let seconds: f64 = answer.trim().parse().map_err(|_| format!("Python said `{}`", answer.trim()))?;
        Ok(Duration::from_secs_f64(seconds))
    }
}

/// Adds Python's ways to the rows that it can do, `key` being what the script calls the work.
pub fn join(python: &Arc<Python>, row: &mut Row, work: &'static str, operations: u32) {
    for way in &python.ways {
        let (own, way) = (python.clone(), way.clone());
        let name = format!("Python, {way}");
        row.ways.push(Way::told(Who::Peer, &name, operations, move |n| own.ask(&way, work, n)));
    }
}
