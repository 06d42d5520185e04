//! The clock of tests, which stands until it is moved by hand.
//!
//! Alarms are rung by whoever moves the clock, under no lock, each at its own time. One that is set for a time that has
//! come already is rung by who moves the clock at that moment, or else by the timer's thread: who sets it holds a lock.
//! While that thread rings, the clock stands: who moves it waits, so that what was due before has happened after.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
#[cfg(test)]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::clock::{Clock, Nanos};
use crate::timer;

type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Alarms {
    set: BTreeMap<(Nanos, u64), Callback>,
    /// How many are moving the clock and have not looked for the last time.
    movers: usize,
    /// Whoever rings one that was late.
    ringing: Vec<ThreadId>,
}

/// The clock behind [`TestClock`].
#[derive(Default)]
pub(crate) struct Manual {
    /// Changed with the alarms' lock held, so that none is set for a time that comes meanwhile.
    now: AtomicU64,
    next: AtomicU64,
    alarms: Mutex<Alarms>,
    /// Told when one that was late has been rung.
    rung: Condvar,
    /// Whether alarms cannot be set, as where there are no threads left.
    #[cfg(test)]
    pub(crate) broken: AtomicBool,
}

pub(crate) struct Alarm {
    clock: Arc<Manual>,
    key: (Nanos, u64),
    /// What rings it, where its time had come when it was set.
    #[allow(dead_code, reason = "it is held for its drop")]
    late: Option<timer::Alarm>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let callback = self.clock.lock().set.remove(&self.key);
        drop(callback);
    }
}

impl Manual {
    #[cfg(test)]
    pub(crate) fn new() -> (Arc<Self>, Clock) {
        let manual = Arc::<Self>::default();
        (manual.clone(), Clock::Manual(manual))
    }

    fn lock(&self) -> MutexGuard<'_, Alarms> {
        // Callbacks run and are dropped outside the lock, so a poisoned one is whole.
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Nanos {
        self.now.load(Ordering::SeqCst)
    }

    pub(super) fn at(self: &Arc<Self>, when: Nanos, run: impl FnOnce() + Send + 'static) -> io::Result<Alarm> {
        #[cfg(test)]
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("no threads are left"));
        }
        let key = (when, self.next.fetch_add(1, Ordering::SeqCst));
        let mut alarms = self.lock();
        alarms.set.insert(key, Box::new(run));
        let late = self.now() >= when && alarms.movers == 0;
        drop(alarms);
        let mut alarm = Alarm { clock: self.clone(), key, late: None };
        if late {
            let clock = self.clone();
            alarm.late = Some(timer::at(Instant::now(), move || clock.ring_late(&key))?);
        }
        Ok(alarm)
    }

    /// Rings what nobody has rung who moved the clock.
    fn ring_late(&self, key: &(Nanos, u64)) {
        /// Says that it has been rung, be it by a panic.
        struct Rung<'a>(&'a Manual);

        impl Drop for Rung<'_> {
            fn drop(&mut self) {
                let me = thread::current().id();
                self.0.lock().ringing.retain(|ringing| *ringing != me);
                self.0.rung.notify_all();
            }
        }

        let mut alarms = self.lock();
        let Some(callback) = alarms.set.remove(key) else { return };
        alarms.ringing.push(thread::current().id());
        drop(alarms);
        let _rung = Rung(self);
        callback();
    }

    /// The alarms, when nobody else rings one that was late.
    fn lock_when_rung(&self) -> MutexGuard<'_, Alarms> {
        let me = thread::current().id();
        let others = |alarms: &mut Alarms| alarms.ringing.iter().any(|ringing| *ringing != me);
        self.rung.wait_while(self.lock(), others).unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes to `when`, and on the way rings what is due, each at its time.
    pub(crate) fn go_to(&self, when: Nanos) {
        self.lock().movers += 1;
        loop {
            let mut alarms = self.lock_when_rung();
            // Another may have moved it further.
            let until = when.max(self.now());
            let Some(first) = alarms.set.first_entry().filter(|first| first.key().0 <= until) else {
                self.now.fetch_max(when, Ordering::SeqCst);
                alarms.movers -= 1;
                return;
            };
            let ((at, _), callback) = first.remove_entry();
            self.now.fetch_max(at, Ordering::SeqCst);
            drop(alarms);
            callback();
        }
    }

    pub(crate) fn advance(&self, by: Nanos) {
        self.go_to(self.now().saturating_add(by));
    }

    /// How many alarms are set.
    #[cfg(test)]
    pub(crate) fn alarms(&self) -> usize {
        self.lock().set.len()
    }

    /// Goes to the next alarm and rings it; whether there was one.
    #[cfg(test)]
    pub(crate) fn go_to_next_alarm(&self) -> bool {
        let next = self.lock_when_rung().set.first_key_value().map(|(&(at, _), _)| at);
        next.map(|at| self.go_to(at)).is_some()
    }
}

