//! Mode `async`: a worker is an event loop, whose `async fn`s run side by side.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, current};
use concurry_tests::{LONG, next};
use tokio::sync::Notify;

type Events = Sender<String>;

/// Says so when it is dropped, with the method that is current then.
struct Guard(Events, String);

impl Drop for Guard {
    fn drop(&mut self) {
        let method = current().map(|context| context.method().to_owned()).unwrap_or_default();
        let _ = self.0.send(format!("{} dropped in {method}", self.1));
    }
}

/// Neither `Send` nor `Sync`.
#[derive(Default)]
struct Room {
    inside: Rc<Cell<usize>>,
    most: Cell<usize>,
    log: RefCell<Vec<String>>,
    value: u64,
}

#[worker(local, mode = "async")]
impl Room {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Stays until it is told to go.
    pub(crate) async fn stay(&self, name: &str, gate: Arc<Notify>, events: Events) -> String {
        let _guard = Guard(events.clone(), name.to_owned());
        self.log.borrow_mut().push(format!("{name} in"));
        self.inside.set(self.inside.get() + 1);
        self.most.set(self.most.get().max(self.inside.get()));
        events.send(format!("{name} in")).unwrap();
        gate.notified().await;
        self.inside.set(self.inside.get() - 1);
        self.log.borrow_mut().push(format!("{name} out"));
        name.to_owned()
    }

    /// Stays until as many are inside at once.
    pub(crate) async fn meet(&self, how_many: usize, all: Arc<Notify>) -> usize {
        self.inside.set(self.inside.get() + 1);
        if self.inside.get() == how_many {
            all.notify_waiters();
        } else {
            all.notified().await;
        }
        how_many
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        self.inside.set(self.inside.get() + 1);
        self.most.set(self.most.get().max(self.inside.get()));
        tokio::time::sleep(time).await;
        self.inside.set(self.inside.get() - 1);
    }

    /// Alone in the room.
    pub(crate) async fn alone(&mut self, name: &str, gate: Arc<Notify>, events: Events) -> usize {
        let _guard = Guard(events.clone(), name.to_owned());
        self.log.borrow_mut().push(format!("{name} in"));
        self.value += 1;
        events.send(format!("{name} in")).unwrap();
        gate.notified().await;
        self.value += 1;
        self.log.borrow_mut().push(format!("{name} out"));
        self.inside.get()
    }

    pub(crate) async fn set(&self, name: &str) {
        self.log.borrow_mut().push(name.to_owned());
    }

    pub(crate) fn note(&self, name: &str) -> usize {
        self.log.borrow_mut().push(name.to_owned());
        self.inside.get()
    }

    pub(crate) fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }

    pub(crate) fn keep(&self, held: Arc<()>) {
        drop(held);
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn most(&self) -> usize {
        self.most.get()
    }

    pub(crate) async fn fail(&self, why: &str) -> Result<u8, String> {
        tokio::task::yield_now().await;
        Err(why.to_owned())
    }

    pub(crate) async fn blow(&self, after: Arc<Notify>) {
        after.notified().await;
        panic!("as planned");
    }

    pub(crate) fn blow_at_once(&self) {
        panic!("at once");
    }

    pub(crate) async fn blow_alone(&mut self) {
        tokio::task::yield_now().await;
        panic!("alone");
    }

    /// Blocks the loop's thread.
    pub(crate) fn block(&self, inside: Sender<()>, open: Arc<std::sync::Barrier>) {
        inside.send(()).unwrap();
        open.wait();
    }
}

fn gate() -> Arc<Notify> {
    Arc::default()
}

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
            assert!(location.contains("async_mode.rs"), "{location}");
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

#[test]
fn stopping_finishes_what_was_accepted() {
    let pool = Room::init().unwrap();
    let calls: Vec<_> = (0..50).map(|_| pool.sleep(Duration::from_millis(20))).collect();
    let add = pool.add(1u64);
    pool.stop().unwrap();
    assert!(calls.iter().all(TaskFuture::is_done));
    assert_eq!(add.result().unwrap(), 1);
    assert!(matches!(pool.add(1u64).result(), Err(Error::Stopped { .. })));
}

