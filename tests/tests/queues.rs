//! Submitting never blocks: a worker has so many calls at once and the rest wait in its queue, in order.

use std::sync::atomic::{AtomicBool, Ordering};

use concurry::prelude::*;
use concurry::{PoolStats, WorkerStats};
use concurry_tests::{Door, Gate, Soon, all_ok, all_soon, apart, at_once, freeze, thaw};

#[derive(Default)]
struct Line {
    seen: Vec<u64>,
}

#[worker]
impl Line {
    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    /// Adds `number`; whether it is the one after the last.
    pub fn next(&mut self, number: u64) -> bool {
        let follows = self.seen.last().is_none_or(|last| last + 1 == number);
        self.seen.push(number);
        follows
    }

    pub fn seen(&self) -> Vec<u64> {
        self.seen.clone()
    }

    pub fn with_bytes(&mut self, number: u64, bytes: Vec<u8>) -> (u64, usize) {
        self.seen.push(number);
        (number, bytes.len())
    }
}

/// What holds at every moment.
fn check(stats: &PoolStats, window: usize) {
    for worker in &stats.workers {
        assert!(worker.in_flight <= window as u64, "{worker:?} has more than {window}");
    }
}

#[test]
fn twenty_thousand_calls_to_a_blocked_pool_are_accepted_at_once() {
    const CALLS: u64 = 20_000;
    for mode in apart() {
        let gate = Gate::new();
        let pool = Line::options().mode(mode).max_workers(2).max_queued_tasks(10).init().unwrap();
        let stays = pool.broadcast(|worker| worker.stay(gate.door()));
        let visitors = [gate.visitor(), gate.visitor()];

        let futures: Vec<_> = at_once(|| (0..CALLS).map(|call| pool.next(call / 2)).collect());

        let stats = pool.stats();
        assert_eq!((stats.in_flight, stats.queued), (20, CALLS + 2 - 20), "{mode}");
        for worker in &stats.workers {
            let WorkerStats { queued, in_flight, dispatched, .. } = *worker;
            assert_eq!((in_flight, queued, dispatched), (10, CALLS / 2 + 1 - 10, CALLS / 2 + 1), "{mode}");
        }

        // Somebody watches while it drains.
        let drained = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !drained.load(Ordering::Acquire) {
                    check(&pool.stats(), 10);
                    std::thread::yield_now();
                }
            });
            drop(visitors);
            let in_order = !all_ok(futures).contains(&false);
            drained.store(true, Ordering::Release);
            assert!(in_order, "{mode}: a worker's calls were not run in the order that they were made in");
        });
        all_ok(stays);
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (CALLS + 2, 0, 0, 0));
        pool.stop().unwrap();
    }
}

#[test]
fn the_window_is_what_the_option_says_and_else_the_mode_s_own() {
    let in_flight = |mode: Mode, window: Option<usize>| {
        let gate = Gate::new();
        let mut options = Line::options().mode(mode);
        if let Some(window) = window {
            options = options.max_queued_tasks(window);
        }
        let pool = options.init().unwrap();
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        let futures: Vec<_> = (0..499).map(|number| pool.next(number)).collect();
        let stats = pool.stats();
        drop(visitor);
        stays.soon().unwrap();
        assert!(!all_ok(futures).contains(&false));
        pool.stop().unwrap();
        (stats.in_flight, stats.queued)
    };
    assert_eq!(in_flight(Mode::Thread, None), (500, 0));
    assert_eq!(in_flight(Mode::Process, None), (100, 400));
    for mode in apart() {
        assert_eq!(in_flight(mode, Some(1)), (1, 499));
        assert_eq!(in_flight(mode, Some(7)), (7, 493));
        assert_eq!(in_flight(mode, Some(1000)), (500, 0));
    }
}

#[test]
fn each_thread_s_calls_to_one_worker_run_in_the_order_that_they_were_made_in() {
    const EACH: u64 = 500;
    for mode in apart() {
        let pool = Line::options().mode(mode).max_workers(2).max_queued_tasks(3).init().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let pool = &pool;
                scope.spawn(move || {
                    let futures: Vec<_> = (0..EACH).map(|call| pool.worker(0).next(thread * EACH + call)).collect();
                    all_ok(futures);
                });
            }
        });
        let seen = pool.worker(0).seen().soon().unwrap();
        for thread in 0..4 {
            let own: Vec<_> = seen.iter().copied().filter(|number| number / EACH == thread).collect();
            assert_eq!(own, (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>(), "{mode}");
        }
        assert_eq!(pool.worker(1).seen().soon().unwrap(), []);
        pool.stop().unwrap();
    }
}

#[test]
fn large_and_small_calls_keep_their_order() {
    let pool = Line::options().mode(Mode::Process).max_queued_tasks(1000).init().unwrap();
    let sizes = [0usize, 10, 300 << 10, 1, 40 << 10, 3 << 20, 0, 64 << 10];
    let futures: Vec<_> =
        (0..64).map(|number| pool.with_bytes(number, vec![7; sizes[number as usize % sizes.len()]])).collect();
    for (number, answer) in (0..).zip(all_soon(futures)) {
        assert_eq!(answer.unwrap(), (number, sizes[number as usize % sizes.len()]));
    }
    assert_eq!(pool.seen().soon().unwrap(), (0..64).collect::<Vec<_>>());
    pool.stop().unwrap();
}

#[test]
fn a_worker_that_does_not_read_blocks_nobody() {
    // Stopped by the job control, the process takes nothing off its socket, which is soon full.
    let pool = Line::options().mode(Mode::Process).max_queued_tasks(1000).init().unwrap();
    let pid = pool.stats().workers[0].pid.unwrap();
    freeze(pid);
    let futures: Vec<_> = at_once(|| (0..400).map(|number| pool.with_bytes(number, vec![7; 20_000])).collect());
    thaw(pid);
    for (number, answer) in (0..).zip(all_soon(futures)) {
        assert_eq!(answer.unwrap(), (number, 20_000));
    }
    pool.stop().unwrap();
}
