//! The worker that everything is tried on.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use concurry::prelude::*;
use serde::{Deserialize, Serialize};

/// The worker's own error.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Odd(pub(crate) u64);

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is odd", self.0)
    }
}

impl std::error::Error for Odd {}

/// Does what it is told, and notes the number of each call that it begins.
pub(crate) struct Hand {
    page: Option<File>,
    state: u64,
}

/// The bytes that go with a seed: what is sent can be told from what came.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (seed.wrapping_mul(at as u64 + 7) >> 5) as u8).collect()
}

#[worker]
impl Hand {
    pub(crate) fn new(page: Option<PathBuf>) -> concurry::Result<Self> {
        let page = page.map(|page| OpenOptions::new().create(true).append(true).open(page)).transpose()?;
        Ok(Hand { page, state: 0 })
    }

    fn note(&mut self, call: u64) {
        self.state += 1;
        if let Some(page) = &mut self.page {
            // One write, so that the numbers of several processes do not mix. Who cannot write is found out by the
            // number that is missing.
            let _ = page.write_all(&call.to_le_bytes());
        }
    }

    pub(crate) fn add(&mut self, call: u64, x: u64) -> u64 {
        self.note(call);
        x.wrapping_add(1)
    }

    pub(crate) fn echo(&mut self, call: u64, seed: u64, payload: Vec<u8>) -> concurry::Result<Vec<u8>> {
        self.note(call);
        match payload == bytes(seed, payload.len()) {
            true => Ok(payload),
            false => Err(concurry::Error::failed(Odd(u64::MAX))),
        }
    }

    pub(crate) fn even(&mut self, call: u64, x: u64) -> Result<u64, Odd> {
        self.note(call);
        if x.is_multiple_of(2) { Ok(x) } else { Err(Odd(x)) }
    }

    pub(crate) fn panics(&mut self, call: u64) -> u64 {
        self.note(call);
        // As `panic!` does, but nothing is printed: there are thousands of these.
        std::panic::resume_unwind(Box::new(format!("call {call}")));
    }

    pub(crate) fn nap(&mut self, call: u64, ctx: &CallContext, micros: u64) -> u64 {
        self.note(call);
        let mut left = micros;
        while left > 0 && !ctx.is_cancelled() {
            let some = left.min(500);
            std::thread::sleep(Duration::from_micros(some));
            left -= some;
        }
        micros
    }

    pub(crate) async fn doze(&self, call: u64, micros: u64) -> u64 {
        tokio_sleep(Duration::from_micros(micros)).await;
        call
    }

    pub(crate) fn dies(&mut self, call: u64) -> u64 {
        self.note(call);
        let own = nix::unistd::Pid::this();
        if self.page.is_some() {
            let _ = nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL);
        }
        call
    }

    pub(crate) fn limited(&mut self, call: u64, ctx: &CallContext, micros: u64) -> concurry::Result<u64> {
        self.note(call);
        let _one = ctx.limits().acquire(("seat", 1))?;
        std::thread::sleep(Duration::from_micros(micros));
        Ok(call)
    }
}

/// Sleeps without holding its thread.
async fn tokio_sleep(time: Duration) {
    tokio::time::sleep(time).await;
}
