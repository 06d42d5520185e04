//! [`AsCompleted`]: results in the order in which they come.

use std::fmt;
use std::iter::FusedIterator;

use super::group::Many;
use super::progress::{End, Outcome};
use super::shape::Shape;
use super::watching::{Event, Watching};
use crate::error::Result;

/// Results with their indices or keys, in the order of completion; made by
/// [`Gather::as_completed`](super::Gather::as_completed).
///
/// Dropping it drops the futures that are left, which cancels nothing.
#[must_use = "iterators are lazy: its results come as it is iterated over"]
pub struct AsCompleted<S: Shape, T> {
    pub(super) watching: Watching<Many<S, T>>,
    /// Where to look for the next that timed out, and how many there are.
    late: Option<(usize, usize)>,
}

impl<S: Shape, T> AsCompleted<S, T> {
    pub(super) fn new(watching: Watching<Many<S, T>>) -> Self {
        AsCompleted { watching, late: None }
    }

    fn next_late(&mut self) -> Option<(S::Key, Result<T>)> {
        let (next, left) = self.late.as_mut()?;
        while *left > 0 {
            let index = *next;
            *next += 1;
            let given_up = self.watching.group.give_up(index, self.watching.timeout);
            if given_up.is_some() {
                *left -= 1;
                return given_up;
            }
            if index >= self.watching.group.parts.len() {
                *left = 0;
            }
        }
        None
    }
}

impl<S: Shape, T> Iterator for AsCompleted<S, T> {
    type Item = (S::Key, Result<T>);

    fn next(&mut self) -> Option<(S::Key, Result<T>)> {
        if self.late.is_some() {
            return self.next_late();
        }
        match self.watching.next() {
            Event::Settled(index) => {
                let item = self.watching.group.open(index);
                self.watching.count(item.as_ref().map_or(Outcome::Failed, |(_, result)| Outcome::of(result)));
                item
            }
            Event::Complete => {
                self.watching.end(End::Done);
                None
            }
            Event::TimedOut => {
                self.late = Some((0, self.watching.left()));
                self.watching.end(End::Failed);
                self.next_late()
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.late.map_or(self.watching.left(), |(_, left)| left);
        (left, Some(left))
    }
}

impl<S: Shape, T> ExactSizeIterator for AsCompleted<S, T> {}
impl<S: Shape, T> FusedIterator for AsCompleted<S, T> {}

impl<S: Shape, T> fmt::Debug for AsCompleted<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.len()).finish()
    }
}
