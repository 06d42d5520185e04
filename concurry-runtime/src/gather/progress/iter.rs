//! [`ProgressIter`]: an iterator that a bar counts.

use std::fmt;
use std::iter::FusedIterator;

use super::ProgressBar;

/// An iterator whose items are counted; made by [`ProgressBar::wrap`].
#[must_use = "iterators are lazy: nothing is counted until it is iterated over"]
pub struct ProgressIter<I> {
    bar: ProgressBar,
    items: I,
    /// Whether an item is out, to be counted when the next is asked for.
    out: bool,
}

impl<I> ProgressIter<I> {
    pub(super) fn new(bar: ProgressBar, items: I) -> Self {
        ProgressIter { bar, items, out: false }
    }

    /// The bar, to describe it or to count failures.
    pub fn bar(&self) -> &ProgressBar {
        &self.bar
    }
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if std::mem::take(&mut self.out) {
            self.bar.inc(1u64);
        }
        let item = self.items.next();
        self.out = item.is_some();
        if !self.out {
            self.bar.finish();
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for ProgressIter<I> {}
impl<I: FusedIterator> FusedIterator for ProgressIter<I> {}

impl<I> fmt::Debug for ProgressIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressIter").field("bar", &self.bar).finish_non_exhaustive()
    }
}
