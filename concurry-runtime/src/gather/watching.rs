//! [`Watching`]: a group that is being waited for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::board::Board;
use super::group::Group;
use super::progress::{End, Outcome, ProgressBar};
use crate::call::here;
use crate::error::{Error, Result};

/// What happens next.
pub(super) enum Event {
    /// The future at this index has settled.
    Settled(usize),
    /// All have.
    Complete,
    /// Some have not, and no more time is given to them.
    TimedOut,
}

/// A group whose futures tell a board when they settle. Dropping it, they forget the board.
pub(super) struct Watching<G: Group> {
    pub(super) group: G,
    board: Arc<Board>,
    batch: VecDeque<usize>,
    left: usize,
    pub(super) timeout: Option<Duration>,
    deadline: Option<Instant>,
    bar: Option<ProgressBar>,
    /// Whether a worker's thread has looked which of them it must not wait for.
    looked: bool,
}

impl<G: Group> Watching<G> {
    /// Starts the clock, and watches every future.
    pub(super) fn new(group: G, timeout: Option<Duration>, label: Option<String>) -> Self {
        let left = group.len();
        let bar = label.map(|label| {
            let bar = ProgressBar::new(left);
            bar.set_description(label);
            bar
        });
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let board = Arc::new(Board::default());
        // In place before anything is watched, so that a panic unregisters what was.
        let watching = Watching { group, board, batch: VecDeque::new(), left, timeout, deadline, bar, looked: false };
        watching.group.watch(&watching.board);
        watching
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    fn late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    fn pop(&mut self) -> Option<Event> {
        if self.left == 0 {
            return Some(Event::Complete);
        }
        let index = self.batch.pop_front()?;
        self.left -= 1;
        Some(Event::Settled(index))
    }

    /// On a worker's thread, gives up what it would have to run itself; whether there is something to read then.
    fn refuse(&mut self) -> bool {
        if !std::mem::replace(&mut self.looked, true) && here::looks() {
            self.group.refuse(&self.board, &mut self.batch);
        }
        !self.batch.is_empty()
    }

    /// Sleeps until something happens. What has settled comes first, even when time is up.
    pub(super) fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.pop() {
                return event;
            }
            if self.refuse() {
                continue;
            }
            // A bar shows the time that passes.
            let redraw = self.redraw_at();
            let until = [self.deadline, redraw].into_iter().flatten().min();
            if !self.board.wait(&mut self.batch, until) {
                if self.late() {
                    return Event::TimedOut;
                }
                self.redraw();
            }
        }
    }

    /// When the bar should be shown again though nothing happens.
    pub(super) fn redraw_at(&self) -> Option<Instant> {
        self.bar.as_ref().map(ProgressBar::redraw_at)
    }

    pub(super) fn redraw(&self) {
        if let Some(bar) = &self.bar {
            bar.redraw();
        }
    }

    /// As [`next`](Self::next), for a task.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            if let Some(event) = self.pop() {
                return Poll::Ready(event);
            }
            if self.late() && !self.board.read(&mut self.batch) {
                return Poll::Ready(Event::TimedOut);
            }
            if self.batch.is_empty() && self.board.poll(&mut self.batch, context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Counts a future whose result was taken.
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(bar) = &self.bar {
            bar.count(1, outcome);
        }
    }

    /// Ends the bar, and the watch over what is left.
    pub(super) fn end(&mut self, end: End) {
        if let Some(bar) = self.bar.take() {
            bar.end(end);
        }
        self.forget();
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.left) > 0 {
            self.group.unwatch(&self.board);
        }
    }

    /// Deals with an event on the way to [`Group::results`]; `Some` where that is the last of them.
    pub(super) fn toward_results(&mut self, event: Event) -> Option<Result<G::Results>> {
        match event {
            Event::Settled(index) => {
                let outcome = self.group.arrive(index);
                self.count(outcome);
                let error = if outcome == Outcome::Done { None } else { self.group.error(index) };
                error.map(|error| self.fail(error))
            }
            Event::Complete => {
                self.end(End::Done);
                Some(self.group.results())
            }
            Event::TimedOut => {
                let error = self.group.timed_out(self.timeout);
                Some(self.fail(error))
            }
        }
    }

    /// Ends it all with `error`.
    pub(super) fn fail(&mut self, error: Error) -> Result<G::Results> {
        self.end(End::of_error(&error));
        Err(error)
    }
}

impl<G: Group> Drop for Watching<G> {
    fn drop(&mut self) {
        self.forget();
    }
}
