//! Retries: a call is tried again as its policy says, no more often, and nobody else waits for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, RemoteError};
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, apart, eventually_is};
use serde::{Deserialize, Serialize};

/// Cannot travel.
#[derive(Debug, thiserror::Error)]
#[error("busy")]
struct Busy;

/// Another that cannot.
#[derive(Debug, thiserror::Error)]
#[error("broken")]
struct Broken;

/// An argument without `Clone`.
#[derive(Debug, Serialize, Deserialize)]
struct Parcel(u64);

#[derive(Default)]
struct Flaky;

#[worker]
impl Flaky {
    /// Fails until attempt `good`; its value is the attempt.
    pub fn good_at(&self, ctx: &CallContext, good: u32) -> Result<u32, Busy> {
        if ctx.attempt() < good { Err(Busy) } else { Ok(ctx.attempt()) }
    }

    #[worker(num_retries = 1)]
    pub fn once_more(&self, ctx: &CallContext, good: u32) -> Result<u32, Busy> {
        self.good_at(ctx, good)
    }

    pub fn breaks(&self, page: Page) -> Result<u32, Broken> {
        page.note(1);
        Err(Broken)
    }

    pub fn busy_or_missing(&self, ctx: &CallContext) -> Result<u32, anyhow::Error> {
        match ctx.attempt() {
            1 => Err(anyhow::Error::new(Busy).context("the first")),
            2 => Err(io::Error::other("the second").into()),
            attempt => Ok(attempt),
        }
    }

    /// Ends in this way until attempt `good`.
    pub fn ends(&self, ctx: &CallContext, way: Way, good: u32) -> u32 {
        if ctx.attempt() < good {
            way.go();
        }
        ctx.attempt()
    }

    pub fn number(&self, ctx: &CallContext) -> u64 {
        u64::from(ctx.attempt())
    }

    pub fn deliver(&self, ctx: &CallContext, parcel: Parcel) -> Result<u64, Busy> {
        if ctx.attempt() < 3 { Err(Busy) } else { Ok(parcel.0) }
    }

    /// The first attempt stays and is late, the second does not.
    pub fn stay_first(&self, ctx: &CallContext, door: Door) -> u32 {
        if ctx.attempt() == 1 {
            door.knock();
        }
        ctx.attempt()
    }

    pub fn plain(&self, number: u64) -> u64 {
        number
    }
}

const MODES: [Mode; 4] = [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process];

fn quick(num_retries: u32) -> Retry {
    Retry::fixed().num_retries(num_retries).wait(Duration::from_millis(1))
}

fn pool(mode: Mode, retry: Retry) -> FlakyClient {
    Flaky::options().mode(mode).max_restarts(100).retry(retry).init().unwrap()
}

/// Completed, failed, retried.
fn counts(pool: &FlakyClient) -> (u64, u64, u64) {
    let stats = pool.stats();
    assert_eq!((stats.queued, stats.in_flight), (0, 0));
    (stats.completed, stats.failed, stats.retried)
}

#[test]
fn attempts_are_told_to_the_method_and_by_the_error() {
    for mode in MODES {
        let pool = pool(mode, quick(3));
        assert_eq!(pool.good_at(1).soon().unwrap(), 1, "{mode}");
        assert_eq!(pool.good_at(4).soon().unwrap(), 4, "{mode}");
        let error = pool.good_at(5).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 4, .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("4 attempts"), "{mode}: {error}");
        eventually_is("counts", (2, 1, 6), || counts(&pool));
        pool.stop().unwrap();
        // Nobody said a word of retries: one attempt.
        let pool = Flaky::options().mode(mode).init().unwrap();
        let error = pool.good_at(2).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 1, .. }), "{mode}: {error:?}");
        assert_eq!(counts(&pool), (0, 1, 0), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_method_may_have_its_own_policy() {
    for mode in MODES {
        let options = || Flaky::options().mode(mode).retry(quick(3));
        // The attribute of a method is stronger than the pool's, and the policy by name stronger than both.
        let pool = options().init().unwrap();
        assert_eq!(pool.once_more(2).soon().unwrap(), 2, "{mode}");
        let error = pool.once_more(3).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 2, .. }), "{mode}: {error:?}");
        assert_eq!(pool.good_at(3).soon().unwrap(), 3, "{mode}");
        pool.stop().unwrap();
        let pool = options().retry_method("once_more", quick(4)).retry_method("good_at", quick(0)).init().unwrap();
        assert_eq!(pool.once_more(5).soon().unwrap(), 5, "{mode}");
        let error = pool.good_at(2).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 1, .. }), "{mode}: {error:?}");
        pool.stop().unwrap();
    }
}

