//! Many futures at once: [`gather`], [`wait`], [`map`], and the bar that shows how far they are.
//!
//! Nothing here polls. Whoever waits has one [`Board`](board::Board); every future that it waits for writes its index
//! there once it has settled, and wakes the waiter if it sleeps.

mod as_completed;
mod awaiting;
mod board;
mod group;
mod into;
mod map;
mod progress;
mod shape;
mod tuple;
mod unordered;
mod wait;
mod watching;

use std::fmt;
use std::time::Duration;

pub use as_completed::AsCompleted;
pub use awaiting::GatherFuture;
pub use into::IntoGather;
pub(crate) use map::Ahead;
pub use map::{Map, map};
pub(crate) use progress::print_lines_only;
pub use progress::{ProgressBar, ProgressIter};
pub(crate) use unordered::AheadUnordered;
pub use unordered::{MapUnordered, map_unordered};
pub use wait::{ReturnWhen, Waited, wait};

use crate::error::Result;
use group::{Group, Many};
use progress::End;
use shape::Shape;
use watching::{Event, Watching};

/// Takes many futures to wait for them together.
///
/// A `Vec`, an array or any other iterable of futures gives a `Vec` of values, a `HashMap` or `BTreeMap` to futures
/// the same map of values, a tuple of futures (up to twelve, of different types) a tuple of values.
///
/// ```
/// use concurry::prelude::*;
///
/// let futures: Vec<_> = (0..3).map(TaskFuture::ready).collect();
/// assert_eq!(gather(futures).results()?, [0, 1, 2]);
///
/// let (number, word) = gather((TaskFuture::ready(7), TaskFuture::ready("seven"))).results()?;
/// assert_eq!((number, word), (7, "seven"));
/// # Ok::<(), concurry::Error>(())
/// ```
pub fn gather<I, M>(futures: I) -> Gather<I::Group>
where
    I: IntoGather<M>,
{
    Gather { group: futures.into_group(into::Seal(())), timeout: None, label: None }
}

/// Futures that are to be waited for together; made by [`gather`].
///
/// Dropping it, or what it is turned into, drops the futures; that cancels nothing. `gather(..).await` is
/// [`results`](Self::results) for async code, under any executor.
#[must_use = "nothing is waited for until `results`, `settled`, `as_completed` or `.await`"]
pub struct Gather<G> {
    group: G,
    timeout: Option<Duration>,
    label: Option<String>,
}

impl<G: Group> Gather<G> {
    /// Waits for at most `timeout`, counted from when the wait begins.
    ///
    /// The calls are not cancelled when time is up. The error then is
    /// [`Error::TimedOut`](crate::Error::TimedOut) with [`TimeoutScope::Wait`](crate::TimeoutScope::Wait).
    ///
    /// ```
    /// use concurry::prelude::*;
    /// use std::time::Duration;
    ///
    /// let futures = [TaskFuture::ready(1), TaskFuture::ready(2)];
    /// assert_eq!(gather(futures).timeout(Duration::from_secs(5)).results()?, [1, 2]);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Shows how far it is, as a [`ProgressBar`] with `label` would.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let futures = (0..100).map(TaskFuture::ready);
    /// assert_eq!(gather(futures).progress("Hashing").results()?.len(), 100);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn progress(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Waits for all values, in the order or under the keys of their futures.
    ///
    /// The first error to happen ends the wait at once, whatever else is not done yet.
    ///
    /// ```
    /// use concurry::prelude::*;
    /// use std::collections::HashMap;
    ///
    /// let futures = HashMap::from([("one", TaskFuture::ready(1)), ("two", TaskFuture::ready(2))]);
    /// assert_eq!(gather(futures).results()?["two"], 2);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error that a call came to, or [`Error::TimedOut`](crate::Error::TimedOut) naming a call that is not
    /// done after the [`timeout`](Self::timeout).
    pub fn results(self) -> Result<G::Results> {
        let mut watching = self.watch();
        loop {
            let event = watching.next();
            if let Some(results) = watching.toward_results(event) {
                return results;
            }
        }
    }

    /// Waits for all calls and gives what each came to: a `Vec<Result<T>>`, a map or a tuple of `Result`s.
    ///
    /// After the [`timeout`](Self::timeout), those that are not done have
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let (number, word) = gather((TaskFuture::ready(7), TaskFuture::ready("seven"))).settled();
    /// assert!(number.is_ok() && word.is_ok());
    /// ```
    pub fn settled(self) -> G::Settled {
        let mut watching = self.watch();
        loop {
            match watching.next() {
                Event::Settled(index) => {
                    let outcome = watching.group.arrive(index);
                    watching.count(outcome);
                }
                Event::Complete => {
                    watching.end(End::Done);
                    break;
                }
                Event::TimedOut => {
                    watching.end(End::Failed);
                    break;
                }
            }
        }
        let timeout = watching.timeout;
        watching.group.settled(timeout)
    }

    fn watch(self) -> Watching<G> {
        Watching::new(self.group, self.timeout, self.label)
    }
}

impl<S: Shape, T> Gather<Many<S, T>> {
    /// Gives each result with its index or key as soon as it is there, in the order of completion.
    ///
    /// After the [`timeout`](Self::timeout) comes [`Error::TimedOut`](crate::Error::TimedOut) for each that was left.
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// let mut sum = 0;
    /// for (index, result) in gather((0..4).map(TaskFuture::ready)).as_completed() {
    ///     assert_eq!(result?, index);
    ///     sum += index;
    /// }
    /// assert_eq!(sum, 6);
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn as_completed(self) -> AsCompleted<S, T> {
        AsCompleted::new(self.watch())
    }
}

impl<G: Group> IntoFuture for Gather<G> {
    type Output = Result<G::Results>;
    type IntoFuture = GatherFuture<G>;

    fn into_future(self) -> GatherFuture<G> {
        GatherFuture::new(self.watch())
    }
}

impl<G: Group> fmt::Debug for Gather<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("futures", &self.group.len()).field("timeout", &self.timeout).finish()
    }
}

#[cfg(test)]
mod tests;
