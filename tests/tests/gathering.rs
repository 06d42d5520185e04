//! Many futures at once: in order, as they come, with a bound, in maps and tuples.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};
use concurry_tests::{Door, Gate, LONG, Soon, apart, eventually_is, modes};

#[derive(Default)]
struct Runner;

#[worker]
impl Runner {
    pub fn double(&self, number: u64) -> u64 {
        number * 2
    }

    pub fn name(&self, number: u64) -> String {
        format!("#{number}")
    }

    pub fn odd_fails(&self, number: u64) -> Result<u64, String> {
        if number.is_multiple_of(2) { Ok(number) } else { Err(format!("{number} is odd")) }
    }

    pub fn stay(&self, door: Door, value: u64) -> u64 {
        door.knock_with(&value.to_string());
        value
    }
}

fn pool(mode: Mode, workers: usize) -> RunnerClient {
    Runner::options().mode(mode).max_workers(if mode == Mode::Sync { 1 } else { workers }).init().unwrap()
}

#[test]
fn results_come_in_order_from_every_shape() {
    for mode in modes() {
        let pool = pool(mode, 3);
        let all = gather((0..100).map(|number| pool.double(number))).timeout(LONG).results().unwrap();
        assert_eq!(all, (0..100).map(|number| number * 2).collect::<Vec<_>>(), "{mode}");
        assert_eq!(gather([pool.double(1), pool.double(2)]).results().unwrap(), [2, 4]);
        assert_eq!(gather(Vec::<TaskFuture<u64>>::new()).results().unwrap(), [0u64; 0]);
        let hash: HashMap<_, _> = (0..20).map(|number| (format!("k{number}"), pool.double(number))).collect();
        let hash = gather(hash).timeout(LONG).results().unwrap();
        assert!((0..20).all(|number| hash[&format!("k{number}")] == number * 2) && hash.len() == 20);
        let tree: BTreeMap<_, _> = (0..20).map(|number| (number, pool.name(number))).collect();
        let tree = gather(tree).timeout(LONG).results().unwrap();
        assert_eq!(tree.into_values().take(2).collect::<Vec<_>>(), ["#0", "#1"]);
        let (a, b, c) = gather((pool.double(1), pool.name(2), pool.odd_fails(4))).timeout(LONG).results().unwrap();
        assert_eq!((a, b.as_str(), c), (2, "#2", 4), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn the_first_error_to_happen_ends_results_at_once() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode, 2));
        let stay = pool.worker(0).stay(gate.door(), 1);
        let visitor = gate.visitor();
        let begun = Instant::now();
        let error = gather([stay, pool.worker(1).odd_fails(2), pool.worker(1).odd_fails(7)]).results().unwrap_err();
        assert!(begun.elapsed() < LONG, "{mode}");
        assert!(error.to_string().contains("7 is odd"), "{error}");
        drop(visitor);
        pool.stop().unwrap();
    }
}

#[test]
fn settled_gives_each_its_own_outcome() {
    for mode in modes() {
        let pool = pool(mode, 2);
        let all = gather((0..10).map(|number| pool.odd_fails(number))).timeout(LONG).settled();
        for (number, outcome) in (0..).zip(all) {
            assert_eq!(outcome.is_ok(), number % 2 == 0, "{mode}");
        }
        let (good, bad) = gather((pool.double(1), pool.odd_fails(1))).settled();
        assert!(good.is_ok() && bad.is_err());
        pool.stop().unwrap();
    }
}

#[test]
fn a_timeout_names_what_is_late_and_cancels_nothing() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode, 2));
        let calls = [pool.worker(0).double(1), pool.worker(1).stay(gate.door(), 5)];
        let visitor = gate.visitor();
        eventually_is("double to be done", true, || calls[0].is_done());
        let begun = Instant::now();
        let error = gather(calls).timeout(Duration::from_millis(30)).results().unwrap_err();
        assert!(begun.elapsed() >= Duration::from_millis(30));
        let Error::TimedOut { scope: TimeoutScope::Wait, .. } = &error else { panic!("{error:?}") };
        assert!(error.to_string().contains("Runner::stay") && error.to_string().contains("30ms"), "{error}");

        let (quick, late) = (pool.worker(0).double(1), pool.worker(1).double(2));
        eventually_is("quick to be done", true, || quick.is_done());
        let settled = gather([quick, late]).timeout(Duration::from_millis(30)).settled();
        assert!(settled[0].is_ok() && matches!(settled[1], Err(Error::TimedOut { .. })), "{mode}: {settled:?}");
        drop(visitor);
        pool.wait_idle();
        assert_eq!((pool.stats().completed, pool.stats().failed), (4, 0), "{mode}: all were run");
        pool.stop().unwrap();
    }
}

