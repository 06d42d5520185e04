//! Maps whose small calls travel in chunks, coming to an end: dropped half way, with their pool stopped or aborted. What
//! was drawn comes to something once, what was not is not, and nothing is left behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use concurry::prelude::*;
use concurry::{Error, TaskWorkerClient};
use concurry_tests::{LONG, Latch, Soon, bar, bounded, eventually_is};
use serde::{Deserialize, Serialize};

fn pool(workers: usize) -> TaskWorkerClient {
    TaskWorker::options().mode(Mode::Thread).max_workers(workers).init().unwrap()
}

/// An input that is counted as it goes, and may panic then.
#[derive(Serialize, Deserialize)]
struct Counted {
    number: u64,
    #[serde(skip)]
    dropped: Arc<AtomicU64>,
    #[serde(skip)]
    bad: bool,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
        if self.bad {
            panic!("it does not want to go");
        }
    }
}

#[test]
fn dropping_a_map_half_way_leaves_nothing_behind() {
    for bad in [false, true] {
        for unordered in [false, true] {
            let pool = pool(2);
            let (drawn, dropped, ran) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default(), Arc::default());
            let (open, closed) = bar();
            let far = Latch::default();
            let inputs = {
                let (drawn, dropped, far) = (drawn.clone(), dropped.clone(), far.clone());
                (0..).map(move |number| {
                    drawn.fetch_add(1, Ordering::SeqCst);
                    if number == 3_010 {
                        far.open();
                    }
                    Counted { number, dropped: dropped.clone(), bad: bad && number > 3_100 }
                })
            };
            let function = {
                let (ran, closed): (Arc<AtomicU64>, _) = (Arc::clone(&ran), closed.clone());
                move |input: Counted| {
                    ran.fetch_add(1, Ordering::SeqCst);
                    if input.number == 2_990 {
                        far.pass();
                    }
                    if input.number == 3_000 {
                        closed.pass();
                        return u64::from(concurry::current().unwrap().is_cancelled());
                    }
                    input.number
                }
            };
            let taken = if unordered {
                let mut results = pool.map_unordered(inputs, function);
                results.by_ref().take(2_999).for_each(|(_, result)| assert!(result.unwrap() < 5_000));
                closed.await_somebody();
                3_000 - 1
            } else {
                let mut results = pool.map(inputs, function);
                assert!(results.by_ref().take(3_000).map(Result::unwrap).eq(0..3_000));
                closed.await_somebody();
                3_000
            };
            // The map is gone, and one call of it runs; another that had begun as it went comes to its end.
            eventually_is("calls that are running", 1, || pool.stats().in_flight);
            let begun = ran.load(Ordering::SeqCst);
            assert!(begun > taken);
            open.send(()).unwrap();
            pool.wait_idle();
            let all = drawn.load(Ordering::SeqCst);
            eventually_is("inputs that are gone", all, || dropped.load(Ordering::SeqCst));
            assert!(all <= taken + 256 + 1, "{all} were drawn");
            assert_eq!(ran.load(Ordering::SeqCst), begun, "nothing begins once the map is gone");
            let stats = pool.stats();
            assert_eq!((stats.completed + stats.failed, stats.queued, stats.in_flight), (all, 0, 0), "{stats:?}");
            assert_eq!(pool.map(0..100u64, |x| x).map(Result::unwrap).sum::<u64>(), 4_950);
            assert_eq!(pool.submit(|| 7).soon().unwrap(), 7);
            pool.stop().unwrap();
        }
    }
}

#[test]
fn the_running_call_of_a_dropped_map_is_told() {
    let pool = pool(1);
    let (told, tells) = channel();
    let told = Mutex::new(told);
    let (came, comes) = channel();
    let came = Mutex::new(came);
    // The first result is there only when all have been drawn.
    let drawn = Latch::default();
    let all = drawn.clone();
    let inputs = (0..100u64).inspect(move |x| {
        if *x == 99 {
            all.open()
        }
    });
    let results = pool.map(inputs, move |x| {
        if x == 0 {
            drawn.pass();
        }
        if x == 50 {
            came.lock().unwrap().send(()).unwrap();
            let context = concurry::current().unwrap();
            let begun = std::time::Instant::now();
            while !context.is_cancelled() && begun.elapsed() < LONG {
                thread::yield_now();
            }
            told.lock().unwrap().send(context.is_cancelled()).unwrap();
        }
        x
    });
    let reads = thread::spawn(move || {
        let mut results = results;
        assert!(results.by_ref().take(50).map(Result::unwrap).eq(0..50));
        comes.recv_timeout(LONG).unwrap();
        drop(results);
    });
    assert!(tells.recv_timeout(LONG).unwrap());
    reads.join().unwrap();
    pool.wait_idle();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight), (51, 49, 0));
}

