//! [`Work`]: many small calls of one kind, of which a worker takes some at a time.
//!
//! What is sent for them is not each call but a runner: a job whose call has a [`Ticket`]. A worker that comes to it runs
//! the work for a while, among its other jobs, and gives itself back.

use std::sync::Weak;

use super::Post;
use crate::call::Place;
use crate::error::Error;

/// Calls that a worker of type `W` can run.
pub(crate) trait Work<W>: Send + Sync {
    /// Runs some of the calls. `None` where a method panicked: the worker is lost, and its call resolved.
    fn run(&self, worker: W, visit: &Visit<'_>) -> Option<W>;
    /// The runner of `ticket` will not come to any worker, for this reason.
    fn lost(&self, seat: usize, id: u64, error: Error);
}

/// What makes a call a runner.
pub(crate) struct Ticket<W> {
    /// Which of the work's runners it is, of which there is at most one for each worker.
    pub(crate) seat: usize,
    /// Tells it from those that had the seat before.
    pub(crate) id: u64,
    /// Owned by whoever waits for what the calls come to.
    pub(crate) work: Weak<dyn Work<W>>,
}

/// A runner that has come to a worker.
pub(crate) struct Visit<'a> {
    pub(crate) post: &'a Post,
    pub(crate) place: Place,
    pub(crate) seat: usize,
    pub(crate) id: u64,
    /// Whether other jobs wait for the worker.
    pub(crate) others: &'a dyn Fn() -> bool,
}
