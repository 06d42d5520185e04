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
mod course;
pub(crate) mod here;
mod job;
mod payload;
mod sync;

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) use care::{Care, Terms, TimeoutFrom};
pub(crate) use cell::{CallCell, DecodeFn};
pub(crate) use course::Phase;
use course::{Course, Word};
pub(crate) use job::{Job, Place};
pub(crate) use payload::{Payload, Replay};

use crate::bell::Watched;
use crate::error::Error;
#[cfg(feature = "ray")]
use crate::far::{Composition, Site, Stored};
use crate::observe::Seen;
use crate::worker::{Kind, Method};

/// No lane, or no worker in particular.
pub(crate) const NONE: usize = usize::MAX;

/// An index of a worker in half the room; the largest stands for [`NONE`], and no pool has that many.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn wide(index: u32) -> usize {
    if index == u32::MAX { NONE } else { index as usize }
}

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
    fn left(&self, call: &Header, place: Place);
    /// An attempt of the call `id` that was last in `lane` is given up: tell whoever holds it.
    fn interrupt(&self, lane: usize, id: u64, attempt: u32, how: Interrupt);
    /// A thread is about to wait for a call that was sent to `lane`: it may help to bring it to its end, until `done`.
    fn help(&self, _lane: usize, _done: &dyn Fn() -> bool) {}
    /// The call is to be tried again after `delay`: count it out of where it was, and keep it until then.
    fn retrying(&self, call: &Call, from: Phase, left: Option<Place>, delay: Duration);
    /// Whether a retry may still be made: the pool is not being given up.
    fn may_retry(&self) -> bool;
    /// Where its workers are, if that is a cluster.
    #[cfg(feature = "ray")]
    fn site(&self) -> Option<Arc<dyn Site>> {
        None
    }
}

/// What most calls have not, so that they need have no room for it.
pub(crate) struct More {
    /// Retries and timeouts, where it has any.
    pub(crate) care: Option<Care>,
    /// Where somebody watches it; in a block of its own, so that retries and timeouts cost no more where nobody does.
    pub(crate) seen: Option<Box<Seen>>,
}

impl More {
    /// What a call has of these; nothing, where it has none.
    pub(crate) fn of(care: Option<Care>, seen: Option<Box<Seen>>) -> Option<Box<Self>> {
        (care.is_some() || seen.is_some()).then(|| Box::new(More { care, seen }))
    }
}

/// What is known of a call whatever its types.
pub(crate) struct Header {
    pub(crate) id: u64,
    /// Which of the worker's methods.
    method: u32,
    kind: &'static Kind,
    pub(crate) ledger: Arc<dyn Ledger>,
    pinned: u32,
    /// What most calls have not.
    more: Option<Box<More>>,
    /// Whether it is a call to the books; what brings a worker to others is none.
    pub(crate) counts: bool,
    course: Course,
    cancelled: AtomicBool,
    lane: AtomicU32,
    owner: AtomicU32,
    /// The set of limits that it goes by, from 1.
    limit_set: AtomicU32,
}

impl Header {
    pub(crate) fn new(
        method: usize,
        kind: &'static Kind,
        ledger: Arc<dyn Ledger>,
        pinned: usize,
        more: Option<Box<More>>,
    ) -> Self {
        Header {
            id: crate::future::next_id(),
            method: narrow(method),
            kind,
            ledger,
            pinned: narrow(pinned),
            more,
            counts: true,
            course: Course::new(),
            cancelled: AtomicBool::new(false),
            lane: AtomicU32::new(narrow(NONE)),
            owner: AtomicU32::new(narrow(NONE)),
            limit_set: AtomicU32::new(0),
        }
    }

    /// Of a call that is none to the books: a runner.
    pub(crate) fn runner(method: usize, kind: &'static Kind, ledger: Arc<dyn Ledger>) -> Self {
        Header { counts: false, ..Header::new(method, kind, ledger, NONE, None) }
    }

    /// Whether it has no care, and nobody watches it.
    pub(crate) fn is_bare(&self) -> bool {
        self.more.is_none()
    }

    /// Retries and timeouts, where it has any.
    #[inline]
    pub(crate) fn care(&self) -> Option<&Care> {
        self.more.as_ref()?.care.as_ref()
    }

    /// Where somebody watches it.
    #[inline]
    pub(crate) fn seen(&self) -> Option<&Seen> {
        self.more.as_ref()?.seen.as_deref()
    }

    /// The number of the method that it is for.
    pub(crate) fn number(&self) -> usize {
        self.method as usize
    }

