//! [`Runner`]: the job that brings a worker to a feed.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::chunk::Outcome;
use crate::backend::Ticket;
use crate::bell::Watched;
use crate::call::{AnyCall, Header, Job, TimeoutFrom};
use crate::error::{Error, Result};

/// A call that is none to anybody but the lanes. It has no message and no slot; workers know it by its ticket.
pub(super) struct Runner<W> {
    pub(super) header: Header,
    pub(super) ticket: Ticket<W>,
}

/// Said by what only calls do.
const NO_CALL: &str = "what brings a worker to a map is no call of its own";

impl<W: 'static> Runner<W> {
    fn lost(&self, error: Error) {
        if let Some(work) = self.ticket.work.upgrade() {
            work.lost(self.ticket.seat, self.ticket.id, error);
            crate::panics::dismiss(work);
        }
    }
}

impl<W> Drop for Runner<W> {
    /// One that has been to a worker is known to be over, and this says nothing. Whatever else lets go of it, its seat
    /// must not stay taken.
    fn drop(&mut self) {
        if let Some(work) = self.ticket.work.upgrade() {
            work.lost(self.ticket.seat, self.ticket.id, Error::stopped());
            crate::panics::dismiss(work);
        }
    }
}

impl<W: 'static> Watched for Runner<W> {
    fn is_over(&self, _: u32) -> bool {
        self.ticket.work.strong_count() == 0
    }
}

impl<W: 'static> AnyCall for Runner<W> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn fail(&self, error: Error, _: Option<&Job>) -> bool {
        self.lost(error);
        true
    }

    fn attempt_failed(self: Arc<Self>, _: u32, error: Error, _: Option<&Job>) {
        self.lost(error);
    }

    fn value_type(&self) -> (TypeId, &'static str) {
        (TypeId::of::<()>(), "()")
    }

    fn complete(&self, _: &mut dyn Any, _: &Job) {
        self.lost(Error::codec(NO_CALL));
    }

    fn complete_encoded(&self, _: Vec<u8>, _: &Job) {
        self.lost(Error::codec(NO_CALL));
    }

    fn take_message(&self, _: u32, _: &mut dyn Any) -> Result<()> {
        Err(Error::codec(NO_CALL))
    }

    fn encoded(&self) -> Option<Arc<Vec<u8>>> {
        None
    }

    fn set_clock(self: Arc<Self>, _: TimeoutFrom, _: u32) {}

    fn ticket(&self) -> Option<&dyn Any> {
        Some(&self.ticket)
    }
}

/// An error of the call of a map that it is told for.
pub(super) fn told<T>(error: Error, worker: &'static str, method: &'static str) -> Outcome<T> {
    Err(Box::new(error.at(worker, method).after_attempts(1)))
}
