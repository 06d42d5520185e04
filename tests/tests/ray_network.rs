//! The network between a driver and the nodes of a Ray cluster breaks, falls silent or lets nobody through: what comes of
//! every call is counted, and nothing is left. It is a network of the test's own, with what stands in for Ray behind it.
#![cfg(feature = "ray")]

use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, RayTransport};
use concurry_tests::clusters::{Interpreter, has_python, is_real};
use concurry_tests::{
    Far, FarClient, Gate, Gateway, Journal, Soon, all_ok, all_soon, eventually, eventually_is, is_alive,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whether what stands in for Ray can be used here.
fn has_stub() -> bool {
    has_python() && !is_real()
}

/// A worker inside a call, with two behind it that are sent, and twenty that wait here. `strike` has at the network, before
/// the two are sent and the one has an answer, or after they are and while it has none. It costs the three, and nothing
/// else.
fn costs_what_was_sent(transport: RayTransport, before: bool, strike: impl FnOnce(&Gateway)) {
    let (journal, gate, gateway) = (Journal::new(), Gate::new(), Gateway::new());
    let python = gateway.interpreter();
    let ray = python.options().transport(transport);
    let pool = Far::options().max_queued_tasks(3).ray(ray).init(journal.page()).unwrap();
    let (_, process, guardian) = pool.place().soon().unwrap();
    let mut calls = vec![pool.stay(0, gate.door()).map(|_| 0)];
    let mut visitor = Some(gate.visitor());
    let mut behind = (1..23).map(|id| pool.note(id));
    if before {
        strike(&gateway);
        calls.extend(behind);
        // It answers.
        drop(visitor.take());
    } else {
        calls.extend(&mut behind);
        strike(&gateway);
    }
    eventually("the worker is gone", || !is_alive(process));
    drop(visitor);
    let outcomes = all_soon(calls);
    for (id, outcome) in (0..).zip(&outcomes) {
        match outcome {
            Ok(value) => assert!(*value == id && id >= 3, "{outcomes:?}"),
            Err(error) => assert!(matches!(error, Error::WorkerDied { .. }) && id < 3, "{id}: {error:?}"),
        }
    }
    // It was only the connection: the successor is where its predecessor was.
    let (_, second, same) = pool.place().soon().unwrap();
    assert!(second != process && same == guardian, "{process} {second} {guardian} {same}");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (22, 3, 1));
    assert_eq!(gateway.counts(), (2, 2));
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), [0].into_iter().chain(3..23).collect::<Vec<_>>());
    python.nothing_left(&[process, second, guardian]);
}

#[test]
fn a_connection_that_breaks_off_costs_what_was_sent() {
    if has_stub() {
        costs_what_was_sent(RayTransport::Direct, false, Gateway::cut);
        costs_what_was_sent(RayTransport::Auto, false, Gateway::cut);
    }
}

/// Takes half a minute, which is the time after which it is given up: where nothing is on its way, and where something is.
#[test]
fn a_connection_that_falls_silent_costs_what_was_sent() {
    if has_stub() {
        thread::scope(|scope| {
            for before in [false, true] {
                scope.spawn(move || costs_what_was_sent(RayTransport::Direct, before, Gateway::silence));
            }
        });
    }
}

#[test]
fn a_connection_that_breaks_off_while_nobody_calls_costs_nothing() {
    if !has_stub() {
        return;
    }
    let (journal, gateway) = (Journal::new(), Gateway::new());
    let python = gateway.interpreter();
    let ray = python.options().transport(RayTransport::Direct);
    let pool = Far::options().max_workers(2).ray(ray).init(journal.page()).unwrap();
    let mut left = Vec::new();
    for round in 1..=3 {
        for index in 0..2 {
            let (_, process, guardian) = pool.worker(index).place().soon().unwrap();
            left.extend([process, guardian]);
        }
        gateway.cut();
        eventually_is("both are missed", 2 * round, || pool.stats().restarts);
        assert_eq!(all_ok((0..10).map(|id| pool.note(id))), (0..10).collect::<Vec<_>>());
    }
    assert_eq!((pool.stats().completed, pool.stats().failed), (36, 0));
    assert_eq!(gateway.counts(), (8, 8));
    pool.stop().unwrap();
    assert_eq!(journal.numbers().len(), 30);
    python.nothing_left(&left);
}

