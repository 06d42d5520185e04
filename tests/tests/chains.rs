//! Chains of calls, each the argument of the next: cancelled from the end, and as deep as one likes.

use std::sync::mpsc::channel;
use std::time::Instant;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, apart, eventually_is, next};

#[derive(Default)]
struct Link;

#[worker]
impl Link {
    pub fn stay(&self, door: Door) -> u64 {
        door.knock().parse().unwrap_or(0)
    }

    pub fn add(&self, a: u64, b: u64) -> Result<u64, String> {
        a.checked_add(b).ok_or_else(|| format!("{a} + {b} is too much"))
    }

    /// Stands at the door, then waits until it is told that nobody waits for it.
    pub fn heed(&self, ctx: &CallContext, door: Door, page: &Page) -> u64 {
        door.knock();
        let begun = Instant::now();
        while !ctx.is_cancelled() {
            assert!(begun.elapsed() < LONG, "nobody told");
            std::thread::yield_now();
        }
        page.note("told");
        0
    }

    pub fn note(&self, page: &Page, line: &str, _after: u64) -> u64 {
        page.note(line);
        1
    }
}

const DEEP: u64 = 20_000;

fn pool(mode: Mode) -> LinkClient {
    Link::options().mode(mode).max_queued_tasks(1).init().unwrap()
}

/// A chain of many calls, the first of which waits for `first`.
fn chain(pool: &LinkClient, first: TaskFuture<u64>) -> TaskFuture<u64> {
    (1..DEEP).fold(pool.add(first, 1), |sum, _| pool.add(sum, 1))
}

#[test]
fn cancelling_the_last_cancels_all_that_nobody_else_waits_for() {
    for mode in apart() {
        let (gate, journal, pools) = (Gate::new(), Journal::new(), [pool(mode), pool(mode), pool(mode)]);
        let [first, second, third] = &pools;
        let page = journal.page();
        let stay = first.stay(gate.door());
        let visitor = gate.visitor();
        // One waits in its pool's queue, the others for their arguments.
        let a = first.note(page.clone(), "a", 0);
        let b = second.note(page.clone(), "b", a);
        let c = third.note(page.clone(), "c", b);
        assert!(c.cancel(), "{mode}");
        assert!(matches!(c.soon(), Err(Error::Cancelled { .. })), "{mode}");
        // At once, with the first pool's worker still busy.
        for pool in &pools {
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.failed, stats.queued), (0, 1, 0), "{mode}");
        }
        visitor.pass("");
        stay.soon().unwrap();
        pools.iter().for_each(|pool| pool.stop().unwrap());
        assert_eq!(journal.lines(), [""; 0], "{mode}");
    }
}

#[test]
fn cancelling_the_last_leaves_what_somebody_else_waits_for() {
    for mode in apart() {
        for waited in ["a", "b"] {
            let (gate, journal, pools) = (Gate::new(), Journal::new(), [pool(mode), pool(mode), pool(mode)]);
            let [first, second, third] = &pools;
            let page = journal.page();
            let stay = first.stay(gate.door());
            let visitor = gate.visitor();
            let (shown, is_shown) = channel();
            let show = |future: TaskFuture<u64>, name: &str| {
                if name == waited {
                    let shown = shown.clone();
                    future.on_done(move |result| shown.send(result.is_ok()).unwrap());
                }
                future
            };
            let a = show(first.note(page.clone(), "a", 0), "a");
            let b = show(second.note(page.clone(), "b", a), "b");
            let c = third.note(page.clone(), "c", b.map(|x| x + 1));
            assert!(c.cancel(), "{mode}");
            assert!(matches!(c.soon(), Err(Error::Cancelled { .. })), "{mode}");
            let failed = pools.each_ref().map(|pool| pool.stats().failed);
            assert_eq!(failed, if waited == "a" { [0, 1, 1] } else { [0, 0, 1] }, "{mode}");
            assert!(is_shown.try_recv().is_err());
            visitor.pass("");
            stay.soon().unwrap();
            assert!(next(&is_shown), "{mode}: who waited for {waited} gets its value");
            pools.iter().for_each(|pool| pool.stop().unwrap());
            assert_eq!(journal.lines(), if waited == "a" { vec!["a"] } else { vec!["a", "b"] }, "{mode}");
        }
    }
}

#[test]
fn an_error_on_the_way_leaves_other_arguments_to_those_who_wait_for_them() {
    for mode in apart() {
        let (gate, journal, first, second) = (Gate::new(), Journal::new(), pool(mode), pool(mode));
        let stay = first.stay(gate.door());
        let visitor = gate.visitor();
        let (shown, is_shown) = channel();
        let kept = first.note(journal.page(), "kept", 0);
        kept.on_done(move |result| shown.send(result.is_ok()).unwrap());
        let lost = first.note(journal.page(), "lost", 0);
        let sums = [kept, lost].map(|other| second.add(other, second.add(u64::MAX, 1)));
        for sum in sums {
            assert!(matches!(sum.soon(), Err(Error::Failed { .. })), "{mode}");
        }
        visitor.pass("");
        stay.soon().unwrap();
        assert!(next(&is_shown), "{mode}");
        first.stop().unwrap();
        second.stop().unwrap();
        assert_eq!(journal.lines(), ["kept"], "{mode}");
    }
}

#[test]
fn a_call_that_runs_is_told_when_the_last_of_its_chain_is_cancelled() {
    for mode in apart() {
        let (gate, journal, first, second) = (Gate::new(), Journal::new(), pool(mode), pool(mode));
        let heeds = first.heed(gate.door(), journal.page());
        let visitor = gate.visitor();
        let c = second.note(journal.page(), "c", second.note(journal.page(), "b", heeds));
        visitor.pass("");
        assert!(c.cancel(), "{mode}");
        assert!(matches!(c.soon(), Err(Error::Cancelled { .. })), "{mode}");
        eventually_is("the one that ran", vec!["told".to_owned()], || journal.lines());
        first.stop().unwrap();
        second.stop().unwrap();
        assert_eq!(second.stats().failed, 2, "{mode}");
    }
}

#[test]
fn a_chain_is_as_deep_as_one_likes() {
    for mode in apart() {
        let (gate, busy, pool) = (Gate::new(), pool(mode), pool(mode));
        let pass = |word: &str, mut end: TaskFuture<u64>| {
            gate.visitor().pass(word);
            // One after the other, so many take a while on a machine that has much else to do.
            end.result_within(5 * LONG)
        };
        let sum = chain(&pool, busy.stay(gate.door()));
        assert_eq!(pass("7", sum).unwrap(), DEEP + 7, "{mode}");
        let error = pass(&u64::MAX.to_string(), chain(&pool, busy.stay(gate.door()))).unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{mode}: {error:?}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (DEEP, DEEP, 0, 0), "{mode}");

        let sum = chain(&pool, busy.add(busy.stay(gate.door()), 1));
        let visitor = gate.visitor();
        assert!(sum.cancel(), "{mode}");
        assert!(matches!(sum.soon(), Err(Error::Cancelled { .. })), "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (DEEP, 2 * DEEP, 0, 0), "{mode}");
        drop(visitor);

        let sum = chain(&pool, busy.stay(gate.door()));
        let visitor = gate.visitor();
        pool.abort().unwrap();
        assert!(matches!(sum.soon(), Err(Error::Stopped { .. })), "{mode}");
        assert_eq!(pool.stats().failed, 3 * DEEP, "{mode}");
        drop(visitor);
        busy.stop().unwrap();
    }
}
