//! Runs callbacks when their time has come: one thread for all of them, there only while one is waiting.
//!
//! Whoever sets an alarm owns it: dropping it takes the callback off the clock, unless it has begun. The thread starts
//! with the first alarm and ends with the last, so a program that waits for nothing has no thread of this kind.
//! Callbacks run one after another, outside the lock; a slow one delays all others, so they hand work on and return.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// When, and a number to tell those of one instant apart; they run in the order in which they were set.
type Key = (Instant, u64);

type Callback = Box<dyn FnOnce() + Send>;

struct Schedule {
    alarms: BTreeMap<Key, Callback>,
    next: u64,
    running: bool,
}

static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule { alarms: BTreeMap::new(), next: 0, running: false });
static CHANGED: Condvar = Condvar::new();

thread_local! {
    static SERVES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is the timer's, on which nothing may wait.
pub(crate) fn is_here() -> bool {
    SERVES.try_with(Cell::get).unwrap_or(false)
}

fn schedule() -> MutexGuard<'static, Schedule> {
    // Callbacks run and are dropped outside the lock, so a poisoned one is whole.
    SCHEDULE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A callback that waits for its time. Dropping it cancels the callback; one that has begun goes on, and the drop does
/// not wait for it, so that an alarm may be dropped by its own callback and under any lock.
#[must_use = "dropping an alarm cancels it; `forget` lets it run"]
pub(crate) struct Alarm {
    key: Option<Key>,
}

impl Alarm {
    /// Lets the callback run with nobody able to cancel it.
    #[allow(dead_code, reason = "not every build has a policy that waits unconditionally")]
    pub(crate) fn forget(mut self) {
        self.key = None;
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut schedule = schedule();
        let callback = schedule.alarms.remove(&key);
        let last = callback.is_some() && schedule.alarms.is_empty();
        drop(schedule);
        drop(callback);
        if last {
            CHANGED.notify_one();
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").field("at", &self.key.map(|(at, _)| at)).finish()
    }
}

/// Runs `run` on the timer's thread at `when`, or at once where that is past. It must be short and must not wait.
///
/// # Errors
/// There was no timer thread, and none can be started; `run` is dropped.
pub(crate) fn at(when: Instant, run: impl FnOnce() + Send + 'static) -> io::Result<Alarm> {
    let callback: Callback = Box::new(run);
    let mut schedule = schedule();
    if !schedule.running {
        if let Err(error) = thread::Builder::new().name("concurry-timer".to_owned()).spawn(serve) {
            drop(schedule);
            drop(callback);
            return Err(error);
        }
        schedule.running = true;
    }
    let key = (when, schedule.next);
    schedule.next += 1;
    schedule.alarms.insert(key, callback);
    let first = schedule.alarms.first_key_value().is_some_and(|(first, _)| *first == key);
    drop(schedule);
    if first {
        CHANGED.notify_one();
    }
    Ok(Alarm { key: Some(key) })
}

/// The thread.
fn serve() {
    SERVES.set(true);
    let mut schedule = self::schedule();
    loop {
        let Some((&key, _)) = schedule.alarms.first_key_value() else {
            schedule.running = false;
            return;
        };
        let left = key.0.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            schedule = CHANGED.wait_timeout(schedule, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let callback = schedule.alarms.remove(&key);
        drop(schedule);
        if let Some(callback) = callback {
            // A waker or a destructor in it may be anybody's; the alarms of all others must outlive its panic.
            let _ = catch_unwind(AssertUnwindSafe(callback));
        }
        schedule = self::schedule();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    const BOUND: Duration = Duration::from_secs(60);

    #[test]
    fn alarms_ring_in_the_order_of_their_times_and_never_early() {
        let (go, gate) = channel();
        let (told, heard) = channel();
        // The timer is held here until all the others are set, and their times are past.
        at(Instant::now(), move || gate.recv_timeout(BOUND).unwrap()).unwrap().forget();
        let start = Instant::now();
        for (index, ms) in [9, 3, 3, 6, 1].into_iter().enumerate() {
            let (told, when) = (told.clone(), start + Duration::from_millis(ms));
            at(when, move || told.send((index, Instant::now() >= when)).unwrap()).unwrap().forget();
        }
        go.send(()).unwrap();
        let order: Vec<_> = (0..5).map(|_| heard.recv_timeout(BOUND).unwrap()).collect();
        assert_eq!(order, [(4, true), (1, true), (2, true), (3, true), (0, true)]);
    }

    #[test]
    fn a_dropped_alarm_never_rings_and_frees_what_it_holds() {
        let (told, heard) = channel::<()>();
        let alarm = at(Instant::now() + BOUND, move || told.send(()).unwrap()).unwrap();
        drop(alarm);
        // The sender went with the callback.
        assert_eq!(heard.recv_timeout(BOUND), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_forgotten_alarm_rings() {
        let (told, heard) = channel();
        at(Instant::now(), move || told.send(1).unwrap()).unwrap().forget();
        assert_eq!(heard.recv_timeout(BOUND), Ok(1));
    }

    #[test]
    fn a_panic_in_a_callback_costs_nobody_else_anything() {
        let (told, heard) = channel();
        let soon = Instant::now() + Duration::from_millis(5);
        // `resume_unwind` panics without the message on stderr.
        let first = at(soon, || std::panic::resume_unwind(Box::new("meant to panic"))).unwrap();
        let second = at(soon, move || told.send(2).unwrap()).unwrap();
        assert_eq!(heard.recv_timeout(BOUND), Ok(2));
        drop((first, second));
    }

    #[test]
    fn a_callback_may_set_and_drop_alarms() {
        let (told, heard) = channel();
        let other = at(Instant::now() + BOUND, || {}).unwrap();
        at(Instant::now(), move || {
            drop(other);
            at(Instant::now(), move || told.send(3).unwrap()).unwrap().forget();
        })
        .unwrap()
        .forget();
        assert_eq!(heard.recv_timeout(BOUND), Ok(3));
    }
}