#[test]
fn a_stop_lets_what_was_drawn_finish_and_nothing_else() {
    for unordered in [false, true] {
        for round in 0..20u64 {
            let pool = pool(2);
            let ran = Arc::new(AtomicU64::new(0));
            let runs = ran.clone();
            let function = move |x: u64| {
                runs.fetch_add(1, Ordering::SeqCst);
                x
            };
            let stops = {
                let (pool, ran) = (pool.clone(), ran.clone());
                thread::spawn(move || {
                    eventually_is("it runs", true, || ran.load(Ordering::SeqCst) > round * 500);
                    pool.stop().unwrap();
                })
            };
            let (results, stopped) = bounded(move || {
                let mut seen = BTreeMap::new();
                let mut stopped = 0;
                let mut note = |index: usize, result: concurry::Result<u64>| {
                    match result {
                        Ok(value) => {
                            assert_eq!(value, index as u64);
                            assert!(seen.insert(index, value).is_none(), "{index} came twice");
                        }
                        Err(error) => {
                            assert!(matches!(error, Error::Stopped { .. }), "{error:?}");
                            assert!(error.to_string().starts_with("TaskWorker::map"), "{error}");
                            stopped += 1;
                        }
                    }
                    stopped < 10
                };
                if unordered {
                    pool.map_unordered(0.., function)
                        .take_while(|(index, result)| note(*index, result.clone()))
                        .count();
                } else {
                    pool.map(0.., function)
                        .enumerate()
                        .take_while(|(index, result)| note(*index, result.clone()))
                        .count();
                }
                (seen, stopped)
            });
            stops.join().unwrap();
            assert_eq!((results.len() as u64, stopped), (ran.load(Ordering::SeqCst), 10));
            assert!(results.into_keys().eq(0..ran.load(Ordering::SeqCst) as usize));
        }
    }
}

#[test]
fn an_abort_resolves_what_is_left() {
    for unordered in [false, true] {
        let pool = pool(2);
        let (open, closed) = bar();
        let at = closed.clone();
        let function = move |x: u64| {
            if x == 600 {
                at.pass();
            }
            x
        };
        let aborts = {
            let pool = pool.clone();
            thread::spawn(move || {
                closed.await_somebody();
                pool.abort().unwrap();
            })
        };
        let results: Vec<(usize, concurry::Result<u64>)> = {
            let pool = pool.clone();
            bounded(move || {
                if unordered {
                    let mut results: Vec<_> = pool.map_unordered(0..2_000, function).collect();
                    results.sort_unstable_by_key(|(index, _)| *index);
                    results
                } else {
                    pool.map(0..2_000, function).enumerate().collect()
                }
            })
        };
        // The one that was inside is resolved though it is still there.
        aborts.join().unwrap();
        assert!(results.iter().map(|(index, _)| *index).eq(0..2_000));
        for (index, result) in &results {
            match result {
                Ok(value) => assert_eq!(*value, *index as u64),
                Err(error) => assert!(*index >= 600 && matches!(error, Error::Stopped { .. }), "{index}: {error:?}"),
            }
        }
        assert!(matches!(results[600], (_, Err(Error::Stopped { .. }))));
        drop(open);
        let stats = pool.stats();
        let (ok, failed) = results.iter().fold((0, 0), |(ok, failed), (_, result)| match result {
            Ok(_) => (ok + 1, failed),
            Err(_) => (ok, failed + 1),
        });
        assert_eq!(stats.completed, ok);
        // What was drawn after the abort was not accepted.
        assert!(stats.failed >= 1 && stats.failed <= failed, "{stats:?}");
        assert_eq!((stats.queued, stats.in_flight), (0, 0));
    }
}

#[test]
fn a_stop_past_its_time_resolves_what_is_left() {
    let pool = pool(1);
    let (open, closed) = bar();
    let at = closed.clone();
    let reads = {
        let results = pool.map(0..50u64, move |x| {
            if x == 25 {
                at.pass();
            }
            x
        });
        thread::spawn(move || results.collect::<Vec<_>>())
    };
    closed.await_somebody();
    pool.stop_within(std::time::Duration::from_millis(20)).unwrap();
    let results = bounded(move || reads.join().unwrap());
    drop(open);
    let (ok, stopped): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((ok.len(), stopped.len()), (25, 25));
    assert!(stopped.iter().all(|result| matches!(result, Err(Error::Stopped { .. }))));
}

#[test]
fn a_map_goes_with_its_pool_and_its_function() {
    let held = Arc::new(());
    let pool = pool(2);
    let (open, closed) = bar();
    // The workers are busy, so whatever brings them to the map waits.
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let closed = closed.clone();
            pool.submit(move || closed.pass())
        })
        .collect();
    let own = held.clone();
    let mut results = pool.map(0..10u64, move |x| {
        let _own = &own;
        x
    });
    let reads = thread::spawn(move || {
        results = results.look_ahead(3);
        results.next().unwrap().unwrap();
        results
    });
    eventually_is("queued", 3, || pool.stats().queued);
    drop(open);
    let results = bounded(move || reads.join().unwrap());
    busy.into_iter().for_each(|busy| busy.soon().unwrap());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(results);
    eventually_is("holders of what the function holds", 1, || Arc::strong_count(&held));
    pool.wait_idle();
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.in_flight), (0, 0));
    pool.stop().unwrap();
}
