//! What is checked of the figures.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::flight::Flight;
use super::sync::Ordering;
use super::tally::{ABORTED, After, OPEN, STOPPING, Tally};
use crate::check;

/// A pool: its tally, and whether its workers have been told to end.
struct Pool {
    tally: Tally,
    finished: AtomicBool,
    gate: Mutex<()>,
    changed: Condvar,
}

impl Pool {
    fn new() -> Arc<Self> {
        Arc::new(Pool {
            tally: Tally::new(),
            finished: AtomicBool::new(false),
            gate: Mutex::new(()),
            changed: Condvar::new(),
        })
    }

    fn wake(&self) {
        if self.tally.is_awaited() {
            drop(self.gate.lock().unwrap());
            self.changed.notify_all();
        }
    }

    fn finish(&self) {
        self.finished.store(true, Ordering::Release);
        self.wake();
    }

    fn resolve(&self) {
        match self.tally.resolve() {
            After::Nothing => {}
            After::Wake => self.wake(),
            After::Finish => self.finish(),
        }
    }

    /// A call is made; whether it was accepted. Its worker is there until it is resolved.
    fn submit(&self) -> bool {
        let accepted = self.tally.accept();
        if accepted {
            assert!(!self.finished.load(Ordering::Acquire), "the workers were told to end with a call on its way");
        }
        self.resolve();
        accepted
    }
}

/// A call and a stop at one moment: the workers end, and not before an accepted call is resolved.
#[test]
fn a_stop_and_two_calls() {
    check(|| {
        let pool = Pool::new();
        let (first, second) = (pool.clone(), pool.clone());
        let first = thread::spawn(move || first.submit());
        let second = thread::spawn(move || second.submit());
        if pool.tally.stop() {
            pool.finish();
        }
        first.join().unwrap();
        second.join().unwrap();
        assert!(pool.finished.load(Ordering::Acquire), "nobody told the workers to end");
        assert_eq!((pool.tally.outstanding(), pool.tally.phase()), (0, STOPPING));
        assert!(!pool.tally.accept());
    });
}

/// Whoever waits for a pool to be idle is woken: loom finds one that sleeps for ever.
#[test]
fn who_waits_for_idleness_is_woken() {
    check(|| {
        let pool = Pool::new();
        assert!(pool.tally.accept());
        let theirs = pool.clone();
        let worker = thread::spawn(move || theirs.resolve());
        pool.tally.wait();
        let mut gate = pool.gate.lock().unwrap();
        while pool.tally.outstanding() > 0 {
            gate = pool.changed.wait(gate).unwrap();
        }
        drop(gate);
        pool.tally.done_waiting();
        worker.join().unwrap();
        assert_eq!(pool.tally.phase(), OPEN);
    });
}

/// An aborted pool takes nothing, also where it was stopped before, and is not open again after a stop.
#[test]
fn an_abort_stays() {
    check(|| {
        let pool = Pool::new();
        let theirs = pool.clone();
        let stopper = thread::spawn(move || theirs.tally.stop());
        pool.tally.abort();
        stopper.join().unwrap();
        assert_eq!(pool.tally.phase(), ABORTED);
        assert!(!pool.submit());
    });
}

/// Calls leave as the worker is replaced: what is said of the old one counts before that or not at all.
#[test]
fn calls_leave_one_incarnation_only() {
    check(|| {
        let flight = Arc::new(Flight::default());
        flight.renew(1);
        flight.enter();
        flight.enter();
        let counted = Arc::new(AtomicU32::new(0));
        let (theirs, count) = (flight.clone(), counted.clone());
        let worker = thread::spawn(move || {
            for _ in 0..2 {
                count.fetch_add(u32::from(theirs.leave(1)), Ordering::Relaxed);
            }
        });
        flight.renew(2);
        flight.enter();
        assert_eq!(flight.count(), 1);
        worker.join().unwrap();
        assert_eq!(flight.count(), 1);
        assert!(flight.leave(2) && !flight.leave(2) && !flight.leave(1));
        assert_eq!(flight.count(), 0);
        assert!(counted.load(Ordering::Relaxed) <= 2);
    });
}
