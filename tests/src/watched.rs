//! A worker for tests of what can be seen of calls: each of its methods comes to another end.

use std::io;

use concurry::prelude::*;

use crate::{Door, Way};

/// What it is.
#[derive(Debug, Default)]
pub struct Watched;

#[worker]
impl Watched {
    /// Comes to a value.
    pub fn fine(&self, x: u64) -> u64 {
        x
    }

    /// The same, and awaits something.
    pub async fn later(&self, x: u64) -> u64 {
        std::future::ready(x).await
    }

    /// Comes to an error.
    pub fn fails(&self) -> io::Result<()> {
        Err(io::Error::other("as planned"))
    }

    /// Comes to an error until the attempt of this number.
    pub fn fails_until(&self, context: &CallContext, attempt: u32) -> io::Result<u32> {
        if context.attempt() < attempt { Err(io::Error::other("not yet")) } else { Ok(context.attempt()) }
    }

    /// Ends its worker, or panics.
    pub fn ends(&self, way: Way) -> u64 {
        way.go()
    }

    /// Stays until it is let go.
    pub fn stays(&self, door: Door) -> String {
        door.knock()
    }

    /// Writes to its stderr.
    pub fn says(&self, text: &str) {
        eprint!("{text}");
    }
}
