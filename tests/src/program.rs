//! A program of its own, for a test whose driver is killed or whose `main` returns.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use crate::LONG;

/// A running program, read line by line. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Program {
    /// Starts it.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap()
    }

    /// Starts it, if that is possible.
    ///
    /// # Errors
    /// Why it is not.
    pub fn try_start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = lines_of(child.stderr.take().unwrap());
        Ok(Program { child, lines, errors })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it, or a worker of its, prints.
    #[track_caller]
    pub fn line(&self) -> String {
        match self.lines.recv_timeout(LONG) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => panic!("no line within {LONG:?}; stderr: {:?}", self.said()),
            Err(RecvTimeoutError::Disconnected) => panic!("it printed no more; stderr: {:?}", self.said()),
        }
    }

    /// The rest of what is printed, until nobody has its stdout open any more: neither it nor a worker.
    #[track_caller]
    pub fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("somebody still has its stdout open after {LONG:?}"),
            }
        }
    }

    /// What it has said on stderr so far.
    pub fn said(&self) -> Vec<String> {
        self.errors.try_iter().collect()
    }

    /// Waits until nobody has its stderr open any more; all that was said there is `lines`.
    #[track_caller]
    pub fn said_all(&self, lines: &[&str]) {
        assert_eq!(self.all_said(), lines);
    }

    /// All that is said on stderr, until nobody has it open any more.
    #[track_caller]
    pub fn all_said(&self) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            match self.errors.recv_timeout(LONG) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => return said,
                Err(RecvTimeoutError::Timeout) => panic!("somebody still has its stderr open after {LONG:?}"),
            }
        }
    }

    /// Writes a line to its stdin.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Closes its stdin.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < LONG, "it still runs after {LONG:?}; stderr: {:?}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
