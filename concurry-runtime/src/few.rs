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
        if let Few::Many(none) = self
            && none.capacity() == 0
        {
            *self = Few::One(item);
            return;
        }
        *self = match std::mem::replace(self, Few::EMPTY) {
            Few::Many(items) if items.is_empty() => Few::One(item),
            Few::One(first) => Few::Many(vec![first, item]),
            Few::Many(mut items) => {
                items.push(item);
                Few::Many(items)
            }
        };
    }

    /// Takes out the first that is `wanted`.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.iter().position(wanted)?;
        match std::mem::replace(self, Few::EMPTY) {
            Few::One(item) => Some(item),
            Few::Many(mut items) => {
                let item = items.remove(at);
                *self = Few::Many(items);
                Some(item)
            }
        }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;
    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Few::One(item) => (Some(item), Vec::new()),
            Few::Many(items) => (None, items),
        };
        one.into_iter().chain(many)
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
            assert_eq!(few.take_first(|item| *item == 2), (count >= 2).then_some(2));
            assert_eq!(few.into_iter().collect::<Vec<_>>(), (1..=count).filter(|item| *item != 2).collect::<Vec<_>>());
        }
    }
}
