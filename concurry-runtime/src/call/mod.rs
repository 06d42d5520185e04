//! One call on its way: its message, its reply slot, where it is and who counts it.
//!
//! A call is one heap block, held by the future and, with its types forgotten, by the queues ([`AnyCall`]). One word
//! says which attempt this is and where it has got to; whoever moves that word decides, and everybody else finds out
//! by failing to:
//!
//! ```text
//! WAITING ──> QUEUED ──> SENT ──> RUNNING          every phase ──> SETTLED
//!    ^           │         │         │
//!    ├───────────┴─────────┘         │    back: another worker is to run it; it had not begun
//!    └───────────────────────────────┘    again: the next attempt of a call whose retry policy says so
//! ```
//!
//! `WAITING`: for its arguments, a limit or a retry's delay, with no lane. `QUEUED`: in a lane. `SENT`: with a backend.
//! `RUNNING`: in the method, as far as the driver can know. Whoever brings it to `SETTLED` publishes the outcome.
//!
//! What a backend holds is not the call but a [`Job`]: one sending of it to one incarnation of a worker. A job that is
//! no longer what its call is about (the call was retried elsewhere, has timed out, was given up) finds that out from
//! its attempt, so its late answer is dropped; and it gives back its place in the worker's window exactly once,
//! whatever becomes of it.

mod care;
mod cell;
pub(crate) mod here;
mod job;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) use care::{Care, Terms, TimeoutFrom};
pub(crate) use cell::{CallCell, DecodeFn, Payload, Replay};
pub(crate) use job::{Job, Place};

use crate::error::Error;
use crate::worker::Method;

/// Where a call has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Waiting = 0,
    Queued = 1,
    Sent = 2,
    Running = 3,
    Settled = 4,
}

/// The word: the attempt, from 1, above the phase.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    attempt: u32,
    phase: Phase,
}

impl Word {
    fn of(bits: u64) -> Self {
        let phase = match bits & 0xff {
            0 => Phase::Waiting,
            1 => Phase::Queued,
            2 => Phase::Sent,
            3 => Phase::Running,
            _ => Phase::Settled,
        };
        // The attempt is what was shifted up before, so nothing is cut off.
        Word { attempt: (bits >> 8) as u32, phase }
    }

    fn bits(self) -> u64 {
        u64::from(self.attempt) << 8 | u64::from(self.phase as u8)
    }
}

/// No lane, or no worker in particular.
pub(crate) const NONE: usize = usize::MAX;

/// How a worker that is busy with a call is told that nobody wants it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Its context says so; it decides for itself.
    Tell,
    /// As `Tell`, and where it has a process of its own that is replaced.
    Replace,
}

/// Who keeps the books of a pool: told of every turn that its calls take.
pub(crate) trait Ledger: Send + Sync {
    /// The call has come to an end; count it, before its future resolves. `from` is the phase it was in; `left` is the
    /// place at a worker that it leaves by this.
    fn settling(&self, call: &Header, from: Phase, ok: bool, left: Option<Place>);
    /// Its future has resolved.
    fn settled(&self);
    /// How many workers its pool has.
    fn workers(&self) -> usize;
    /// A worker is done with a job whose call is not settled by it.
    fn left(&self, place: Place);
    /// An attempt of the call `id` that was last in `lane` is given up: tell whoever holds it.
    fn interrupt(&self, lane: usize, id: u64, attempt: u32, how: Interrupt);
    /// The call is to be tried again after `delay`: count it out of where it was, and keep it until then.
    fn retrying(&self, call: &Call, from: Phase, left: Option<Place>, delay: Duration);
    /// Whether a retry may still be made: the pool is not being given up.
    fn may_retry(&self) -> bool;
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
    /// Retries and timeouts, where it has any.
    pub(crate) care: Option<Box<Care>>,
    word: AtomicU64,
    cancelled: AtomicBool,
    lane: AtomicUsize,
    owner: AtomicUsize,
    /// The set of limits that it goes by, from 1.
    limit_set: AtomicU32,
}

impl Header {
    pub(crate) fn new(
        method: usize,
        worker: &'static str,
        methods: &'static [Method],
        ledger: Arc<dyn Ledger>,
        pinned: usize,
        care: Option<Box<Care>>,
    ) -> Self {
        Header {
            id: crate::future::next_id(),
            method,
            worker,
            methods,
            ledger,
            pinned,
            care,
            word: AtomicU64::new(Word { attempt: 1, phase: Phase::Waiting }.bits()),
            cancelled: AtomicBool::new(false),
            lane: AtomicUsize::new(NONE),
            owner: AtomicUsize::new(NONE),
            limit_set: AtomicU32::new(0),
        }
    }