#[test]
fn panics_and_deaths_are_tried_again_by_default_and_not_where_a_condition_says_otherwise() {
    for mode in MODES {
        let pool = pool(mode, quick(2));
        assert_eq!(pool.ends(Way::Panic, 3).soon().unwrap(), 3, "{mode}");
        let error = pool.ends(Way::Panic, 9).soon().unwrap_err();
        assert!(matches!(error, Error::Panicked { attempts: 3, .. }), "{mode}: {error:?}");
        pool.stop().unwrap();
    }
    let dying = pool(Mode::Process, quick(2));
    assert_eq!(dying.ends(Way::Kill, 3).soon().unwrap(), 3);
    let error = dying.ends(Way::Exit(3), 9).soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { attempts: 3, .. }), "{error:?}");
    eventually_is("counts", (1, 1, 4), || counts(&dying));
    eventually_is("restarts", 5, || dying.stats().restarts);
    dying.stop().unwrap();
    for (mode, way) in [(Mode::Thread, Way::Panic), (Mode::Process, Way::Kill)] {
        let strict = pool(mode, quick(2).on::<Busy>());
        strict.ends(way, 2).soon().unwrap_err();
        assert_eq!(strict.stats().retried, 0, "{mode}");
        assert_eq!(strict.good_at(2).soon().unwrap(), 2, "{mode}");
        strict.stop().unwrap();
    }
}

#[test]
fn errors_are_known_by_their_type_through_processes_too() {
    for mode in MODES {
        let journal = Journal::new();
        let busy = pool(mode, quick(3).on::<Busy>());
        assert_eq!(busy.good_at(3).soon().unwrap(), 3, "{mode}");
        let error = busy.breaks(journal.page()).soon().unwrap_err();
        assert!(error.is::<Broken>() && !error.is::<Busy>(), "{mode}: {error:?}");
        assert_eq!(error.downcast_ref::<RemoteError>().is_some(), mode == Mode::Process);
        assert_eq!(journal.numbers(), [1], "{mode}: tried once");
        busy.stop().unwrap();
        // Either of several conditions suffices.
        let condition = quick(3).on::<Broken>().retry_if(|error, attempt| error.is::<Busy>() && attempt.number < 2);
        let either = pool(mode, condition);
        let error = either.breaks(journal.page()).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 4, .. }), "{mode}: {error:?}");
        let error = either.good_at(4).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { attempts: 2, .. }), "{mode}: {error:?}");
        either.stop().unwrap();
    }
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let pool = pool(mode, quick(3).on::<Busy>().on::<io::Error>());
        assert_eq!(pool.busy_or_missing().soon().unwrap(), 3, "{mode}: along the chain");
        pool.stop().unwrap();
    }
}

