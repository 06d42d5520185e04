//! [`CallCell`]: a call with its types.

#[cfg(feature = "ray")]
mod far;

use std::any::{Any, TypeId, type_name};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::payload::{Payload, Replay};
use super::{AnyCall, Call, Header, Interrupt, Job, Phase, TimeoutFrom, here};
use crate::bell::Watched;
use crate::depth;
use crate::error::{Error, Result, TimeoutScope};
#[cfg(feature = "ray")]
use crate::far::{Composition, Site, Stored};
use crate::future::Outcome;
use crate::future::join::Waiting;
use crate::future::slot::{Slot, Value};
use crate::observe;
use crate::panics::{self, dismiss};
use crate::retry::{self, Verdict};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::MOST;

/// How the bytes of an answer become a value.
pub(crate) type DecodeFn<T> = fn(Codec, Vec<u8>) -> std::result::Result<T, String>;

/// A call: header, message and reply slot in one block.
pub(crate) struct CallCell<M, T> {
    header: Header,
    payload: Mutex<Payload<M>>,
    /// The message was taken and there will be no other: nobody need look for what is left of it.
    spent: AtomicBool,
    slot: Slot<T>,
    /// The value is to stay where it is.
    #[cfg(feature = "ray")]
    stays: AtomicBool,
    /// How to decode the answer, for workers that do not share memory.
    remote: Option<(Codec, DecodeFn<T>)>,
}

impl<M: Send + 'static, T: Send + 'static> CallCell<M, T> {
    pub(crate) fn new(header: Header, payload: Payload<M>, remote: Option<(Codec, DecodeFn<T>)>) -> Arc<Self> {
        Arc::new(CallCell {
            header,
            payload: Mutex::new(payload),
            spent: AtomicBool::new(false),
            slot: Slot::new(),
            #[cfg(feature = "ray")]
            stays: AtomicBool::new(false),
            remote,
        })
    }

    fn payload(&self) -> MutexGuard<'_, Payload<M>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what was expected; dropped again where the call has been settled meanwhile.
    pub(crate) fn provide(&self, payload: Payload<M>) {
        let old = std::mem::replace(&mut *self.payload(), payload);
        dismiss(old);
        if self.header.phase() == Phase::Settled {
            dismiss(self.discard());
        }
    }

    /// Notes what the call waits for, so that cancelling the call can cancel that; nothing where it is there by now.
    pub(crate) fn expect(&self, upstream: Arc<dyn Waiting>) {
        {
            let mut place = self.payload();
            if matches!(*place, Payload::Expected(None)) {
                *place = Payload::Expected(Some(upstream));
                return;
            }
        }
        if self.header.is_cancelled() {
            upstream.give_up();
        }
    }

    fn discard(&self) -> Payload<M> {
        std::mem::replace(&mut *self.payload(), Payload::Gone)
    }

    /// The last things, for whoever brought the call from `from` to its end.
    fn publish(&self, from: Phase, value: Value<T>, ok: bool, job: Option<&Job>) {
        if let Some(care) = self.header.care() {
            care.stop_clock();
        }
        // The message goes first: its destructor is the user's and may take its time.
        if !self.spent.load(Ordering::Relaxed) {
            dismiss(self.discard());
        }
        self.header.ledger.settling(&self.header, from, ok, job.and_then(Job::leave));
        if let Some(seen) = self.header.seen() {
            let error = value.error();
            let came = error.map_or(observe::Outcome::Ok, observe::Outcome::of);
            seen.ended(&self.header, self.header.attempt(), from, came, error);
        }
        self.slot.settle(value);
        self.header.ledger.settled();
    }

    fn settle(&self, attempt: Option<u32>, value: Value<T>, ok: bool, job: Option<&Job>) -> bool {
        match self.header.close(attempt) {
            Some(from) => {
                self.publish(from, value, ok, job);
                true
            }
            None => {
                // The late answer of an attempt that nobody waits for; its destructor is the user's.
                dismiss(value);
                false
            }
        }
    }

    fn fail_attempt(&self, attempt: u32, error: Error, job: Option<&Job>) {
        let error = self.header.name(error).after_attempts(attempt);
        self.settle(Some(attempt), Value::Bad(Box::new(error)), false, job);
    }

