//! [`LimitSet`]: limits under names, which are taken together.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::asking::{Asker, Who, ways_to_acquire};
use super::clock::Clock;
use super::definition::{CALLS, Definition, Kind, Limit};
use super::local::Local;
use super::manual::TestClock;
use super::rate::RateAlgorithm;
use super::stats::{LimitSetStats, LimitStats};
use super::window::Window;
use crate::error::Result;

/// Limits under names: rates, resources, and how many calls may be made.
///
/// A set is built by its methods, each of which makes a new one. Clones of a finished set share it: give clones to as
/// many pools as you like, in whatever modes, and they all draw from the same limits; so does [`acquire`](Self::acquire)
/// outside of workers.
///
/// Amounts are whole; half a call a second is one in two. All of a request is taken at once, or nothing. Who waits is
/// served in order: of those that want some of the same, none is passed by a later one, so a request for much is not
/// starved by many for little. There is one exception: who holds something, and asks for more, goes before those who
/// wait for what it holds, since they would wait for each other.
///
/// A set that cannot be, with a key twice or a limit of 0, is an error when a pool is made with it or when it is first
/// used.
///
/// ```
/// use std::time::Duration;
///
/// use concurry::prelude::*;
///
/// let limits = LimitSet::new()
///     .rate("tokens", 10_000, Window::Minutely)
///     .rate_with("bytes", 1 << 20, Duration::from_millis(100), RateAlgorithm::TokenBucket)
///     .resource("db", 5)
///     .config("region", "us-east-1");
///
/// let taken = limits.acquire([("tokens", 100), ("db", 1)])?; // waits for both, takes both
/// assert!(limits.try_acquire(("db", 5))?.is_none());
/// drop(taken); // gives the connection back
/// assert!(limits.try_acquire(("db", 5))?.is_some());
///
/// let error = limits.acquire(("db", 6)).unwrap_err(); // could never be, so it does not wait
/// assert!(error.to_string().contains("its limit is 5"));
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "building a set further makes a new one"]
pub struct LimitSet {
    definition: Arc<Definition>,
    /// Made when it is first used; clones share it, sets that were built further do not.
    local: Arc<OnceLock<Result<Arc<Local>>>>,
    clock: Option<Clock>,
}

impl Default for LimitSet {
    fn default() -> Self {
        Self::new()
    }
}

impl LimitSet {
    /// A set without limits.
    pub fn new() -> Self {
        Self::from_definition(Definition::default())
    }

    fn from_definition(definition: Definition) -> Self {
        LimitSet { definition: Arc::new(definition), local: Arc::default(), clock: None }
    }

    fn build(self, change: impl FnOnce(&mut Definition)) -> Self {
        let mut definition = Arc::unwrap_or_clone(self.definition);
        change(&mut definition);
        LimitSet { clock: self.clock, ..Self::from_definition(definition) }
    }

    fn limit(self, key: String, capacity: u64, kind: Kind, by_calls: bool) -> Self {
        self.build(|definition| definition.limits.push(Limit { key, capacity, kind, by_calls }))
    }

    /// A rate: no more than `n` of `key` in any window, by the sliding window.
    pub fn rate(self, key: impl Into<String>, n: u64, window: impl Into<Window>) -> Self {
        self.rate_with(key, n, window, RateAlgorithm::default())
    }

    /// A rate of `n` of `key` in a window, by an algorithm of your choice.
    pub fn rate_with(
        self,
        key: impl Into<String>,
        n: u64,
        window: impl Into<Window>,
        algorithm: RateAlgorithm,
    ) -> Self {
        self.limit(key.into(), n, Kind::Rate { window: window.into(), algorithm }, false)
    }

    /// How many calls may be made: every call of a pool with this set takes one by itself, before it is sent. A call
    /// that has to wait does so in its worker's queue, where it costs neither a worker nor a thread.
    ///
    /// It is a rate named `calls`; a method that makes several requests may acquire more of it, and code outside of
    /// workers may take part.
    pub fn calls(self, n: u64, window: impl Into<Window>) -> Self {
        self.calls_with(n, window, RateAlgorithm::default())
    }

    /// As [`calls`](Self::calls), by an algorithm of your choice.
    pub fn calls_with(self, n: u64, window: impl Into<Window>, algorithm: RateAlgorithm) -> Self {
        self.limit(CALLS.to_owned(), n, Kind::Rate { window: window.into(), algorithm }, true)
    }

    /// A resource: no more than `n` of `key` are held at once.
    pub fn resource(self, key: impl Into<String>, n: u64) -> Self {
        self.limit(key.into(), n, Kind::Resource, false)
    }

    /// A value that goes with the set, such as a region or the name of an account; a later one of the same key replaces
    /// it. Read it by [`Acquisition::config`](crate::Acquisition::config).
    pub fn config(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.build(|definition| definition.set_config(key.into(), value.into()))
    }

    /// The value that was given to [`config`](Self::config).
    pub fn config_value(&self, key: &str) -> Option<&str> {
        self.definition.config(key)
    }

    /// The same limits by a clock that a test moves, see [`testing::Clock`](crate::testing::Clock). It is a new set, of
    /// which nothing is taken.
    pub fn with_clock(self, clock: &TestClock) -> Self {
        LimitSet { clock: Some(clock.inner()), local: Arc::default(), ..self }
    }

    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The same limits with a state of their own.
    pub(crate) fn fresh(&self) -> Self {
        LimitSet { local: Arc::default(), ..self.clone() }
    }

    /// The state, which is made if there is none yet.
    pub(crate) fn local(&self) -> Result<&Arc<Local>> {
        let make = || {
            let clock = self.clock.clone().unwrap_or_else(Clock::real);
            Local::of_set(&self.definition, clock).map(Arc::new)
        };
        self.local.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    fn asker(&self) -> Result<Asker<'static>> {
        Ok(Asker { keeper: self.local()?.clone(), who: Who::OUTSIDE })
    }

    ways_to_acquire!("", "; or if the set itself cannot be");

    /// How the set stands. One that was never used, or cannot be, has all that it was built with.
    pub fn stats(&self) -> LimitSetStats {
        if let Some(Ok(local)) = self.local.get() {
            return local.first().stats();
        }
        LimitSetStats {
            held: 0,
            waiting: 0,
            granted: 0,
            limits: self.definition.limits.iter().map(LimitStats::fresh).collect(),
            config: self.definition.config.clone(),
        }
    }

    /// A set of which time is what a test of ours says.
    #[cfg(test)]
    pub(crate) fn clocked(mut self, clock: &Clock) -> Self {
        self.clock = Some(clock.clone());
        self
    }
}

impl fmt::Debug for LimitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits: Vec<_> = self.definition.limits.iter().map(ToString::to_string).collect();
        f.debug_struct("LimitSet").field("limits", &limits).field("config", &self.definition.config).finish()
    }
}
