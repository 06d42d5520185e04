//! [`Keeper`]: who keeps the state of limits, be it this process or the one that drives it.
//!
//! Handles, acquisitions and futures are written against this trait alone. Who asks names itself as a [`Holder`]; what
//! it is given is a [`Grant`], plain data that can be sent, and whoever gets one sees to it that it is given back, once.
//! A request that waits has a ticket; leaving the line is cancelling it. Cancelling and granting may cross: then the
//! reply still comes, and its receiver gives the grant back as [`End::Unused`].

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::request::Request;
use super::stats::LimitSetStats;
use crate::error::Result;

/// Who holds: a worker, and what of it does one thing at a time. Two requests of one worker's holder are never made at
/// once, so what it holds while it waits, nobody gives back: that is how deadlocks are known. Of a thread that is no
/// worker's, no such thing is known, since it may have left what it acquired to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The incarnation of a worker; zero for code outside workers.
    pub(crate) worker: u64,
    /// The call, where a worker runs several at once; else zero. Outside workers, the thread.
    pub(crate) task: u64,
}

impl Holder {
    /// Whoever it is: a future that may be on any thread, or what is held by nobody in particular.
    pub(crate) const NOBODY: Holder = Holder { worker: 0, task: 0 };

    /// This thread, which is no worker's.
    pub(crate) fn this_thread() -> Holder {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        thread_local! {
            static TASK: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        TASK.try_with(|task| Holder { worker: 0, task: *task }).unwrap_or(Holder::NOBODY)
    }

    /// A worker that nobody is yet.
    pub(crate) fn worker() -> Holder {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Holder { worker: NEXT.fetch_add(1, Ordering::Relaxed), task: 0 }
    }

    pub(crate) fn is_nobody(self) -> bool {
        self == Holder::NOBODY
    }

    pub(crate) fn is_worker(self) -> bool {
        self.worker != 0
    }
}

/// What was granted: an entry in the books of one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Which set of the plan.
    pub(crate) set: u32,
    pub(crate) id: u64,
}

/// A place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TicketId {
    pub(crate) set: u32,
    pub(crate) id: u64,
}

/// How an acquisition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It was used, as asked or as updated.
    Used,
    /// It never got to who asked, or was of no use to it: rates get it all back too.
    Unused,
}

/// Gets the grant, or the error; called once, on whatever thread it comes to, without any lock of the keeper's. It must
/// be short.
pub(crate) type Reply = Box<dyn FnOnce(Result<Grant>) + Send>;

/// Keeps the state of the sets of one plan.
pub(crate) trait Keeper: Send + Sync {
    /// What is kept.
    fn plan(&self) -> &Plan;
    /// Whether an attempt costs next to nothing, so that it is made before anything else.
    fn is_near(&self) -> bool;
    /// Takes what is asked for if that needs no waiting; `None` otherwise. It does not wait for limits, but may for an
    /// answer of another process.
    fn attempt(&self, holder: Holder, request: &Request) -> Result<Option<Grant>>;
    /// Takes what is asked for when it can be had; the reply may come before this returns. Never blocks.
    fn request(&self, holder: Holder, request: Request, reply: Reply) -> TicketId;
    /// Leaves the line. The reply is dropped, or has come, or is coming just now.
    fn cancel(&self, ticket: TicketId);
    /// Tells the true use of the limit at `place` in the grant's set, in place of what was asked or told before.
    fn update(&self, holder: Holder, grant: Grant, place: u32, used: u64);
    /// Gives back; what is not held, or not by this worker, is left alone.
    fn give_back(&self, holder: Holder, grant: Grant, end: End);
    /// Gives back whatever a worker holds that is gone, and takes it out of all lines.
    fn release_all(&self, worker: u64);
    /// A thread is about to sleep until a reply comes: does what may bring the reply for a moment, or until `done`.
    fn attend(&self, _done: &mut dyn FnMut() -> bool) {}
    /// How the sets stand.
    fn stats(&self) -> Result<Vec<LimitSetStats>>;
}
