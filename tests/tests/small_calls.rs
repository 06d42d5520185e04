//! Maps in mode `thread` send small calls in chunks, and each is to its user what a call by itself is: its result, its
//! order, its errors, its context, its place in the books. Whatever one of them waits for, the others go on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use concurry::prelude::*;
use concurry::{Error, TaskWorkerClient};
use concurry_tests::{BALANCING, Latch, bar, bounded, eventually_is};

fn pool(workers: usize) -> TaskWorkerClient {
    TaskWorker::options().mode(Mode::Thread).max_workers(workers).init().unwrap()
}

#[task]
fn plus_one(x: u64) -> u64 {
    x + 1
}

#[task]
fn halved(x: u64) -> Result<u64, std::num::ParseIntError> {
    if x.is_multiple_of(2) { Ok(x / 2) } else { "odd".parse() }
}

#[test]
fn a_million_come_in_order_and_each_once() {
    let pool = plus_one::options().mode(Mode::Thread).max_workers(3).init().unwrap();
    let mut results = pool.map(0..1_000_000);
    for x in 0..1_000_000 {
        assert_eq!(results.next().unwrap().unwrap(), x + 1);
    }
    assert!(results.next().is_none() && results.next().is_none());
    let mut seen = vec![false; 1_000_000];
    for (index, result) in pool.map_unordered(0..1_000_000) {
        assert_eq!(result.unwrap(), index as u64 + 1);
        assert!(!std::mem::replace(&mut seen[index], true), "{index} came twice");
    }
    assert!(seen.into_iter().all(|seen| seen));
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (2_000_000, 0, 0, 0));
}

#[test]
fn the_books_are_exact_however_calls_are_balanced() {
    for balancing in BALANCING {
        for workers in [1, 4] {
            let options = halved::options().mode(Mode::Thread).max_workers(workers).load_balancing(balancing);
            let pool = options.init().unwrap();
            let results: Vec<_> = pool.map(0..10_001).collect();
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.failed), (5_001, 5_000), "{balancing}");
            assert_eq!((stats.queued, stats.in_flight), (0, 0), "{balancing}");
            let each = |of: fn(&concurry::WorkerStats) -> u64| stats.workers.iter().map(of).sum::<u64>();
            assert_eq!(each(|worker| worker.dispatched), 10_001, "{balancing}");
            assert_eq!((each(|worker| worker.completed), each(|worker| worker.failed)), (5_001, 5_000));
            assert_eq!((each(|worker| worker.queued), each(|worker| worker.in_flight)), (0, 0), "{balancing}");
            for (x, result) in results.into_iter().enumerate() {
                match result {
                    Ok(half) => assert_eq!(half * 2, x as u64),
                    Err(error) => {
                        assert!(x % 2 == 1 && error.is::<std::num::ParseIntError>(), "{error:?}");
                        assert!(error.to_string().starts_with("halved failed: "), "{error}");
                    }
                }
            }
            pool.stop().unwrap();
        }
    }
}

#[test]
fn what_is_drawn_runs_while_the_input_waits() {
    for unordered in [false, true] {
        for workers in [1, 3] {
            let ran = bounded(move || {
                let pool = pool(workers);
                let (give, inputs) = channel::<u64>();
                let (ran, runs) = channel::<u64>();
                let ran = Mutex::new(ran);
                let sends = thread::spawn(move || {
                    for x in 0..2_000 {
                        give.send(x).unwrap();
                        // The next one comes when this one has run.
                        assert_eq!(runs.recv().unwrap(), x);
                    }
                });
                let run = move |x: u64| ran.lock().unwrap().send(x).unwrap();
                let ran = if unordered {
                    pool.map_unordered(inputs, run).map(|(_, result)| result.unwrap()).count()
                } else {
                    pool.map(inputs, run).map(Result::unwrap).count()
                };
                sends.join().unwrap();
                ran
            });
            assert_eq!(ran, 2_000);
        }
    }
}

