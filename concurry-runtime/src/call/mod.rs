//! One call on its way: its message, its reply slot, where it is and who counts it.
//!
//! A call is one heap block, held by the future and, with its types forgotten, by the queues ([`AnyCall`]). Its phase
//! says who may do what next:
//!
//! ```text
//! WAITING ──> QUEUED ──> SENT ──> RUNNING          every phase ──> SETTLED
//!    ^           ^─────────┴─────────│  (requeued when a worker died, or again by a retry)
//!    └───────────────────────────────┘
//! ```
//!
//! `WAITING`: for its arguments or a retry's delay, with no lane. `QUEUED`: in a lane. `SENT`: with a backend.
//! `RUNNING`: in the method, as far as the driver can know. Whoever brings it to `SETTLED` publishes the outcome; every
//! other answer is dropped.

mod cell;
pub(crate) mod here;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

pub(crate) use cell::{CallCell, DecodeFn, Payload};

use crate::error::Error;
use crate::worker::Method;

pub(crate) const WAITING: u8 = 0;
pub(crate) const QUEUED: u8 = 1;
pub(crate) const SENT: u8 = 2;
pub(crate) const RUNNING: u8 = 3;
pub(crate) const SETTLED: u8 = 4;

/// No lane, or no worker in particular.
pub(crate) const NONE: usize = usize::MAX;

/// Who keeps the books of a pool: told of every turn that its calls take.
pub(crate) trait Ledger: Send + Sync {
    /// The call has come to an end; count it, before its future resolves. `from` is the phase it was in; `finished`
    /// tells that its worker is done with it.
    fn settling(&self, call: &Header, from: u8, ok: bool, finished: bool);
    /// Its future has resolved.
    fn settled(&self);
    /// How many workers its pool has.
    fn workers(&self) -> usize;
    /// A call that is with a worker is cancelled: tell the worker.
    fn tell_cancelled(&self, call: &Header);
}

/// What is known of a call whatever its types.
pub(crate) struct Header {
    pub(crate) id: u64,
    /// Which of the worker's methods.
    pub(crate) method: usize,
    pub(crate) worker: &'static str,
    pub(crate) methods: &'static [Method],
    pub(crate) ledger: Arc<dyn Ledger>,
    /// The worker that it must run on, or [`NONE`].
    pub(crate) pinned: usize,
    deadline: Option<Instant>,
    phase: AtomicU8,
    cancelled: AtomicBool,
    attempt: AtomicU32,
    /// Sent to a backend and not finished there.
    out: AtomicBool,
    lane: AtomicUsize,
    owner: AtomicUsize,
    generation: AtomicU64,
}

impl Header {
    pub(crate) fn new(
        method: usize,
        worker: &'static str,
        methods: &'static [Method],
        ledger: Arc<dyn Ledger>,
        pinned: usize,
    ) -> Self {
        Header {
            id: crate::future::next_id(),
            method,
            worker,
            methods,
            ledger,
            pinned,
            deadline: None,
            phase: AtomicU8::new(WAITING),
            cancelled: AtomicBool::new(false),
            attempt: AtomicU32::new(1),
            out: AtomicBool::new(false),
            lane: AtomicUsize::new(NONE),
            owner: AtomicUsize::new(NONE),
            generation: AtomicU64::new(0),
        }
    }

    pub(crate) fn method_name(&self) -> &'static str {
        self.methods.get(self.method).map_or("", |method| method.name)
    }

    /// `error`, naming this call.
    pub(crate) fn name(&self, error: Error) -> Error {
        error.at(self.worker, self.method_name())
    }

    pub(crate) fn phase(&self) -> u8 {
        self.phase.load(Ordering::Acquire)
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Into a lane's queue; `false` where it has been settled meanwhile.
    pub(crate) fn enter_queue(&self, lane: usize) -> bool {
        self.lane.store(lane, Ordering::Release);
        self.owner.store(lane, Ordering::Release);
        self.turn(WAITING, QUEUED)
    }

    /// From a queue to a backend; `false` where it has been settled meanwhile.
    pub(crate) fn leave_queue(&self, lane: usize, generation: u64) -> bool {
        self.lane.store(lane, Ordering::Release);
        self.generation.store(generation, Ordering::Release);
        self.out.store(true, Ordering::Release);
        let sent = self.turn(QUEUED, SENT);
        if !sent {
            self.out.store(false, Ordering::Release);
        }
        sent
    }

    /// The method is about to run; `false` where the call is not to be run any more.
    pub(crate) fn begin(&self) -> bool {
        self.turn(SENT, RUNNING)
    }

    /// Back to wait for a lane, from a worker that died or for another attempt.
    pub(crate) fn back(&self) -> bool {
        self.out.store(false, Ordering::Release);
        self.turn(SENT, WAITING) || self.turn(RUNNING, WAITING) || self.turn(QUEUED, WAITING)
    }

    /// Where it was sent, the first time that this is asked since; who asks counts it out there.
    pub(crate) fn finish(&self) -> Option<(usize, u64)> {
        self.out
            .swap(false, Ordering::AcqRel)
            .then(|| (self.lane.load(Ordering::Acquire), self.generation.load(Ordering::Acquire)))
    }

    /// The lane whose queue it was put into, or [`NONE`] for a shared one.
    pub(crate) fn was_queued_by(&self) -> usize {
        self.owner.load(Ordering::Acquire)
    }

    pub(crate) fn lane(&self) -> usize {
        self.lane.load(Ordering::Acquire)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether whoever runs it may as well stop: it was cancelled, or has been settled without it.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled() || self.phase() == SETTLED
    }

    /// When it times out, if it does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt.load(Ordering::Acquire)
    }
}

/// A call whose types are forgotten.
pub(crate) trait AnyCall: Send + Sync {
    fn header(&self) -> &Header;
    /// Comes to `error` unless it has come to something; whether it did. `finished`: its worker is done with it.
    fn fail(&self, error: Error, finished: bool) -> bool;
    /// Comes to the value in `value`, an `Option<T>` of the call's own type.
    fn complete(&self, value: &mut dyn Any);
    /// Comes to the value that `bytes` encode.
    fn complete_encoded(&self, bytes: Vec<u8>);
    /// Moves the typed message into `into`, an `Option` of it.
    fn take_message(&self, into: &mut dyn Any);
    /// Shows the encoded message.
    fn with_encoded(&self, show: &mut dyn FnMut(&[u8]));
}

/// A call as queues hold it.
pub(crate) type Call = Arc<dyn AnyCall>;
