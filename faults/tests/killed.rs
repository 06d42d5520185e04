//! A worker that is killed at any point of a call's way costs that call if it had begun, and nothing if it had not; and
//! nothing is run twice.

use concurry::Error;
use concurry_faults::{Action, CALLS, Plan, Point, Stage, Subject, alone, cut, play, play_with, third};
use concurry_tests::{Soon, eventually_is};

const KILLED: &str = "killed by signal 9 (SIGKILL)";

/// Where a frame is cut: before it, in its head, right after that, in its bytes.
const CUTS: [usize; 4] = [0, 1, 31, 32];

#[test]
fn a_worker_that_is_killed_before_its_call_has_begun_costs_nothing() {
    let _alone = alone();
    let mut plans = vec![third(Point::Send, Action::Kill), third(Point::Begin, Action::Kill)];
    plans.extend(CUTS.map(|length| third(Point::Sending, cut(length, Action::Kill))));
    // It is stopped before the call is there, and never goes on.
    plans.push(third(Point::Send, Action::Stop).at(Point::Sent, Action::Kill).time(3));
    for plan in plans {
        let what = plan.to_string();
        let seen = play(plan);
        seen.good_but(&[], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
    }
}

#[test]
fn a_worker_that_is_killed_in_its_call_costs_that_call() {
    let _alone = alone();
    let mut cases = vec![(third(Point::Begun, Action::Kill), 0), (third(Point::Done, Action::Kill), 1)];
    cases.extend(CUTS.map(|length| (third(Point::Answering, cut(length, Action::Kill)), 1)));
    for (plan, ran) in cases {
        // With calls behind it that are with the worker already, and without.
        for window in [1, 4] {
            let what = format!("{plan}, {window} ahead");
            let seen = play_with(plan.clone(), |options| options.max_queued_tasks(window));
            seen.lost(3, ran, KILLED, &what);
            seen.good_but(&[3], &what);
            assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
        }
    }
}

#[test]
fn a_worker_that_is_killed_after_its_answer_costs_nothing() {
    let _alone = alone();
    for window in [1, 4] {
        let seen = play_with(third(Point::Replied, Action::Kill), |options| options.max_queued_tasks(window));
        seen.good_but(&[], "replied");
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
    }
    // Its answer has been read, and the next call is not sent before it is taken to its call.
    let seen = play(third(Point::Heard, Action::Kill));
    seen.good_but(&[], "heard");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn a_worker_that_is_killed_while_its_driver_writes_or_reads_costs_one_call_at_most() {
    let _alone = alone();
    // It may have begun by then, or even answered.
    let seen = play(third(Point::Sent, Action::Kill));
    seen.good_or_lost(3, "sent");
    seen.good_but(&[3], "sent");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
    // The next call is on its way by then; or the one after it, where somebody else has taken the next answer meanwhile.
    let seen = play(third(Point::Answered, Action::Kill));
    seen.one_lost_after(3, "answered");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn an_answer_of_several_mebibytes_that_is_cut_costs_its_call_alone() {
    let _alone = alone();
    const SIZE: usize = 5 << 20;
    for length in [40, 1 << 20, SIZE] {
        let stage =
            Stage::with(third(Point::Answering, cut(length, Action::Kill)), |options| options.max_queued_tasks(4));
        let futures: Vec<_> = (1..=CALLS).map(|id| stage.pool.large(id, SIZE)).collect();
        for (id, future) in (1..).zip(futures) {
            match future.soon() {
                Err(Error::WorkerDied { status, .. }) => assert!(id == 3 && status.contains(KILLED), "{id} {status}"),
                other => assert!(id != 3 && other.unwrap() == vec![7; SIZE]),
            }
            assert_eq!(stage.journal.count(&id.to_string()), 1);
        }
        let stats = stage.pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.restarts), (CALLS - 1, 1, 1));
        stage.pool.stop().unwrap();
        stage.leave(vec![], stats);
    }
}

#[test]
fn with_a_retry_a_call_that_was_lost_is_run_again_and_no_other() {
    let _alone = alone();
    for (point, ran) in [(Point::Begun, 1), (Point::Done, 2)] {
        let seen = play_with(third(point, Action::Kill), |options| options.num_retries(2));
        assert!(matches!(seen.of(3), Ok(6)), "{:?}", seen.of(3));
        assert_eq!(seen.ran(3), ran);
        seen.good_but(&[3], "retried");
        assert_eq!((seen.stats.restarts, seen.stats.retried), (1, 1));
    }
}

#[test]
fn a_reader_that_panics_costs_what_may_have_been_answered() {
    let _alone = alone();
    // The answer has been read, and is lost; so the call is not run again.
    let seen = play(third(Point::Heard, Action::Panic));
    seen.lost(3, 1, "panicked: a fault at heard", "heard");
    seen.good_but(&[3], "heard");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
    // Here it is not lost. The other answers may be taken by who waits for them, so nobody but the pool need notice.
    let stage = Stage::new(third(Point::Answered, Action::Panic));
    let outcomes = stage.submit().into_iter().map(Soon::soon).collect();
    eventually_is("restarts", 1, || stage.pool.stats().restarts);
    let seen = stage.settle_with(outcomes);
    seen.one_lost_after(3, "answered");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn a_worker_that_is_killed_while_it_is_built_anew_costs_what_panicked() {
    let _alone = alone();
    let stage = Stage::new(Plan::new().at(Point::Rebuild, Action::Kill));
    let trips = stage.pool.trip(100);
    let futures = stage.submit();
    assert!(matches!(trips.soon(), Err(Error::Panicked { .. })));
    let outcomes: Vec<_> = futures.into_iter().map(Soon::soon).collect();
    let stats = stage.pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (CALLS, 1, 1));
    stage.pool.stop().unwrap();
    let seen = stage.leave(outcomes, stats);
    seen.good_but(&[], "rebuild");
    assert_eq!((seen.ran(100), seen.built()), (1, 2));
}

#[test]
fn a_worker_that_is_killed_at_its_end_costs_nothing() {
    let _alone = alone();
    for point in [Point::Stopping, Point::Leaving] {
        let seen = play(Plan::new().at(point, Action::Kill));
        seen.good_but(&[], "stop");
        assert_eq!((seen.stats.restarts, seen.built()), (0, 1), "{point:?}");
    }
    // When it has done enough, and another takes its place.
    let plan = Plan::new().at(Point::Leaving, Action::Kill);
    let seen = play_with(plan, |options| options.max_queued_tasks(4).max_calls_per_worker(3));
    seen.good_but(&[], "recycled");
    assert_eq!((seen.stats.restarts, seen.stats.recycled, seen.built()), (0, 3, 4));
    // It hears of that while it runs its third call, which is all that it can cost.
    let plan = Plan::new().at(Point::Stopping, Action::Kill);
    let seen = play_with(plan, |options| options.max_calls_per_worker(3));
    seen.good_or_lost(3, "told");
    seen.good_but(&[3], "told");
}

#[test]
fn a_queue_shared_by_three_workers_loses_what_each_was_running() {
    let _alone = alone();
    // Each incarnation of the first three dies in its second call.
    let mut plan = Plan::new();
    for incarnation in 1..=3 {
        plan = plan.at(Point::Begun, Action::Kill).time(2).incarnation(incarnation);
    }
    let journal = concurry_tests::Journal::new();
    let held = plan.hold();
    let options = Subject::options().max_workers(3).load_balancing(concurry::LoadBalancing::Shared).max_restarts(5);
    let pool = options.init(journal.page()).unwrap();
    drop(held);
    let futures: Vec<_> = (1..=60).map(|id| (id, pool.double(id))).collect();
    let mut lost = 0;
    for (id, future) in futures {
        match future.soon() {
            Ok(value) => assert_eq!((value, journal.count(&id.to_string())), (id * 2, 1)),
            Err(Error::WorkerDied { .. }) => {
                assert_eq!(journal.count(&id.to_string()), 0);
                lost += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let stats = pool.stats();
    pool.stop().unwrap();
    // A worker may have had one call alone, or none, while the others took the rest.
    assert!((1..=3).contains(&lost), "{lost}");
    assert_eq!((stats.failed, stats.completed, stats.restarts), (lost, 60 - lost, lost));
}
