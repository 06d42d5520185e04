//! [`CallCell`]: a call with its types.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AnyCall, Header, RUNNING, SENT, SETTLED};
use crate::error::{Error, Result};
use crate::future::Outcome;
use crate::future::slot::{Slot, Value};
use crate::wire::codec::Codec;
use std::sync::atomic::Ordering;

use crate::future::argument::Waiting;

/// What a call asks for.
pub(crate) enum Payload<M> {
    /// Not there yet: its arguments are on their way.
    Expected(Option<Arc<dyn Waiting>>),
    /// As it is, for workers that share memory.
    Typed(M),
    /// For workers that do not; kept until the answer is there, so that another worker can have it.
    Encoded(Vec<u8>),
    /// Taken, or no longer needed.
    Gone,
}

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

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    fn payload(&self) -> MutexGuard<'_, Payload<M>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what was expected; dropped again where the call has been settled meanwhile.
    pub(crate) fn provide(&self, payload: Payload<M>) {
        let old = {
            let mut place = self.payload();
            std::mem::replace(&mut *place, payload)
        };
        drop(old);
        if self.header.phase() == SETTLED {
            self.discard();
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

    fn publish(&self, from: u8, value: Value<T>, ok: bool, finished: bool) {
        // The message goes first: its destructor is the user's and may take its time.
        drop(self.discard());
        self.header.ledger.settling(&self.header, from, ok, finished);
        self.slot.settle(value);
        self.header.ledger.settled();
    }

    fn settle(&self, value: Value<T>, ok: bool, finished: bool) -> bool {
        let from = self.header.phase.swap(SETTLED, Ordering::AcqRel);
        if from == SETTLED {
            return false;
        }
        self.publish(from, value, ok, finished);
        true
    }
}

impl<M: Send + 'static, T: Send + 'static> AnyCall for CallCell<M, T> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn fail(&self, error: Error, finished: bool) -> bool {
        if self.header.phase() == SETTLED {
            return false;
        }
        self.settle(Value::Ready(Err(self.header.name(error))), false, finished)
    }

    fn complete(&self, value: &mut dyn Any) {
        let result = match value.downcast_mut::<Option<T>>().and_then(Option::take) {
            Some(value) => Ok(value),
            None => Err(self
                .header
                .name(Error::codec("the method returned a value of another type than its client expects"))),
        };
        let ok = result.is_ok();
        self.settle(Value::Ready(result), ok, true);
    }

    fn complete_encoded(&self, bytes: Vec<u8>) {
        let Some((codec, decode)) = self.remote else {
            self.fail(Error::codec("an encoded answer came to a call that shares memory with its worker"), true);
            return;
        };
        let (worker, method) = (self.header.worker, self.header.method_name());
        let open = move || -> Result<T> {
            decode(codec, bytes).map_err(|why| Error::codec(format!("the result {why}")).at(worker, method))
        };
        self.settle(Value::Encoded(Box::new(open)), true, true);
    }

    fn take_message(&self, into: &mut dyn Any) {
        let Some(place) = into.downcast_mut::<Option<M>>() else { return };
        let mut payload = self.payload();
        if matches!(*payload, Payload::Typed(_))
            && let Payload::Typed(message) = std::mem::replace(&mut *payload, Payload::Gone)
        {
            *place = Some(message);
        }
    }

    fn with_encoded(&self, show: &mut dyn FnMut(&[u8])) {
        match &*self.payload() {
            Payload::Encoded(bytes) => show(bytes),
            _ => show(&[]),
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
        let header = &self.header;
        loop {
            let phase = header.phase();
            let told = match phase {
                SETTLED => return false,
                RUNNING => true,
                // A process may have begun it; only the process can tell.
                SENT => self.remote.is_some(),
                _ => false,
            };
            if told {
                header.cancelled.store(true, Ordering::Release);
                header.ledger.tell_cancelled(header);
                return header.phase() != SETTLED || self.slot.cancelled() == Some(true);
            }
            if header.turn(phase, SETTLED) {
                header.cancelled.store(true, Ordering::Release);
                let payload = self.discard();
                if let Payload::Expected(Some(upstream)) = &payload {
                    upstream.cancel();
                }
                drop(payload);
                let error = header.name(Error::cancelled());
                self.publish(phase, Value::Ready(Err(error)), false, true);
                if phase == SENT {
                    // Others may be waiting behind it there.
                    header.ledger.tell_cancelled(header);
                }
                return true;
            }
        }
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
        super::here::refusal(&self.header).or_else(|| upstream?.refusal())
    }
}
