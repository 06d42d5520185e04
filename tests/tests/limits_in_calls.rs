//! A call that waits for limits waits no longer than somebody waits for it; what it leaves goes to the next in line.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};
use concurry_tests::{Door, Gate, Journal, Page, Soon, apart, eventually, eventually_is, next};

#[derive(Default)]
struct Guest;

#[worker]
impl Guest {
    pub fn wait(&self, ctx: &CallContext) -> concurry::Result<()> {
        ctx.limits().acquire(("db", 1)).map(drop)
    }

    pub async fn wait_async(&self, ctx: &CallContext) -> concurry::Result<()> {
        ctx.limits().acquire_async(("db", 1)).await.map(drop)
    }

    /// Notes what it has waited for in vain, since nobody may hear what it returns.
    pub fn tell(&self, ctx: &CallContext, page: Page) -> concurry::Result<()> {
        told(page, ctx.limits().acquire(("db", 1)).map(drop))
    }

    pub async fn tell_async(&self, ctx: &CallContext, page: Page) -> concurry::Result<()> {
        told(page, ctx.limits().acquire_async(("db", 1)).await.map(drop))
    }

    /// Gets in line, changes its mind when it is let go, and stays until it is let go again.
    pub async fn change_its_mind(&self, ctx: &CallContext, door: Door) -> concurry::Result<()> {
        {
            let mut future = pin!(ctx.limits().acquire_async(("db", 2)));
            let waits = poll_fn(|task| Poll::Ready(future.as_mut().poll(task).is_pending())).await;
            door.knock_with(if waits { "waits" } else { "does not wait" });
        }
        door.knock_with("went");
        Ok(())
    }
}

fn told(page: Page, result: concurry::Result<()>) -> concurry::Result<()> {
    page.note(match &result {
        Ok(()) => "served",
        Err(Error::Cancelled { .. }) => "cancelled",
        Err(Error::Stopped { .. }) => "stopped",
        Err(Error::TimedOut { scope: TimeoutScope::Call, .. }) => "timed out",
        Err(_) => "something else",
    });
    result
}

fn db(n: u64) -> LimitSet {
    LimitSet::new().resource("db", n)
}

