//! The ways to acquire, which sets, pools of sets and a method's [`Limits`](super::Limits) have alike.
//!
//! An [`Asker`] asks once: it brings the keeper along that the acquisition will hold, so that the whole way of an
//! acquisition counts one reference up and down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acquisition::Acquisition;
use super::keeper::{Holder, Keeper};
use super::request::{IntoRequest, Patience, Request};
use super::waiting::{AcquireFuture, wait};
use crate::bell::Watch;
use crate::error::{Error, Result, TimeoutScope};

/// On whose behalf limits are asked.
#[derive(Clone)]
pub(super) struct Who {
    /// A worker; `None` for code outside workers.
    pub(super) holder: Option<Holder>,
    /// The set of a pool of sets that serves this call, if it may not be any.
    pub(super) set: Option<u32>,
    /// When the call that asks is over.
    pub(super) deadline: Option<Instant>,
    /// Tells when it is over before.
    pub(super) watch: Option<Watch>,
}

impl Who {
    /// Code that is in no call.
    pub(super) const OUTSIDE: &'static Who = &Who { holder: None, set: None, deadline: None, watch: None };

    /// Who asks on this thread, and stays on it until it has an answer.
    fn holder(&self) -> Holder {
        self.holder.unwrap_or_else(Holder::this_thread)
    }
}

/// Asks a keeper, once.
pub(super) struct Asker<'a> {
    pub(super) keeper: Arc<dyn Keeper>,
    pub(super) who: &'a Who,
}

impl Asker<'_> {
    pub(super) fn acquire<M>(self, wanted: impl IntoRequest<M>, timeout: Option<Duration>) -> Result<Acquisition> {
        let Asker { keeper, who } = self;
        let endless = timeout.is_none() && who.deadline.is_none();
        let patience = if endless { Patience::Endless } else { Patience::Limited };
        let request = keeper.plan().request(wanted, patience, who.set)?;
        let holder = who.holder();
        if keeper.is_near() {
            // Where that is cheap, it is tried without anything to wait with.
            if let Some(grant) = keeper.attempt(holder, &request)? {
                return Ok(Acquisition::new(keeper, holder, grant));
            }
        }
        sleep(keeper, who, holder, request, timeout)
    }

    pub(super) fn try_acquire<M>(self, wanted: impl IntoRequest<M>) -> Result<Option<Acquisition>> {
        let Asker { keeper, who } = self;
        let request = keeper.plan().request(wanted, Patience::Limited, who.set)?;
        let holder = who.holder();
        let grant = keeper.attempt(holder, &request)?;
        Ok(grant.map(|grant| Acquisition::new(keeper, holder, grant)))
    }

    pub(super) fn acquire_async<M>(self, wanted: impl IntoRequest<M>) -> AcquireFuture {
        let Asker { keeper, who } = self;
        let holder = who.holder.unwrap_or(Holder::NOBODY);
        // A future may be dropped by whoever waits for several things, so its wait is not taken for endless.
        match keeper.plan().request(wanted, Patience::Limited, who.set) {
            // Where a worker runs several calls at once, the future of one that is over is dropped.
            Ok(request) => AcquireFuture::new(
                keeper,
                holder,
                request,
                who.deadline,
                who.watch.clone().filter(|_| holder.task == 0),
            ),
            Err(error) => AcquireFuture::wrong(error),
        }
    }
}

/// Waits for what is not there.
#[cold]
fn sleep(
    keeper: Arc<dyn Keeper>,
    who: &Who,
    holder: Holder,
    request: Request,
    timeout: Option<Duration>,
) -> Result<Acquisition> {
    let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let until = [own, who.deadline].into_iter().flatten().min();
    // Told apart only where there are two ends to it.
    let told = own.map(|_| keeper.plan().tell(&request.asks));
    wait(keeper, holder, request, until, who.watch.as_ref()).unwrap_or_else(|| {
        if until == own {
            Err(Error::timed_out_waiting(told.unwrap_or_default(), timeout))
        } else {
            Err(Error::timed_out(TimeoutScope::Call, None))
        }
    })
}

/// Writes the methods for a type with a function `asker`. `$from` says where they take from, `$also` what is an error
/// besides, both as they are to be read in the docs.
macro_rules! ways_to_acquire {
    ($from:literal, $also:literal) => {
        #[doc = concat!("Takes all that is asked for", $from, ", waiting for as long as it takes: `(\"db\", 1)`, or ")]
        /// several as an array, `Vec`, map. Inside a call it waits no longer than the call has time, nor once the call is
        /// cancelled or its pool aborted.
        ///
        /// # Errors
        /// [`Error::Limit`](crate::Error::Limit) at once, if it can never be had: an unknown key, more than there is, a
        #[doc = concat!("key twice", $also, ".")]
        /// Inside a call, [`Error::TimedOut`](crate::Error::TimedOut), [`Error::Cancelled`](crate::Error::Cancelled) or
        /// [`Error::Stopped`](crate::Error::Stopped) when nobody waits for the call any more.
        pub fn acquire<M>(
            &self,
            request: impl $crate::limits::IntoRequest<M>,
        ) -> $crate::error::Result<$crate::limits::Acquisition> {
            self.asker()?.acquire(request, None)
        }

        /// As [`acquire`](Self::acquire), waiting no longer than `timeout`.
        ///
        /// # Errors
        /// As [`acquire`](Self::acquire); [`Error::TimedOut`](crate::Error::TimedOut) of
        /// [`TimeoutScope::Wait`](crate::TimeoutScope::Wait) when `timeout` is over.
        pub fn acquire_within<M>(
            &self,
            request: impl $crate::limits::IntoRequest<M>,
            timeout: std::time::Duration,
        ) -> $crate::error::Result<$crate::limits::Acquisition> {
            self.asker()?.acquire(request, Some(timeout))
        }

        #[doc = concat!("Takes all that is asked for", $from, " if it is there now and nobody waits for it; `None`")]
        /// otherwise.
        ///
        /// # Errors
        /// As [`acquire`](Self::acquire), but what this worker itself holds is `None`.
        pub fn try_acquire<M>(
            &self,
            request: impl $crate::limits::IntoRequest<M>,
        ) -> $crate::error::Result<Option<$crate::limits::Acquisition>> {
            self.asker()?.try_acquire(request)
        }

        /// As [`acquire`](Self::acquire), without blocking the thread. The future takes its place in line when it is
        /// first polled and leaves it when it is dropped.
        pub fn acquire_async<M>(&self, request: impl $crate::limits::IntoRequest<M>) -> $crate::limits::AcquireFuture {
            match self.asker() {
                Ok(asker) => asker.acquire_async(request),
                Err(error) => $crate::limits::AcquireFuture::wrong(error),
            }
        }
    };
}

pub(super) use ways_to_acquire;
