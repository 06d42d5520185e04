//! [`Care`]: what a pool does for a call beyond running it once, namely to try it again and to bound its time.

use std::any::Any;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::later;
use crate::error::Error;
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
    timeout: Option<(Duration, TimeoutFrom)>,
    clock: Mutex<Clock>,
}

/// The one thing that a call waits for at a time: its timeout, or the moment of its next attempt.
#[derive(Default)]
struct Clock {
    deadline: Option<Instant>,
    alarm: Option<Alarm>,
    /// The call has settled: nothing is set any more.
    stopped: bool,
}

impl Care {
    pub(crate) fn new(timeout: Option<(Duration, TimeoutFrom)>) -> Self {
        Care { timeout, clock: Mutex::default() }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.clock().deadline
    }

    /// How long an attempt may take, if that counts from `from`.
    pub(super) fn timeout(&self, from: TimeoutFrom) -> Option<Duration> {
        self.timeout.filter(|(_, own)| *own == from).map(|(timeout, _)| timeout)
    }

    /// How long an attempt may take, for its error.
    pub(super) fn allowed(&self) -> Option<Duration> {
        self.timeout.map(|(timeout, _)| timeout)
    }

    /// Runs `expire` when `timeout` is over.
    pub(super) fn start_clock(&self, timeout: Duration, expire: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let deadline = later(timeout);
        let alarm = timer::at(deadline, expire)?;
        self.hold(Some(deadline), alarm);
        Ok(())
    }

    /// Runs `again` when `delay` is over.
    pub(crate) fn wake_after(&self, delay: Duration, again: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let alarm = timer::at(later(delay), again)?;
        self.hold(None, alarm);
        Ok(())
    }

    fn hold(&self, deadline: Option<Instant>, alarm: Alarm) {
        let mut clock = self.clock();
        if clock.stopped {
            drop(clock);
            drop(alarm);
            return;
        }
        clock.deadline = deadline;
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

    /// How long to wait before another attempt, where the policy wants one after `error`.
    pub(super) fn again_after(&self, _error: &Error, _attempt: u32) -> Option<Duration> {
        None
    }

    /// Whether a value is what the policy waits for.
    pub(super) fn accepts(&self, _value: &dyn Any) -> bool {
        true
    }

    /// Whether values must be looked at.
    pub(super) fn looks_at_values(&self) -> bool {
        false
    }

    /// Whether there may be another attempt after `attempt`, so that the message must be kept.
    pub(crate) fn may_repeat(&self, _attempt: u32) -> bool {
        false
    }
}