    pub(crate) fn method(&self) -> Option<&'static Method> {
        self.kind.methods.get(self.number())
    }

    pub(crate) fn method_name(&self) -> &'static str {
        self.method().map_or("", |method| method.name)
    }

    /// The name of the worker's type.
    pub(crate) fn worker(&self) -> &'static str {
        self.kind.name
    }

    /// The worker that it must run on, or [`NONE`].
    pub(crate) fn pinned(&self) -> usize {
        wide(self.pinned)
    }

    /// `error`, naming this call.
    pub(crate) fn name(&self, error: Error) -> Error {
        error.at(self.worker(), self.method_name())
    }

    fn word(&self) -> Word {
        self.course.word()
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

    /// Into a lane's queue; `false` where it has been settled meanwhile.
    pub(crate) fn enter_queue(&self, lane: usize) -> bool {
        self.lane.store(narrow(lane), Ordering::Release);
        self.owner.store(narrow(lane), Ordering::Release);
        self.course.step(Phase::Waiting, Phase::Queued).is_some()
    }

    /// From a queue to a backend: the attempt that it carries there, or `None` where it has been settled meanwhile.
    pub(crate) fn leave_queue(&self, lane: usize) -> Option<u32> {
        if self.phase() != Phase::Queued {
            return None;
        }
        self.lane.store(narrow(lane), Ordering::Release);
        self.course.step(Phase::Queued, Phase::Sent)
    }

    /// Past all queues to a backend: the attempt that it carries there, or `None` where it has been settled meanwhile.
    pub(crate) fn skip_queue(&self, lane: usize) -> Option<u32> {
        if self.phase() != Phase::Waiting {
            return None;
        }
        self.lane.store(narrow(lane), Ordering::Release);
        self.owner.store(narrow(lane), Ordering::Release);
        self.course.step(Phase::Waiting, Phase::Sent)
    }

    /// Attempt `attempt` is about to run; `false` where it is not to be run any more.
    pub(crate) fn begin(&self, attempt: u32) -> bool {
        let begun = self.course.begin(attempt);
        if let (true, Some(seen)) = (begun, self.seen()) {
            seen.begun(self, attempt);
        }
        begun
    }

    /// Back to wait for a lane, the attempt `attempt` not having begun; `false` where it is about something else now.
    pub(crate) fn back(&self, attempt: u32) -> bool {
        self.course.back(attempt)
    }

    /// On to the attempt after `attempt`; the phase that it was in, or `None` where it is about something else now.
    fn on_to_the_next(&self, attempt: u32) -> Option<Phase> {
        self.course.on_to_the_next(attempt)
    }

    /// Settles it, if it is at `attempt` (at any, for `None`) and not settled; the phase that it was in.
    fn close(&self, attempt: Option<u32>) -> Option<Phase> {
        self.course.close(attempt)
    }

    /// The lane whose queue it was put into, or [`NONE`] for a shared one.
    pub(crate) fn was_queued_by(&self) -> usize {
        wide(self.owner.load(Ordering::Acquire))
    }

    /// The lane that it is in or was in last.
    pub(crate) fn lane(&self) -> usize {
        wide(self.lane.load(Ordering::Acquire))
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
        self.care().and_then(|care| care.terms.run_timeout)
    }

    /// When its present attempt times out, if it does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.care().and_then(|care| care.deadline())
    }
}

/// A call whose types are forgotten.
pub(crate) trait AnyCall: Watched {
    fn header(&self) -> &Header;
    /// Comes to `error` for good unless it has come to something; whether it did. `job` is a sending that ends by it.
    fn fail(&self, error: Error, job: Option<&Job>) -> bool;
    /// The attempt came to `error`, which may be the end of the call or the reason for another attempt. `job` is the
    /// sending that brought it there; without one the worker is not done with it.
    fn attempt_failed(self: Arc<Self>, attempt: u32, error: Error, job: Option<&Job>);
    /// Whether no code of anybody's runs when it comes to a value that is encoded.
    fn is_plain(&self) -> bool {
        false
    }
    /// The type of its value, and what that is called.
    fn value_type(&self) -> (TypeId, &'static str);
    /// Comes to the value in `value`, an `Option<T>` of the call's own type.
    fn complete(&self, value: &mut dyn Any, job: &Job);
    /// Comes to the value that `bytes` encode.
    fn complete_encoded(&self, bytes: Vec<u8>, job: &Job);
    /// Moves the typed message, or a copy of it where there may be another attempt, into `into`, an `Option` of it.
    fn take_message(&self, attempt: u32, into: &mut dyn Any) -> Result<(), Error>;
    /// The encoded message, to be sent; `None` where the call is over, and nobody needs it any more.
    fn encoded(&self) -> Option<Arc<Vec<u8>>>;
    /// What the encoded message lacks.
    #[cfg(feature = "ray")]
    fn composition(&self) -> Option<Arc<Composition>> {
        None
    }
    /// Whether its value need not come here, and may stay where it is.
    #[cfg(feature = "ray")]
    fn may_stay(&self) -> bool {
        false
    }
    /// Comes to a value that was left on a cluster.
    #[cfg(feature = "ray")]
    fn complete_far(&self, _stored: Arc<Stored>, job: &Job) {
        job.fail(Error::codec("a value that nobody wanted there was left on the cluster"));
    }
    /// This attempt of it is queued, or about to run: sets its clock, if it has one that counts from there.
    fn set_clock(self: Arc<Self>, from: TimeoutFrom, attempt: u32);
    /// For a runner, its `Ticket` for workers of its type.
    fn ticket(&self) -> Option<&dyn Any> {
        None
    }
}

/// A call as queues hold it.
pub(crate) type Call = Arc<dyn AnyCall>;

/// How long from now.
pub(crate) fn later(delay: Duration) -> Instant {
    let now = Instant::now();
    // A delay past the end of time is one that never ends; a hundred years do.
    now.checked_add(delay).unwrap_or(now + Duration::from_secs(100 * 365 * 86_400))
}

#[cfg(test)]
mod tests;
