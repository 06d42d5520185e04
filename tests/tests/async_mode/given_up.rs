//! Calls that are cancelled, late, tried again, or that panic.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{LONG, eventually_is, next};

use crate::room::{Events, Guard, Room, gate};

#[test]
fn cancelling_a_running_call_drops_its_future() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let other = gate();
    let stays = pool.stay("b", other.clone(), events.clone());
    let cancelled = pool.stay("a", gate(), events.clone());
    assert_eq!((next(&seen), next(&seen)), ("b in".to_owned(), "a in".to_owned()));
    assert!(cancelled.cancel());
    assert!(cancelled.is_cancelled());
    let error = cancelled.result().unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(error.to_string().contains("Room::stay"), "{error}");
    // It had been dropped before the call resolved.
    assert_eq!(seen.try_recv().unwrap(), "a dropped in stay");
    other.notify_one();
    assert_eq!(stays.result().unwrap(), "b");
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight, stats.queued), (1, 1, 0, 0));
}

#[test]
fn cancelling_an_exclusive_call_keeps_the_worker() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let exclusive = pool.alone("x", gate(), events.clone());
    assert_eq!(next(&seen), "x in");
    let behind = pool.add(10u64);
    assert!(exclusive.cancel());
    assert!(matches!(exclusive.result(), Err(Error::Cancelled { .. })));
    assert_eq!(behind.result().unwrap(), 11, "half of the cancelled call had run");
    pool.stop().unwrap();
}

#[test]
fn cancelling_a_call_that_has_not_begun_lets_those_behind_it_pass() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let staying = gate();
    let stays = pool.stay("a", staying.clone(), events.clone());
    assert_eq!(next(&seen), "a in");
    let exclusive = pool.alone("x", gate(), events.clone());
    let note = pool.note("note");
    assert!(exclusive.cancel());
    assert!(matches!(exclusive.result(), Err(Error::Cancelled { .. })));
    assert_eq!(note.result().unwrap(), 1);
    staying.notify_one();
    stays.result().unwrap();
    assert_eq!(pool.log().result().unwrap(), ["a in", "note", "a out"]);
    pool.stop().unwrap();
}

#[test]
fn a_call_that_is_cancelled_while_it_waits_leaves_at_once() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let staying = gate();
    let stays = pool.alone("x", staying.clone(), events.clone());
    assert_eq!(next(&seen), "x in");
    let held = Arc::new(());
    let waiting: Vec<_> = (0..1_000).map(|_| pool.keep(held.clone())).collect();
    let last = pool.keep(held.clone());
    assert_eq!((pool.stats().in_flight, Arc::strong_count(&held)), (1_002, 1_002));
    assert!(waiting.iter().all(TaskFuture::cancel));
    // The loop, which looks at its line meanwhile, may have taken the last of them out itself.
    eventually_is("calls", (2, 2), || (pool.stats().in_flight, Arc::strong_count(&held)));
    assert!(!stays.is_done() && !last.is_done());
    staying.notify_one();
    stays.result().unwrap();
    last.result().unwrap();
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight), (2, 1_000, 0));
}

#[test]
fn a_panic_costs_its_call_and_the_state() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let (staying, fuse) = (gate(), gate());
    assert_eq!(pool.add(5u64).result().unwrap(), 5);
    let stays = pool.stay("a", staying.clone(), events.clone());
    let blows = pool.blow(fuse.clone());
    assert_eq!(next(&seen), "a in");
    fuse.notify_one();
    match blows.result() {
        Err(Error::Panicked { message, location, .. }) => {
            assert_eq!(message, "as planned");
            assert!(location.contains("room.rs"), "{location}");
        }
        other => panic!("{other:?}"),
    }
    // The worker is another one, and whoever was in the room of the old one is there still.
    assert_eq!(pool.add(1u64).result().unwrap(), 1);
    assert_eq!(pool.note("new").result().unwrap(), 0);
    assert!(!stays.is_done());
    staying.notify_one();
    assert_eq!(stays.result().unwrap(), "a");
    assert_eq!(next(&seen), "a dropped in stay");
    assert!(matches!(pool.blow_at_once().result(), Err(Error::Panicked { .. })));
    assert_eq!(pool.add(2u64).result().unwrap(), 2);
    assert!(matches!(pool.blow_alone().result(), Err(Error::Panicked { .. })));
    assert_eq!(pool.add(3u64).result().unwrap(), 3);
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (6, 3, 0));
}

/// A call that is late, and one that is not.
#[derive(Default)]
struct Late;

#[worker(local, mode = "async")]
impl Late {
    #[worker(timeout = "1s")]
    pub(crate) async fn wait(&self, events: Events) {
        let _guard = Guard(events, "it".to_owned());
        std::future::pending::<()>().await;
    }

    #[worker(timeout = "1s")]
    pub(crate) async fn wait_alone(&mut self, events: Events) {
        let _guard = Guard(events, "it".to_owned());
        std::future::pending::<()>().await;
    }

    pub(crate) async fn deadline(&self, context: &CallContext) -> bool {
        context.deadline().is_some()
    }
}

#[test]
fn a_call_that_times_out_drops_its_future() {
    let pool = Late::options().timeout(LONG).init().unwrap();
    let (events, seen) = channel();
    for alone in [false, true] {
        let events = events.clone();
        let late = if alone { pool.wait_alone(events) } else { pool.wait(events) };
        let error = late.result().unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        let dropped = next(&seen);
        assert!(dropped.starts_with("it dropped in wait"), "{dropped}");
        assert!(pool.deadline().result().unwrap());
    }
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight, stats.restarts), (2, 2, 0, 0));
}

/// Does not come to an end the first time.
#[derive(Default)]
struct Slow {
    calls: Cell<u32>,
}

#[worker(mode = "async")]
impl Slow {
    #[worker(timeout = "1s")]
    pub(crate) async fn twice(&self, context: &CallContext) -> u32 {
        self.calls.set(self.calls.get() + 1);
        if context.attempt() == 1 {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        context.attempt()
    }

    pub(crate) async fn panics(&self, context: &CallContext) -> u32 {
        tokio::task::yield_now().await;
        assert!(context.attempt() > 2, "not yet");
        context.attempt()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.get()
    }
}

#[test]
fn attempts_of_a_call_are_kept_apart() {
    let pool = Slow::options().retry(Retry::fixed().wait(Duration::ZERO)).init().unwrap();
    let calls: Vec<_> = (0..20).map(|_| pool.twice()).collect();
    assert_eq!(gather(calls).results().unwrap(), [2; 20]);
    assert_eq!(pool.calls().result().unwrap(), 40);
    assert_eq!(pool.panics().result().unwrap(), 3);
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.retried, stats.in_flight), (22, 0, 22, 0));
}
