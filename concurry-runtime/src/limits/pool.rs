//! [`LimitPool`]: requests spread over several sets.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::asking::{Asker, Who, ways_to_acquire};
use super::local::Local;
use super::set::LimitSet;
use super::stats::LimitSetStats;
use crate::balance::LoadBalancing;
use crate::error::Result;

/// Several sets that share the work, such as the accounts or regions of a service: each request is served by one of
/// them, in turn unless [`load_balancing`](Self::load_balancing) says otherwise.
///
/// A set that can never serve a request, having less than it asks for, is left out. If the one whose turn it is would make
/// the request wait and another would not, that one serves it. A request that waits does so at the set whose turn it
/// was. If some set has `calls`, each call of a pool is given to one of the sets before it is sent, and its method takes
/// from the same.
///
/// Clones share the pool; the sets in it stay what they are, and may be used beside it.
///
/// ```
/// use concurry::prelude::*;
///
/// let region = |name| LimitSet::new().resource("slots", 1).config("region", name);
/// let regions = LimitPool::new([region("us"), region("eu")]);
/// let first = regions.acquire(("slots", 1))?;
/// let second = regions.acquire(("slots", 1))?;
/// assert_eq!((first.config("region"), second.config("region")), (Some("us"), Some("eu")));
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone)]
pub struct LimitPool {
    sets: Vec<LimitSet>,
    load_balancing: LoadBalancing,
    local: Arc<OnceLock<Result<Arc<Local>>>>,
}

impl LimitPool {
    /// A pool of these sets, at least one.
    pub fn new(sets: impl IntoIterator<Item = LimitSet>) -> Self {
        LimitPool { sets: sets.into_iter().collect(), load_balancing: LoadBalancing::default(), local: Arc::default() }
    }

    /// How the set of a request is picked; by default in turn. [`LoadBalancing::Shared`] is an error when the pool is first
    /// used, since sets do not share a line.
    #[must_use = "this makes a new pool"]
    pub fn load_balancing(self, load_balancing: LoadBalancing) -> Self {
        LimitPool { load_balancing, local: Arc::default(), ..self }
    }

    /// The same limits with a state of their own.
    pub(crate) fn fresh(&self) -> Self {
        let sets = self.sets.iter().map(LimitSet::fresh).collect();
        LimitPool { sets, local: Arc::default(), ..*self }
    }

    /// The state, which is made if there is none yet.
    pub(crate) fn local(&self) -> Result<&Arc<Local>> {
        let make = || {
            let state = |set: &LimitSet| Ok((set.definition().clone(), set.local()?.first().clone()));
            let sets = self.sets.iter().map(state).collect::<Result<_>>()?;
            Local::of_sets(sets, self.load_balancing).map(Arc::new)
        };
        self.local.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    fn asker(&self) -> Result<Asker<'static>> {
        Ok(Asker { keeper: self.local()?.clone(), who: Who::OUTSIDE })
    }

    ways_to_acquire!(" from one of the sets", " in all sets; or if a set or the pool itself cannot be");

    /// How the sets stand, in the order in which they were given.
    pub fn stats(&self) -> Vec<LimitSetStats> {
        self.sets.iter().map(LimitSet::stats).collect()
    }
}

impl fmt::Debug for LimitPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitPool").field("sets", &self.sets).field("load_balancing", &self.load_balancing).finish()
    }
}