#[test]
fn as_completed_gives_each_when_it_is_there() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode, 3));
        let calls: Vec<_> = (0..3).map(|number| pool.worker(number as usize).stay(gate.door(), number)).collect();
        let mut visitors: HashMap<String, _> =
            (0..3).map(|_| gate.visitor()).map(|visitor| (visitor.word.clone(), visitor)).collect();
        let mut completed = gather(calls).timeout(LONG).as_completed();
        for number in [2, 0, 1] {
            visitors.remove(&number.to_string()).unwrap().pass("");
            let (index, value) = completed.next().unwrap();
            assert_eq!((index as u64, value.unwrap()), (number, number), "{mode}");
        }
        assert!(completed.next().is_none() && completed.next().is_none());
        pool.stop().unwrap();
    }
}

#[test]
fn as_completed_gives_a_timeout_for_each_that_is_left() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode, 2));
        let stay = pool.worker(0).stay(gate.door(), 9);
        let visitor = gate.visitor();
        let quick = pool.worker(1).double(1);
        eventually_is("quick to be done", true, || quick.is_done());
        let calls = BTreeMap::from([("late", stay), ("quick", quick), ("later", pool.worker(0).double(2))]);
        let mut late = HashSet::new();
        let mut quick = 0;
        for (key, outcome) in gather(calls).timeout(Duration::from_millis(50)).as_completed() {
            match outcome {
                Ok(value) => quick += value,
                Err(error) => {
                    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
                    assert!(late.insert(key));
                }
            }
        }
        assert_eq!((quick, late), (2, HashSet::from(["late", "later"])), "{mode}");
        drop(visitor);
        pool.stop().unwrap();
    }
}

#[test]
fn wait_sorts_the_done_from_the_pending() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode, 3));
        let stay = |number: u64| pool.worker(number as usize).stay(gate.door(), number);
        let calls = vec![stay(0), stay(1), stay(2)];
        let mut visitors: HashMap<String, _> =
            (0..3).map(|_| gate.visitor()).map(|visitor| (visitor.word.clone(), visitor)).collect();
        let Waited { done, pending } = wait(calls, ReturnWhen::AllCompleted, Some(Duration::from_millis(10)));
        assert_eq!((done.len(), pending.len()), (0, 3), "{mode}");
        visitors.remove("1").unwrap().pass("");
        let Waited { done, pending } = wait(pending, ReturnWhen::FirstCompleted, Some(LONG));
        assert_eq!((done.len(), pending.len()), (1, 2), "{mode}");
        assert_eq!(done.into_iter().next().unwrap().soon().unwrap(), 1);
        drop(visitors);
        let Waited { done, pending } = wait(pending, ReturnWhen::AllCompleted, None);
        assert_eq!((done.len(), pending.len()), (2, 0), "{mode}");
        assert_eq!(gather(done).results().unwrap(), [0, 2], "in the order that they were given in");

        let stays = stay(0);
        let visitor = gate.visitor();
        let mixed = vec![stays, pool.worker(1).odd_fails(2), pool.worker(1).odd_fails(3)];
        let Waited { done, pending } = wait(mixed, ReturnWhen::FirstException, Some(LONG));
        assert_eq!((done.len(), pending.len()), (2, 1), "{mode}");
        drop((visitor, pending));
        pool.stop().unwrap();
    }
}

#[test]
fn it_can_be_awaited() {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    for mode in modes() {
        let pool = pool(mode, 2);
        let mut gathered = std::pin::pin!(async {
            let numbers = gather((0..50).map(|number| pool.double(number))).await?;
            let (one, two) = gather((pool.double(1), pool.name(2))).await?;
            Ok::<_, Error>((numbers.len(), one, two))
        });
        let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
        let outcome = loop {
            match gathered.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
                std::task::Poll::Ready(outcome) => break outcome,
                std::task::Poll::Pending => std::thread::park_timeout(LONG),
            }
        };
        assert_eq!(outcome.unwrap(), (50, 2, "#2".to_owned()), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn map_draws_inputs_as_it_needs_them() {
    for mode in modes() {
        let pool = pool(mode, 2);
        let drawn = std::rc::Rc::new(std::cell::Cell::new(0u64));
        let inputs = {
            let drawn = drawn.clone();
            (0..).inspect(move |_| drawn.set(drawn.get() + 1))
        };
        let client = pool.clone();
        let firsts: Vec<u64> =
            concurry::map(inputs, move |number| client.double(number)).take(50).map(Result::unwrap).collect();
        assert_eq!(firsts, (0..50).map(|number| number * 2).collect::<Vec<_>>(), "{mode}");
        assert!(drawn.get() >= 50 && drawn.get() < 10_000, "{mode}: {} of an endless input were drawn", drawn.get());
        pool.stop().unwrap();
    }
}
