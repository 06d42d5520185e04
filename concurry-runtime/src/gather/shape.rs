//! What a gather of many futures of one type gives back: a vector, or a map with the same keys.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

/// The container that futures came in, without the futures.
pub trait Shape {
    /// What tells one future from another.
    type Key;
    /// The container, of values.
    type Of<V>;

    /// The key of the future at `index`; asked once for each.
    #[doc(hidden)]
    fn key(&mut self, index: usize) -> Option<Self::Key>;
    /// The container of `values`, which come in the order of the indices.
    #[doc(hidden)]
    fn build<V>(&mut self, values: impl Iterator<Item = V>) -> Self::Of<V>;
}

/// A sequence; its keys are positions, counted from 0.
pub struct Indexed;

impl Shape for Indexed {
    type Key = usize;
    type Of<V> = Vec<V>;

    fn key(&mut self, index: usize) -> Option<usize> {
        Some(index)
    }

    fn build<V>(&mut self, values: impl Iterator<Item = V>) -> Vec<V> {
        values.collect()
    }
}

/// A `HashMap`.
pub struct Hashed<K, S> {
    pub(super) keys: Vec<Option<K>>,
    pub(super) hasher: S,
}

impl<K: Eq + Hash, S: BuildHasher + Clone> Shape for Hashed<K, S> {
    type Key = K;
    type Of<V> = HashMap<K, V, S>;

    fn key(&mut self, index: usize) -> Option<K> {
        self.keys.get_mut(index).and_then(Option::take)
    }

    fn build<V>(&mut self, values: impl Iterator<Item = V>) -> HashMap<K, V, S> {
        let mut map = HashMap::with_capacity_and_hasher(self.keys.len(), self.hasher.clone());
        map.extend(pairs(&mut self.keys, values));
        map
    }
}

/// A `BTreeMap`.
pub struct Sorted<K> {
    pub(super) keys: Vec<Option<K>>,
}

impl<K: Ord> Shape for Sorted<K> {
    type Key = K;
    type Of<V> = BTreeMap<K, V>;

    fn key(&mut self, index: usize) -> Option<K> {
        self.keys.get_mut(index).and_then(Option::take)
    }

    fn build<V>(&mut self, values: impl Iterator<Item = V>) -> BTreeMap<K, V> {
        pairs(&mut self.keys, values).collect()
    }
}

fn pairs<K, V>(keys: &mut Vec<Option<K>>, values: impl Iterator<Item = V>) -> impl Iterator<Item = (K, V)> {
    std::mem::take(keys).into_iter().zip(values).filter_map(|(key, value)| key.map(|key| (key, value)))
}
