//! What has a place, and when it gives it back.

use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Gate, Soon, Way, all_ok, all_soon, apart, eventually, modes};

use crate::desk::{Busy, Desk, accepted, is_full};
#[test]
fn who_comes_when_it_is_full_is_refused_and_told_why() {
    for mode in apart() {
        for window in [1, 1000] {
            let busy = Busy::new(Desk::options().mode(mode).max_pending(4).max_queued_tasks(window));
            let waiting = accepted(&busy.pool);
            assert_eq!(waiting.len(), 3, "{mode}");
            let error = busy.pool.fail().soon().unwrap_err();
            assert!(is_full(&error) && error.is_transient(), "{mode}: {error:?}");
            let text = error.to_string();
            let expected = "Desk::fail was not accepted: 4 calls of its pool are not resolved, which is as many as `max_pending` allows; wait for some of them, raise it, or set `on_full` to `block`";
            assert_eq!(text, expected);
            let stats = busy.pool.stats();
            assert_eq!((stats.rejected, stats.completed, stats.failed), (2, 0, 0), "{mode}: it was never accepted");
            let pool = busy.pool.clone();
            busy.visitor.pass("go");
            assert_eq!(all_ok(waiting), [0, 1, 2], "{mode}");
            busy.stays.soon().unwrap();
            assert_eq!((pool.stats().completed, pool.stats().failed), (4, 0), "{mode}");
            pool.stop().unwrap();
        }
    }
}

#[test]
fn whoever_has_a_result_finds_the_place_free() {
    for mode in modes() {
        let pool = Desk::options().mode(mode).max_pending(1).init().unwrap();
        for number in 0..300 {
            assert_eq!(pool.echo(number).soon().unwrap(), number, "{mode}");
            assert!(matches!(pool.fail().soon(), Err(Error::Failed { .. })), "{mode}");
        }
        assert_eq!(pool.stats().rejected, 0, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn what_is_cancelled_or_late_gives_its_place_back() {
    for mode in apart() {
        let busy = Busy::new(Desk::options().mode(mode).max_pending(4).max_queued_tasks(1));
        for _ in 0..3 {
            let waiting = accepted(&busy.pool);
            assert_eq!(waiting.len(), 3, "{mode}");
            assert!(waiting.iter().all(TaskFuture::cancel), "{mode}");
            all_soon(waiting);
        }
        busy.end();

        let options = Desk::options().mode(mode).max_pending(4).max_queued_tasks(1);
        // Long enough for the first to begin, also where there is a lot to do.
        let pool = options.timeout(Duration::from_secs(3)).init().unwrap();
        let gate = Gate::new();
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        let waiting = accepted(&pool);
        for outcome in all_soon(waiting) {
            // The process that stays is replaced first, and its successor may be in time for them.
            let in_time = mode == Mode::Process && outcome.is_ok();
            assert!(in_time || matches!(outcome, Err(Error::TimedOut { .. })), "{mode}: {outcome:?}");
        }
        assert!(matches!(stays.soon(), Err(Error::TimedOut { .. })), "{mode}");
        drop((visitor, gate));
        // All are back: four at once.
        let next: Vec<_> = (0..4).map(|number| pool.echo(number)).collect();
        for outcome in all_soon(next) {
            assert!(!matches!(outcome, Err(Error::Full { .. })), "{mode}: {outcome:?}");
        }
        pool.abort().unwrap();
    }
}

#[test]
fn a_call_that_is_to_be_tried_again_keeps_its_place() {
    for mode in apart() {
        let policy = Retry::fixed().num_retries(1).wait(Duration::from_secs(3600)).jitter(0.0);
        let pool = Desk::options().mode(mode).max_pending(2).retry(policy).init().unwrap();
        let (first, second) = (pool.fail(), pool.fail());
        eventually("both to wait for another attempt", || pool.stats().retried == 2);
        assert!(is_full(&pool.echo(1).soon().unwrap_err()), "{mode}");
        assert!(first.cancel());
        assert_eq!(pool.echo(2).soon().unwrap(), 2, "{mode}");
        assert!(second.cancel());
        all_soon([first, second]);
        pool.stop().unwrap();
    }
}

#[test]
fn a_call_that_waits_for_its_argument_has_a_place() {
    let (first, second) = (Busy::new(Desk::options().mode(Mode::Thread)), Desk::options().max_pending(2));
    let pool = second.mode(Mode::Thread).init().unwrap();
    let late = first.pool.echo(5);
    let chained = pool.echo(late);
    assert_eq!(pool.echo(1).soon().unwrap(), 1);
    let other = pool.echo(first.pool.echo(6));
    assert!(is_full(&pool.echo(2).soon().unwrap_err()));
    first.end();
    assert_eq!((chained.soon().unwrap(), other.soon().unwrap()), (5, 6));
    assert_eq!(pool.echo(3).soon().unwrap(), 3);
    pool.stop().unwrap();
}

#[test]
fn deaths_and_stops_lose_no_place() {
    let pool = Desk::options().mode(Mode::Process).max_pending(5).init().unwrap();
    for round in 0..5 {
        let mut futures = vec![pool.end(Way::Kill)];
        futures.extend((0..4).map(|number| pool.echo(number)));
        let outcomes = all_soon(futures);
        assert!(outcomes.iter().all(|outcome| !matches!(outcome, Err(Error::Full { .. }))), "{round}: {outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4, "{round}");
    }
    pool.stop().unwrap();
    let error = pool.echo(1).soon().unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "a pool that is stopped is not full: {error:?}");

    for mode in apart() {
        let busy = Busy::new(Desk::options().mode(mode).max_pending(4));
        let waiting = accepted(&busy.pool);
        busy.pool.abort().unwrap();
        assert!(all_soon(waiting).iter().all(|outcome| matches!(outcome, Err(Error::Stopped { .. }))), "{mode}");
        assert!(matches!(busy.pool.echo(1).soon(), Err(Error::Stopped { .. })), "{mode}");
        assert!(matches!(busy.stays.soon(), Err(Error::Stopped { .. })), "{mode}");
    }
}
