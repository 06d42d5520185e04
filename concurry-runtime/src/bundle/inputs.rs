//! [`Inputs`]: what a map draws from.

use std::any::type_name;
use std::collections::VecDeque;
use std::iter::Fuse;
use std::ops::{Range, RangeFrom, RangeInclusive};

/// The inputs of a map, and those that were drawn and not accepted.
pub(crate) struct Inputs<I: Iterator> {
    held: VecDeque<I::Item>,
    rest: Fuse<I>,
    /// Drawing never waits and runs no code of the user's, so that several may be drawn at once.
    pub(super) prompt: bool,
}

impl<I: Iterator> Inputs<I> {
    pub(super) fn new(inputs: I) -> Self {
        Inputs { held: VecDeque::new(), rest: inputs.fuse(), prompt: is_prompt::<I>() }
    }

    /// Keeps inputs that were drawn last.
    pub(super) fn hold(&mut self, inputs: &mut VecDeque<I::Item>) {
        inputs.append(&mut self.held);
        std::mem::swap(inputs, &mut self.held);
    }

    /// Whether there is another, which is drawn and kept then.
    pub(super) fn has_next(&mut self) -> bool {
        if self.held.is_empty() {
            self.held.extend(self.rest.next());
        }
        !self.held.is_empty()
    }
}

/// Whether `I` is a range or a vector, whatever its lifetimes: that is known by its name alone. Nobody else's type is
/// called that, since the names begin with those of the standard library's crates.
fn is_prompt<I: Iterator>() -> bool {
    let name = type_name::<I>();
    let ranges =
        [type_name::<Range<I::Item>>(), type_name::<RangeFrom<I::Item>>(), type_name::<RangeInclusive<I::Item>>()];
    ranges.contains(&name) || name == type_name::<std::vec::IntoIter<I::Item>>()
}

impl<I: Iterator> Iterator for Inputs<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if self.held.is_empty() { self.rest.next() } else { self.held.pop_front() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = self.held.len();
        let (least, most) = self.rest.size_hint();
        (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_wait_is_prompt() {
        fn is<I: Iterator>(_: &I) -> bool {
            is_prompt::<I>()
        }
        assert!(is(&(0..3)) && is(&(0u8..)) && is(&(0i64..=3)) && is(&vec!["a".to_owned()].into_iter()));
        assert!(!is(&(0..3).map(|x| x + 1)) && !is(&std::iter::from_fn(|| Some(1))));
        assert!(!is(&std::sync::mpsc::channel::<u8>().1.into_iter()) && !is(&(0..3).filter(|x| *x > 1)));
    }
}
