//! Calling user code from a loop: through the door, in the context of its call, with panics caught.

use std::future::poll_fn;
use std::task::Poll;

use super::door::Door;
use super::link::Ticket;
use crate::backend::dismiss;
use crate::context::{self, CallContext};
use crate::error::Error;
use crate::panics;
use crate::run::{Going, Run};
use crate::worker::Replied;

/// What a call came to, as its loop sees it.
pub(super) enum Ended {
    /// It has replied.
    Replied,
    /// It panicked, and its worker is not to be trusted.
    Panicked(Error),
    /// It was told to stop, and its future is dropped.
    Stopped,
    /// The loop was killed.
    Killed,
}

/// Calls `run`, unless the loop has been killed.
pub(super) fn visit<T>(door: &Door, context: Option<&CallContext>, run: impl FnOnce() -> T) -> Result<T, Ended> {
    let Some(_inside) = door.enter() else { return Err(Ended::Killed) };
    let _entered = context.map(|context| context::enter(context.clone()));
    panics::caught(run).map_err(Ended::Panicked)
}

/// The future of a call. It is dropped in the call's context, whoever drops it.
struct Guarded<'a> {
    future: Option<Going<'a, Replied>>,
    context: &'a CallContext,
}

impl Guarded<'_> {
    /// Drops the future here and now; what went wrong, if its destructors panicked.
    fn stop(&mut self, door: &Door) -> Result<(), Ended> {
        visit(door, Some(self.context), || self.future = None)
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            let _entered = context::enter(self.context.clone());
            dismiss(future);
        }
    }
}

/// Runs a call to its end, or until its ticket says that it is to stop. `start` calls the method.
pub(super) async fn live<'a>(
    door: &Door,
    ticket: &Ticket,
    context: &'a CallContext,
    start: impl FnOnce() -> Run<'a, Replied>,
) -> Ended {
    if ticket.is_stopped() {
        return Ended::Stopped;
    }
    let future = match visit(door, Some(context), start) {
        Ok(Run::Done(_)) => return Ended::Replied,
        Ok(Run::Going(future)) => future,
        Err(ended) => return ended,
    };
    let mut guarded = Guarded { future: Some(future), context };
    let mut listens = false;
    poll_fn(|task| {
        if !listens {
            listens = true;
            ticket.listen(task.waker());
        }
        if ticket.is_stopped() {
            return Poll::Ready(guarded.stop(door).err().unwrap_or(Ended::Stopped));
        }
        let Some(future) = &mut guarded.future else { return Poll::Ready(Ended::Stopped) };
        match visit(door, Some(context), || future.as_mut().poll(task)) {
            Ok(Poll::Ready(_)) => Poll::Ready(Ended::Replied),
            Ok(Poll::Pending) => Poll::Pending,
            Err(ended) => Poll::Ready(ended),
        }
    })
    .await
}
