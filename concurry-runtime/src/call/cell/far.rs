//! What a call has to do with values that stay on a cluster: as arguments, and as what it comes to.

use std::any::TypeId;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{CallCell, Job, Payload, Value};
use crate::far::{Composition, Far, Site, Stored, is_same};

impl<M: Send + 'static, T: Send + 'static> CallCell<M, T> {
    /// What its message lacks.
    pub(super) fn lacks(&self) -> Option<Arc<Composition>> {
        match &*self.payload() {
            Payload::Composed(_, composition) => Some(composition.clone()),
            _ => None,
        }
    }

    /// Its value is for a call at this site, or, where none is named, to stay wherever it is.
    pub(super) fn stay_at(&self, target: Option<&Arc<dyn Site>>) {
        let own = self.header.ledger.site();
        if own.is_some_and(|own| target.is_none_or(|target| is_same(&own, target))) {
            self.stays.store(true, Ordering::Release);
        }
    }

    /// Whether nobody wants its value here: no policy judges it, and no callback is shown it.
    pub(super) fn is_for_there(&self) -> bool {
        let judged = self.header.care().is_some_and(|care| care.judges(TypeId::of::<T>()));
        self.stays.load(Ordering::Acquire) && !judged && !self.slot.has_callbacks()
    }

    /// Brings it to a value that was left there.
    pub(super) fn succeed_far(&self, stored: Arc<Stored>, job: &Job) {
        let Some((codec, decode)) = self.remote else { return };
        if let Some(late) = self.lateness() {
            return job.fail(late);
        }
        let far = Far { stored, codec, decode, names: (self.header.worker(), self.header.method_name()) };
        self.settle(Some(job.attempt()), Value::Far(Box::new(far)), true, Some(job));
    }
}
