//! Limits hold wherever they are acquired: across pools, modes and processes, whoever dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Acquisition, Error};
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, all_soon, apart, eventually_is, modes};

#[derive(Default)]
struct User {
    kept: Vec<Acquisition>,
}

#[worker]
impl User {
    /// Holds one of `db` for as long as it takes to do next to nothing.
    pub fn touch(&self, ctx: &CallContext) -> concurry::Result<()> {
        let taken = ctx.limits().acquire(("db", 1))?;
        std::thread::yield_now();
        drop(taken);
        Ok(())
    }

    /// Holds `db` until it is let go.
    pub fn hold(&self, ctx: &CallContext, amount: u64, door: Door) -> concurry::Result<String> {
        let _taken = ctx.limits().acquire(("db", amount))?;
        Ok(door.knock())
    }

    /// Holds `db` and ends its worker.
    pub fn end(&self, ctx: &CallContext, way: Way) -> concurry::Result<u64> {
        let _taken = ctx.limits().acquire(("db", 1))?;
        Ok(way.go())
    }

    pub fn keep(&mut self, ctx: &CallContext) -> concurry::Result<()> {
        self.kept.push(ctx.limits().acquire(("db", 1))?);
        Ok(())
    }

    pub fn leak(&self, ctx: &CallContext) -> concurry::Result<()> {
        std::mem::forget(ctx.limits().acquire(("db", 1))?);
        Ok(())
    }

    /// Another resource while it holds the first.
    pub fn nested(&self, ctx: &CallContext) -> concurry::Result<u64> {
        let _outer = ctx.limits().acquire(("db", 1))?;
        let _inner = ctx.limits().acquire(("file", 1))?;
        Ok(ctx.limits().stats()?[0].held)
    }

    pub fn again(&self, ctx: &CallContext) -> concurry::Result<()> {
        let _outer = ctx.limits().acquire(("db", 1))?;
        let _inner = ctx.limits().acquire(("db", 1))?;
        Ok(())
    }

    pub async fn again_later(&self, ctx: &CallContext) -> concurry::Result<()> {
        let _outer = ctx.limits().acquire_async(("db", 1)).await?;
        let _inner = ctx.limits().acquire(("db", 1))?;
        Ok(())
    }

    pub fn use_tokens(&self, ctx: &CallContext, asked: u64, used: u64) -> concurry::Result<bool> {
        let mut taken = ctx.limits().acquire([("tokens", asked)])?;
        Ok(taken.update("tokens", used))
    }

    pub fn attempt(&self, ctx: &CallContext) -> concurry::Result<bool> {
        Ok(ctx.limits().try_acquire(("db", 1))?.is_some())
    }

    pub fn within(&self, ctx: &CallContext, ms: u64) -> concurry::Result<()> {
        ctx.limits().acquire_within(("db", 1), Duration::from_millis(ms)).map(drop)
    }

    pub fn account(&self, ctx: &CallContext) -> concurry::Result<(String, String)> {
        let taken = ctx.limits().acquire(("db", 1))?;
        let seen = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok((seen(taken.config("account")), seen(ctx.limits().config("account"))))
    }

