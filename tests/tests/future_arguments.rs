//! Futures as arguments of other calls: across pools and modes, with their errors, and when either side is given up.

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, apart, eventually_is, modes};

#[derive(Default)]
struct Math {
    calls: u64,
}

#[worker]
impl Math {
    pub fn add(&mut self, a: u64, b: u64) -> u64 {
        self.calls += 1;
        a + b
    }

    pub fn parse(&self, text: &str) -> Result<u64, std::num::ParseIntError> {
        text.parse()
    }

    pub fn join(&self, texts: &[String], between: &str) -> String {
        texts.join(between)
    }

    pub fn stay(&self, door: Door) -> u64 {
        door.knock().parse().unwrap_or(0)
    }

    pub fn note(&self, page: &Page, line: u64) -> u64 {
        page.note(line);
        line
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

fn pool(mode: Mode) -> MathClient {
    Math::options().mode(mode).max_queued_tasks(1).init().unwrap()
}

#[test]
fn futures_are_arguments_across_pools_of_every_mode() {
    let pools: Vec<_> = apart().into_iter().map(pool).collect();
    for first in &pools {
        for second in &pools {
            // A chain of a hundred calls, back and forth, without a thread that waits.
            let mut sum = first.add(0, 0);
            for step in 0..100 {
                let pool = if step % 2 == 0 { second } else { first };
                sum = pool.add(sum, 1);
            }
            assert_eq!(sum.soon().unwrap(), 100);
            let both = first.add(second.add(1, 2), first.add(3, 4));
            assert_eq!(both.soon().unwrap(), 10);
            let texts = second.join(["a".to_owned(), "b".to_owned()], first.add(1, 1).map(|sum| sum.to_string()));
            assert_eq!(texts.soon().unwrap(), "a2b");
        }
    }
    for pool in pools {
        let stats = pool.stats();
        assert_eq!((stats.failed, stats.queued, stats.in_flight), (0, 0, 0));
        pool.stop().unwrap();
    }
}

#[test]
fn a_call_waits_for_its_arguments_without_a_worker() {
    for mode in apart() {
        let gate = Gate::new();
        let (busy, pool) = (pool(Mode::Thread), pool(mode));
        let stay = busy.stay(gate.door());
        let visitor = gate.visitor();
        let waiting: Vec<_> = (0..10).map(|_| pool.add(TaskFuture::ready(1), busy.add(2, 2))).collect();
        assert_eq!((pool.stats().queued, pool.stats().in_flight), (10, 0), "{mode}");
        assert_eq!(pool.add(1, 1).soon().unwrap(), 2, "the worker is free for others meanwhile");
        visitor.pass("1");
        stay.soon().unwrap();
        assert_eq!(all_ok(waiting), [5; 10]);
        assert_eq!((pool.stats().queued, pool.stats().completed), (0, 11), "{mode}");
        pool.stop().unwrap();
        busy.stop().unwrap();
    }
}

#[test]
fn an_argument_s_error_is_the_call_s_error() {
    for mode in modes() {
        let (journal, pool) = (Journal::new(), pool(mode));
        let far = Math::options().mode(Mode::Process).init().unwrap();
        let error = pool.note(journal.page(), far.parse("x")).soon();
        match (mode, error) {
            // The error comes from a thread of the other pool, where nothing has to run.
            (_, Err(error)) => {
                assert!(matches!(error, Error::Failed { .. }), "{mode}: {error:?}");
                assert!(error.is::<std::num::ParseIntError>() && error.to_string().contains("Math::parse"), "{error}");
            }
            (_, Ok(line)) => panic!("{mode}: {line}"),
        }
        let died = pool.note(journal.page(), far.end(Way::Kill)).soon().unwrap_err();
        assert!(matches!(died, Error::WorkerDied { .. }), "{mode}: {died:?}");
        // The first error to happen decides, though another argument never comes.
        if mode != Mode::Sync {
            let gate = Gate::new();
            let stay = far.stay(gate.door());
            let visitor = gate.visitor();
            let sum = pool.add(stay, TaskFuture::ready("x").map(str::parse::<u64>).map(|parsed| parsed.unwrap()));
            assert!(matches!(sum.soon(), Err(Error::Panicked { .. })), "{mode}");
            drop(visitor);
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.queued), (0, 0), "{mode}");
        assert_eq!(journal.numbers(), []);
        pool.stop().unwrap();
        far.stop().unwrap();
    }
}

#[test]
fn cancelling_a_call_cancels_the_arguments_that_it_owns() {
    for mode in apart() {
        let (gate, journal) = (Gate::new(), Journal::new());
        let (upstream, pool) = (pool(mode), pool(mode));
        let stay = upstream.stay(gate.door());
        let visitor = gate.visitor();
        let note = upstream.note(journal.page(), 1);
        let sum = pool.add(note, upstream.note(journal.page(), 2));
        assert!(sum.cancel() && sum.is_cancelled());
        assert!(matches!(sum.soon(), Err(Error::Cancelled { .. })), "{mode}");
        visitor.pass("");
        stay.soon().unwrap();
        upstream.stop().unwrap();
        assert_eq!(journal.numbers(), [], "{mode}: what the cancelled call was to be given was run");
        assert_eq!((upstream.stats().completed, upstream.stats().failed), (1, 2), "{mode}");
        pool.stop().unwrap();
        assert_eq!((pool.stats().completed, pool.stats().failed), (0, 1), "{mode}");
    }
}

#[test]
fn a_pool_that_stops_finishes_calls_that_wait_for_arguments_and_one_that_aborts_does_not() {
    for mode in apart() {
        for abort in [false, true] {
            let gate = Gate::new();
            let (upstream, pool) = (pool(mode), pool(mode));
            let stay = upstream.stay(gate.door());
            let visitor = gate.visitor();
            let sum = pool.add(stay, 1);
            if abort {
                pool.abort().unwrap();
                assert!(matches!(sum.soon(), Err(Error::Stopped { .. })), "{mode}");
                visitor.pass("41");
            } else {
                let stopping = std::thread::spawn({
                    let pool = pool.clone();
                    move || pool.stop()
                });
                eventually_is("the stop to begin", true, || pool.is_stopped());
                visitor.pass("41");
                assert_eq!(sum.soon().unwrap(), 42, "{mode}");
                stopping.join().unwrap().unwrap();
            }
            upstream.stop().unwrap();
        }
    }
}
