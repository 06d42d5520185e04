//! [`Few`]: a list that is usually of one, and then needs no memory of its own.

use serde::{Deserialize, Serialize};

/// One item in place, or any number on the heap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Few<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) const EMPTY: Self = Few::Many(Vec::new());

    pub(crate) fn push(&mut self, item: T) {
        *self = match std::mem::replace(self, Few::EMPTY) {
            Few::Many(items) if items.is_empty() => Few::One(item),
            Few::One(first) => Few::Many(vec![first, item]),
            Few::Many(mut items) => {
                items.push(item);
                Few::Many(items)
            }
        };
    }
}

impl<T> std::ops::Deref for Few<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Few::One(item) => std::slice::from_ref(item),
            Few::Many(items) => items,
        }
    }
}

impl<T> std::ops::DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Few::One(item) => std::slice::from_mut(item),
            Few::Many(items) => items,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Few::EMPTY;
        for item in items {
            few.push(item);
        }
        few
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn it_holds_what_it_is_given_in_order() {
        for count in 0..4 {
            let mut few: Few<i32> = (0..count).collect();
            assert_eq!(&*few, (0..count).collect::<Vec<_>>());
            assert_eq!(matches!(few, Few::One(_)), count == 1);
            few.iter_mut().for_each(|item| *item += 1);
            assert_eq!(few.iter().sum::<i32>(), (1..=count).sum());
        }
    }
}