    /// What it may do where the pool has no limits.
    pub fn none(&self, ctx: &CallContext) -> (bool, String) {
        (ctx.limits().is_empty(), ctx.limits().acquire(("db", 1)).unwrap_err().to_string())
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// The same with all the time it takes, as it may where a process has to be started for it.
    #[worker(timeout = "1h")]
    pub fn patient_pid(&self) -> u32 {
        std::process::id()
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn note(&self, page: Page, number: u64) -> u64 {
        page.note(number);
        number
    }
}

fn one_db() -> LimitSet {
    LimitSet::new().resource("db", 1)
}

fn workers(mode: Mode, most: usize) -> usize {
    if mode == Mode::Sync { 1 } else { most }
}

#[test]
fn what_a_dead_or_panicked_worker_held_is_given_back() {
    for way in [Way::Kill, Way::Abort, Way::Exit(3), Way::Panic] {
        let limits = one_db();
        let pool = User::options().mode(Mode::Process).limits(limits.clone()).init().unwrap();
        pool.end(way).soon().unwrap_err();
        pool.touch().soon().unwrap();
        eventually_is("held", 0, || limits.stats().held);
        pool.stop().unwrap();
    }
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let limits = one_db();
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        pool.end(Way::Panic).soon().unwrap_err();
        pool.touch().soon().unwrap();
        assert_eq!(limits.stats().held, 0, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn what_is_kept_or_leaked_is_given_back_when_the_worker_ends() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().resource("db", 3);
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        pool.keep().soon().unwrap();
        pool.keep().soon().unwrap();
        pool.leak().soon().unwrap();
        assert_eq!(limits.stats().held, 3, "{mode}");
        assert!(!pool.attempt().soon().unwrap(), "{mode}");
        pool.stop().unwrap();
        drop(pool);
        eventually_is(&format!("held after a pool of mode {mode}"), 0, || limits.stats().held);
    }
}

#[test]
fn a_worker_waits_for_what_the_driver_holds() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let limits = one_db();
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        let own = limits.acquire(("db", 1)).unwrap();
        assert!(!pool.attempt().soon().unwrap(), "{mode}");
        let error = pool.within(10).result().unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("db"), "{error}");
        let touch = pool.touch();
        eventually_is("waiting", 1, || limits.stats().waiting);
        assert!(!touch.is_done());
        drop(own);
        touch.soon().unwrap();
        eventually_is("held", 0, || limits.stats().held);
        pool.stop().unwrap();
    }
}

#[test]
fn one_request_within_another_is_served_and_one_for_itself_is_an_error() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let limits = one_db().resource("file", 1);
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        assert_eq!(pool.nested().soon().unwrap(), 2, "{mode}");
        for error in [pool.again().soon().unwrap_err(), pool.again_later().soon().unwrap_err()] {
            assert!(matches!(error, Error::Limit { .. }), "{mode}: {error:?}");
            assert!(error.to_string().contains("db"), "{mode}: {error}");
        }
        pool.touch().soon().unwrap();
        eventually_is("held", 0, || limits.stats().held);
        pool.stop().unwrap();
    }
}

#[test]
fn an_update_gives_back_what_was_not_used_and_owes_what_was_used_beyond() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().rate("tokens", 100, Window::Hourly);
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        assert!(pool.use_tokens(80, 30).soon().unwrap());
        eventually_is("available", 70, || limits.stats().limits[0].available);
        assert!(pool.use_tokens(70, 90).soon().unwrap());
        eventually_is("owed", 20, || limits.stats().limits[0].owed);
        assert_eq!(limits.stats().limits[0].available, 0, "{mode}");
        assert!(limits.try_acquire(("tokens", 1)).unwrap().is_none(), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn limits_that_cannot_be_are_errors_of_init() {
    for mode in modes() {
        let refused = |limits: LimitSet| User::options().mode(mode).limits(limits).init().unwrap_err();
        for (error, word) in [
            (refused(LimitSet::new().resource("db", 0)), "allows 0"),
            (refused(one_db().rate("db", 5, Window::Secondly)), "twice"),
        ] {
            let text = error.to_string();
            assert!(matches!(error, Error::Limit { .. }), "{error:?}");
            assert!(text.contains("User") && text.contains("`db`") && text.contains(word), "{text}");
        }
    }
    let both = User::options().limits(one_db()).limits_per_worker(one_db()).init().unwrap_err();
    assert!(matches!(both, Error::Config { .. }), "{both:?}");
}

#[test]
fn a_pool_without_limits_says_so() {
    for mode in modes() {
        let pool = User::options().mode(mode).init().unwrap();
        let (empty, said) = pool.none().soon().unwrap();
        assert!(empty && said.contains("`.limits(..)`"), "{mode}: {said}");
        pool.stop().unwrap();
    }
}

#[test]
fn limits_per_worker_are_each_workers_own() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = User::options().mode(mode).max_workers(3).limits_per_worker(one_db()).init().unwrap();
        // All three hold the one that each has.
        let held: Vec<_> = pool.broadcast(|worker| worker.hold(1, gate.door()));
        let visitors: Vec<_> = held.iter().map(|_| gate.visitor()).collect();
        drop(visitors);
        all_ok(held);
        pool.stop().unwrap();
    }
}

