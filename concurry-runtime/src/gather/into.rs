//! What can be gathered: [`IntoGather`].

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::group::{Group, Many};
use super::shape::{Hashed, Indexed, Sorted};
use crate::future::TaskFuture;

/// Keeps [`IntoGather`] from being implemented elsewhere: nobody else can name it.
pub struct Seal(pub(super) ());

/// The kinds of containers, so that the implementations can stand side by side.
pub(super) mod marker {
    /// Whatever iterates over futures.
    pub enum Sequence {}
    /// A `HashMap` or a `BTreeMap` to futures.
    pub enum Keyed {}
    /// A tuple of futures.
    pub enum Tuple {}
}

/// Futures that [`gather`](super::gather) takes: a `Vec`, an array or any other iterable of [`TaskFuture`]s, a
/// `HashMap` or `BTreeMap` to them, a tuple of up to twelve of different types.
///
/// `M` only tells these kinds apart and is always inferred. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be gathered",
    label = "expected futures: an iterable, a map or a tuple of `TaskFuture`s",
    note = "`gather` takes the futures themselves, not references to them: `gather(futures)` or `gather(futures.drain(..))`"
)]
pub trait IntoGather<M> {
    /// What holds the futures while they are waited for.
    type Group: Group;

    #[doc(hidden)]
    fn into_group(self, seal: Seal) -> Self::Group;
}

impl<I, T> IntoGather<marker::Sequence> for I
where
    I: IntoIterator<Item = TaskFuture<T>>,
{
    type Group = Many<Indexed, T>;

    fn into_group(self, _: Seal) -> Self::Group {
        Many::new(Indexed, self)
    }
}

impl<K, T, S> IntoGather<marker::Keyed> for HashMap<K, TaskFuture<T>, S>
where
    K: Eq + Hash,
    S: BuildHasher + Clone,
{
    type Group = Many<Hashed<K, S>, T>;

    fn into_group(self, _: Seal) -> Self::Group {
        let hasher = self.hasher().clone();
        let (keys, futures): (Vec<_>, Vec<_>) = self.into_iter().map(|(key, future)| (Some(key), future)).unzip();
        Many::new(Hashed { keys, hasher }, futures)
    }
}

impl<K: Ord, T> IntoGather<marker::Keyed> for BTreeMap<K, TaskFuture<T>> {
    type Group = Many<Sorted<K>, T>;

    fn into_group(self, _: Seal) -> Self::Group {
        let (keys, futures): (Vec<_>, Vec<_>) = self.into_iter().map(|(key, future)| (Some(key), future)).unzip();
        Many::new(Sorted { keys }, futures)
    }
}