#[test]
fn calls_that_wait_for_each_other_meet() {
    for balancing in [LoadBalancing::RoundRobin, LoadBalancing::LeastActive, LoadBalancing::Shared] {
        bounded(move || {
            let options = TaskWorker::options().mode(Mode::Thread).max_workers(4).load_balancing(balancing);
            let pool = options.init().unwrap();
            let barrier = Arc::new(Barrier::new(4));
            // At first, and among many that are over at once.
            for (from, to, all) in [(0, 4, 4), (5_000, 5_004, 10_000), (9_996, 10_000, 10_000u64)] {
                let barrier = barrier.clone();
                let meet = move |x: u64| {
                    if (from..to).contains(&x) {
                        barrier.wait();
                    }
                    x
                };
                assert!(pool.map(0..all, meet).map(Result::unwrap).eq(0..all), "{balancing}");
            }
        });
    }
}

#[test]
fn a_slow_call_holds_back_nobody_but_who_reads_in_order() {
    for workers in [2, 4] {
        bounded(move || {
            let pool = pool(workers);
            let (open, closed) = bar();
            let slow = move |x: u64| {
                if x == 1_500 {
                    closed.pass();
                }
                x
            };
            let mut results = pool.map_unordered(0..2_000, slow.clone());
            let mut others: Vec<u64> = results.by_ref().take(1_999).map(|(_, result)| result.unwrap()).collect();
            others.sort_unstable();
            assert!(others.into_iter().eq((0..2_000).filter(|x| *x != 1_500)));
            open.send(()).unwrap();
            assert!(matches!(results.next(), Some((1_500, Ok(1_500)))));
            assert!(results.next().is_none());

            let mut results = pool.map(0..2_000, slow);
            assert!(results.by_ref().take(1_500).map(Result::unwrap).eq(0..1_500));
            open.send(()).unwrap();
            assert!(results.map(Result::unwrap).eq(1_500..2_000));
        });
    }
}

#[test]
fn what_is_done_is_there_before_the_next_call_is() {
    for at in [1u64, 100, 777] {
        for unordered in [false, true] {
            bounded(move || {
                let pool = pool(1);
                let (open, closed) = bar();
                let slow = move |x: u64| {
                    if x == at {
                        closed.pass();
                    }
                    x
                };
                if unordered {
                    let mut results = pool.map_unordered(0..1_000, slow).map(|(_, result)| result.unwrap());
                    assert!(results.by_ref().take(at as usize).eq(0..at));
                    open.send(()).unwrap();
                    assert!(results.eq(at..1_000));
                } else {
                    let mut results = pool.map(0..1_000, slow).map(Result::unwrap);
                    assert!(results.by_ref().take(at as usize).eq(0..at));
                    open.send(()).unwrap();
                    assert!(results.eq(at..1_000));
                }
            });
        }
    }
}

#[test]
fn what_is_done_is_in_the_books_while_nobody_reads() {
    let pool = pool(1);
    let (open, closed) = bar();
    let at = closed.clone();
    let drawn = Latch::default();
    let beyond = drawn.clone();
    let inputs = (0..1_000u64).inspect(move |x| {
        if *x == 710 {
            beyond.open()
        }
    });
    let mut results = pool.map(inputs, move |x| {
        match x {
            690 => drawn.pass(),
            700 => at.pass(),
            _ => {}
        }
        x
    });
    assert_eq!(results.next().unwrap().unwrap(), 0);
    let more = thread::spawn(move || {
        assert!(results.by_ref().take(699).map(Result::unwrap).eq(1..700));
        results
    });
    closed.await_somebody();
    let results = more.join().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed), (700, 0));
    assert!(stats.in_flight >= 1, "{stats:?}");
    open.send(()).unwrap();
    assert_eq!(results.count(), 300);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.queued, stats.in_flight), (1_000, 0, 0));
}

