//! Who runs beside whom, in which order, and how many at once.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{LONG, next};

use crate::room::{Room, gate};

#[test]
fn twenty_thousand_calls_stay_at_once_on_one_worker() {
    let pool = Room::init().unwrap();
    let all = gate();
    let futures: Vec<_> = (0..20_000).map(|_| pool.meet(20_000usize, all.clone())).collect();
    let results = gather(futures).timeout(LONG).results().unwrap();
    assert_eq!(results, vec![20_000; 20_000]);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight, stats.queued), (20_000, 0, 0, 0));
    pool.stop().unwrap();
}

#[test]
fn sleeping_calls_take_the_time_of_one() {
    let pool = Room::init().unwrap();
    let start = Instant::now();
    let futures: Vec<_> = (0..2_000).map(|_| pool.sleep(Duration::from_millis(200))).collect();
    gather(futures).results().unwrap();
    // One after another they would take 400 s; alone on two cores they take 0.25 s.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(pool.most().result().unwrap() > 1);
    pool.stop().unwrap();
}

#[test]
fn an_exclusive_call_waits_its_turn_and_holds_back_later_ones() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let (a, b, c) = (gate(), gate(), gate());
    let first = pool.stay("a", a.clone(), events.clone());
    let second = pool.stay("b", b.clone(), events.clone());
    assert_eq!((next(&seen), next(&seen)), ("a in".to_owned(), "b in".to_owned()));
    let exclusive = pool.alone("x", c.clone(), events.clone());
    let later = pool.stay("d", b.clone(), events.clone());
    let add = pool.add(10u64);
    a.notify_one();
    assert_eq!(first.result().unwrap(), "a");
    assert_eq!(next(&seen), "a dropped in stay");
    b.notify_one();
    assert_eq!(second.result().unwrap(), "b");
    assert_eq!((next(&seen), next(&seen)), ("b dropped in stay".to_owned(), "x in".to_owned()));
    c.notify_one();
    assert_eq!(exclusive.result().unwrap(), 0, "nobody else was inside");
    assert_eq!((next(&seen), next(&seen)), ("x dropped in alone".to_owned(), "d in".to_owned()));
    b.notify_one();
    later.result().unwrap();
    assert_eq!(add.result().unwrap(), 12);
    let log = pool.log().result().unwrap();
    assert_eq!(log, ["a in", "b in", "a out", "b out", "x in", "x out", "d in", "d out"]);
    pool.stop().unwrap();
}

#[test]
fn methods_that_are_not_async_run_beside_those_that_wait_and_in_order() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let staying = gate();
    let stays = pool.stay("a", staying.clone(), events.clone());
    assert_eq!(next(&seen), "a in");
    let mut calls = Vec::new();
    for round in 0..100 {
        calls.push(pool.set(format!("set {round}")));
        pool.note(format!("note {round}")).on_done(|inside| assert_eq!(*inside.as_ref().unwrap(), 1));
    }
    gather(calls).results().unwrap();
    let log = pool.log().result().unwrap();
    let expected = (0..100).flat_map(|round| [format!("set {round}"), format!("note {round}")]);
    assert_eq!(log, ["a in".to_owned()].into_iter().chain(expected).collect::<Vec<_>>());
    assert!(!stays.is_done());
    staying.notify_one();
    stays.result().unwrap();
    pool.stop().unwrap();
}

#[test]
fn errors_and_contexts_are_each_calls_own() {
    let pool = Room::options().name("room").init().unwrap();
    let error = pool.fail("because").result().unwrap_err();
    assert!(matches!(error, Error::Failed { .. }));
    assert!(error.to_string().contains("because") && error.to_string().contains("Room::fail"), "{error}");
    pool.stop().unwrap();
}

#[test]
fn the_window_bounds_what_runs_at_once() {
    let pool = Room::options().max_queued_tasks(3).init().unwrap();
    let calls: Vec<_> = (0..30).map(|_| pool.sleep(Duration::from_millis(2))).collect();
    gather(calls).results().unwrap();
    assert_eq!(pool.most().result().unwrap(), 3);
    pool.stop().unwrap();
}

#[test]
fn a_shared_queue_fills_every_loop() {
    let pool = Room::options().max_workers(2).load_balancing(LoadBalancing::Shared).init().unwrap();
    let (events, seen) = channel();
    let gates: Vec<_> = (0..10).map(|_| gate()).collect();
    let calls: Vec<_> = gates.iter().map(|gate| pool.stay("it", gate.clone(), events.clone())).collect();
    for _ in 0..10 {
        assert!(next(&seen).ends_with("in"));
    }
    let stats = pool.stats();
    assert_eq!(stats.workers.iter().map(|worker| worker.in_flight).collect::<Vec<_>>(), [5, 5]);
    gates.iter().for_each(|gate| gate.notify_one());
    gather(calls).results().unwrap();
    pool.stop().unwrap();
}

#[test]
fn workers_on_demand_are_loops_too() {
    let pool = Room::options().on_demand(true).max_workers(4).init().unwrap();
    let calls: Vec<_> = (0..20).map(|_| pool.add(1u64)).collect();
    assert_eq!(gather(calls).results().unwrap(), vec![1; 20], "each has a worker of its own");
    pool.stop().unwrap();
}