#[test]
fn until_looks_at_values() {
    for mode in MODES {
        let pool = pool(mode, quick(3).until(|number: &u64| *number >= 3));
        assert_eq!(pool.number().soon().unwrap(), 3, "{mode}");
        let error = pool.plain(1).soon().unwrap_err();
        assert!(matches!(error, Error::Invalid { attempts: 4, .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("until"), "{mode}: {error}");
        // Methods of other types are not concerned.
        assert_eq!(pool.good_at(1).soon().unwrap(), 1);
        eventually_is("counts", (2, 1, 5), || counts(&pool));
        pool.stop().unwrap();
    }
}

#[test]
fn an_argument_without_clone_is_kept_where_it_is_serializable() {
    for mode in MODES {
        let pool = pool(mode, quick(2));
        assert_eq!(pool.deliver(Parcel(7)).soon().unwrap(), 7, "{mode}");
        pool.stop().unwrap();
    }
}

/// Neither `Clone` nor serializable.
struct Bound(u64);

#[derive(Default)]
struct Near;

#[worker(local)]
impl Near {
    pub fn take(&self, ctx: &CallContext, bound: Bound) -> Result<u64, Busy> {
        if ctx.attempt() < 2 { Err(Busy) } else { Ok(bound.0) }
    }

    pub fn share(&self, ctx: &CallContext, count: Arc<AtomicU64>) -> Result<u32, Busy> {
        count.fetch_add(1, Ordering::Relaxed);
        if ctx.attempt() < 3 { Err(Busy) } else { Ok(ctx.attempt()) }
    }
}

#[test]
fn a_local_argument_is_kept_by_its_clone_or_it_is_an_error_that_says_so() {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let pool = Near::options().mode(mode).retry(quick(2)).init().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        assert_eq!(pool.share(count.clone()).soon().unwrap(), 3, "{mode}");
        assert_eq!(count.load(Ordering::Relaxed), 3, "{mode}");
        let error = pool.take(Bound(1)).soon().unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("`Clone`"), "{mode}: {error}");
        pool.stop().unwrap();
        // Without retries nothing needs to be kept.
        let pool = Near::options().mode(mode).init().unwrap();
        assert!(matches!(pool.take(Bound(1)).soon(), Err(Error::Failed { .. })), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_call_that_timed_out_is_tried_again_and_its_late_answer_dropped() {
    for mode in [Mode::Thread, Mode::Process] {
        let gate = Gate::new();
        let retry = Retry::fixed().num_retries(3).wait(Duration::from_millis(1));
        let options = Flaky::options().mode(mode).max_workers(2).retry(retry);
        let pool = options.timeout(Duration::from_secs(5)).init().unwrap();
        let future = pool.stay_first(gate.door());
        let visitor = gate.visitor();
        // Another worker makes the second attempt while the first one still stays.
        let attempt = future.soon().unwrap();
        assert_eq!(attempt, 2, "{mode}");
        // A process that stays is replaced; were it let go now, it might be done before that.
        eventually_is("restarts", u64::from(mode == Mode::Process), || pool.stats().restarts);
        drop(visitor);
        eventually_is("in flight", 0, || pool.stats().in_flight);
        assert_eq!(counts(&pool), (1, 0, 1), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_worker_is_free_while_a_retry_waits_which_may_be_cancelled() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let pool = pool(mode, Retry::fixed().wait(Duration::from_secs(3600)));
        let waits = pool.good_at(2);
        eventually_is("retried", 1, || pool.stats().retried);
        assert_eq!(all_ok((0..10).map(|number| pool.plain(number))), (0..10).collect::<Vec<_>>());
        assert!(!waits.is_done());
        assert_eq!((pool.stats().queued, pool.stats().in_flight), (1, 0), "{mode}");
        assert!(waits.cancel());
        assert!(matches!(waits.soon(), Err(Error::Cancelled { .. })), "{mode}");
        assert_eq!(counts(&pool), (10, 1, 1), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn stop_waits_for_retries_and_abort_ends_them() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let stopped = pool(mode, quick(3).wait(Duration::from_millis(30)));
        let future = stopped.good_at(3);
        stopped.stop().unwrap();
        assert_eq!(future.soon().unwrap(), 3, "{mode}");

        let aborted = pool(mode, Retry::fixed().wait(Duration::from_secs(3600)));
        let future = aborted.good_at(2);
        eventually_is("retried", 1, || aborted.stats().retried);
        aborted.abort().unwrap();
        assert!(matches!(future.soon(), Err(Error::Stopped { .. })), "{mode}");
        assert_eq!(counts(&aborted), (0, 1, 1), "{mode}");

        let late = pool(mode, Retry::fixed().wait(Duration::from_secs(3600)));
        let future = late.good_at(2);
        eventually_is("retried", 1, || late.stats().retried);
        late.stop_within(Duration::from_millis(50)).unwrap();
        assert!(matches!(future.soon(), Err(Error::Stopped { .. })), "{mode}");
    }
}

#[test]
fn another_thread_can_abort_a_sync_pool_whose_retry_waits() {
    let pool = pool(Mode::Sync, Retry::fixed().wait(Duration::from_secs(3600)));
    let other = pool.clone();
    let aborting = std::thread::spawn(move || {
        eventually_is("retried", 1, || other.stats().retried);
        other.abort().unwrap();
    });
    assert!(matches!(pool.good_at(2).soon(), Err(Error::Stopped { .. })));
    aborting.join().unwrap();
    assert_eq!(counts(&pool), (0, 1, 1));
}

#[test]
fn delays_are_waited_for() {
    for mode in MODES {
        let retry = Retry::linear().num_retries(3).wait(Duration::from_millis(20)).jitter(0.0);
        let pool = pool(mode, retry);
        let begun = Instant::now();
        assert_eq!(pool.good_at(4).soon().unwrap(), 4, "{mode}");
        assert!(begun.elapsed() >= Duration::from_millis(120), "{mode}: {:?}", begun.elapsed());
        pool.stop().unwrap();
    }
}

#[test]
fn a_spent_budget_ends_retries() {
    for mode in apart() {
        let pool = pool(mode, quick(3).budget(0.0, 4));
        let errors: Vec<_> = (0..5).map(|_| pool.good_at(9).soon().unwrap_err()).collect();
        assert!(errors.iter().all(|error| matches!(error, Error::Failed { .. })), "{mode}");
        eventually_is("counts", (0, 5, 4), || counts(&pool));
        pool.stop().unwrap();
    }
}

#[test]
fn many_calls_are_counted_exactly() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let pool = Flaky::options().mode(mode).max_workers(3).retry(quick(2)).init().unwrap();
        // By threes: good at once, at the second attempt, never.
        let futures: Vec<_> = (0..300).map(|call| pool.good_at([1, 2, 9][call % 3])).collect();
        for (call, future) in futures.into_iter().enumerate() {
            match (call % 3, future.soon()) {
                (0, Ok(1)) | (1, Ok(2)) | (2, Err(Error::Failed { attempts: 3, .. })) => {}
                (_, other) => panic!("{mode}: call {call} came to {other:?}"),
            }
        }
        eventually_is("counts", (200, 100, 300), || counts(&pool));
        pool.stop().unwrap();
    }
}

#[test]
fn retries_by_configuration() {
    let _guard = concurry::config::scoped(|c| c.all().num_retries = Some(0));
    let off = Flaky::init().unwrap();
    assert!(matches!(off.good_at(2).soon(), Err(Error::Failed { attempts: 1, .. })));
    off.stop().unwrap();
}