#[test]
fn dropping_the_client_finishes_what_was_accepted() {
    let calls: Vec<_> = {
        let pool = Room::init().unwrap();
        (0..50).map(|_| pool.sleep(Duration::from_millis(20))).collect()
    };
    assert_eq!(gather(calls).timeout(LONG).results().unwrap().len(), 50);
}

#[test]
fn aborting_drops_what_runs() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let first = pool.stay("a", gate(), events.clone());
    let second = pool.stay("b", gate(), events.clone());
    assert_eq!((next(&seen), next(&seen)), ("a in".to_owned(), "b in".to_owned()));
    let queued = pool.alone("x", gate(), events.clone());
    pool.abort().unwrap();
    // A loop that was inside a poll right then is not waited for.
    let mut dropped = [next(&seen), next(&seen)];
    dropped.sort();
    assert_eq!(dropped, ["a dropped in stay", "b dropped in stay"]);
    for call in [first.result().map(drop), second.result().map(drop), queued.result().map(drop)] {
        assert!(matches!(call, Err(Error::Stopped { .. })), "{call:?}");
    }
    assert!(seen.try_recv().is_err(), "what was queued never began");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight, stats.queued), (0, 3, 0, 0));
}

#[test]
fn a_stop_that_takes_too_long_drops_what_runs() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let call = pool.stay("a", gate(), events.clone());
    assert_eq!(next(&seen), "a in");
    pool.stop_within(Duration::from_millis(10)).unwrap();
    assert_eq!(next(&seen), "a dropped in stay");
    assert!(matches!(call.result(), Err(Error::Stopped { .. })));
}

#[test]
fn a_loop_that_is_inside_a_method_does_not_hold_up_an_abort() {
    let pool = Room::init().unwrap();
    let (events, seen) = channel();
    let waits = pool.stay("a", gate(), events.clone());
    assert_eq!(next(&seen), "a in");
    let (inside, is_inside) = channel();
    let open = Arc::new(std::sync::Barrier::new(2));
    let blocks = pool.block(inside, open.clone());
    next(&is_inside);
    pool.abort().unwrap();
    assert!(matches!(waits.result(), Err(Error::Stopped { .. })));
    assert!(matches!(blocks.result(), Err(Error::Stopped { .. })));
    assert!(seen.try_recv().is_err(), "the loop cannot drop it yet");
    open.wait();
    assert_eq!(next(&seen), "a dropped in stay");
}

#[test]
fn many_threads_submit_cancel_and_stop_at_once() {
    let pool = Room::options().max_workers(2).init().unwrap();
    let (cancelled, done, stopped) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..4usize {
            let (pool, cancelled, done, stopped, stop) = (&pool, &cancelled, &done, &stopped, &stop);
            scope.spawn(move || {
                let mut round = seed;
                while !stop.load(Ordering::Acquire) || round < 200 {
                    round += 1;
                    let sleeps = pool.sleep(Duration::from_millis(round as u64 % 3));
                    let adds = pool.add(1u64);
                    if round % 2 == 0 {
                        sleeps.cancel();
                    }
                    for result in [sleeps.result(), adds.result().map(drop)] {
                        match result {
                            Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                            Err(Error::Cancelled { .. }) => cancelled.fetch_add(1, Ordering::Relaxed),
                            Err(Error::Stopped { .. }) => stopped.fetch_add(1, Ordering::Relaxed),
                            Err(other) => panic!("{other}"),
                        };
                    }
                }
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < 200 {
                thread::yield_now();
            }
            pool.stop().unwrap();
            stop.store(true, Ordering::Release);
        });
    });
    let (stats, stopped) = (pool.stats(), stopped.into_inner());
    assert_eq!(stats.completed as usize, done.into_inner());
    // What is refused is not counted, and a stop costs nothing.
    assert_eq!(stats.failed as usize, cancelled.into_inner());
    assert!((stats.queued, stats.in_flight) == (0, 0) && stopped > 0, "{stats:?} {stopped}");
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
    assert_eq!((pool.stats().in_flight, Arc::strong_count(&held)), (2, 2));
    staying.notify_one();
    stays.result().unwrap();
    last.result().unwrap();
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight), (2, 1_000, 0));
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