    /// Brings the attempt to a value, unless the policy waits for another one.
    fn succeed(&self, value: T, job: &Job) {
        if let Some(late) = self.lateness() {
            dismiss(value);
            return job.fail(late);
        }
        match self.judge(retry::Outcome::Value(&value), job.attempt()) {
            Some(Verdict::Again { delay }) => {
                dismiss(value);
                return self.again(job.call(), job.attempt(), observe::Outcome::Error, delay, Some(job));
            }
            Some(Verdict::Refuse(error)) => {
                dismiss(value);
                return self.fail_attempt(job.attempt(), error, Some(job));
            }
            Some(Verdict::Accept | Verdict::GiveUp) | None => {}
        }
        self.settle(Some(job.attempt()), Value::Good(value), true, Some(job));
    }

    /// The error of an attempt that has an answer, but only after its time was up: the clock may be a moment behind a
    /// method that saw in its context that its time was up.
    fn lateness(&self) -> Option<Error> {
        let care = self.header.care()?;
        let late = care.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        late.then(|| Error::timed_out(TimeoutScope::Call, care.allowed()))
    }

    /// What the policy says of an attempt that has ended; `None` where it has nothing to say.
    fn judge(&self, outcome: retry::Outcome<'_>, attempt: u32) -> Option<Verdict> {
        let header = &self.header;
        let care = header.care()?;
        let word = header.word();
        let stale = word.attempt != attempt || word.phase == Phase::Settled;
        let over = matches!(outcome, retry::Outcome::Error(Error::Cancelled { .. } | Error::Stopped { .. }));
        if stale || over || header.is_cancelled() || !header.ledger.may_retry() {
            return None;
        }
        care.judge(outcome, attempt)
    }

    /// On to the next attempt, after `delay`.
    fn again(&self, call: &Call, attempt: u32, came: observe::Outcome, delay: Duration, job: Option<&Job>) {
        let header = &self.header;
        if let Some(from) = header.on_to_the_next(attempt) {
            if let Some(seen) = header.seen() {
                seen.retried(header, attempt, from, came, delay);
            }
            if let Some(care) = header.care() {
                care.go_on_to(attempt.saturating_add(1));
            }
            let left = job.and_then(Job::leave);
            header.ledger.retrying(call, from, left, delay);
        }
    }

    /// A message for this attempt of one that is kept.
    fn replay(&self, kept: Box<(M, Replay<M>)>) -> Result<M> {
        let replay = kept.1;
        if let Some(copy) = panics::caught(|| (replay.copy)(&kept.0))? {
            self.provide(Payload::Kept(kept));
            return Ok(copy);
        }
        let message = kept.0;
        let Some((codec, encode, _)) = replay.wire else {
            return Err(Error::unsupported("an argument cannot be kept for another attempt, since it has no `Clone`"));
        };
        let bytes = codec::checked(|| encode(codec, &message, MOST)).map_err(|why| {
            Error::codec(format!("an argument that is kept for another attempt {why}; or give it `Clone`"))
        })?;
        self.provide(Payload::Recoded(Box::new((bytes, replay))));
        Ok(message)
    }
}

impl<M, T> Drop for CallCell<M, T> {
    fn drop(&mut self) {
        let payload = self.payload.get_mut().unwrap_or_else(PoisonError::into_inner);
        dismiss(std::mem::replace(payload, Payload::Gone));
    }
}

impl<M: Send + 'static, T: Send + 'static> Watched for CallCell<M, T> {
    fn is_over(&self, attempt: u32) -> bool {
        self.header.is_over(attempt)
    }

    #[cfg(feature = "tracing")]
    fn span(&self, attempt: u32) -> Option<tracing::Span> {
        self.header.seen()?.span(attempt)
    }
}

