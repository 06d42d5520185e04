//! Pools: the handle that clients share, and what is behind it.

mod building;
mod bundles;
mod client;
pub(crate) mod core;
mod dispatch;
mod fake;
mod flight;
mod lane;
mod ledger;
mod making;
mod recycle;
mod reserve;
mod rest;
mod restarts;
mod room;
mod shutdown;
mod stats;
mod supervise;
mod sync;
mod tally;
mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use bundles::Bundle;
pub use client::{Client, WorkerClient};
pub use fake::fake;
pub use making::start;
pub use reserve::Reserve;
pub use room::Held;
pub use stats::{PoolStats, WorkerStats};

use self::core::{Core, OPEN};
use crate::error::Result;

/// Keeps a pool going: when the last one goes, the pool stops in the background.
pub(crate) struct Handle(pub(crate) Arc<Core>);

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.0.is_elsewhere() {
            self.0.begin_stop();
        }
    }
}

/// What every pool has, whatever its worker: every client derefs to it.
///
/// Dropping the last client stops the pool in the background: accepted work still finishes and its futures still
/// resolve. A `main` that returns does not wait for that; [`stop`](Pool::stop) does.
///
/// ```
/// use concurry::prelude::*;
///
/// #[derive(Default)]
/// struct Doubler;
///
/// #[worker(mode = "thread", max_workers = 2)]
/// impl Doubler {
///     pub fn double(&self, x: u64) -> u64 {
///         x * 2
///     }
/// }
///
/// let pool = Doubler::init()?;
/// let futures: Vec<_> = (0..10).map(|x| pool.double(x)).collect();
/// pool.wait_idle();
/// assert!(futures.iter().all(TaskFuture::is_done));
/// let stats = pool.stats();
/// assert_eq!((stats.completed, stats.failed, stats.in_flight), (10, 0, 0));
///
/// pool.stop()?;
/// assert!(matches!(pool.double(1).result(), Err(concurry::Error::Stopped { .. })));
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone)]
pub struct Pool(pub(crate) Arc<Handle>);

impl Pool {
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.0
    }

    /// Stops the pool: it takes no new work, finishes what it has accepted and ends its workers. What is not done
    /// within the stop timeout resolves to [`Error::Stopped`](crate::Error::Stopped), and workers are ended.
    ///
    /// Stopping twice, from several threads or while others submit is fine. Called by a worker of this very pool it
    /// returns at once, since that worker cannot wait for itself.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) in a fork of the process that made the pool.
    pub fn stop(&self) -> Result<()> {
        self.core().stop_within(self.core().settings.stop_timeout)
    }

    /// As [`stop`](Self::stop), with another timeout.
    ///
    /// # Errors
    /// As `stop`.
    pub fn stop_within(&self, timeout: Duration) -> Result<()> {
        self.core().stop_within(timeout)
    }

    /// Ends the pool now: queued and running work resolves to [`Error::Stopped`](crate::Error::Stopped). Worker
    /// processes are killed; a thread that is inside a method is told through its context and ends with the method.
    ///
    /// # Errors
    /// As `stop`.
    pub fn abort(&self) -> Result<()> {
        self.core().abort()
    }

    /// Whether the pool has been told to stop.
    pub fn is_stopped(&self) -> bool {
        self.core().phase() != OPEN
    }

    /// Waits until every accepted call has resolved. Called by a worker of this very pool it returns at once, since that
    /// worker's own call is among them.
    pub fn wait_idle(&self) {
        self.core().wait_idle();
    }

    /// What the pool and its workers have done so far. At rest the figures add up.
    pub fn stats(&self) -> PoolStats {
        self.core().stats()
    }

    /// How many workers the pool has; on demand, how many at most.
    pub fn max_workers(&self) -> usize {
        self.core().settings.max_workers
    }

    /// The pool's name: what the option said, else the worker's type.
    pub fn name(&self) -> &str {
        &self.core().settings.name
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.core().settings;
        f.debug_struct("Pool")
            .field("name", &settings.name)
            .field("mode", &settings.mode)
            .field("max_workers", &settings.max_workers)
            .field("is_stopped", &self.is_stopped())
            .finish()
    }
}