    pub(crate) fn method_name(&self) -> &'static str {
        self.methods.get(self.method).map_or("", |method| method.name)
    }

    /// `error`, naming this call.
    pub(crate) fn name(&self, error: Error) -> Error {
        error.at(self.worker, self.method_name())
    }

    fn word(&self) -> Word {
        Word::of(self.word.load(Ordering::Acquire))
    }

    pub(crate) fn phase(&self) -> Phase {
        self.word().phase
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.phase() == Phase::Settled
    }

    /// Which attempt it is at, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.word().attempt
    }

    fn turn(&self, from: Word, to: Word) -> bool {
        self.word.compare_exchange(from.bits(), to.bits(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// From `from`, whatever the attempt, to `to`.
    fn step(&self, from: Phase, to: Phase) -> bool {
        let word = self.word();
        word.phase == from && self.turn(word, Word { phase: to, ..word })
    }

    /// Into a lane's queue; `false` where it has been settled meanwhile.
    pub(crate) fn enter_queue(&self, lane: usize) -> bool {
        self.lane.store(lane, Ordering::Release);
        self.owner.store(lane, Ordering::Release);
        self.step(Phase::Waiting, Phase::Queued)
    }

    /// From a queue to a backend: the attempt that it carries there, or `None` where it has been settled meanwhile.
    pub(crate) fn leave_queue(&self, lane: usize) -> Option<u32> {
        let word = self.word();
        if word.phase != Phase::Queued {
            return None;
        }
        self.lane.store(lane, Ordering::Release);
        self.turn(word, Word { phase: Phase::Sent, ..word }).then_some(word.attempt)
    }

    /// Past all queues to a backend: the attempt that it carries there, or `None` where it has been settled meanwhile.
    pub(crate) fn skip_queue(&self, lane: usize) -> Option<u32> {
        let word = self.word();
        if word.phase != Phase::Waiting {
            return None;
        }
        self.lane.store(lane, Ordering::Release);
        self.owner.store(lane, Ordering::Release);
        self.turn(word, Word { phase: Phase::Sent, ..word }).then_some(word.attempt)
    }

    /// Attempt `attempt` is about to run; `false` where it is not to be run any more.
    pub(crate) fn begin(&self, attempt: u32) -> bool {
        self.turn(Word { attempt, phase: Phase::Sent }, Word { attempt, phase: Phase::Running })
    }

    /// Back to wait for a lane, the attempt `attempt` not having begun; `false` where it is about something else now.
    pub(crate) fn back(&self, attempt: u32) -> bool {
        [Phase::Sent, Phase::Queued]
            .into_iter()
            .any(|phase| self.turn(Word { attempt, phase }, Word { attempt, phase: Phase::Waiting }))
    }

    /// On to the attempt after `attempt`; the phase that it was in, or `None` where it is about something else now.
    fn on_to_the_next(&self, attempt: u32) -> Option<Phase> {
        let next = Word { attempt: attempt.saturating_add(1), phase: Phase::Waiting };
        loop {
            let word = self.word();
            if word.attempt != attempt || word.phase == Phase::Settled {
                return None;
            }
            if self.turn(word, next) {
                return Some(word.phase);
            }
        }
    }

    /// Settles it, if it is at `attempt` (at any, for `None`) and not settled; the phase that it was in.
    fn close(&self, attempt: Option<u32>) -> Option<Phase> {
        loop {
            let word = self.word();
            if word.phase == Phase::Settled || attempt.is_some_and(|attempt| attempt != word.attempt) {
                return None;
            }
            if self.turn(word, Word { phase: Phase::Settled, ..word }) {
                return Some(word.phase);
            }
        }
    }

    /// The lane whose queue it was put into, or [`NONE`] for a shared one.
    pub(crate) fn was_queued_by(&self) -> usize {
        self.owner.load(Ordering::Acquire)
    }

    /// The lane that it is in or was in last.
    pub(crate) fn lane(&self) -> usize {
        self.lane.load(Ordering::Acquire)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether whoever runs `attempt` may as well stop: it was cancelled, or it is about something else by now.
    pub(crate) fn is_over(&self, attempt: u32) -> bool {
        let word = self.word();
        word.phase == Phase::Settled || word.attempt != attempt || self.is_cancelled()
    }

    /// Which of several sets of limits it goes by, where that is decided before it is sent.
    pub(crate) fn limit_set(&self) -> Option<u32> {
        self.limit_set.load(Ordering::Acquire).checked_sub(1)
    }

    pub(crate) fn set_limit_set(&self, set: Option<u32>) {
        self.limit_set.store(set.map_or(0, |set| set.saturating_add(1)), Ordering::Release);
    }

    /// How long an attempt may take from its beginning.
    pub(crate) fn run_timeout(&self) -> Option<Duration> {
        self.care.as_ref().and_then(|care| care.terms.run_timeout)
    }

    /// When its present attempt times out, if it does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.care.as_ref().and_then(|care| care.deadline())
    }
}

/// A call whose types are forgotten.
pub(crate) trait AnyCall: Send + Sync {
    fn header(&self) -> &Header;
    /// Comes to `error` for good unless it has come to something; whether it did. `job` is a sending that ends by it.
    fn fail(&self, error: Error, job: Option<&Job>) -> bool;
    /// The attempt came to `error`, which may be the end of the call or the reason for another attempt. `job` is the
    /// sending that brought it there; without one the worker is not done with it.
    fn attempt_failed(self: Arc<Self>, attempt: u32, error: Error, job: Option<&Job>);
    /// Comes to the value in `value`, an `Option<T>` of the call's own type.
    fn complete(self: Arc<Self>, value: &mut dyn Any, job: &Job);
    /// Comes to the value that `bytes` encode.
    fn complete_encoded(self: Arc<Self>, bytes: Vec<u8>, job: &Job);
    /// Moves the typed message, or a copy of it where there may be another attempt, into `into`, an `Option` of it.
    fn take_message(&self, attempt: u32, into: &mut dyn Any) -> Result<(), Error>;
    /// Shows the encoded message.
    fn with_encoded(&self, show: &mut dyn FnMut(&[u8]));
    /// It is queued, or about to run: sets its clock, if it has one that counts from there.
    fn set_clock(self: Arc<Self>, from: TimeoutFrom);
}

/// A call as queues hold it.
pub(crate) type Call = Arc<dyn AnyCall>;

/// How long from now.
pub(crate) fn later(delay: Duration) -> Instant {
    let now = Instant::now();
    // A delay past the end of time is one that never ends; a hundred years do.
    now.checked_add(delay).unwrap_or(now + Duration::from_secs(100 * 365 * 86_400))
}
