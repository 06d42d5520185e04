//! Threads that wait for room, and those that must not.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Gate, LONG, Soon, all_ok, apart};

use crate::desk::{Busy, Desk, poll};
#[test]
fn submitters_wait_for_room_and_the_bound_holds() {
    const MOST: u64 = 8;
    const SUBMITTERS: u64 = 6;
    const EACH: u64 = 200;
    for mode in apart() {
        let options = Desk::options().mode(mode).max_workers(2).max_pending(MOST as usize);
        let pool = options.on_full(OnFull::Block).init().unwrap();
        let (submitted, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let most_seen = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut most = 0;
                while !over.load(Ordering::SeqCst) {
                    // In this order, so that it is never more than there are.
                    let before = submitted.load(Ordering::SeqCst);
                    let stats = pool.stats();
                    most = most.max(before.saturating_sub(stats.completed + stats.failed));
                    std::thread::yield_now();
                }
                most
            });
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|submitter| {
                    let (pool, submitted) = (&pool, &submitted);
                    scope.spawn(move || {
                        let numbers = submitter * EACH..(submitter + 1) * EACH;
                        let futures: Vec<_> = numbers
                            .clone()
                            .map(|number| {
                                let future = pool.echo(number);
                                submitted.fetch_add(1, Ordering::SeqCst);
                                future
                            })
                            .collect();
                        assert_eq!(all_ok(futures), numbers.collect::<Vec<_>>());
                    })
                })
                .collect();
            for submitter in submitters {
                submitter.join().unwrap();
            }
            over.store(true, Ordering::SeqCst);
            watcher.join().unwrap()
        });
        assert!(most_seen <= MOST, "{mode}: {most_seen} were unresolved at once");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.rejected), (SUBMITTERS * EACH, 0, 0), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn who_waits_goes_on_as_soon_as_there_is_room() {
    for mode in apart() {
        let busy = Busy::new(Desk::options().mode(mode).max_pending(1).on_full(OnFull::Block));
        let (told, heard) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let call = busy.pool.echo(7);
                // What it waited for had been resolved by then.
                told.send((busy.stays.is_done() || busy.pool.stats().completed > 0, call.soon())).unwrap();
            });
            busy.visitor.pass("go");
            let (after, result) = heard.recv_timeout(LONG).unwrap();
            assert!(after, "{mode}: it was accepted although the pool was full");
            assert_eq!(result.unwrap(), 7);
        });
        busy.pool.stop().unwrap();
    }
}

#[test]
fn a_stop_lets_go_of_those_who_wait() {
    for abort in [false, true] {
        for mode in apart() {
            let busy = Busy::new(Desk::options().mode(mode).max_pending(1).on_full(OnFull::Block));
            std::thread::scope(|scope| {
                let waits: Vec<_> = (0..3)
                    .map(|number| {
                        scope.spawn({
                            let pool = busy.pool.clone();
                            move || pool.echo(number).soon()
                        })
                    })
                    .collect();
                let reserve = pin!(busy.pool.reserve());
                let mut reserve = reserve;
                assert!(poll(reserve.as_mut()).is_pending());
                if abort {
                    busy.pool.abort().unwrap();
                } else {
                    busy.pool.stop_within(Duration::from_millis(20)).unwrap();
                }
                for wait in waits {
                    assert!(matches!(wait.join().unwrap(), Err(Error::Stopped { .. })), "{mode}");
                }
                assert!(matches!(poll(reserve), Poll::Ready(Err(Error::Stopped { .. }))), "{mode}");
            });
            drop(busy.visitor);
        }
    }
}

/// Calls its own pool.
struct Selfish;

static SELVES: std::sync::Mutex<Vec<(String, SelfishClient)>> = std::sync::Mutex::new(Vec::new());

fn own(which: &str) -> SelfishClient {
    SELVES.lock().unwrap().iter().find(|(name, _)| name == which).unwrap().1.clone()
}

#[worker(local, max_pending = 1, on_full = "block")]
impl Selfish {
    pub fn new() -> Self {
        Selfish
    }

    pub fn one(&self) -> u64 {
        1
    }

    pub fn call_own(&self, which: &str) -> concurry::Result<u64> {
        own(which).one().result()
    }
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told() {
    for (which, mode, workers) in [("thread", Mode::Thread, 1), ("loop", Mode::Async, 1), ("pair", Mode::Thread, 2)] {
        let pool = Selfish::options().mode(mode).max_workers(workers).name(which).init().unwrap();
        SELVES.lock().unwrap().push((which.to_owned(), pool.clone()));
        let error = pool.call_own(which).soon().unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        let text = error.to_string();
        for part in [format!("the pool `{which}` is full"), "wait for itself".to_owned(), "`reserve()`".to_owned()] {
            assert!(text.contains(&part), "{part} in {text}");
        }
        // Others may wait for it.
        assert_eq!(pool.one().soon().unwrap(), 1);
        SELVES.lock().unwrap().retain(|(name, _)| name != which);
        pool.stop().unwrap();
    }
}

#[test]
fn a_callback_on_a_thread_of_the_pool_or_of_the_timer_does_not_wait() {
    for (mode, timeout) in [(Mode::Process, None), (Mode::Thread, Some(Duration::from_secs(1)))] {
        let gate = Gate::new();
        let mut options = Desk::options().mode(mode).max_pending(2).on_full(OnFull::Block);
        if let Some(timeout) = timeout {
            options = options.timeout(timeout);
        }
        let pool = options.init().unwrap();
        let first = pool.stay(gate.door());
        let visitor = gate.visitor();
        let (told, heard) = channel();
        let own = pool.clone();
        first.on_done(move |_| {
            // Two at once: there is room for one, the other would have to wait.
            told.send((own.echo(1), own.echo(2))).unwrap();
        });
        let second = pool.stay(gate.door());
        if timeout.is_none() {
            visitor.pass("go");
        }
        let (one, two) = heard.recv_timeout(LONG).unwrap();
        assert!(matches!(two.soon(), Err(Error::Unsupported { .. })), "{mode}");
        drop(gate);
        let _either = (one.soon(), second.soon(), first.soon());
        pool.abort().unwrap();
    }
}
