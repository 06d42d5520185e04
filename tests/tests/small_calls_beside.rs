//! What else uses the pool of a map whose small calls go in chunks: single calls, other maps, calls that have maps of their
//! own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, TaskWorkerClient};
use concurry_tests::{Latch, Soon, bounded};

fn pool(workers: usize) -> TaskWorkerClient {
    TaskWorker::options().mode(Mode::Thread).max_workers(workers).init().unwrap()
}

#[test]
fn other_calls_get_their_turn_beside_an_endless_map() {
    for (workers, balancing, window) in [
        (1, LoadBalancing::RoundRobin, None),
        (2, LoadBalancing::RoundRobin, None),
        (2, LoadBalancing::LeastActive, Some(1)),
        (2, LoadBalancing::Shared, None),
        (2, LoadBalancing::Shared, Some(3)),
    ] {
        let options = TaskWorker::options().mode(Mode::Thread).max_workers(workers).load_balancing(balancing);
        let pool = match window {
            Some(window) => options.max_queued_tasks(window).init().unwrap(),
            None => options.init().unwrap(),
        };
        let (end, ends) = channel::<()>();
        let goes = Latch::default();
        let maps = {
            let (pool, going) = (pool.clone(), goes.clone());
            thread::spawn(move || {
                // Long enough that the workers always have more of them.
                let mut results = pool.map(0.., move |x: u64| {
                    if x == 1_000 {
                        going.open();
                    }
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_micros(20) {}
                    x
                });
                let mut read = 0u64;
                while ends.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    assert_eq!(results.next().unwrap().unwrap(), read);
                    read += 1;
                }
                read
            })
        };
        goes.pass();
        for x in 0..100u64 {
            assert_eq!(pool.submit(move || x).soon().unwrap(), x);
        }
        drop(end);
        let read = bounded(move || maps.join().unwrap());
        let stats = pool.stats();
        assert!(stats.completed >= read + 100 && stats.queued == 0, "{read}: {stats:?}");
    }
}

/// A worker that has enough to do with a map leaves it for other calls, wherever those wait.
#[test]
fn a_call_does_not_wait_for_all_that_a_map_has_drawn() {
    const DRAWN: usize = 20_000;
    for (workers, balancing, window) in [
        (1, LoadBalancing::RoundRobin, None),
        (1, LoadBalancing::RoundRobin, Some(1)),
        (2, LoadBalancing::Shared, None),
        (2, LoadBalancing::Shared, Some(1)),
    ] {
        let options = TaskWorker::options().mode(Mode::Thread).max_workers(workers).load_balancing(balancing);
        let pool = match window {
            Some(window) => options.max_queued_tasks(window).init().unwrap(),
            None => options.init().unwrap(),
        };
        let (ran, drawn) = (Arc::new(AtomicUsize::new(0)), Latch::default());
        let (counts, all) = (ran.clone(), drawn.clone());
        let inputs = (0..DRAWN).inspect(move |x| {
            if x + 1 == DRAWN {
                drawn.open();
            }
        });
        let mut results = pool
            .map(inputs, move |x: usize| {
                if x == 0 {
                    all.pass();
                }
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(20) {}
                counts.fetch_add(1, Ordering::Relaxed);
                x
            })
            .look_ahead(DRAWN);
        assert_eq!(results.next().unwrap().unwrap(), 0);
        // Nobody draws or reads any more: what the workers have is what there is.
        let before = pool.submit({
            let ran = ran.clone();
            move || ran.load(Ordering::Relaxed)
        });
        let before = before.soon().unwrap();
        assert!(before < DRAWN, "{balancing}, {window:?}: {before} calls of the map came first");
        assert_eq!(results.count(), DRAWN - 1);
        pool.stop().unwrap();
    }
}

#[test]
fn several_maps_share_a_pool() {
    let pool = pool(3);
    let maps: Vec<_> = (0..6u64)
        .map(|map| {
            let pool = pool.clone();
            thread::spawn(move || {
                for _ in 0..5 {
                    if map % 2 == 0 {
                        let results = pool.map(0..5_000u64, move |x| x * map);
                        assert!(results.map(Result::unwrap).eq((0..5_000).map(|x| x * map)));
                    } else {
                        let results = pool.map_unordered(0..5_000u64, move |x| x * map);
                        let count =
                            results.map(|(index, result)| assert_eq!(result.unwrap(), index as u64 * map)).count();
                        assert_eq!(count, 5_000);
                    }
                }
            })
        })
        .collect();
    bounded(move || maps.into_iter().for_each(|map| map.join().unwrap()));
    assert_eq!(pool.stats().completed, 6 * 5 * 5_000);
    pool.stop().unwrap();
}

#[test]
fn a_map_inside_a_call_ends() {
    let pool = pool(2);
    let inner = self::pool(2);
    let results = {
        let inner = inner.clone();
        pool.map(0..50u64, move |x| inner.map(0..=x, |y: u64| y).sum::<concurry::Result<u64>>().unwrap())
    };
    assert!(results.map(Result::unwrap).eq((0..50).map(|x| x * (x + 1) / 2)));
    // Of the pool of the very worker: refused where that would wait for itself, and never waited for.
    let alone = self::pool(1);
    let own = alone.clone();
    let refused = bounded({
        let alone = alone.clone();
        move || {
            let call = alone.submit(move || own.map(0..3u64, |x| x).map(Result::unwrap_err).collect::<Vec<_>>());
            call.soon().unwrap()
        }
    });
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|error| matches!(error, Error::Unsupported { .. })), "{refused:?}");
    alone.wait_idle();
    // The same of one that was begun elsewhere.
    for workers in [1, 2] {
        let alone = self::pool(workers);
        let mut results = alone.map(0..1_000u64, |x| x);
        assert_eq!(results.next().unwrap().unwrap(), 0);
        let (numbers, refused): (Vec<_>, Vec<_>) = bounded({
            let alone = alone.clone();
            move || alone.submit(move || results.partition(Result::is_ok)).soon().unwrap()
        });
        assert_eq!(numbers.len() + refused.len(), 999);
        assert_eq!(refused.is_empty(), workers == 2);
        assert!(refused.iter().all(|error| matches!(error, Err(Error::Unsupported { .. }))), "{refused:?}");
        alone.wait_idle();
    }
}
