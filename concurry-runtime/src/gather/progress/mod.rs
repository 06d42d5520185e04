//! [`ProgressBar`]: how far something is, as a bar on a terminal and as a line now and then elsewhere.

mod area;
mod bar;
mod iter;
mod plain;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::error::{Error, Result};

pub(crate) use bar::print_lines_only;
pub use iter::ProgressIter;

use bar::Bar;
use plain::Plain;

/// What one of the things that are counted came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    Cancelled,
}

impl Outcome {
    pub(super) fn of<T>(result: &Result<T>) -> Self {
        result.as_ref().map_or_else(Self::of_error, |_| Outcome::Done)
    }

    pub(super) fn of_error(error: &Error) -> Self {
        if matches!(error, Error::Cancelled { .. }) { Outcome::Cancelled } else { Outcome::Failed }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was done; what failed or was cancelled among it was counted.
    Done,
    /// Something failed, and the rest was given up.
    Failed,
    /// Something was cancelled, and the rest was given up.
    Cancelled,
    /// It was dropped half way.
    Stopped,
}

impl End {
    pub(super) fn of_error(error: &Error) -> Self {
        match Outcome::of_error(error) {
            Outcome::Cancelled => End::Cancelled,
            Outcome::Done | Outcome::Failed => End::Failed,
        }
    }
}

/// A bar on standard error that tells how much is done, how fast, what is left and how much failed.
///
/// On a terminal it is drawn in place: cyan while it runs, green when all is done, red when something failed, yellow
/// when something was cancelled, magenta when it was dropped half way; several at once stand below each other, the
/// inner ones below. Elsewhere (a file, a pipe, a log) it prints a plain line every few seconds, and one at the end. It
/// has no thread: it is drawn when something is counted, and while a gather waits.
///
/// Clones are the same bar; dropping the last one ends it.
///
/// ```
/// use concurry::prelude::*;
///
/// let bar = ProgressBar::new(3);
/// bar.set_description("Hashing");
/// for name in ["a", "b", "c"] {
///     let _hash = name.len();
///     bar.inc(1);
/// }
/// bar.finish();
///
/// // Or around any iterator:
/// let sum: u32 = ProgressBar::new(10).wrap(0..10).sum();
/// assert_eq!(sum, 45);
/// ```
#[derive(Clone)]
pub struct ProgressBar(Arc<Shared>);

enum Screen {
    Bar(Bar),
    Plain(Plain),
}

/// What has been counted.
#[derive(Default)]
struct Tally {
    total: u64,
    done: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
}

/// What a line tells.
#[derive(Clone, Copy)]
struct Counts {
    done: u64,
    total: u64,
    failed: u64,
    cancelled: u64,
}

impl Tally {
    fn new(total: u64) -> Arc<Self> {
        Arc::new(Tally { total, ..Tally::default() })
    }

    fn count(&self, n: u64, outcome: Outcome) {
        match outcome {
            Outcome::Done => {}
            Outcome::Failed => drop(self.failed.fetch_add(n, Ordering::Relaxed)),
            Outcome::Cancelled => drop(self.cancelled.fetch_add(n, Ordering::Relaxed)),
        }
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (failed, cancelled) = (read(&self.failed), read(&self.cancelled));
        Counts { done: read(&self.done), total: self.total, failed, cancelled }
    }
}

struct Shared {
    tally: Arc<Tally>,
    ended: AtomicBool,
    screen: Screen,
}

fn amount(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

impl ProgressBar {
    /// A bar for `total` things; a number of any integer type, where a negative one counts as 0.
    #[must_use]
    pub fn new(total: impl TryInto<u64>) -> Self {
        let tally = Tally::new(amount(total));
        let screen = if bar::possible() {
            Screen::Bar(Bar::new(tally.clone()))
        } else {
            Screen::Plain(Plain::new(Box::new(io::stderr()), Instant::now()))
        };
        Self::on(screen, tally)
    }

    fn on(screen: Screen, tally: Arc<Tally>) -> Self {
        ProgressBar(Arc::new(Shared { tally, ended: AtomicBool::new(false), screen }))
    }

    /// What stands before the bar.
    pub fn set_description(&self, description: impl Into<String>) {
        match &self.0.screen {
            Screen::Bar(bar) => bar.describe(&description.into()),
            Screen::Plain(plain) => plain.describe(description.into()),
        }
    }

    /// Counts `n` more as done.
    pub fn inc(&self, n: impl TryInto<u64>) {
        self.count(amount(n), Outcome::Done);
    }

    /// Counts `n` more as done, but failed.
    pub fn inc_failed(&self, n: impl TryInto<u64>) {
        self.count(amount(n), Outcome::Failed);
    }

    /// Counts `n` more as done, but cancelled.
    pub fn inc_cancelled(&self, n: impl TryInto<u64>) {
        self.count(amount(n), Outcome::Cancelled);
    }

    pub(super) fn count(&self, n: u64, outcome: Outcome) {
        let shared = &*self.0;
        shared.tally.count(n, outcome);
        if !shared.ended.load(Ordering::Acquire) {
            match &shared.screen {
                Screen::Bar(bar) => bar.advance(n),
                Screen::Plain(plain) => plain.advance(shared.tally.counts(), Instant::now()),
            }
        }
    }

    /// Counts each item of `items` as done once it is given out, and ends the bar after the last.
    ///
    /// The iterator holds a bar of its own; dropped before its end it leaves the bar as it is.
    pub fn wrap<I: IntoIterator>(&self, items: I) -> ProgressIter<I::IntoIter> {
        ProgressIter::new(self.clone(), items.into_iter())
    }

    /// Ends the bar: it stays where it is, in the colour of success, or of what failed or was cancelled. What is counted
    /// later is not shown.
    pub fn finish(&self) {
        self.end(End::Done);
    }

    pub(super) fn end(&self, end: End) {
        self.0.end(end);
    }

    /// When it should be shown again though nothing was counted.
    pub(super) fn redraw_at(&self) -> Instant {
        match &self.0.screen {
            Screen::Bar(_) => Instant::now() + bar::REDRAW,
            Screen::Plain(plain) => plain.late_at(),
        }
    }

    pub(super) fn redraw(&self) {
        match &self.0.screen {
            Screen::Bar(bar) => bar.redraw(),
            Screen::Plain(plain) => plain.advance(self.0.tally.counts(), Instant::now()),
        }
    }
}

impl Shared {
    fn end(&self, end: End) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let counts = self.tally.counts();
        let end = match end {
            End::Done if counts.failed > 0 => End::Failed,
            End::Done if counts.cancelled > 0 => End::Cancelled,
            end => end,
        };
        match &self.screen {
            Screen::Bar(bar) => bar.end(end),
            Screen::Plain(plain) => plain.end(counts, end, Instant::now()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Counts { done, total, .. } = self.tally.counts();
        self.end(match (done >= total, std::thread::panicking()) {
            (_, true) => End::Failed,
            (true, false) => End::Done,
            (false, false) => End::Stopped,
        });
    }
}

impl fmt::Debug for ProgressBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { done, total, failed, cancelled } = self.0.tally.counts();
        let mut shown = f.debug_struct("ProgressBar");
        shown
            .field("done", &done)
            .field("total", &total)
            .field("failed", &failed)
            .field("cancelled", &cancelled)
            .finish()
    }
}

#[cfg(test)]
mod tests;
