//! Wakes tasks whose time is up: one thread for all of them, there only while a task is waiting with a timeout.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::board::Board;

/// When, and a number to tell those of one instant apart.
type Key = (Instant, u64);

struct Clock {
    alarms: BTreeMap<Key, Arc<Board>>,
    next: u64,
    running: bool,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { alarms: BTreeMap::new(), next: 0, running: false });
static CHANGED: Condvar = Condvar::new();

fn clock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A board that is rung at its time; dropping it takes it off the clock.
pub(super) struct Alarm(Key);

impl Alarm {
    pub(super) fn set(at: Instant, board: Arc<Board>) -> io::Result<Alarm> {
        let mut clock = clock();
        if !clock.running {
            thread::Builder::new().name("concurry-timer".to_owned()).spawn(run)?;
            clock.running = true;
        }
        let key = (at, clock.next);
        clock.next += 1;
        clock.alarms.insert(key, board);
        let first = clock.alarms.first_key_value().is_some_and(|(first, _)| *first == key);
        drop(clock);
        if first {
            CHANGED.notify_one();
        }
        Ok(Alarm(key))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let mut clock = clock();
        let board = clock.alarms.remove(&self.0);
        let last = clock.alarms.is_empty();
        drop(clock);
        drop(board);
        if last {
            CHANGED.notify_one();
        }
    }
}

fn run() {
    let mut clock = clock();
    loop {
        let Some((&key, _)) = clock.alarms.first_key_value() else {
            clock.running = false;
            return;
        };
        let left = key.0.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            clock = CHANGED.wait_timeout(clock, left).unwrap_or_else(PoisonError::into_inner).0;
            continue;
        }
        let board = clock.alarms.remove(&key);
        drop(clock);
        if let Some(board) = board {
            board.ring();
        }
        clock = self::clock();
    }
}
