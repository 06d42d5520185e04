//! After `stop` no thread, no process and no file descriptor is left, however often it is done and however it ends.
//!
//! What is counted is the whole process, so this file is one test, whose parts run one after the other.

use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Census, Door, Gate, Soon, Way, all_ok, all_soon, apart, census, eventually_is, modes};

#[derive(Default)]
struct Hand;

#[worker]
impl Hand {
    pub fn double(&self, number: u64) -> u64 {
        number * 2
    }

    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

#[test]
fn nothing_is_left() {
    // The first pool of a mode may leave what is made once for all of them.
    for mode in apart() {
        let pool = Hand::options().mode(mode).init().unwrap();
        pool.double(1).soon().unwrap();
        pool.stop().unwrap();
    }
    let before = census();
    twenty_pools_in_a_row_leave_the_counts_as_they_were(before);
    twenty_pools_on_demand_leave_the_counts_as_they_were(before);
    a_pool_that_is_dropped_or_aborted_leaves_nothing_either(before);
    deaths_leave_nothing(before);
    workers_that_are_given_up_leave_nothing_although_the_pool_goes_on(before);
    what_is_large_or_late_leaves_nothing(before);
    an_init_that_fails_leaves_nothing(before);
}

#[track_caller]
fn as_before(before: Census) {
    // The kernel takes a thread off the list a moment after it can be joined.
    eventually_is("what is left", before, census);
}

fn twenty_pools_in_a_row_leave_the_counts_as_they_were(before: Census) {
    for round in 0..20 {
        for mode in modes() {
            let workers = if mode == Mode::Sync { 1 } else { 3 };
            let pool = Hand::options().mode(mode).max_workers(workers).init().unwrap();
            assert_eq!(all_ok((0..30).map(|number| pool.double(number))).len(), 30, "{round}");
            pool.stop().unwrap();
            let now = census();
            assert_eq!((now.children, now.files), (before.children, before.files), "{mode}: right after stop");
        }
    }
    as_before(before);
}

fn twenty_pools_on_demand_leave_the_counts_as_they_were(before: Census) {
    for _ in 0..20 {
        for mode in apart() {
            let pool = Hand::options().mode(mode).on_demand(true).max_workers(2).init().unwrap();
            assert_eq!(all_ok((0..6).map(|number| pool.double(number))).len(), 6);
            pool.stop().unwrap();
            let now = census();
            assert_eq!((now.children, now.files), (before.children, before.files), "{mode}: right after stop");
        }
    }
    as_before(before);
}

fn a_pool_that_is_dropped_or_aborted_leaves_nothing_either(before: Census) {
    for round in 0..10 {
        for mode in apart() {
            let gate = Gate::new();
            let pool = Hand::options().mode(mode).max_workers(2).max_queued_tasks(3).init().unwrap();
            let stay = pool.stay(gate.door());
            let visitor = gate.visitor();
            let futures: Vec<_> = (0..20).map(|number| pool.double(number)).collect();
            if round % 2 == 0 {
                pool.abort().unwrap();
                drop(pool);
            } else {
                drop(pool);
                drop(visitor);
            }
            drop((stay, gate));
            all_soon(futures);
        }
    }
    as_before(before);
}

fn deaths_leave_nothing(before: Census) {
    let pool = Hand::options().mode(Mode::Process).max_workers(2).max_restarts(100).init().unwrap();
    let with_pool = {
        all_ok(pool.broadcast(|worker| worker.double(1)));
        census()
    };
    for way in Way::DEATHS {
        assert!(matches!(pool.end(way).soon(), Err(Error::WorkerDied { .. })));
        pool.double(2).soon().unwrap();
    }
    all_ok(pool.broadcast(|worker| worker.double(1)));
    as_before(with_pool);
    pool.stop().unwrap();
    as_before(before);
}

fn workers_that_are_given_up_leave_nothing_although_the_pool_goes_on(before: Census) {
    let pool = Hand::options().mode(Mode::Process).max_workers(2).max_restarts(0).init().unwrap();
    for _ in 0..2 {
        assert!(matches!(pool.end(Way::Kill).soon(), Err(Error::WorkerDied { .. })));
    }
    assert!(matches!(pool.double(1).soon(), Err(Error::WorkerDied { .. })));
    eventually_is("processes", before.children, || census().children);
    eventually_is("files", before.files, || census().files);
    pool.stop().unwrap();
    as_before(before);
}

fn what_is_large_or_late_leaves_nothing(before: Census) {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Hand::options().mode(mode).init().unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let large: Vec<_> = (0..4).map(|_| pool.bytes(vec![7; 1 << 20])).collect();
        // The frames are under way to a worker that does not get to them.
        pool.stop_within(Duration::from_millis(10)).unwrap();
        assert!(all_soon(large).iter().all(|outcome| matches!(outcome, Err(Error::Stopped { .. }))), "{mode}");
        assert!(matches!(stay.soon(), Err(Error::Stopped { .. })));
        drop((visitor, gate));
    }
    as_before(before);
}

/// Cannot be made, in one way or another.
struct Never;

#[worker]
impl Never {
    pub fn new(way: u8) -> Result<Self, String> {
        match way {
            0 => Err("never".to_owned()),
            1 => panic!("never"),
            _ => std::process::exit(7),
        }
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

fn an_init_that_fails_leaves_nothing(before: Census) {
    for mode in modes() {
        for way in 0..if mode == Mode::Process { 3 } else { 2 } {
            let workers = if mode == Mode::Sync { 1 } else { 4 };
            let error = Never::options().mode(mode).max_workers(workers).init(way).unwrap_err();
            assert!(matches!(error, Error::InitFailed { .. }), "{mode} {way}: {error:?}");
            if mode == Mode::Process {
                let now = census();
                assert_eq!((now.children, now.files), (before.children, before.files), "{way}: right after init");
            }
            // A thread that is inside a constructor cannot be ended: it goes once that has returned.
            as_before(before);
        }
    }
}