impl<M: Send + 'static, T: Send + 'static> AnyCall for CallCell<M, T> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn fail(&self, error: Error, job: Option<&Job>) -> bool {
        self.settle(None, Value::Bad(Box::new(self.header.name(error))), false, job)
    }

    fn attempt_failed(self: Arc<Self>, attempt: u32, error: Error, job: Option<&Job>) {
        if self.header.care().is_none() {
            return self.fail_attempt(attempt, error, job);
        }
        let late = if matches!(error, Error::Failed { .. }) { self.lateness() } else { None };
        let error = self.header.name(late.unwrap_or(error));
        match self.judge(retry::Outcome::Error(&error), attempt) {
            Some(Verdict::Again { delay }) => {
                let call: Call = self.clone();
                self.again(&call, attempt, observe::Outcome::of(&error), delay, job);
            }
            Some(Verdict::Refuse(error)) => self.fail_attempt(attempt, error, job),
            Some(Verdict::Accept | Verdict::GiveUp) | None => self.fail_attempt(attempt, error, job),
        }
    }

    fn is_plain(&self) -> bool {
        self.header.is_bare() && !self.slot.is_watched()
    }

    fn value_type(&self) -> (TypeId, &'static str) {
        (TypeId::of::<T>(), type_name::<T>())
    }

    fn complete(&self, value: &mut dyn Any, job: &Job) {
        match value.downcast_mut::<Option<T>>().and_then(Option::take) {
            Some(value) => self.succeed(value, job),
            None => self.fail_attempt(job.attempt(), Error::codec(crate::worker::ANOTHER_TYPE), Some(job)),
        }
    }

    fn complete_encoded(&self, bytes: Vec<u8>, job: &Job) {
        let Some((codec, decode)) = self.remote else {
            let error = Error::codec("an encoded answer came to a call that shares memory with its worker");
            return self.fail_attempt(job.attempt(), error, Some(job));
        };
        let (worker, method) = (self.header.worker(), self.header.method_name());
        let open = move || -> Result<T> {
            codec::checked_decode(|| decode(codec, bytes))
                .map_err(|why| Error::codec(format!("the result {why}")).at(worker, method))
        };
        if let Some(late) = self.lateness() {
            return job.fail(late);
        }
        if !self.header.care().is_some_and(|care| care.judges(TypeId::of::<T>())) {
            // Decoded by whoever takes it.
            self.settle(Some(job.attempt()), Value::Encoded(Box::new(open)), true, Some(job));
            return;
        }
        match Value::Encoded(Box::new(open)).open() {
            Ok(value) => self.succeed(value, job),
            Err(error) => self.fail_attempt(job.attempt(), error, Some(job)),
        }
    }

    fn take_message(&self, attempt: u32, into: &mut dyn Any) -> Result<()> {
        let wrong = || Error::codec("the message is of another type than the worker's");
        let place = into.downcast_mut::<Option<M>>().ok_or_else(wrong)?;
        let message = match self.discard() {
            Payload::Typed(message) => {
                self.spent.store(true, Ordering::Relaxed);
                message
            }
            Payload::Kept(kept) => {
                let again = self.header.care().is_some_and(|care| care.may_repeat(attempt));
                if again { self.replay(kept)? } else { kept.0 }
            }
            Payload::Recoded(kept) => {
                let decoded = match kept.1.wire {
                    Some((codec, _, decode)) => codec::checked_decode(|| decode(codec, &kept.0)),
                    None => Err("cannot be decoded".to_owned()),
                };
                self.provide(Payload::Recoded(kept));
                decoded.map_err(|why| Error::codec(format!("an argument that was kept for another attempt {why}")))?
            }
            // Settled meanwhile: nobody waits for it.
            Payload::Gone => return Ok(()),
            Payload::Expected(_) | Payload::Encoded(_) | Payload::Sent(_) => return Err(wrong()),
            #[cfg(feature = "ray")]
            Payload::Composed(..) => return Err(wrong()),
        };
        *place = Some(message);
        Ok(())
    }

    fn encoded(&self) -> Option<Arc<Vec<u8>>> {
        let mut payload = self.payload();
        if let Payload::Encoded(bytes) = &mut *payload {
            *payload = Payload::Sent(Arc::new(std::mem::take(bytes)));
        }
        match &*payload {
            Payload::Sent(bytes) => Some(bytes.clone()),
            #[cfg(feature = "ray")]
            Payload::Composed(bytes, _) => Some(bytes.clone()),
            _ => None,
        }
    }

    #[cfg(feature = "ray")]
    fn composition(&self) -> Option<Arc<Composition>> {
        self.lacks()
    }

    #[cfg(feature = "ray")]
    fn may_stay(&self) -> bool {
        self.is_for_there()
    }

    #[cfg(feature = "ray")]
    fn complete_far(&self, stored: Arc<Stored>, job: &Job) {
        self.succeed_far(stored, job);
    }

    fn set_clock(self: Arc<Self>, from: TimeoutFrom, attempt: u32) {
        let Some(care) = self.header.care() else { return };
        let Some(deadline) = care.deadline_from(from) else { return };
        let call = self.clone();
        if let Err(error) = care.start_clock(from, attempt, deadline, move || call.expire(attempt)) {
            self.fail(Error::unsupported(format!("no thread can be started to keep the time of calls: {error}")), None);
        }
    }
}

