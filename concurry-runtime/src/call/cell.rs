//! [`CallCell`]: a call with its types.

use std::any::{Any, TypeId};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{AnyCall, Call, Header, Interrupt, Job, Phase, TimeoutFrom, here};
use crate::error::{Error, Result, TimeoutScope};
use crate::future::Outcome;
use crate::future::argument::Waiting;
use crate::future::slot::{Slot, Value};
use crate::panics::{self, dismiss};
use crate::retry::{self, Verdict};
use crate::wire::codec::{self, Codec};

/// What a call asks for.
pub(crate) enum Payload<M> {
    /// Not there yet: its arguments are on their way.
    Expected(Option<Arc<dyn Waiting>>),
    /// As it is, for workers that share memory.
    Typed(M),
    /// As it is, kept for another attempt; each attempt gets a copy.
    Kept(M, Replay<M>),
    /// Encoded, kept for another attempt in this process; each attempt decodes it.
    Recoded(Vec<u8>, Replay<M>),
    /// For workers that do not share memory; kept until the answer is there, so that another worker can have it.
    Encoded(Vec<u8>),
    /// Taken, or no longer needed.
    Gone,
}

/// How a message is given to more than one attempt: by its `Clone`, or by encoding it.
pub(crate) struct Replay<M> {
    pub(crate) copy: fn(&M) -> Option<M>,
    pub(crate) wire: Option<(Codec, EncodeMessage<M>, DecodeMessage<M>)>,
}

type EncodeMessage<M> = fn(Codec, &M) -> std::result::Result<Vec<u8>, String>;
type DecodeMessage<M> = fn(Codec, &[u8]) -> std::result::Result<M, String>;

impl<M> Clone for Replay<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Replay<M> {}

/// How the bytes of an answer become a value.
pub(crate) type DecodeFn<T> = fn(Codec, Vec<u8>) -> std::result::Result<T, String>;

/// A call: header, message and reply slot in one block.
pub(crate) struct CallCell<M, T> {
    header: Header,
    payload: Mutex<Payload<M>>,
    slot: Slot<T>,
    /// How to decode the answer, for workers that do not share memory.
    remote: Option<(Codec, DecodeFn<T>)>,
}

impl<M: Send + 'static, T: Send + 'static> CallCell<M, T> {
    pub(crate) fn new(header: Header, payload: Payload<M>, remote: Option<(Codec, DecodeFn<T>)>) -> Arc<Self> {
        Arc::new(CallCell { header, payload: Mutex::new(payload), slot: Slot::new(), remote })
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
            upstream.cancel();
        }
    }

    fn discard(&self) -> Payload<M> {
        std::mem::replace(&mut *self.payload(), Payload::Gone)
    }

    /// The last things, for whoever brought the call from `from` to its end.
    fn publish(&self, from: Phase, value: Value<T>, ok: bool, job: Option<&Job>) {
        if let Some(care) = &self.header.care {
            care.stop_clock(true);
        }
        // The message goes first: its destructor is the user's and may take its time.
        dismiss(self.discard());
        self.header.ledger.settling(&self.header, from, ok, job.and_then(Job::leave));
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
        self.settle(Some(attempt), Value::Ready(Err(error)), false, job);
    }

    /// Brings the attempt to a value, unless the policy waits for another one.
    fn succeed(self: Arc<Self>, value: T, job: &Job) {
        if let Some(late) = self.lateness() {
            dismiss(value);
            return self.attempt_failed(job.attempt(), late, Some(job));
        }
        match self.judge(retry::Outcome::Value(&value), job.attempt()) {
            Some(Verdict::Again { delay }) => {
                dismiss(value);
                return self.again(job.attempt(), delay, Some(job));
            }
            Some(Verdict::Refuse(error)) => {
                dismiss(value);
                return self.fail_attempt(job.attempt(), error, Some(job));
            }
            Some(Verdict::Accept | Verdict::GiveUp) | None => {}
        }
        self.settle(Some(job.attempt()), Value::Ready(Ok(value)), true, Some(job));
    }

    /// The error of an attempt that has an answer, but only after its time was up: the clock may be a moment behind a
    /// method that saw in its context that its time was up.
    fn lateness(&self) -> Option<Error> {
        let care = self.header.care.as_ref()?;
        let late = care.deadline().is_some_and(|deadline| Instant::now() >= deadline);
        late.then(|| Error::timed_out(TimeoutScope::Call, care.allowed()))
    }

    /// What the policy says of an attempt that has ended; `None` where it has nothing to say.
    fn judge(&self, outcome: retry::Outcome<'_>, attempt: u32) -> Option<Verdict> {
        let header = &self.header;
        let care = header.care.as_ref()?;
        let word = header.word();
        let stale = word.attempt != attempt || word.phase == Phase::Settled;
        let over = matches!(outcome, retry::Outcome::Error(Error::Cancelled { .. } | Error::Stopped { .. }));
        if stale || over || header.is_cancelled() || !header.ledger.may_retry() {
            return None;
        }
        care.judge(outcome, attempt)
    }

    /// On to the next attempt, after `delay`.
    fn again(self: Arc<Self>, attempt: u32, delay: Duration, job: Option<&Job>) {
        let header = &self.header;
        if let Some(from) = header.on_to_the_next(attempt) {
            if let Some(care) = &header.care {
                care.stop_clock(false);
            }
            let left = job.and_then(Job::leave);
            let call: Call = self.clone();
            header.ledger.retrying(&call, from, left, delay);
        }
    }

    /// A message for this attempt of one that is kept.
    fn replay(&self, message: M, replay: Replay<M>) -> Result<M> {
        if let Some(copy) = panics::caught(|| (replay.copy)(&message))? {
            self.provide(Payload::Kept(message, replay));
            return Ok(copy);
        }
        let Some((codec, encode, _)) = replay.wire else {
            return Err(Error::unsupported("an argument cannot be kept for another attempt, since it has no `Clone`"));
        };
        let bytes = codec::checked(|| encode(codec, &message)).map_err(|why| {
            Error::codec(format!("an argument that is kept for another attempt {why}; or give it `Clone`"))
        })?;
        self.provide(Payload::Recoded(bytes, replay));
        Ok(message)
    }
}

