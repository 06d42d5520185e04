//! Whoever is stopped or late at any point of a call's way costs nothing once it goes on; and what waits for it meanwhile
//! has its timeout, and comes to its end when the pool does.

use std::time::{Duration, Instant};

use concurry::Error;
use concurry_faults::{Action, CALLS, Plan, Point, Stage, alone, cut, play, third};
use concurry_tests::{Door, Gate, Soon, all_soon, eventually, states};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where a test can have somebody wait.
fn wait(gate: &Gate) -> Action {
    let Door(path) = gate.door();
    Action::Wait(path)
}

/// The worker's process, once it has stopped.
fn stopped(stage: &Stage) -> Pid {
    let mut found = None;
    eventually("the worker is stopped", || {
        found = stage.pool.stats().workers[0].pid;
        found.is_some_and(|pid| states(pid).iter().all(|&state| state == 'T') && !states(pid).is_empty())
    });
    Pid::from_raw(found.unwrap().cast_signed())
}

#[test]
fn whoever_is_late_at_a_point_costs_nothing() {
    let _alone = alone();
    let points = [
        Point::Send,
        Point::Sending,
        Point::Sent,
        Point::Heard,
        Point::Answered,
        Point::Begin,
        Point::Begun,
        Point::Done,
        Point::Answering,
        Point::Replied,
    ];
    for point in points {
        let gate = Gate::new();
        let held = match point {
            Point::Sending | Point::Answering => cut(20, wait(&gate)),
            _ => wait(&gate),
        };
        // Whoever submits may be the one that waits.
        let passes = std::thread::spawn(move || gate.visitor().pass(""));
        let seen = play(third(point, held));
        passes.join().unwrap();
        seen.good_but(&[], &format!("{point:?}"));
        assert_eq!((seen.stats.restarts, seen.built()), (0, 1), "{point:?}");
    }
}

#[test]
fn a_worker_that_is_late_on_its_way_up_or_down_costs_nothing() {
    let _alone = alone();
    let points = [
        Point::Spawned,
        Point::Described,
        Point::TakeOver,
        Point::Told,
        Point::Ready,
        Point::Stopping,
        Point::Leaving,
        Point::Bury,
    ];
    for point in points {
        let gate = Gate::new();
        let plan = Plan::new().at(point, wait(&gate));
        let passes = std::thread::spawn(move || gate.visitor().pass(""));
        let seen = play(plan);
        passes.join().unwrap();
        seen.good_but(&[], &format!("{point:?}"));
        assert_eq!((seen.stats.restarts, seen.built()), (0, 1), "{point:?}");
    }
}

#[test]
fn a_worker_that_is_stopped_and_continued_costs_nothing() {
    let _alone = alone();
    let plans = [
        third(Point::Send, Action::Stop),
        third(Point::Sending, cut(20, Action::Stop)),
        third(Point::Begin, Action::Stop),
        third(Point::Begun, Action::Stop),
        third(Point::Done, Action::Stop),
        third(Point::Answering, cut(20, Action::Stop)),
        third(Point::Replied, Action::Stop),
    ];
    for plan in plans {
        let what = plan.to_string();
        let stage = Stage::new(plan);
        let futures = stage.submit();
        let worker = stopped(&stage);
        assert!(!futures[9].is_done(), "{what}");
        kill(worker, Signal::SIGCONT).unwrap();
        let seen = stage.settle(futures);
        seen.good_but(&[], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (0, 1), "{what}");
    }
}

