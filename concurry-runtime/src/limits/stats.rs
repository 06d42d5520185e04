//! How limits stand: [`LimitSetStats`] and [`LimitStats`].

use serde::{Deserialize, Serialize};

use super::definition::{Kind, Limit};
use super::rate::RateAlgorithm;
use super::window::Window;

/// How a [`LimitSet`](crate::LimitSet) stands, all of it at one moment.
///
/// ```
/// use concurry::prelude::*;
///
/// let limits = LimitSet::new().resource("db", 5).rate("tokens", 100, Window::Minutely);
/// let taken = limits.acquire([("db", 2), ("tokens", 30)])?;
/// let stats = limits.stats();
/// assert_eq!((stats.held, stats.waiting), (1, 0));
/// assert_eq!((stats.limits[0].available, stats.limits[1].available), (3, 70));
/// drop(taken);
/// assert_eq!((limits.stats().limits[0].available, limits.stats().limits[1].available), (5, 70));
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LimitSetStats {
    /// Acquisitions that have been granted and not given back.
    pub held: u64,
    /// Requests that wait.
    pub waiting: u64,
    /// Acquisitions granted so far, calls among them.
    pub granted: u64,
    /// Each limit, in the order in which they were given.
    pub limits: Vec<LimitStats>,
    /// The configuration of the set.
    pub config: Vec<(String, String)>,
}

/// How one limit of a set stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LimitStats {
    /// Its name.
    pub key: String,
    /// How much there is: in a window of a rate, or at once of a resource.
    pub capacity: u64,
    /// The window of a rate; `None` for a resource.
    pub window: Option<Window>,
    /// How a rate is kept; `None` for a resource.
    pub algorithm: Option<RateAlgorithm>,
    /// How much could be taken now, if nobody waited.
    pub available: u64,
    /// How much of a rate was used beyond what was asked and has to be paid off first.
    pub owed: u64,
    /// Requests that wait and want some of it.
    pub waiting: u64,
    /// How much has been taken so far, as asked.
    pub taken: u64,
}

impl LimitStats {
    /// Of a limit that nothing was ever taken of.
    pub(super) fn fresh(limit: &Limit) -> Self {
        let (window, algorithm) = match limit.kind {
            Kind::Rate { window, algorithm } => (Some(window), Some(algorithm)),
            Kind::Resource => (None, None),
        };
        LimitStats {
            key: limit.key.clone(),
            capacity: limit.capacity,
            window,
            algorithm,
            available: limit.capacity,
            owed: 0,
            waiting: 0,
            taken: 0,
        }
    }
}
