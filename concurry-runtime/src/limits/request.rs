//! What is asked of limits: the forms that users write it in, and what becomes of them.

use serde::{Deserialize, Serialize};

use crate::few::Few;

/// So much of one limit, which is named by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) key: u32,
    pub(crate) amount: u64,
}

/// How long the asker waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Patience {
    /// Until it is served. Such a wait may be part of a deadlock.
    Endless,
    /// It may leave by itself.
    Limited,
}

/// All that is to be taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) asks: Few<Ask>,
    pub(crate) patience: Patience,
    /// The set of a pool that must serve it, if it may not be any.
    pub(crate) set: Option<u32>,
}

/// Keeps the traits here from being implemented elsewhere: nobody else can name it.
pub struct Seal(pub(super) ());

/// The two forms of a request, so that their implementations can stand side by side.
pub(super) mod marker {
    /// Whatever iterates over pairs.
    pub enum Many {}
    /// One pair.
    pub enum One {}
}

/// A key and an amount: `(key, amount)` or a reference to one, where the key is a `&str`, `String` or anything else that
/// is `AsRef<str>`. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how much of which limit",
    label = "expected a pair of a key and an amount, such as `(\"tokens\", 100)`",
    note = "amounts are `u64`"
)]
pub trait Wanted {
    #[doc(hidden)]
    fn wanted(&self, seal: &Seal) -> (&str, u64);
}

impl<K: AsRef<str>> Wanted for (K, u64) {
    fn wanted(&self, _: &Seal) -> (&str, u64) {
        (self.0.as_ref(), self.1)
    }
}

impl<K: AsRef<str>> Wanted for (K, &u64) {
    fn wanted(&self, _: &Seal) -> (&str, u64) {
        (self.0.as_ref(), *self.1)
    }
}

impl<K: AsRef<str>> Wanted for &(K, u64) {
    fn wanted(&self, _: &Seal) -> (&str, u64) {
        (self.0.as_ref(), self.1)
    }
}

/// What limits are asked for: one pair of a key and an amount, or anything that iterates over such pairs (an array,
/// `Vec`, slice, `HashMap`, …). All of it is taken together or nothing.
///
/// `M` only tells these forms apart and is always inferred. The trait is sealed.
///
/// ```
/// use concurry::prelude::*;
/// use std::collections::HashMap;
///
/// let limits = LimitSet::new().resource("db", 5).resource("file", 5);
/// let _one = limits.acquire(("db", 1))?;
/// let _two = limits.acquire([("db", 1), ("file", 1)])?;
/// let _map = limits.acquire(HashMap::from([("db".to_owned(), 1)]))?;
/// # Ok::<(), concurry::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how much of which limits",
    label = "expected a pair such as `(\"tokens\", 100)`, or several: `[(\"tokens\", 100), (\"db\", 1)]`",
    note = "amounts are `u64`"
)]
pub trait IntoRequest<M> {
    #[doc(hidden)]
    fn for_each(self, seal: Seal, each: &mut dyn FnMut(&str, u64));
}

impl<I> IntoRequest<marker::Many> for I
where
    I: IntoIterator,
    I::Item: Wanted,
{
    fn for_each(self, seal: Seal, each: &mut dyn FnMut(&str, u64)) {
        for item in self {
            let (key, amount) = item.wanted(&seal);
            each(key, amount);
        }
    }
}

impl<W: Wanted> IntoRequest<marker::One> for W {
    fn for_each(self, seal: Seal, each: &mut dyn FnMut(&str, u64)) {
        let (key, amount) = self.wanted(&seal);
        each(key, amount);
    }
}
