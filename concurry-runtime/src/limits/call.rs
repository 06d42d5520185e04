//! The one of `calls` that a call takes before it is sent: [`Turn`] and [`Permit`].

use std::sync::Arc;

use super::keeper::{End, Grant, Holder, Keeper};
use super::waiting::Ticket;

/// Whether a call may go.
pub(crate) enum Turn {
    /// At once; the callback is not run.
    Now(Permit),
    /// When the callback is run. Dropping the ticket leaves the line.
    Later(Ticket),
}

/// What a call that may go has taken. It is gone with the call; a call that is not sent after all gives it back.
#[must_use = "a permit that is dropped is used up"]
pub(crate) struct Permit {
    taken: Option<(Arc<dyn Keeper>, Grant)>,
    set: Option<u32>,
}

impl Permit {
    /// Of a set that does not limit calls.
    pub(super) fn free(set: Option<u32>) -> Self {
        Permit { taken: None, set }
    }

    pub(super) fn taken(keeper: Arc<dyn Keeper>, grant: Grant, set: Option<u32>) -> Self {
        Permit { taken: Some((keeper, grant)), set }
    }

    /// The set of a pool of sets that the call goes by; its method takes from the same.
    pub(crate) fn set(&self) -> Option<u32> {
        self.set
    }

    /// Gives it back: the call was not sent.
    pub(crate) fn unused(mut self) {
        self.end(End::Unused);
    }

    fn end(&mut self, end: End) {
        if let Some((keeper, grant)) = self.taken.take() {
            keeper.give_back(Holder::NOBODY, grant, end);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(End::Used);
    }
}
