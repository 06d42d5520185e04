//! [`Acquisition`]: what was acquired, for as long as it is held.

use std::fmt;
use std::sync::Arc;

use super::definition::{Definition, Kind};
use super::keeper::{End, Grant, Holder, Keeper};

/// What was acquired from limits. Dropping it gives the resources back; what it took of rates stays taken, as asked or
/// as [updated](Acquisition::update).
///
/// It is owned, so it may be kept in a worker, moved to another thread, or held across an `await`. What a worker process
/// holds when it dies is given back.
///
/// ```
/// use concurry::prelude::*;
///
/// let limits = LimitSet::new().rate("tokens", 100, Window::Minutely).config("region", "us-east-1");
/// let mut taken = limits.acquire([("tokens", 80)])?;
/// assert_eq!(taken.config("region"), Some("us-east-1"));
/// assert!(limits.try_acquire([("tokens", 30)])?.is_none());
/// taken.update("tokens", 20); // no more was used
/// assert!(limits.try_acquire([("tokens", 30)])?.is_some());
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "dropping an acquisition gives it back"]
pub struct Acquisition {
    keeper: Arc<dyn Keeper>,
    holder: Holder,
    grant: Grant,
}

impl Acquisition {
    pub(super) fn new(keeper: Arc<dyn Keeper>, holder: Holder, grant: Grant) -> Self {
        Acquisition { keeper, holder, grant }
    }

    fn definition(&self) -> Option<&Definition> {
        self.keeper.plan().set(self.grant.set)
    }

    /// Tells how much of the rate `key` was really used, in place of what was asked or told before; `false` if
    /// the set has no rate of that name, and then nothing changes.
    ///
    /// What was not used is given back at once, as far as the rate's guarantee allows: from a window that is over,
    /// nothing comes back. What was used beyond what was asked, or of a rate that was not asked for, is owed: whoever comes
    /// later waits until it is paid off. What is owed stays so, even if a later update tells of less.
    pub fn update(&mut self, key: &str, used: u64) -> bool {
        let Some(set) = self.definition() else { return false };
        let rate = |at: &usize| set.limits.get(*at).is_some_and(|limit| matches!(limit.kind, Kind::Rate { .. }));
        let Some(place) = set.position(key).filter(rate) else { return false };
        self.keeper.update(self.holder, self.grant, place as u32, used);
        true
    }

    /// The value that the set was configured with; in a [`LimitPool`](crate::LimitPool), the set that served this.
    pub fn config(&self, key: &str) -> Option<&str> {
        self.definition()?.config(key)
    }
}

impl Drop for Acquisition {
    fn drop(&mut self) {
        self.keeper.give_back(self.holder, self.grant, End::Used);
    }
}

impl fmt::Debug for Acquisition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.definition().map(|set| set.limits.iter().map(|limit| &limit.key).collect::<Vec<_>>());
        f.debug_struct("Acquisition").field("of", &keys.unwrap_or_default()).field("set", &self.grant.set).finish()
    }
}
