//! [`Limits`]: limits as a method sees them; and the ways to acquire, which sets and pools share.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acquisition::Acquisition;
use super::keeper::{Holder, Keeper};
use super::request::{IntoRequest, Patience};
use super::stats::LimitSetStats;
use super::waiting::{AcquireFuture, wait};
use crate::error::{Error, Result, TimeoutScope};

/// Who asks, and whom.
#[derive(Clone)]
pub(super) struct Counter {
    pub(super) keeper: Arc<dyn Keeper>,
    /// A worker's; `None` for code outside workers.
    pub(super) holder: Option<Holder>,
    /// The set of a pool of sets that serves this call, if it may not be any.
    pub(super) set: Option<u32>,
    /// When the call that asks is over.
    pub(super) deadline: Option<Instant>,
}

impl Counter {
    /// For code outside workers.
    pub(super) fn outside(keeper: Arc<dyn Keeper>) -> Self {
        Counter { keeper, holder: None, set: None, deadline: None }
    }

    /// Who asks on this thread, and stays on it until it has an answer.
    fn holder(&self) -> Holder {
        self.holder.unwrap_or_else(Holder::this_thread)
    }

    pub(super) fn acquire<M>(&self, wanted: impl IntoRequest<M>) -> Result<Acquisition> {
        self.acquire_until(wanted, Patience::Endless, None)
    }

    pub(super) fn acquire_within<M>(&self, wanted: impl IntoRequest<M>, timeout: Duration) -> Result<Acquisition> {
        self.acquire_until(wanted, Patience::Limited, Some(timeout))
    }

    fn acquire_until<M>(
        &self,
        wanted: impl IntoRequest<M>,
        patience: Patience,
        timeout: Option<Duration>,
    ) -> Result<Acquisition> {
        let patience = if self.deadline.is_some() { Patience::Limited } else { patience };
        let request = self.keeper.plan().request(wanted, patience, self.set)?;
        let holder = self.holder();
        if self.keeper.is_near() {
            // Where that is cheap, it is tried without anything to wait with.
            if let Some(grant) = self.keeper.attempt(holder, &request)? {
                return Ok(Acquisition::new(self.keeper.clone(), holder, grant));
            }
        }
        let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let until = [own, self.deadline].into_iter().flatten().min();
        let asks = request.asks.clone();
        wait(&self.keeper, holder, request, until).unwrap_or_else(|| {
            if until == own {
                Err(Error::timed_out_waiting(self.keeper.plan().tell(&asks), timeout))
            } else {
                Err(Error::timed_out(TimeoutScope::Call, None))
            }
        })
    }

    pub(super) fn try_acquire<M>(&self, wanted: impl IntoRequest<M>) -> Result<Option<Acquisition>> {
        let request = self.keeper.plan().request(wanted, Patience::Limited, self.set)?;
        let holder = self.holder();
        let grant = self.keeper.attempt(holder, &request)?;
        Ok(grant.map(|grant| Acquisition::new(self.keeper.clone(), holder, grant)))
    }

    pub(super) fn acquire_async<M>(&self, wanted: impl IntoRequest<M>) -> AcquireFuture {
        // A future may be dropped by whoever waits for several things, so its wait is not taken for endless.
        let request = self.keeper.plan().request(wanted, Patience::Limited, self.set);
        AcquireFuture::new(self.keeper.clone(), self.holder.unwrap_or(Holder::NOBODY), request)
    }
}

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
    counter: Option<Counter>,
}

impl Limits {
    /// Those of `keeper`, for `holder`.
    pub(crate) fn new(keeper: Arc<dyn Keeper>, holder: Holder) -> Self {
        Limits { counter: Some(Counter { keeper, holder: Some(holder), set: None, deadline: None }) }
    }

    /// The same for one call: `task` tells it from others that its worker runs at the same time, zero if it runs one at
    /// a time; `set` is where its permit comes from; at `deadline` waits end.
    pub(crate) fn for_call(&self, task: u64, set: Option<u32>, deadline: Option<Instant>) -> Self {
        let mut limits = self.clone();
        if let Some(counter) = &mut limits.counter {
            counter.holder = counter.holder.map(|holder| Holder { task, ..holder });
            counter.set = set;
            counter.deadline = deadline;
        }
        limits
    }

    fn counter(&self) -> Result<&Counter> {
        self.counter.as_ref().ok_or_else(|| {
            Error::limit("there are no limits here: give the pool some by `.limits(..)` or `.limits_per_worker(..)`")
        })
    }

    /// Takes all that is asked for, waiting for as long as it takes; a call with a timeout waits no longer than that.
    ///
    /// # Errors
    /// [`Error::Limit`] at once, if it can never be had: an unknown key, more than there is, a key twice, or what only
    /// this worker itself could give back. [`Error::TimedOut`] when the call's time is up.
    pub fn acquire<M>(&self, request: impl IntoRequest<M>) -> Result<Acquisition> {
        self.counter()?.acquire(request)
    }

    /// As [`acquire`](Self::acquire), waiting no longer than `timeout`.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); [`Error::TimedOut`] of [`TimeoutScope::Wait`] when `timeout` is over.
    pub fn acquire_within<M>(&self, request: impl IntoRequest<M>, timeout: Duration) -> Result<Acquisition> {
        self.counter()?.acquire_within(request, timeout)
    }

    /// Takes all that is asked for if it is there now and nobody waits for it; `None` otherwise.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire), but what this worker itself holds is `None`.
    pub fn try_acquire<M>(&self, request: impl IntoRequest<M>) -> Result<Option<Acquisition>> {
        self.counter()?.try_acquire(request)
    }

    /// As [`acquire`](Self::acquire), without blocking the thread. The future takes its place in line when it is first
    /// polled and leaves it when it is dropped.
    pub fn acquire_async<M>(&self, request: impl IntoRequest<M>) -> AcquireFuture {
        match self.counter() {
            Ok(counter) => counter.acquire_async(request),
            Err(error) => AcquireFuture::wrong(error),
        }
    }

    /// The value that the set was configured with. With several sets that differ in it there is none here; ask the
    /// [`Acquisition`].
    pub fn config(&self, key: &str) -> Option<&str> {
        let Counter { keeper, set, .. } = self.counter.as_ref()?;
        let sets = match set {
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
        self.counter()?.keeper.stats()
    }

    /// Whether the pool has no limits.
    pub fn is_empty(&self) -> bool {
        self.counter.is_none()
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = self.counter.iter().flat_map(|counter| &counter.keeper.plan().sets);
        f.debug_list().entries(sets.map(|set| set.limits.iter().map(ToString::to_string).collect::<Vec<_>>())).finish()
    }
}
