//! What becomes of calls when the pool is stopped, dropped or aborted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{LONG, next};

use crate::room::{Room, gate};

#[test]
fn stopping_finishes_what_was_accepted() {
    let pool = Room::init().unwrap();
    let calls: Vec<_> = (0..50).map(|_| pool.sleep(Duration::from_millis(20))).collect();
    let add = pool.add(1u64);
    pool.stop().unwrap();
    assert!(calls.iter().all(TaskFuture::is_done));
    assert_eq!(add.result().unwrap(), 1);
    assert!(matches!(pool.add(1u64).result(), Err(Error::Stopped { .. })));
}

#[test]
fn dropping_the_client_finishes_what_was_accepted() {
    let calls: Vec<_> = {
        let pool = Room::init().unwrap();
        (0..50).map(|_| pool.sleep(Duration::from_millis(20))).collect()
    };
    assert_eq!(gather(calls).timeout(LONG).results().unwrap().len(), 50);
}

#[test]
fn aborting_drops_what_runs() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let first = pool.stay("a", gate(), events.clone());
    let second = pool.stay("b", gate(), events.clone());
    assert_eq!((next(&seen), next(&seen)), ("a in".to_owned(), "b in".to_owned()));
    let queued = pool.alone("x", gate(), events.clone());
    pool.abort().unwrap();
    // A loop that was inside a poll right then is not waited for.
    let mut dropped = [next(&seen), next(&seen)];
    dropped.sort();
    assert_eq!(dropped, ["a dropped in stay", "b dropped in stay"]);
    for call in [first.result().map(drop), second.result().map(drop), queued.result().map(drop)] {
        assert!(matches!(call, Err(Error::Stopped { .. })), "{call:?}");
    }
    assert!(seen.try_recv().is_err(), "what was queued never began");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight, stats.queued), (0, 3, 0, 0));
}

#[test]
fn a_stop_that_takes_too_long_drops_what_runs() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let call = pool.stay("a", gate(), events.clone());
    assert_eq!(next(&seen), "a in");
    pool.stop_within(Duration::from_millis(10)).unwrap();
    assert_eq!(next(&seen), "a dropped in stay");
    assert!(matches!(call.result(), Err(Error::Stopped { .. })));
}

#[test]
fn a_loop_that_is_inside_a_method_does_not_hold_up_an_abort() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let waits = pool.stay("a", gate(), events.clone());
    assert_eq!(next(&seen), "a in");
    let (inside, is_inside) = channel();
    let open = Arc::new(std::sync::Barrier::new(2));
    let blocks = pool.block(inside, open.clone());
    next(&is_inside);
    pool.abort().unwrap();
    assert!(matches!(waits.result(), Err(Error::Stopped { .. })));
    assert!(matches!(blocks.result(), Err(Error::Stopped { .. })));
    assert!(seen.try_recv().is_err(), "the loop cannot drop it yet");
    open.wait();
    assert_eq!(next(&seen), "a dropped in stay");
}

#[test]
fn many_threads_submit_cancel_and_stop_at_once() {
    let pool = Room::options().max_workers(2).init().unwrap();
    let (cancelled, done, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..4usize {
            let (pool, cancelled, done, stopped, stop) = (&pool, &cancelled, &done, &stopped, &stop);
            scope.spawn(move || {
                let mut round = seed;
                while !stop.load(Ordering::Acquire) || round < 200 {
                    round += 1;
                    let sleeps = pool.sleep(Duration::from_millis(round as u64 % 3));
                    let adds = pool.add(1u64);
                    if round % 2 == 0 {
                        sleeps.cancel();
                    }
                    for result in [sleeps.result(), adds.result().map(drop)] {
                        match result {
                            Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                            Err(Error::Cancelled { .. }) => cancelled.fetch_add(1, Ordering::Relaxed),
                            Err(Error::Stopped { .. }) => stopped.fetch_add(1, Ordering::Relaxed),
                            Err(other) => panic!("{other}"),
                        };
                    }
                }
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < 200 {
                thread::yield_now();
            }
            pool.stop().unwrap();
            stop.store(true, Ordering::Release);
        });
    });
    let (stats, stopped) = (pool.stats(), stopped.into_inner());
    assert_eq!(stats.completed as usize, done.into_inner());
    // What is refused is not counted, and a stop costs nothing.
    assert_eq!(stats.failed as usize, cancelled.into_inner());
    assert!((stats.queued, stats.in_flight) == (0, 0) && stopped > 0, "{stats:?} {stopped}");
}
