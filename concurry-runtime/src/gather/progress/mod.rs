//! [`ProgressBar`]: how far something is, as a bar on a terminal and as a line now and then elsewhere.

mod area;
mod bar;
mod iter;
mod plain;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

pub use iter::ProgressIter;

use bar::Bar;
use plain::Plain;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was done; what failed among it was counted.
    Done,
    /// Something failed, and the rest was given up.
    Failed,
    /// It was dropped half way.
    Stopped,
}

/// A bar on standard error that tells how much is done, how fast, what is left and how much failed.
///
/// On a terminal it is drawn in place: cyan while it runs, green when all is done, red when something failed, yellow
/// when it was dropped half way; several at once stand below each other. Elsewhere (a file, a pipe, a log) it prints a
/// plain line at most every ten percent or ten seconds, and one at the end. It has no thread: it is drawn when
/// something is counted.
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

const RUNNING: u8 = 0;
const ENDED: u8 = 1;

struct Shared {
    total: u64,
    done: AtomicU64,
    failed: Arc<AtomicU64>,
    state: AtomicU8,
    screen: Screen,
}

fn amount(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(0)
}

impl ProgressBar {
    /// A bar for `total` things; a number of any integer type, where a negative one counts as 0.
    #[must_use]
    pub fn new(total: impl TryInto<u64>) -> Self {
        let total = amount(total);
        let failed = Arc::new(AtomicU64::new(0));
        let screen = if bar::possible() {
            Screen::Bar(Bar::new(total, failed.clone()))
        } else {
            Screen::Plain(Plain::new(Box::new(io::stderr()), Instant::now()))
        };
        Self::on(screen, total, failed)
    }

    fn on(screen: Screen, total: u64, failed: Arc<AtomicU64>) -> Self {
        ProgressBar(Arc::new(Shared { total, done: AtomicU64::new(0), failed, state: AtomicU8::new(RUNNING), screen }))
    }

    /// What stands before the bar.
    pub fn set_description(&self, description: impl Into<String>) {
        match &self.0.screen {
            Screen::Bar(bar) => bar.describe(description.into()),
            Screen::Plain(plain) => plain.describe(description.into()),
        }
    }

    /// Counts `n` more as done.
    pub fn inc(&self, n: impl TryInto<u64>) {
        self.count(amount(n), false);
    }

    /// Counts `n` more as done, but failed.
    pub fn inc_failed(&self, n: impl TryInto<u64>) {
        self.count(amount(n), true);
    }

    pub(super) fn count(&self, n: u64, failed: bool) {
        let shared = &*self.0;
        if failed {
            shared.failed.fetch_add(n, Ordering::Relaxed);
        }
        let done = shared.done.fetch_add(n, Ordering::Relaxed).saturating_add(n);
        if shared.state.load(Ordering::Acquire) == RUNNING {
            match &shared.screen {
                Screen::Bar(bar) => bar.advance(n),
                Screen::Plain(plain) => plain.advance(shared.counts(done), Instant::now()),
            }
        }
    }

    /// Counts each item of `items` as done once it is given out, and ends the bar after the last.
    ///
    /// The iterator holds a bar of its own; dropped before its end it leaves the bar as it is.
    pub fn wrap<I: IntoIterator>(&self, items: I) -> ProgressIter<I::IntoIter> {
        ProgressIter::new(self.clone(), items.into_iter())
    }

    /// Ends the bar: it stays where it is, in the colour of success, or of failure where something failed. What is
    /// counted later is not shown.
    pub fn finish(&self) {
        self.end(End::Done);
    }

    pub(super) fn end(&self, end: End) {
        self.0.end(end);
    }

    /// When it should be drawn again though nothing was counted; `None` where it need not be.
    pub(super) fn redraw_at(&self) -> Option<Instant> {
        match &self.0.screen {
            Screen::Bar(_) => Some(Instant::now() + bar::REDRAW),
            Screen::Plain(_) => None,
        }
    }

    pub(super) fn redraw(&self) {
        if let Screen::Bar(bar) = &self.0.screen {
            bar.redraw();
        }
    }
}

/// What a line tells.
#[derive(Clone, Copy)]
struct Counts {
    done: u64,
    total: u64,
    failed: u64,
}

impl Shared {
    fn counts(&self, done: u64) -> Counts {
        Counts { done, total: self.total, failed: self.failed.load(Ordering::Relaxed) }
    }

    fn end(&self, end: End) {
        if self.state.swap(ENDED, Ordering::AcqRel) == ENDED {
            return;
        }
        let counts = self.counts(self.done.load(Ordering::Relaxed));
        let end = if end == End::Done && counts.failed > 0 { End::Failed } else { end };
        match &self.screen {
            Screen::Bar(bar) => bar.end(end),
            Screen::Plain(plain) => plain.end(counts, end, Instant::now()),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let complete = *self.done.get_mut() >= self.total;
        self.end(match (complete, std::thread::panicking()) {
            (_, true) => End::Failed,
            (true, false) => End::Done,
            (false, false) => End::Stopped,
        });
    }
}

impl fmt::Debug for ProgressBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { done, total, failed } = self.0.counts(self.0.done.load(Ordering::Relaxed));
        f.debug_struct("ProgressBar").field("done", &done).field("total", &total).field("failed", &failed).finish()
    }
}

#[cfg(test)]
mod tests;