#[test]
fn panics_and_errors_are_those_of_their_calls() {
    let pool = pool(2);
    let odd = |x: u64| -> Result<u64, std::io::Error> {
        match x % 100 {
            33 => panic!("no {x}"),
            66 => Err(std::io::Error::other(format!("not {x}"))),
            _ => Ok(x),
        }
    };
    let check = |index: usize, result: concurry::Result<u64>| match (index % 100, result) {
        (33, Err(Error::Panicked { worker, method, message, location, attempts, .. })) => {
            assert_eq!((&*worker, message, attempts), ("TaskWorker", format!("no {index}"), 1));
            assert!(method.starts_with("try_map") && location.contains("small_calls.rs:"), "{method} {location}");
        }
        (66, Err(error @ Error::Failed { .. })) => {
            assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().to_string(), format!("not {index}"));
        }
        (33 | 66, other) => panic!("{index}: {other:?}"),
        (_, result) => assert_eq!(result.unwrap(), index as u64),
    };
    for (index, result) in pool.try_map(0..2_000, odd).enumerate() {
        check(index, result);
    }
    for (index, result) in pool.try_map_unordered(0..2_000, odd) {
        check(index, result);
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (3_920, 80, 0));
    assert_eq!((stats.queued, stats.in_flight), (0, 0));
    pool.stop().unwrap();
}

#[test]
fn a_call_knows_itself_and_when_it_is_over() {
    static KEPT: Mutex<Vec<concurry::CallContext>> = Mutex::new(Vec::new());
    #[task]
    fn known(context: &CallContext, x: u64) -> u64 {
        let current = concurry::current().unwrap();
        assert_eq!((current.method(), context.method()), ("known", "known"));
        assert_eq!((context.pool_name(), context.attempt(), context.deadline()), ("those who know", 1, None));
        assert_eq!(context.worker_index(), current.worker_index());
        assert!(!context.is_cancelled() && !current.is_cancelled());
        if x.is_multiple_of(10) {
            KEPT.lock().unwrap().push(context.clone());
        }
        context.worker_index() as u64
    }
    let pool = known::options().mode(Mode::Thread).max_workers(3).name("those who know").init().unwrap();
    for result in pool.map(0..1_000) {
        assert!(result.unwrap() < 3);
    }
    let kept = std::mem::take(&mut *KEPT.lock().unwrap());
    assert_eq!(kept.len(), 100);
    // The last ones that a worker ran are over a moment after their results are there.
    eventually_is("calls that are over", 100, || kept.iter().filter(|context| context.is_cancelled()).count());
}

#[test]
fn the_look_ahead_is_what_it_is_told_to_be() {
    for bound in [1, 3, 40] {
        let pool = pool(2);
        let (open, closed) = bar();
        let drawn = Arc::new(AtomicUsize::new(0));
        let draws = drawn.clone();
        let inputs = (0..100u64).inspect(move |_| assert!(draws.fetch_add(1, Ordering::SeqCst) < 100));
        let results = pool.map(inputs, move |x| {
            if x == 0 {
                closed.pass();
            }
            x
        });
        let mut results = results.look_ahead(bound);
        let reads = thread::spawn(move || {
            assert_eq!(results.next().unwrap().unwrap(), 0);
            results
        });
        eventually_is("drawn", bound, || drawn.load(Ordering::SeqCst));
        // All but the first are done while nobody reads.
        eventually_is("done", bound as u64 - 1, || pool.stats().completed);
        assert_eq!(drawn.load(Ordering::SeqCst), bound);
        open.send(()).unwrap();
        let mut results = bounded(move || reads.join().unwrap());
        assert_eq!(drawn.load(Ordering::SeqCst), bound);
        for x in 1..50 {
            assert_eq!(results.next().unwrap().unwrap(), x);
            assert!(drawn.load(Ordering::SeqCst) <= x as usize + bound);
        }
        assert_eq!(results.size_hint(), (50, Some(50)));
    }
}

#[test]
fn a_map_may_move_from_thread_to_thread() {
    let pool = pool(2);
    let mut results = pool.map(0..10_000u64, |x| x);
    for part in 0..10 {
        results = thread::spawn(move || {
            assert!(results.by_ref().take(1_000).map(Result::unwrap).eq(part * 1_000..(part + 1) * 1_000));
            results
        })
        .join()
        .unwrap();
    }
    assert!(results.next().is_none());
}
