//! Whoever waits for a process may take its answers off the ring itself: no answer is lost, none is given twice, and no code
//! of the user's runs where it does not belong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use concurry::prelude::*;
use concurry_tests::{Door, Gate, Soon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[derive(Default)]
struct Echo;

#[worker]
impl Echo {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    pub fn back(&self, x: u64) -> u64 {
        x
    }

    pub fn odd_fails(&self, x: u64) -> Result<u64, String> {
        if x % 2 == 1 { Err(format!("{x} is odd")) } else { Ok(x) }
    }

    pub fn sized(&self, size: usize) -> Vec<u8> {
        vec![7; size]
    }

    pub fn held(&self, door: Door) {
        door.knock();
    }

    #[worker(timeout = "60s")]
    pub fn timed(&self, x: u64) -> u64 {
        x
    }
}

/// Runs `caller` on so many threads at once.
fn callers(count: u64, caller: impl Fn(u64) + Sync) {
    let caller = &caller;
    thread::scope(|scope| {
        for at in 0..count {
            scope.spawn(move || caller(at));
        }
    });
}

#[test]
fn everybody_gets_the_answer_to_its_own_call() {
    const EACH: u64 = 2_000;
    for threads in [1, 4] {
        let pool = Echo::options().mode(Mode::Process).init().unwrap();
        callers(threads, |at| {
            for n in 0..EACH {
                let x = at * EACH + n;
                // Each way in which one waits, or is waited upon.
                match n % 7 {
                    0 => assert_eq!(pool.timed(x).soon().unwrap(), x),
                    1 => {
                        let outcome = pool.odd_fails(x).soon();
                        assert_eq!(outcome.is_err(), x % 2 == 1);
                    }
                    2 => {
                        let before = pool.back(x);
                        let after = pool.back(x + 1);
                        assert_eq!((after.soon().unwrap(), before.soon().unwrap()), (x + 1, x));
                    }
                    3 => assert_eq!(pool.sized(3000).soon().unwrap().len(), 3000),
                    4 => assert_eq!(pool.back(pool.back(x)).soon().unwrap(), x),
                    5 => {
                        let mut future = pool.back(x);
                        let first = future.result_within(Duration::ZERO);
                        let value = first.unwrap_or_else(|_| future.soon().unwrap());
                        assert_eq!(value, x);
                    }
                    _ => assert_eq!(pool.back(x).soon().unwrap(), x),
                }
            }
        });
        pool.stop().unwrap();
        let stats = pool.stats();
        assert_eq!(stats.completed + stats.failed, threads * calls_of(EACH));
    }
}

/// How many calls come of so many turns of the above.
fn calls_of(turns: u64) -> u64 {
    (0..turns).map(|n| if matches!(n % 7, 2 | 4) { 2 } else { 1 }).sum()
}

#[test]
fn what_comes_back_beside_large_answers_is_whole() {
    let pool = Echo::options().mode(Mode::Process).max_workers(2).init().unwrap();
    callers(3, |at| {
        for n in 0..30 {
            let size = [5, 3 << 20, 70_000][(at as usize + n) % 3] + n;
            let bytes = pool.sized(size).soon().unwrap();
            assert!(bytes.len() == size && bytes.iter().all(|&byte| byte == 7));
        }
    });
    pool.stop().unwrap();
}

#[test]
fn code_of_the_users_does_not_run_where_somebody_waits_for_another_call() {
    const ROUNDS: usize = 50;
    let pool = Echo::options().mode(Mode::Process).init().unwrap();
    let here = thread::current().id();
    let told = Arc::new(AtomicUsize::new(0));
    for n in 0..ROUNDS as u64 {
        let gate = Gate::new();
        let held = pool.held(gate.door());
        let watched = pool.back(n);
        let count = told.clone();
        watched.on_done(move |_| {
            assert_ne!(thread::current().id(), here);
            count.fetch_add(1, Ordering::Relaxed);
        });
        let waited_for = pool.back(n + 1);
        gate.visitor().pass("");
        assert_eq!(waited_for.soon().unwrap(), n + 1);
        assert_eq!(watched.soon().unwrap(), n);
        held.soon().unwrap();
    }
    assert_eq!(told.load(Ordering::Relaxed), ROUNDS);
    pool.stop().unwrap();
}

#[test]
fn a_worker_that_is_killed_while_others_wait_costs_what_it_ran_and_no_more() {
    let pool = Echo::options().mode(Mode::Process).max_restarts(1000).init().unwrap();
    let (values, deaths) = (AtomicU64::new(0), AtomicU64::new(0));
    const THREADS: u64 = 3;
    const EACH: u64 = 1_500;
    callers(THREADS + 1, |at| {
        if at == THREADS {
            for _ in 0..20 {
                let Ok(pid) = pool.pid().soon() else { continue };
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
            return;
        }
        for n in 0..EACH {
            let x = at * EACH + n;
            match pool.back(x).soon() {
                Ok(value) => {
                    assert_eq!(value, x);
                    values.fetch_add(1, Ordering::Relaxed);
                }
                Err(concurry::Error::WorkerDied { .. }) => {
                    deaths.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
    let (values, deaths) = (values.into_inner(), deaths.into_inner());
    assert_eq!(values + deaths, THREADS * EACH);
    let stats = pool.stats();
    assert!(deaths <= stats.restarts, "{deaths} calls ran when one of {} workers died", stats.restarts);
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.in_flight), (0, 0));
}
