//! [`GatherFuture`]: a gather that is awaited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::group::{Group, taken};
use super::watching::Watching;
use crate::error::{Error, Result};
use crate::timer::{self, Alarm};

/// The future behind `gather(..).await`: all values, or the first error to happen. It works under any executor.
///
/// ```
/// use concurry::prelude::*;
///
/// async fn sum(futures: Vec<TaskFuture<u32>>) -> concurry::Result<u32> {
///     Ok(gather(futures).await?.iter().sum())
/// }
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct GatherFuture<G: Group> {
    watching: Watching<G>,
    alarm: Option<Alarm>,
    over: bool,
}

// What is in there is never pinned.
impl<G: Group> Unpin for GatherFuture<G> {}

impl<G: Group> GatherFuture<G> {
    pub(super) fn new(watching: Watching<G>) -> Self {
        GatherFuture { watching, alarm: None, over: false }
    }

    /// Sees to it that the task is woken when its time is up, or its bar is to be shown again.
    fn set_alarm(&mut self) -> Result<()> {
        let redraw = self.watching.redraw_at();
        if self.alarm.is_some() && redraw.is_none() {
            return Ok(());
        }
        if let Some(until) = [self.watching.deadline(), redraw].into_iter().flatten().min() {
            let board = self.watching.board().clone();
            let alarm = timer::at(until, move || board.ring());
            self.alarm = Some(alarm.map_err(|error| {
                Error::unsupported(format!("no thread can be started to keep the time of a gather: {error}"))
            })?);
        }
        Ok(())
    }
}

impl<G: Group> Future for GatherFuture<G> {
    type Output = Result<G::Results>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<G::Results>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(Err(taken()));
        }
        loop {
            let result = match this.watching.poll_next(context) {
                Poll::Ready(event) => this.watching.toward_results(event),
                Poll::Pending => {
                    this.watching.redraw();
                    match this.set_alarm() {
                        Ok(()) => return Poll::Pending,
                        Err(error) => Some(this.watching.fail(error)),
                    }
                }
            };
            if let Some(result) = result {
                this.over = true;
                this.alarm = None;
                return Poll::Ready(result);
            }
        }
    }
}

impl<G: Group> fmt::Debug for GatherFuture<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherFuture").field("left", &self.watching.left()).finish()
    }
}