/// A clock for tests of limits: it stands until the test moves it. A set of limits goes by it where it is
/// [given](crate::LimitSet::with_clock) to it; so a minute of a rate is over when the test says so.
///
/// Clones are the same clock. What the rates of such a set grant, and when, is then known exactly; who waits is granted
/// by [`advance`](Self::advance), before that returns. It is the time of rates and of nothing else: `acquire_within`,
/// timeouts of calls and the delays of retries go by the machine's clock.
///
/// ```
/// use std::time::Duration;
///
/// use concurry::prelude::*;
/// use concurry::testing::Clock;
///
/// let clock = Clock::new();
/// let limits = LimitSet::new().rate("tokens", 100, Window::Minutely).with_clock(&clock);
/// let _taken = limits.acquire(("tokens", 100))?;
/// assert!(limits.try_acquire(("tokens", 1))?.is_none());
/// clock.advance(Duration::from_secs(60));
/// assert!(limits.try_acquire(("tokens", 100))?.is_some());
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TestClock(Arc<Manual>);

impl TestClock {
    /// A clock that stands.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock. What has been waited for until then is granted in order, each at its time.
    pub fn advance(&self, by: Duration) {
        self.0.advance(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How far it has been moved since it was made.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.now())
    }

    pub(super) fn inner(&self) -> Clock {
        Clock::Manual(self.0.clone())
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("elapsed", &self.elapsed()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn an_alarm_for_a_time_that_has_come_rings_by_itself() {
        let (manual, clock) = Manual::new();
        manual.advance(5);
        let (rung, rings) = mpsc::channel();
        let _alarm = clock.at(5, move || rung.send(()).unwrap()).unwrap();
        rings.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(manual.alarms(), 0);
    }

    #[test]
    fn the_clock_is_not_moved_while_a_late_one_is_rung() {
        let (manual, clock) = Manual::new();
        let (rings, ringing) = mpsc::channel();
        let (go_on, told) = mpsc::channel::<()>();
        let (own, seen) = (clock.clone(), Arc::new(AtomicU64::new(u64::MAX)));
        let at = seen.clone();
        let late = move || {
            rings.send(()).unwrap();
            told.recv().unwrap();
            at.store(own.now(), Ordering::SeqCst);
        };
        let _alarm = clock.at(0, late).unwrap();
        ringing.recv_timeout(Duration::from_secs(60)).unwrap();
        let mover = manual.clone();
        let mover = thread::spawn(move || mover.advance(1));
        while manual.lock().movers == 0 {
            thread::yield_now();
        }
        for _ in 0..1000 {
            assert_eq!(manual.now(), 0);
            thread::yield_now();
        }
        go_on.send(()).unwrap();
        mover.join().unwrap();
        assert_eq!((manual.now(), seen.load(Ordering::SeqCst)), (1, 0));
    }

    #[test]
    fn one_that_is_set_by_another_has_rung_when_the_clock_is_there() {
        let (manual, clock) = Manual::new();
        let (rung, rings) = mpsc::channel();
        let (later, kept) = (clock.clone(), Mutex::new(None));
        let kept = Arc::new(kept);
        let keep = kept.clone();
        let first = move || {
            let second = later.at(3, move || rung.send(()).unwrap()).unwrap();
            *keep.lock().unwrap() = Some(second);
        };
        let _alarm = clock.at(3, first).unwrap();
        manual.advance(2);
        assert!(kept.lock().unwrap().is_none());
        manual.advance(1);
        assert_eq!(rings.try_recv(), Ok(()));
    }
}