#[test]
fn a_method_acquires_from_the_set_that_its_turn_came_from() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let set = |name: &str| LimitSet::new().resource("db", 4).calls(3, Window::Hourly).config("account", name);
        let limits = LimitPool::new([set("one"), set("two")]);
        let pool = User::options().mode(mode).max_workers(workers(mode, 2)).limits(limits.clone()).init().unwrap();
        let accounts = all_ok((0..6).map(|_| pool.account()));
        for (taken, told) in &accounts {
            assert_eq!(taken, told, "{mode}");
        }
        assert_eq!(accounts.iter().filter(|(taken, _)| taken == "one").count(), 3, "{mode}");
        for stats in limits.stats() {
            assert_eq!(stats.limits[1].available, 0, "{mode}");
        }
        pool.stop().unwrap();
    }
}

#[test]
fn a_throttled_call_holds_no_worker_and_keeps_its_place() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        for balancing in [LoadBalancing::RoundRobin, LoadBalancing::Shared] {
            let window = Duration::from_millis(40);
            let (journal, limits) = (Journal::new(), LimitSet::new().calls(5, window));
            let pool = User::options().mode(mode).load_balancing(balancing).limits(limits.clone()).init().unwrap();
            let begun = Instant::now();
            let futures: Vec<_> = (0..20).map(|number| pool.note(journal.page(), number)).collect();
            assert_eq!(all_ok(futures), (0..20).collect::<Vec<_>>());
            // Twenty by five in a window: three whole windows between the first and the last.
            assert!(begun.elapsed() >= window * 3, "{mode}: {:?}", begun.elapsed());
            assert_eq!(journal.numbers(), (0..20).collect::<Vec<_>>(), "{mode}");
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.queued, stats.in_flight), (20, 0, 0), "{mode}");
            pool.stop().unwrap();
        }
    }
}

#[test]
fn throttled_calls_are_not_with_a_worker_and_can_be_cancelled_or_aborted() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().calls(1, Window::Hourly);
        let other = User::options().mode(mode).init().unwrap();
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        let first = pool.pid().soon().unwrap();
        assert_eq!(other.pid().soon().unwrap() == first, mode != Mode::Process);
        let waiting: Vec<_> = (0..4).map(|_| pool.pid()).collect();
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.in_flight), (4, 0), "{mode}");
        assert!(waiting[0].cancel() && waiting[2].cancel());
        assert_eq!((pool.stats().queued, pool.stats().failed), (2, 2), "{mode}");
        pool.abort().unwrap();
        for (at, result) in all_soon(waiting).into_iter().enumerate() {
            match result {
                Err(Error::Cancelled { .. }) if at % 2 == 0 => {}
                Err(Error::Stopped { .. }) if at % 2 == 1 => {}
                other => panic!("{mode}: call {at} came to {other:?}"),
            }
        }
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.completed, stats.failed), (0, 1, 4), "{mode}");
        assert_eq!(limits.stats().waiting, 0, "{mode}: it has left the line");
        other.stop().unwrap();
    }
}

#[test]
fn stop_lets_throttled_calls_finish_within_its_time() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().calls(2, Duration::from_millis(30));
        let pool = User::options().mode(mode).limits(limits).init().unwrap();
        let futures: Vec<_> = (0..6).map(|_| pool.pid()).collect();
        pool.stop().unwrap();
        all_ok(futures);

        let limits = LimitSet::new().calls(1, Window::Hourly);
        let pool = User::options().mode(mode).limits(limits).init().unwrap();
        let futures: Vec<_> = (0..3).map(|_| pool.pid()).collect();
        pool.stop_within(Duration::from_millis(100)).unwrap();
        let stopped = all_soon(futures).into_iter().filter(|result| matches!(result, Err(Error::Stopped { .. })));
        assert!(stopped.count() >= 2, "{mode}");
    }
}

#[test]
fn a_throttled_call_times_out_on_time() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().calls(1, Window::Hourly);
        let timeout = Duration::from_millis(700);
        let pool = User::options().mode(mode).limits(limits.clone()).timeout(timeout).init().unwrap();
        pool.patient_pid().soon().unwrap();
        let begun = Instant::now();
        let error = pool.pid().soon().unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{mode}: {error:?}");
        assert!(begun.elapsed() >= timeout, "{mode}");
        assert_eq!((pool.stats().completed, pool.stats().failed, pool.stats().queued), (1, 1, 0), "{mode}");
        pool.abort().unwrap();
    }
}

