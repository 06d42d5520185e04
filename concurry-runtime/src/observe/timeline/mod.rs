//! What the workers of all pools did, and when: a trace that Perfetto and chrome://tracing open.
//!
//! ```
//! use concurry::prelude::*;
//! use concurry::timeline;
//!
//! #[task(mode = "thread", max_workers = 2)]
//! fn double(x: u64) -> u64 {
//!     x * 2
//! }
//!
//! let recording = timeline::start();
//! let doubled: Vec<u64> = gather((0..100).map(double)).results()?;
//! let folder = std::env::temp_dir();
//! recording.write(folder.join("double.json")).unwrap();
//! # std::fs::remove_file(folder.join("double.json")).unwrap();
//! # Ok::<(), concurry::Error>(())
//! ```
//!
//! In the trace a pool is a process, and a worker a thread of it. An attempt of a call is a slice on its worker's lane, from
//! the beginning of the method to its end; how long it had waited before that is a slice of its own, beside the lanes.
//! Calls that travel in chunks, as those of a task's map may, are one slice a chunk. Deaths, restarts, retries,
//! cancellations and timeouts are marks. Where a worker runs several calls at once it has several lanes.
//!
//! A call is recorded when an attempt of it is over, if it was made after the recording was started. The times of a worker
//! process are those that it tells: decoding the arguments and encoding the result is part of the run. When a process dies,
//! nobody can tell when the call that it was running had begun; the slice is from when the worker was free for it.

mod ring;
mod trace;

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use self::ring::Ring;
pub(super) use self::ring::{Record, What};
use super::{Scene, TIMELINE, clock, listens, set};

/// How many records are kept, unless it is said otherwise.
const CAPACITY: usize = 262_144;

/// Where what happens is recorded.
static RINGS: RwLock<Vec<Arc<Ring>>> = RwLock::new(Vec::new());

/// What happened to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Died,
    Replaced,
    Restarted,
    Recycled,
    GivenUp,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Mark::Died => "worker died",
            Mark::Replaced => "worker ended over a call",
            Mark::Restarted => "worker restarted",
            Mark::Recycled => "worker recycled",
            Mark::GivenUp => "worker given up",
        }
    }
}

/// Starts a recording of what the workers of all pools do, which keeps the last 262,144 attempts of calls, chunks and
/// marks, in some 20 MB at most.
///
/// While nothing is recorded, a call pays for that with one look at a number in memory.
pub fn start() -> Recording {
    start_with_capacity(CAPACITY)
}

/// As [`start`], with room for so many; for at least one.
pub fn start_with_capacity(records: usize) -> Recording {
    let ring = Arc::new(Ring::new(records.max(1), clock::now()));
    let mut rings = rings();
    rings.push(ring.clone());
    set(TIMELINE, true);
    drop(rings);
    Recording { ring }
}

/// A recording. It goes on until it is dropped.
#[must_use = "a recording ends when it is dropped"]
pub struct Recording {
    ring: Arc<Ring>,
}

impl Recording {
    /// Writes what was recorded by now into a file of this path, as JSON in the trace event format.
    ///
    /// # Errors
    /// Those of creating and writing the file.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        self.write_to(&mut file)?;
        file.flush()
    }

    /// As [`write`](Self::write), to anywhere.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write_to(&self, mut to: impl Write) -> io::Result<()> {
        trace::write(&self.ring.taken(), &mut to)
    }

    /// How many records were overwritten by later ones, for want of room.
    pub fn dropped(&self) -> u64 {
        self.ring.dropped()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let mut rings = rings();
        rings.retain(|ring| !Arc::ptr_eq(ring, &self.ring));
        set(TIMELINE, !rings.is_empty());
    }
}

fn rings() -> RwLockWriteGuard<'static, Vec<Arc<Ring>>> {
    RINGS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Records something, where there is a recording.
pub(super) fn record(scene: &Arc<Scene>, record: impl FnOnce() -> Record) {
    if listens(TIMELINE) {
        let record = record();
        let rings = RINGS.read().unwrap_or_else(PoisonError::into_inner);
        rings.iter().for_each(|ring| ring.push(scene, record));
    }
}

/// Records what happened to a worker.
pub(super) fn mark(scene: &Arc<Scene>, worker: usize, mark: Mark, at: u64) {
    record(scene, || Record { worker, what: What::Mark { mark, at } });
}

#[cfg(test)]
mod tests;