#[test]
fn a_node_that_could_not_be_reached_is_not_tried_again() {
    if !has_stub() {
        return;
    }
    let (journal, gateway) = (Journal::new(), Gateway::new());
    gateway.close();
    let python = gateway.interpreter();
    let ray = python.options().transport(RayTransport::Auto);
    let pool = Far::options().ray(ray).init(journal.page()).unwrap();
    let mut left = Vec::new();
    for id in 0..4 {
        let (_, process, guardian) = pool.place().soon().unwrap();
        assert_eq!(pool.note(id).soon().unwrap(), id);
        // Its node has listened for each, and one was connected to.
        assert_eq!(gateway.counts(), (id as usize + 1, 1));
        left.extend([process, guardian]);
        kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
        eventually_is("it is missed", id + 1, || pool.stats().restarts);
    }
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), [0, 1, 2, 3]);
    python.nothing_left(&left);
    // Another pool knows nothing of that.
    let other = Far::options().ray(python.options().transport(RayTransport::Auto)).init(journal.page()).unwrap();
    assert_eq!(gateway.counts().1, 2);
    other.stop().unwrap();
    python.nothing_left(&[]);
}

/// A pool whose one worker is being connected to by somebody whom nobody answers, with calls that wait for it.
struct Stuck {
    pool: FarClient,
    calls: Vec<TaskFuture<u64>>,
    journal: Journal,
    python: Interpreter,
    left: [u32; 2],
    gateway: Gateway,
}

impl Stuck {
    fn new(transport: RayTransport) -> Self {
        let (journal, gateway) = (Journal::new(), Gateway::new());
        let python = gateway.interpreter();
        let ray = python.options().transport(transport);
        let pool = Far::options().ray(ray).init(journal.page()).unwrap();
        let (_, process, guardian) = pool.place().soon().unwrap();
        gateway.close();
        kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
        eventually_is("the successor's node is connected to", (2, 2), || gateway.counts());
        let calls = (0..10).map(|id| pool.note(id)).collect();
        Stuck { pool, calls, journal, python, left: [process, guardian], gateway }
    }
}

/// Less than connecting to a node may take.
const SOON: Duration = Duration::from_secs(6);

#[test]
fn an_abort_does_not_wait_for_a_node_that_does_not_answer() {
    if !has_stub() {
        return;
    }
    let Stuck { pool, calls, journal, python, left, gateway } = Stuck::new(RayTransport::Direct);
    let begun = Instant::now();
    pool.abort().unwrap();
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    for outcome in all_soon(calls) {
        assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
    }
    python.nothing_left(&left);
    assert_eq!((journal.numbers(), gateway.counts()), (vec![], (2, 2)));
}

#[test]
fn a_stop_waits_for_a_node_that_does_not_answer_and_for_the_calls_behind_it() {
    if !has_stub() {
        return;
    }
    let Stuck { pool, calls, journal, python, left, gateway } = Stuck::new(RayTransport::Auto);
    pool.stop().unwrap();
    assert_eq!(all_ok(calls), (0..10).collect::<Vec<_>>());
    python.nothing_left(&left);
    assert_eq!((journal.numbers(), gateway.counts()), ((0..10).collect(), (2, 2)));
}

#[test]
fn a_time_limit_of_init_holds_for_a_node_that_does_not_answer() {
    if !has_stub() {
        return;
    }
    let (journal, gateway) = (Journal::new(), Gateway::new());
    gateway.close();
    let python = gateway.interpreter();
    let ray = python.options().transport(RayTransport::Direct);
    let options = Far::options().max_workers(2).init_timeout(Duration::from_millis(500));
    let begun = Instant::now();
    let error = options.ray(ray).init(journal.page()).unwrap_err();
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    assert!(error.to_string().contains("init_timeout"), "{error}");
    python.nothing_left(&[]);
}