#[test]
fn a_throttled_call_that_timed_out_is_tried_again_and_counted_once() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process] {
        let limits = LimitSet::new().calls(1, Window::Hourly);
        let timeout = Duration::from_millis(700);
        let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
        let options = User::options().mode(mode).limits(limits.clone()).timeout(timeout).retry(retry);
        let pool = options.init().unwrap();
        pool.patient_pid().soon().unwrap();
        let begun = Instant::now();
        let error = pool.pid().soon().unwrap_err();
        assert!(matches!(error, Error::TimedOut { attempts: 3, .. }), "{mode}: {error:?}");
        assert!(begun.elapsed() >= timeout * 3, "{mode}: each attempt has its own time");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.retried, stats.queued), (1, 1, 2, 0), "{mode}");
        pool.abort().unwrap();
    }
}

#[test]
fn another_thread_can_abort_a_sync_pool_whose_call_waits_for_its_turn() {
    let limits = LimitSet::new().calls(1, Window::Hourly);
    let pool = User::options().mode(Mode::Sync).limits(limits.clone()).init().unwrap();
    pool.pid().soon().unwrap();
    let other = pool.clone();
    let aborting = std::thread::spawn(move || {
        eventually_is("waiting", 1, || limits.stats().waiting);
        other.abort().unwrap();
    });
    let error = pool.pid().soon().unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error:?}");
    aborting.join().unwrap();
}

#[test]
fn calls_on_demand_wait_for_their_turn_too() {
    for mode in apart() {
        let window = Duration::from_millis(40);
        let limits = LimitSet::new().calls(4, window).resource("db", 1);
        let pool = User::options().mode(mode).on_demand(true).max_workers(2).limits(limits.clone()).init().unwrap();
        let begun = Instant::now();
        all_ok((0..12).map(|_| pool.touch()));
        assert!(begun.elapsed() >= window * 2, "{mode}");
        pool.stop().unwrap();
        let stats = limits.stats();
        assert_eq!((stats.held, stats.limits[0].taken, stats.limits[1].taken), (0, 12, 12), "{mode}");
    }
}

#[test]
fn while_some_wait_for_their_turn_the_worker_serves_others() {
    for mode in [Mode::Thread, Mode::Process] {
        let limits = LimitSet::new().calls(1, Window::Hourly);
        let gate = Gate::new();
        let pool = User::options().mode(mode).limits(limits.clone()).init().unwrap();
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        let waits = pool.pid();
        visitor.pass("done");
        assert_eq!(stays.soon().unwrap(), "done");
        assert!(!waits.is_done());
        assert_eq!((pool.stats().in_flight, pool.stats().queued), (0, 1), "{mode}");
        pool.abort().unwrap();
        assert!(matches!(waits.soon(), Err(Error::Stopped { .. })));
    }
}

#[task(mode = "thread")]
fn current_limits() -> concurry::Result<bool> {
    let ctx = concurry::current().ok_or_else(|| Error::failed("there is no context"))?;
    Ok(ctx.limits().try_acquire(("db", 1))?.is_some())
}

#[test]
fn code_without_the_parameter_gets_limits_by_current() {
    for mode in modes() {
        let limits = one_db();
        let pool = current_limits::options().mode(mode).limits(limits.clone()).init().unwrap();
        assert!(pool.submit(()).soon().unwrap(), "{mode}");
        let held = limits.acquire(("db", 1)).unwrap();
        assert!(!pool.submit(()).soon().unwrap(), "{mode}");
        drop(held);
        pool.stop().unwrap();
    }
    assert!(concurry::current().is_none());
}

/// Runs closures, which take what they captured.
#[test]
fn a_closure_may_use_a_set_that_it_captured() {
    let limits = Arc::new(one_db());
    let pool = TaskWorker::options().max_workers(3).init().unwrap();
    let inside = Arc::new(AtomicBool::new(false));
    let futures = (0..50).map(|_| {
        let (limits, inside) = (limits.clone(), inside.clone());
        pool.submit(move || {
            let _one = limits.acquire(("db", 1)).unwrap();
            let alone = !inside.swap(true, Ordering::AcqRel);
            std::thread::yield_now();
            inside.store(false, Ordering::Release);
            alone
        })
    });
    assert!(all_ok(futures).into_iter().all(|alone| alone));
    pool.stop().unwrap();
    assert_eq!(limits.stats().held, 0);
}
