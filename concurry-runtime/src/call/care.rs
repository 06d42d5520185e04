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

/// What the clock of a call is set for: an attempt, and what of it. They come one after the other.
type Turn = (u32, Stage);

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The attempt is waited for.
    #[default]
    Awaited,
    Submitted,
    Begun,
}

/// The one thing that a call waits for at a time: its timeout, or the moment of its next attempt.
#[derive(Default)]
struct Clock {
    /// What it was set for last. Whoever comes with what is older comes too late: it was on its way while the call went on.
    turn: Turn,
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

    /// Runs `expire` at `deadline`, for this attempt.
    pub(super) fn start_clock(
        &self,
        from: TimeoutFrom,
        attempt: u32,
        deadline: Instant,
        expire: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let alarm = timer::at(deadline, expire)?;
        let allowed = match from {
            _ if self.until == Some(deadline) => None,
            TimeoutFrom::Submission => self.terms.timeout,
            TimeoutFrom::Start => self.terms.run_timeout,
        };
        let stage = match from {
            TimeoutFrom::Submission => Stage::Submitted,
            TimeoutFrom::Start => Stage::Begun,
        };
        self.hold((attempt, stage), Some(deadline), allowed, alarm);
        Ok(())
    }

    /// Runs `again` when `delay` is over, which begins this attempt.
    pub(crate) fn wake_after(
        &self,
        delay: Duration,
        attempt: u32,
        again: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let alarm = timer::at(later(delay), again)?;
        self.hold((attempt, Stage::Awaited), None, None, alarm);
        Ok(())
    }

    fn hold(&self, turn: Turn, deadline: Option<Instant>, allowed: Option<Duration>, alarm: Alarm) {
        let mut clock = self.clock();
        if clock.stopped || turn < clock.turn {
            drop(clock);
            drop(alarm);
            return;
        }
        (clock.turn, clock.deadline, clock.allowed) = (turn, deadline, allowed);
        let old = clock.alarm.replace(alarm);
        drop(clock);
        // What an alarm holds is the call itself, which must not go under the lock.
        drop(old);
    }

    /// Takes the alarm off, since the call has settled.
    pub(super) fn stop_clock(&self) {
        self.take_off(|clock| clock.stopped = true);
    }

    /// Takes the alarm off, since the call goes on to this attempt.
    pub(super) fn go_on_to(&self, attempt: u32) {
        self.take_off(|clock| clock.turn = clock.turn.max((attempt, Stage::Awaited)));
    }

    fn take_off(&self, note: impl FnOnce(&mut Clock)) {
        let mut clock = self.clock();
        clock.deadline = None;
        note(&mut clock);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// Whoever set the clock for one attempt may be held up until the call is on to the next but one.
    #[test]
    fn who_comes_late_takes_no_alarm_off_that_is_for_a_later_attempt() {
        let bound = Duration::from_secs(60);
        let care = Care::new(Terms::default(), None);
        let (told, tells) = channel();
        let late = timer::at(later(bound), || {}).unwrap();
        care.go_on_to(2);
        // The alarm for the second attempt has rung before it was noted, and that attempt has come to nothing.
        care.go_on_to(3);
        care.wake_after(Duration::from_millis(20), 3, move || told.send(3).unwrap()).unwrap();
        care.hold((2, Stage::Awaited), None, None, late);
        assert_eq!(tells.recv_timeout(bound), Ok(3));
    }

    #[test]
    fn a_beginning_that_is_noted_late_sets_no_time_to_the_next_attempt() {
        let care = Care::new(Terms { run_timeout: Some(Duration::ZERO), ..Terms::default() }, None);
        care.go_on_to(2);
        care.start_clock(TimeoutFrom::Start, 1, Instant::now(), || {}).unwrap();
        assert_eq!(care.deadline(), None);
        care.start_clock(TimeoutFrom::Start, 2, Instant::now(), || {}).unwrap();
        assert!(care.deadline().is_some());
    }
}