impl<M: Send + 'static, T: Send + 'static> CallCell<M, T> {
    /// The time of attempt `attempt` is up.
    fn expire(self: Arc<Self>, attempt: u32) {
        let header = &self.header;
        let (lane, phase) = (header.lane(), header.phase());
        if header.attempt() != attempt || phase == Phase::Settled {
            return;
        }
        let allowed = header.care().and_then(|care| care.allowed());
        self.clone().attempt_failed(attempt, Error::timed_out(TimeoutScope::Call, allowed), None);
        if phase >= Phase::Queued {
            header.ledger.interrupt(lane, header.id, attempt, Interrupt::Replace);
        }
    }

    fn cancel_as(&self, how: Interrupt) -> bool {
        let header = &self.header;
        loop {
            let word = header.word();
            let told = match word.phase {
                Phase::Settled => return false,
                Phase::Running => true,
                // A process may have begun it; only the process can tell.
                Phase::Sent => self.remote.is_some(),
                Phase::Waiting | Phase::Queued => false,
            };
            if told {
                header.cancelled.store(true, Ordering::Release);
                header.ledger.interrupt(header.lane(), header.id, word.attempt, how);
                // Where it is on its way to some end at this moment, it was running as it was told.
                return header.phase() != Phase::Settled || self.slot.cancelled() != Some(false);
            }
            if header.course.turn(word, super::Word { phase: Phase::Settled, ..word }) {
                header.cancelled.store(true, Ordering::Release);
                let payload = self.discard();
                if let Payload::Expected(Some(upstream)) = &payload {
                    let upstream = upstream.clone();
                    depth::follow(move || upstream.give_up());
                }
                dismiss(payload);
                let error = header.name(Error::cancelled());
                self.publish(word.phase, Value::Bad(Box::new(error)), false, None);
                if word.phase != Phase::Waiting {
                    // Whatever still holds it lets go of it.
                    header.ledger.interrupt(header.lane(), header.id, word.attempt, Interrupt::Tell);
                }
                return true;
            }
        }
    }
}

impl<M: Send + 'static, T: Send + 'static> Outcome<T> for CallCell<M, T> {
    fn slot(&self) -> &Slot<T> {
        &self.slot
    }

    fn id(&self) -> u64 {
        self.header.id
    }

    fn cancel(&self) -> bool {
        self.cancel_as(Interrupt::Tell)
    }

    fn cancel_hard(&self) -> bool {
        self.cancel_as(Interrupt::Replace)
    }

    fn cancel_asked(&self) -> bool {
        self.header.is_cancelled()
    }

    #[cfg(feature = "ray")]
    fn want_far(&self, target: Option<&Arc<dyn Site>>) {
        self.stay_at(target);
    }

    fn help(&self) {
        let header = &self.header;
        let sent = matches!(header.phase(), Phase::Sent | Phase::Running);
        if sent && self.remote.is_some() && header.is_bare() {
            header.ledger.help(header.lane(), &|| self.slot.is_done());
        }
    }

    fn names(&self) -> (&'static str, &'static str) {
        (self.header.worker(), self.header.method_name())
    }

    fn refusal(&self) -> Option<Error> {
        let upstream = match &*self.payload() {
            Payload::Expected(upstream) => upstream.clone(),
            _ => None,
        };
        here::refusal(&self.header).or_else(|| upstream?.refusal())
    }
}
