//! Retries: whether a call is tried again, and after how long. Pools and backends are not known here; the driver tells
//! a [`Policy`] each attempt's [`Outcome`] and does what its [`Verdict`] says.
//!
//! What a user writes is a [`Retry`]; it says how often, how long to wait, and what for. `init` makes a [`Policy`] of
//! it, which has a [`budget`] besides, and finds each method its own: [`Retries`]. Without a policy a call is tried
//! once, always.
//!
//! ```text
//! outcome ──> a value ──> refused by `until`? ── no ──> Accept
//!    │                            │ yes
//!    └──────> an error ──> covered by a condition? ── no ──> GiveUp
//!                                 │ yes
//!                          tries left? ── no ──> GiveUp, or Refuse where it is a value
//!                                 │ yes
//!                          budget left? ── no ──> the same
//!                                 │ yes
//!                               Again
//! ```
//!
//! The user's conditions are called by whoever brings the outcome, with no lock held, and may panic: that ends the call
//! with an error which says so.

mod backoff;
mod budget;
mod condition;
mod judge;
mod policy;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use judge::{Outcome, Policy, Retries, Verdict};
pub use policy::Retry;

/// An attempt that has come to an end, for [`Retry::retry_if`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Which one it was, from 1.
    pub number: u32,
    /// How long it is since the call was submitted, earlier attempts and the waits between them included.
    pub elapsed: Duration,
}

impl Attempt {
    pub(crate) fn new(number: u32, elapsed: Duration) -> Self {
        Attempt { number, elapsed }
    }
}