type Way = (&'static str, fn(&GuestClient) -> TaskFuture<()>);

/// Both ways to wait, with their names.
const WAYS: [Way; 2] = [("acquire", |pool| pool.wait()), ("acquire_async", |pool| pool.wait_async())];

#[test]
fn who_waits_is_told_that_its_call_is_cancelled() {
    for mode in apart() {
        for (way, wait) in WAYS {
            let limits = db(1);
            let pool = Guest::options().mode(mode).limits(limits.clone()).init().unwrap();
            let own = limits.acquire(("db", 1)).unwrap();
            let waiting = wait(&pool);
            eventually_is("waiting", 1, || limits.stats().waiting);
            assert!(waiting.cancel(), "{mode}, {way}");
            let error = waiting.soon().unwrap_err();
            assert!(matches!(error, Error::Cancelled { .. }), "{mode}, {way}: {error:?}");
            eventually_is("waiting", 0, || limits.stats().waiting);
            drop(own);
            // The worker is the same, and free.
            wait(&pool).soon().unwrap();
            assert_eq!(pool.stats().restarts, 0, "{mode}, {way}");
            pool.stop().unwrap();
        }
    }
}

#[test]
fn who_waits_is_not_disturbed_by_the_end_of_another_call() {
    for mode in apart() {
        for (way, wait) in WAYS {
            let limits = db(1);
            let pool = Guest::options().mode(mode).limits(limits.clone()).init().unwrap();
            let own = limits.acquire(("db", 1)).unwrap();
            let (waiting, other) = (wait(&pool), pool.wait());
            eventually_is("in flight", 2, || pool.stats().in_flight);
            eventually("waiting", || limits.stats().waiting >= 1);
            assert!(other.cancel(), "{mode}, {way}");
            assert!(matches!(other.soon(), Err(Error::Cancelled { .. })), "{mode}, {way}");
            assert!(!waiting.is_done(), "{mode}, {way}");
            drop(own);
            waiting.soon().unwrap();
            pool.stop().unwrap();
        }
    }
}

#[test]
fn who_waits_is_told_that_its_pool_is_aborted() {
    for mode in apart() {
        for asynchronous in [false, true] {
            let (limits, journal) = (db(1), Journal::new());
            let pool = Guest::options().mode(mode).limits(limits.clone()).init().unwrap();
            let _own = limits.acquire(("db", 1)).unwrap();
            let waiting = if asynchronous { pool.tell_async(journal.page()) } else { pool.tell(journal.page()) };
            eventually_is("waiting", 1, || limits.stats().waiting);
            pool.abort().unwrap();
            assert!(matches!(waiting.soon(), Err(Error::Stopped { .. })), "{mode}");
            eventually_is("waiting", 0, || limits.stats().waiting);
            // A process is gone by then, and so is the future of an event loop.
            if mode == Mode::Thread || mode == Mode::Async && !asynchronous {
                eventually_is("the method's end", vec!["stopped".to_owned()], || journal.lines());
            }
        }
    }
}

#[test]
fn another_thread_can_abort_a_sync_pool_whose_method_waits() {
    for (way, wait) in WAYS {
        let limits = db(1);
        let pool = Guest::options().mode(Mode::Sync).limits(limits.clone()).init().unwrap();
        let _own = limits.acquire(("db", 1)).unwrap();
        let (other, seen) = (pool.clone(), limits.clone());
        let aborting = std::thread::spawn(move || {
            eventually_is("waiting", 1, || seen.stats().waiting);
            other.abort().unwrap();
        });
        let error = wait(&pool).soon().unwrap_err();
        assert!(matches!(error, Error::Stopped { .. }), "{way}: {error:?}");
        aborting.join().unwrap();
        assert_eq!(limits.stats().waiting, 0, "{way}");
    }
}

#[test]
fn who_waits_is_told_that_its_call_has_had_its_time() {
    // Long enough to begin in.
    let time = Duration::from_secs(1);
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        for asynchronous in [false, true] {
            let (limits, journal) = (db(1), Journal::new());
            let pool = Guest::options().mode(mode).timeout(time).limits(limits.clone()).init().unwrap();
            let own = limits.acquire(("db", 1)).unwrap();
            let waiting = if asynchronous { pool.tell_async(journal.page()) } else { pool.tell(journal.page()) };
            let error = waiting.soon().unwrap_err();
            assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Call, .. }), "{mode}: {error:?}");
            eventually_is("waiting", 0, || limits.stats().waiting);
            // A process is replaced by then, and the future of an event loop is dropped.
            if matches!(mode, Mode::Sync | Mode::Thread) {
                eventually_is("the method's end", vec!["timed out".to_owned()], || journal.lines());
            }
            drop(own);
            pool.stop().unwrap();
        }
    }
}

#[test]
fn a_future_that_is_dropped_while_it_waits_leaves_its_turn_to_the_next() {
    for mode in apart() {
        let (limits, gate) = (db(2), Gate::new());
        let pool = Guest::options().mode(mode).limits(limits.clone()).init().unwrap();
        let own = limits.acquire(("db", 1)).unwrap();
        let changes = pool.change_its_mind(gate.door());
        let visitor = gate.visitor();
        assert_eq!(visitor.word, "waits", "{mode}");
        eventually_is("waiting", 1, || limits.stats().waiting);
        // One is there, but who wants two was first.
        let (told, served) = channel();
        let own_limits = limits.clone();
        let behind = std::thread::spawn(move || {
            let taken = own_limits.acquire(("db", 1)).unwrap();
            told.send(()).unwrap();
            drop(taken);
        });
        eventually_is("waiting", 2, || limits.stats().waiting);
        visitor.pass("");
        next(&served);
        behind.join().unwrap();
        // And not because the call had ended.
        assert!(!changes.is_done(), "{mode}");
        gate.visitor().pass("");
        changes.soon().unwrap();
        assert_eq!((limits.stats().held, limits.stats().waiting), (1, 0), "{mode}");
        drop(own);
        pool.stop().unwrap();
    }
}