impl<M, T> Drop for CallCell<M, T> {
    fn drop(&mut self) {
        let payload = self.payload.get_mut().unwrap_or_else(PoisonError::into_inner);
        dismiss(std::mem::replace(payload, Payload::Gone));
    }
}

impl<M: Send + 'static, T: Send + 'static> AnyCall for CallCell<M, T> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn fail(&self, error: Error, job: Option<&Job>) -> bool {
        self.settle(None, Value::Ready(Err(self.header.name(error))), false, job)
    }

    fn attempt_failed(self: Arc<Self>, attempt: u32, error: Error, job: Option<&Job>) {
        if self.header.care.is_none() {
            return self.fail_attempt(attempt, error, job);
        }
        let late = if matches!(error, Error::Failed { .. }) { self.lateness() } else { None };
        let error = self.header.name(late.unwrap_or(error));
        match self.judge(retry::Outcome::Error(&error), attempt) {
            Some(Verdict::Again { delay }) => self.again(attempt, delay, job),
            Some(Verdict::Refuse(error)) => self.fail_attempt(attempt, error, job),
            Some(Verdict::Accept | Verdict::GiveUp) | None => self.fail_attempt(attempt, error, job),
        }
    }

    fn complete(self: Arc<Self>, value: &mut dyn Any, job: &Job) {
        match value.downcast_mut::<Option<T>>().and_then(Option::take) {
            Some(value) => self.succeed(value, job),
            None => {
                let error = Error::codec("the method returned a value of another type than its client expects");
                self.fail_attempt(job.attempt(), error, Some(job));
            }
        }
    }

    fn complete_encoded(self: Arc<Self>, bytes: Vec<u8>, job: &Job) {
        let Some((codec, decode)) = self.remote else {
            let error = Error::codec("an encoded answer came to a call that shares memory with its worker");
            return self.fail_attempt(job.attempt(), error, Some(job));
        };
        let (worker, method) = (self.header.worker, self.header.method_name());
        let open = move || -> Result<T> {
            codec::checked_decode(|| decode(codec, bytes))
                .map_err(|why| Error::codec(format!("the result {why}")).at(worker, method))
        };
        if let Some(late) = self.lateness() {
            return self.attempt_failed(job.attempt(), late, Some(job));
        }
        if !self.header.care.as_ref().is_some_and(|care| care.judges(TypeId::of::<T>())) {
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
            Payload::Typed(message) => message,
            Payload::Kept(message, replay) => {
                let again = self.header.care.as_ref().is_some_and(|care| care.may_repeat(attempt));
                if again { self.replay(message, replay)? } else { message }
            }
            Payload::Recoded(bytes, replay) => {
                let decoded = match replay.wire {
                    Some((codec, _, decode)) => codec::checked_decode(|| decode(codec, &bytes)),
                    None => Err("cannot be decoded".to_owned()),
                };
                self.provide(Payload::Recoded(bytes, replay));
                decoded.map_err(|why| Error::codec(format!("an argument that was kept for another attempt {why}")))?
            }
            // Settled meanwhile: nobody waits for it.
            Payload::Gone => return Ok(()),
            Payload::Expected(_) | Payload::Encoded(_) => return Err(wrong()),
        };
        *place = Some(message);
        Ok(())
    }

    fn with_encoded(&self, show: &mut dyn FnMut(&[u8])) {
        match &*self.payload() {
            Payload::Encoded(bytes) => show(bytes),
            _ => show(&[]),
        }
    }

    fn set_clock(self: Arc<Self>, from: TimeoutFrom) {
        let Some(care) = &self.header.care else { return };
        let Some(deadline) = care.deadline_from(from) else { return };
        let call = self.clone();
        let attempt = self.header.attempt();
        if let Err(error) = care.start_clock(from, deadline, move || call.expire(attempt)) {
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
        let allowed = header.care.as_ref().and_then(|care| care.allowed());
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
                return header.phase() != Phase::Settled || self.slot.cancelled() == Some(true);
            }
            if header.turn(word, super::Word { phase: Phase::Settled, ..word }) {
                header.cancelled.store(true, Ordering::Release);
                let payload = self.discard();
                if let Payload::Expected(Some(upstream)) = &payload {
                    upstream.cancel();
                }
                dismiss(payload);
                let error = header.name(Error::cancelled());
                self.publish(word.phase, Value::Ready(Err(error)), false, None);
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

    fn names(&self) -> (&'static str, &'static str) {
        (self.header.worker, self.header.method_name())
    }

    fn refusal(&self) -> Option<Error> {
        let upstream = match &*self.payload() {
            Payload::Expected(upstream) => upstream.clone(),
            _ => None,
        };
        here::refusal(&self.header).or_else(|| upstream?.refusal())
    }
}
