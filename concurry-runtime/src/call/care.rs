//! [`Care`]: what a pool does for a call beyond running it once, namely to try it again and to bound its time.

use std::any::TypeId;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::later;
use crate::retry::{Attempt, Outcome, Policy, Verdict};
use crate::timer::{self, Alarm};

/// Since when a timeout counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeoutFrom {
    /// Since the attempt was submitted: the time in queues counts.
    Submission,
    /// Since the method began.
    Start,
}

/// Retries and the timeout of one call. Most calls have neither, and none of this.
pub(crate) struct Care {
    pub(crate) terms: Terms,
    made: Instant,
    /// When the call that this one is made for times out: nobody waits for longer.
    until: Option<Instant>,
    clock: Mutex<Clock>,
}

/// What is to be done for the calls of one method.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    /// How long an attempt may take since it was submitted.
    pub(crate) timeout: Option<Duration>,
    /// How long it may take since it began.
    pub(crate) run_timeout: Option<Duration>,
    pub(crate) policy: Option<Policy>,
}

impl Terms {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.timeout.is_none() && self.run_timeout.is_none() && self.policy.is_none()
    }
}

/// The one thing that a call waits for at a time: its timeout, or the moment of its next attempt.
#[derive(Default)]
struct Clock {
    deadline: Option<Instant>,
    /// How long until then was allowed.
    allowed: Option<Duration>,
    alarm: Option<Alarm>,
    /// The call has settled: nothing is set any more.
    stopped: bool,
}

impl Care {
    pub(crate) fn new(terms: Terms, until: Option<Instant>) -> Self {
        Care { terms, made: Instant::now(), until, clock: Mutex::default() }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.clock().deadline
    }

    /// When an attempt that is submitted, or begins, now has had its time; `None` where nothing changes by that.
    pub(super) fn deadline_from(&self, from: TimeoutFrom) -> Option<Instant> {
        match from {
            TimeoutFrom::Submission => self.terms.timeout.map(later).into_iter().chain(self.until).min(),
            TimeoutFrom::Start => {
                let own = self.terms.run_timeout.map(later)?;
                self.deadline().is_none_or(|earlier| own < earlier).then_some(own)
            }
        }
    }

    /// How long an attempt whose time is up at `deadline` was allowed to take, for its error.
    pub(crate) fn allowed(&self) -> Option<Duration> {
        self.clock().allowed
    }

    /// Runs `expire` at `deadline`.
    pub(super) fn start_clock(
        &self,
        from: TimeoutFrom,
        deadline: Instant,
        expire: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let alarm = timer::at(deadline, expire)?;
        let allowed = match from {
            _ if self.until == Some(deadline) => None,
            TimeoutFrom::Submission => self.terms.timeout,
            TimeoutFrom::Start => self.terms.run_timeout,
        };
        self.hold(Some(deadline), allowed, alarm);
        Ok(())
    }

    /// Runs `again` when `delay` is over.
    pub(crate) fn wake_after(&self, delay: Duration, again: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let alarm = timer::at(later(delay), again)?;
        self.hold(None, None, alarm);
        Ok(())
    }

    fn hold(&self, deadline: Option<Instant>, allowed: Option<Duration>, alarm: Alarm) {
        let mut clock = self.clock();
        if clock.stopped {
            drop(clock);
            drop(alarm);
            return;
        }
        (clock.deadline, clock.allowed) = (deadline, allowed);
        let old = clock.alarm.replace(alarm);
        drop(clock);
        // What an alarm holds is the call itself, which must not go under the lock.
        drop(old);
    }

    /// Takes the alarm off; `for_good` where the call has settled.
    pub(super) fn stop_clock(&self, for_good: bool) {
        let mut clock = self.clock();
        clock.deadline = None;
        clock.stopped |= for_good;
        let alarm = clock.alarm.take();
        drop(clock);
        drop(alarm);
    }

    /// What the policy says of an attempt that has ended; `None` where there is no policy.
    pub(super) fn judge(&self, outcome: Outcome<'_>, attempt: u32) -> Option<Verdict> {
        let policy = self.terms.policy.as_ref()?;
        if self.until.is_some_and(|until| until <= Instant::now()) {
            return None;
        }
        Some(policy.after(outcome, &Attempt::new(attempt, self.made.elapsed())))
    }

    /// Whether values of this type must be looked at.
    pub(super) fn judges(&self, value: TypeId) -> bool {
        self.terms.policy.as_ref().is_some_and(|policy| policy.judges(value))
    }

    /// Whether there may be another attempt after `attempt`, so that the message must be kept.
    pub(crate) fn may_repeat(&self, attempt: u32) -> bool {
        self.terms.policy.as_ref().is_some_and(|policy| attempt <= policy.num_retries())
    }
}
