//! Chance and time in tests: which worker gets a call, how long a retry waits, and when a rate has more.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use concurry::prelude::*;
use concurry::testing::{Clock, seed};
use concurry_tests::{LONG, Soon, modes};

#[derive(Default)]
struct Which;

#[worker(max_workers = 4)]
impl Which {
    pub fn index(&self, ctx: &CallContext) -> usize {
        ctx.worker_index()
    }
}

/// Who gets forty calls that are made one after another.
fn order(pool: &WhichClient) -> Vec<usize> {
    (0..40).map(|_| pool.index().soon().unwrap()).collect()
}

fn pool(by: LoadBalancing) -> WhichClient {
    Which::options().mode(Mode::Thread).load_balancing(by).init().unwrap()
}

#[test]
fn in_turn_is_in_turn_in_every_mode_with_or_without_a_seed() {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 4 };
        let options = Which::options().mode(mode).max_workers(workers).load_balancing(LoadBalancing::RoundRobin);
        let pool = options.init().unwrap();
        assert_eq!(order(&pool), (0..40).map(|call| call % workers).collect::<Vec<_>>(), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_seed_says_who_is_drawn() {
    for by in [LoadBalancing::Random, LoadBalancing::PowerOfTwo] {
        // Calls that wait for each other find all workers at rest, so the load decides nothing.
        let seeded = |number| {
            let pools = {
                let _guard = seed(number);
                [pool(by), pool(by)]
            };
            // The guard is gone, and the pools keep what they have.
            pools.map(|pool| order(&pool))
        };
        let [first, second] = seeded(1);
        assert_ne!(first, second, "{by}: each pool has its own sequence");
        assert_eq!(seeded(1), [first.clone(), second], "{by}");
        assert_ne!(seeded(2)[0], first, "{by}");
        assert!((0..4).all(|index| first.contains(&index)), "{by}: {first:?}");
    }
}

#[test]
fn a_seed_says_how_much_jitter_there_is() {
    let delays = || {
        let _guard = seed(3);
        let retry = Retry::fixed().wait(Duration::from_secs(1)).jitter(1.0);
        (1..=20).map(|attempt| retry.delay(attempt)).collect::<Vec<_>>()
    };
    assert_eq!(delays(), delays());
    assert_ne!(delays()[0], delays()[1]);
}

#[test]
fn a_rate_has_more_when_the_test_says_so() {
    let clock = Clock::new();
    let limits = LimitSet::new().calls(2, Window::Minutely).rate("tokens", 10, Window::Hourly).with_clock(&clock);
    let pool = Which::options().mode(Mode::Thread).limits(&limits).init().unwrap();
    let mut futures: Vec<_> = (0..5).map(|_| pool.index()).collect();
    for minute in 0..3 {
        // Two of five, then two, then the last.
        let first = futures.drain(..futures.len().min(2));
        assert!(first.map(Soon::soon).all(|index| index.is_ok()));
        assert!(futures.iter().all(|future| !future.is_done()), "minute {minute}");
        assert_eq!(pool.stats().completed, [2, 4, 5][minute]);
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(clock.elapsed(), Duration::from_secs(180));
    pool.stop().unwrap();

    // Sets that are built further have a state of their own and the same clock.
    let more = limits.clone().rate("bytes", 1, Window::Secondly);
    assert!(more.try_acquire(("bytes", 1)).unwrap().is_some());
    assert!(more.try_acquire(("bytes", 1)).unwrap().is_none());
    clock.advance(Duration::from_secs(1));
    assert!(more.try_acquire(("bytes", 1)).unwrap().is_some());
}

#[test]
fn who_comes_to_wait_while_the_clock_is_moved_does_not_wait_for_ever() {
    let clock = Clock::new();
    for _ in 0..500 {
        let limits = LimitSet::new().rate("r", 1, Window::Secondly).with_clock(&clock);
        drop(limits.acquire(("r", 1)).unwrap());
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                drop(limits.acquire_within(("r", 1), LONG).unwrap());
            });
            start.wait();
            clock.advance(Duration::from_secs(1));
        });
    }
}