#[test]
fn a_worker_that_is_stopped_in_a_call_is_replaced_when_the_time_of_the_call_is_up() {
    let _alone = alone();
    for (plan, ran) in [
        (third(Point::Begun, Action::Stop), 0),
        (third(Point::Done, Action::Stop), 1),
        (third(Point::Answering, cut(20, Action::Stop)), 1),
    ] {
        let what = plan.to_string();
        let begun = Instant::now();
        let stage = Stage::with(plan, |options| options.run_timeout(Duration::from_secs(2)));
        let futures = stage.submit();
        let seen = stage.settle(futures);
        // It does not leave by itself, and is given a second for that.
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {:?}", begun.elapsed());
        assert!(matches!(seen.of(3), Err(Error::TimedOut { .. })), "{what}: {:?}", seen.of(3));
        assert_eq!(seen.ran(3), ran, "{what}");
        seen.good_but(&[3], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
    }
}

#[test]
fn a_pool_whose_worker_is_stopped_comes_to_its_end_all_the_same() {
    let _alone = alone();
    for (plan, ran) in [
        (third(Point::Begin, Action::Stop), 0),
        (third(Point::Begun, Action::Stop), 0),
        (third(Point::Answering, cut(20, Action::Stop)), 1),
    ] {
        for abort in [true, false] {
            let stage = Stage::new(plan.clone());
            let futures = stage.submit();
            stopped(&stage);
            match abort {
                true => stage.pool.abort().unwrap(),
                false => stage.pool.stop_within(Duration::from_millis(50)).unwrap(),
            }
            assert!(futures.iter().all(concurry::TaskFuture::is_done));
            let outcomes = all_soon(futures);
            let stats = stage.pool.stats();
            let seen = stage.leave(outcomes, stats);
            assert!(seen.of(1).is_ok() && seen.of(2).is_ok());
            for id in 3..=CALLS {
                assert!(matches!(seen.of(id), Err(Error::Stopped { .. })), "{:?}", seen.of(id));
                assert_eq!(seen.ran(id), if id == 3 { ran } else { 0 });
            }
            assert_eq!((seen.stats.completed, seen.stats.failed), (2, CALLS - 2));
        }
    }
}

#[test]
fn an_abort_while_a_death_is_looked_into_resolves_every_call_at_once() {
    let _alone = alone();
    let gate = Gate::new();
    let plan = third(Point::Begun, Action::Kill).at(Point::Bury, wait(&gate));
    let stage = Stage::new(plan);
    let futures = stage.submit();
    let visitor = gate.visitor();
    let outcomes = std::thread::scope(|scope| {
        let aborts = scope.spawn(|| stage.pool.abort());
        // Who looks after the worker still stands at the gate.
        let outcomes = all_soon(futures);
        visitor.pass("");
        aborts.join().unwrap().unwrap();
        outcomes
    });
    let stats = stage.pool.stats();
    let seen = stage.leave(outcomes, stats);
    assert!(seen.of(1).is_ok() && seen.of(2).is_ok());
    for id in 3..=CALLS {
        assert!(matches!(seen.of(id), Err(Error::Stopped { .. })), "{:?}", seen.of(id));
        assert_eq!(seen.ran(id), 0);
    }
}

#[test]
fn a_call_that_is_cancelled_while_half_of_it_is_written_spoils_nothing() {
    let _alone = alone();
    let stage = Stage::new(third(Point::Sending, cut(20, Action::Stop)));
    let futures = stage.submit();
    let worker = stopped(&stage);
    futures[2].cancel();
    futures[5].cancel();
    kill(worker, Signal::SIGCONT).unwrap();
    let seen = stage.settle(futures);
    for id in [3, 6] {
        // The word of it comes behind the call, so the worker may have been done with the call by then.
        match seen.of(id) {
            Ok(value) => assert_eq!((*value, seen.ran(id)), (2 * id, 1)),
            Err(Error::Cancelled { .. }) => assert_eq!(seen.ran(id), 0),
            Err(error) => panic!("{error}"),
        }
    }
    seen.good_but(&[3, 6], "cancelled");
    assert_eq!((seen.stats.restarts, seen.built()), (0, 1));
}

#[test]
fn a_death_is_noticed_at_once() {
    let _alone = alone();
    let mut took = Vec::new();
    for _ in 0..20 {
        let gate = Gate::new();
        let stage = Stage::new(Plan::new().at(Point::Begun, wait(&gate)));
        let future = stage.pool.double(1);
        let visitor = gate.visitor();
        let begun = Instant::now();
        kill(Pid::from_raw(visitor.pid.cast_signed()), Signal::SIGKILL).unwrap();
        assert!(matches!(future.soon(), Err(Error::WorkerDied { .. })));
        took.push(begun.elapsed());
        drop((visitor, gate));
        stage.pool.stop().unwrap();
        let stats = stage.pool.stats();
        stage.leave(vec![], stats);
    }
    took.sort();
    println!("from the kill to the error: {:?} in the middle, {:?} at most", took[10], took[19]);
    assert!(took[10] < Duration::from_secs(1), "{took:?}");
}
