//! [`Limits`]: limits as a method sees them.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::asking::{Asker, Who, ways_to_acquire};
use super::keeper::{Holder, Keeper};
use super::stats::LimitSetStats;
use crate::bell::Watch;
use crate::error::{Error, Result};

/// The limits that a method's pool was given: what [`CallContext::limits`](crate::CallContext::limits) returns.
///
/// All handles of one [`LimitSet`](crate::LimitSet), in whichever worker, pool, mode or process, share its state.
/// Cloning is cheap.
///
/// A worker that acquires while it holds something already gets it like anybody else, and goes before those who wait for
/// what it holds. Where it would wait for itself, since it holds what it asks for, or since those who do wait for it,
/// that is an [`Error::Limit`] at once and not a deadlock.
///
/// ```
/// use concurry::prelude::*;
///
/// fn query(context: &CallContext) -> concurry::Result<u64> {
///     let _connection = context.limits().acquire(("db", 1))?;
///     Ok(42)
/// }
/// // Outside a pool there are no limits to acquire from.
/// assert!(query(&CallContext::default()).unwrap_err().to_string().contains("`.limits(..)`"));
/// ```
#[derive(Clone, Default)]
pub struct Limits {
    here: Option<Box<(Arc<dyn Keeper>, Who)>>,
}

impl Limits {
    /// Those of `keeper`, for `holder`.
    pub(crate) fn new(keeper: Arc<dyn Keeper>, holder: Holder) -> Self {
        Limits { here: Some(Box::new((keeper, Who { holder: Some(holder), ..Who::OUTSIDE.clone() }))) }
    }

    /// The same for one call: `task` tells it from others that its worker runs at the same time, zero if it runs one at
    /// a time; `set` is where its permit comes from; at `deadline` waits end, or when `watch` tells.
    pub(crate) fn for_call(
        &self,
        task: u64,
        set: Option<u32>,
        deadline: Option<Instant>,
        watch: impl FnOnce() -> Option<Watch>,
    ) -> Self {
        let here = self.here.as_deref().map(|(keeper, who)| {
            let holder = who.holder.map(|holder| Holder { task, ..holder });
            Box::new((keeper.clone(), Who { holder, set, deadline, watch: watch() }))
        });
        Limits { here }
    }

    fn here(&self) -> Result<&(Arc<dyn Keeper>, Who)> {
        self.here.as_deref().ok_or_else(|| {
            Error::limit("there are no limits here: give the pool some by `.limits(..)` or `.limits_per_worker(..)`")
        })
    }

    fn asker(&self) -> Result<Asker<'_>> {
        let (keeper, who) = self.here()?;
        Ok(Asker { keeper: keeper.clone(), who })
    }

    ways_to_acquire!("", "; or what only this worker itself could give back");

    /// The value that the set was configured with. With several sets that differ in it there is none here; ask the
    /// [`Acquisition`](crate::Acquisition).
    pub fn config(&self, key: &str) -> Option<&str> {
        let (keeper, who) = self.here.as_deref()?;
        let sets = match &who.set {
            Some(set) => std::slice::from_ref(keeper.plan().set(*set)?),
            None => &keeper.plan().sets,
        };
        let value = sets.first()?.config(key)?;
        sets.iter().all(|set| set.config(key) == Some(value)).then_some(value)
    }

    /// How the sets stand.
    ///
    /// # Errors
    /// [`Error::Limit`] where there are none; an error of the link where they are kept in another process.
    pub fn stats(&self) -> Result<Vec<LimitSetStats>> {
        self.here()?.0.stats()
    }

    /// Whether the pool has no limits.
    pub fn is_empty(&self) -> bool {
        self.here.is_none()
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = self.here.iter().flat_map(|here| &here.0.plan().sets);
        f.debug_list().entries(sets.map(|set| set.limits.iter().map(ToString::to_string).collect::<Vec<_>>())).finish()
    }
}
