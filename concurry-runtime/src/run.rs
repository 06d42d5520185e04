//! [`Run`]: a method or a constructor that was called, and is done or still a future.

use std::fmt;
use std::pin::Pin;

use crate::executor;

/// A future of a worker's own; it need not leave its thread.
pub(crate) type Going<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What calling a function of a worker gives: its value, or the future of an `async fn`, of which nothing has run yet.
#[must_use = "an `async fn` does nothing unless it is awaited or waited for"]
pub enum Run<'a, T> {
    /// It has run.
    Done(T),
    /// It is to be polled.
    Going(Going<'a, T>),
}

impl<'a, T> Run<'a, T> {
    /// The future of an `async fn`.
    pub fn going(future: impl Future<Output = T> + 'a) -> Self {
        Run::Going(Box::pin(future))
    }

    pub(crate) fn is_going(&self) -> bool {
        matches!(self, Run::Going(_))
    }

    /// Runs it to its end on this thread.
    pub(crate) fn wait(self) -> T {
        match self {
            Run::Done(value) => value,
            Run::Going(future) => executor::block_on(future),
        }
    }
}

impl<T> fmt::Debug for Run<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Run::Done(_) => "Done",
            Run::Going(_) => "Going",
        })
    }
}
