//! Mode `async`: turns, how workers are built, which thread they live on, and whose context is current there.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, current};
use concurry_tests::next;

type Events = Sender<String>;

/// Says so when it is dropped, with the method that is current then.
struct Guard(Events, String);

impl Drop for Guard {
    fn drop(&mut self) {
        let method = current().map(|context| context.method().to_owned()).unwrap_or_default();
        let _ = self.0.send(format!("{} dropped in {method}", self.1));
    }
}

/// Counts what ran before what.
#[derive(Default)]
struct Busy {
    done: Cell<usize>,
}

#[worker(mode = "async")]
impl Busy {
    pub(crate) fn spin(&self) {
        let until = Instant::now() + Duration::from_millis(1);
        while Instant::now() < until {}
        self.done.set(self.done.get() + 1);
    }

    pub(crate) async fn turns(&self, how_many: usize) -> usize {
        for _ in 0..how_many {
            tokio::task::yield_now().await;
        }
        self.done.get()
    }
}

#[test]
fn methods_that_are_not_async_leave_the_others_their_turns() {
    let pool = Busy::init().unwrap();
    // In line before any of it runs: the loop is busy with the first.
    let turns = pool.turns(10usize);
    let spins: Vec<_> = (0..200).map(|_| pool.spin()).collect();
    let done = turns.result().unwrap();
    assert!(done < 100, "{done} blocking calls ran before ten turns were over");
    gather(spins).results().unwrap();
    pool.stop().unwrap();
}

/// Looks at the context again and again.
#[derive(Default)]
struct Looking;

#[worker(mode = "async", max_workers = 2)]
impl Looking {
    pub(crate) async fn first(&self, turns: usize) -> bool {
        look("first", turns).await
    }

    pub(crate) async fn second(&self, context: &CallContext, turns: usize) -> bool {
        assert_eq!(context.method(), "second");
        look("second", turns).await
    }

    pub(crate) fn third(&self) -> String {
        current().map(|context| format!("{} of {}", context.method(), context.pool_name())).unwrap_or_default()
    }
}

async fn look(method: &str, turns: usize) -> bool {
    let mut right = true;
    for _ in 0..turns {
        right &= current().is_some_and(|context| context.method() == method);
        tokio::task::yield_now().await;
    }
    right
}

#[test]
fn the_current_context_is_that_of_the_call_that_is_polled() {
    let pool = Looking::init().unwrap();
    let calls = (0..20).flat_map(|_| [pool.first(50usize), pool.second(50usize)]);
    assert_eq!(gather(calls).results().unwrap(), vec![true; 40]);
    assert_eq!(pool.third().result().unwrap(), "third of Looking");
    assert!(current().is_none());
    pool.stop().unwrap();
}

static BUILT: AtomicUsize = AtomicUsize::new(0);
static HOOKED: AtomicUsize = AtomicUsize::new(0);

/// Its second instance cannot be built.
struct Fragile(usize);

#[worker(local, mode = "async")]
impl Fragile {
    pub(crate) async fn new() -> Result<Self, String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let number = BUILT.fetch_add(1, Ordering::SeqCst);
        if number == 1 { Err("not this time".to_owned()) } else { Ok(Fragile(number)) }
    }

    pub(crate) fn number(&self) -> usize {
        self.0
    }

    pub(crate) async fn stay(&self, events: Events) {
        let _guard = Guard(events.clone(), "it".to_owned());
        events.send("in".to_owned()).unwrap();
        std::future::pending::<()>().await;
    }

    pub(crate) fn blow(&self) {
        panic!("as planned");
    }
}

#[test]
fn a_worker_that_cannot_be_built_anew_dies_with_what_it_was_running() {
    let pool = Fragile::options()
        .on_worker_start(|| {
            HOOKED.fetch_add(1, Ordering::SeqCst);
        })
        .init()
        .unwrap();
    let (events, seen) = channel();
    let running = pool.stay(events);
    assert_eq!(next(&seen), "in");
    let blows = pool.blow();
    let queued = pool.number();
    assert!(matches!(blows.result(), Err(Error::Panicked { .. })));
    let error = running.result().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error}");
    assert!(error.to_string().contains("not this time"), "{error}");
    assert_eq!(next(&seen), "it dropped in stay");
    assert_eq!(queued.result().unwrap(), 2, "the third instance ran it");
    assert_eq!((pool.stats().restarts, HOOKED.load(Ordering::SeqCst)), (1, 2));
    pool.stop().unwrap();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight), (1, 2, 0));
}

struct Refusing;

#[worker(mode = "async")]
impl Refusing {
    pub(crate) async fn new(panic: bool) -> Result<Self, String> {
        tokio::task::yield_now().await;
        assert!(!panic, "no");
        Err("refused".to_owned())
    }

    pub(crate) async fn nothing(&self) {}
}

#[test]
fn a_constructor_that_fails_is_an_error_at_init() {
    for (panic, text) in [(false, "refused"), (true, "panicked")] {
        let error = Refusing::options().max_workers(3).init(panic).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
        assert!(error.to_string().contains("Refusing") && error.to_string().contains(text), "{error}");
    }
}

/// Knows its thread.
#[derive(Default)]
struct Threads;

#[worker(mode = "async")]
impl Threads {
    pub(crate) async fn name(&self) -> String {
        let before = thread::current().id();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(thread::current().id(), before);
        thread::current().name().unwrap_or_default().to_owned()
    }

    /// Both kinds of tasks, and what ends with the worker.
    pub(crate) async fn spawn(&self, n: u32) -> u32 {
        let left = tokio::task::spawn_local(std::future::pending::<()>());
        let local = tokio::task::spawn_local(async move { n });
        let sent = tokio::spawn(async move { n });
        let blocking = tokio::task::spawn_blocking(move || n);
        assert!(!left.is_finished());
        local.await.unwrap() + sent.await.unwrap() + blocking.await.unwrap()
    }
}

#[test]
fn each_worker_is_a_loop_on_a_thread_of_its_own() {
    let pool = Threads::options().max_workers(3).name("loop").init().unwrap();
    let names = gather(pool.broadcast(|client| client.name())).results().unwrap();
    assert_eq!(names, ["loop-0", "loop-1", "loop-2"]);
    assert_eq!(pool.spawn(3u32).result().unwrap(), 9);
    pool.stop().unwrap();
}
