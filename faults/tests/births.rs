//! A worker that does not come up: at first that is the error of `init`, later it costs no call; and nothing is left.

use concurry::Error;
use concurry_faults::{Action, Plan, Point, Stage, alone, play, play_with};

/// What a process can be at when it is killed on its way up, and its driver.
const ON_THE_WAY: [Point; 5] = [Point::Spawned, Point::Described, Point::TakeOver, Point::Told, Point::Ready];

/// What the system can refuse, and with what: a process or a thread too many, no memory, no descriptor, a full disk.
const REFUSALS: [(Point, i32); 7] = [
    (Point::Spawn, nix::errno::Errno::EAGAIN as i32),
    (Point::Spawn, nix::errno::Errno::ENOMEM as i32),
    (Point::Spawn, nix::errno::Errno::EMFILE as i32),
    (Point::Spawn, nix::errno::Errno::ENFILE as i32),
    (Point::Spawn, nix::errno::Errno::ENOSPC as i32),
    (Point::Thread, nix::errno::Errno::EAGAIN as i32),
    (Point::Thread, nix::errno::Errno::ENOMEM as i32),
];

/// The plan for the how manieth worker of a pool; `in_driver` where the driver comes to the point.
fn for_the(number: u32, point: Point, action: Action) -> Plan {
    // The driver counts how often it comes to a point, a worker in which incarnation it is.
    match point {
        Point::TakeOver | Point::Told | Point::Ready => Plan::new().at(point, action).incarnation(number),
        _ => Plan::new().at(point, action).time(number),
    }
}

#[test]
fn a_worker_that_is_killed_on_its_way_up_is_the_error_of_init() {
    let _alone = alone();
    for point in ON_THE_WAY {
        let error = Stage::try_with(for_the(1, point, Action::Kill), |options| options).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::InitFailed { .. }), "{point:?}: {error:?}");
        assert!(text.starts_with("Subject could not be started"), "{point:?}: {text}");
        assert!(text.contains("killed by signal 9 (SIGKILL)"), "{point:?}: {text}");
    }
}

#[test]
fn one_of_several_that_does_not_come_up_leaves_none_of_them() {
    let _alone = alone();
    for point in ON_THE_WAY {
        let error = Stage::try_with(for_the(3, point, Action::Kill), |options| options.max_workers(3)).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{point:?}: {error:?}");
    }
}

#[test]
fn a_successor_that_is_killed_on_its_way_up_costs_nothing_more() {
    let _alone = alone();
    for point in ON_THE_WAY {
        let what = format!("{point:?}");
        let plan = for_the(2, point, Action::Kill).at(Point::Begun, Action::Kill).time(3);
        let seen = play_with(plan, |options| options.max_queued_tasks(4));
        seen.lost(3, 0, "killed by signal 9", &what);
        seen.good_but(&[3], &what);
        assert_eq!(seen.stats.restarts, 2, "{what}");
    }
}

#[test]
fn on_demand_a_worker_that_is_killed_on_its_way_up_costs_the_call_that_it_was_made_for() {
    let _alone = alone();
    for point in [Point::Spawned, Point::Described] {
        let what = format!("{point:?}");
        let stage = Stage::with(for_the(1, point, Action::Kill), |options| options.on_demand(true).max_workers(1));
        let futures = stage.submit();
        let fired = stage.fired();
        let seen = stage.settle(futures);
        assert_eq!(fired(), 1, "{what}: it was not killed");
        match seen.of(1) {
            Err(Error::InitFailed { .. }) => assert_eq!(seen.ran(1), 0, "{what}"),
            // One that was forked ahead, and had not even begun to come up, is nobody's loss.
            outcome => assert_eq!((outcome.as_ref().ok(), seen.ran(1)), (Some(&2), 1), "{what}"),
        }
        seen.good_but(&[1], &what);
    }
}

#[test]
fn what_the_system_refuses_is_the_error_of_init() {
    let _alone = alone();
    for (point, number) in REFUSALS {
        let plan = for_the(1, point, Action::Refuse(number));
        let error = Stage::try_with(plan, |options| options.max_workers(2)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::InitFailed { .. }), "{point:?}: {error:?}");
        assert!(text.starts_with("Subject could not be started"), "{text}");
        assert!(text.contains(&format!("(os error {number})")), "{text}");
    }
}

#[test]
fn what_the_system_refuses_to_a_successor_costs_nothing_more() {
    let _alone = alone();
    for (point, number) in REFUSALS {
        let what = format!("{point:?} {number}");
        let plan = for_the(2, point, Action::Refuse(number)).at(Point::Begun, Action::Kill).time(3);
        let seen = play_with(plan, |options| options.max_queued_tasks(4));
        seen.lost(3, 0, "killed by signal 9", &what);
        seen.good_but(&[3], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (2, 2), "{what}");
    }
}

#[test]
fn without_memory_to_share_calls_go_over_the_socket() {
    let _alone = alone();
    for errno in [nix::errno::Errno::ENOSPC, nix::errno::Errno::ENOMEM, nix::errno::Errno::EMFILE] {
        let plan = Plan::new().at(Point::Memory, Action::Refuse(errno as i32));
        // What dies there costs what it costs with rings.
        let seen = play(plan.at(Point::Begun, Action::Kill).time(3));
        seen.lost(3, 0, "killed by signal 9", "socket");
        seen.good_but(&[3], "socket");
        assert_eq!(seen.stats.restarts, 1);
    }
}

#[test]
fn a_worker_whose_every_successor_is_refused_is_given_up_and_its_calls_say_so() {
    let _alone = alone();
    let mut plan = Plan::new().at(Point::Begun, Action::Kill).time(3);
    for time in 2..=4 {
        plan = plan.at(Point::Spawn, Action::Refuse(11)).time(time);
    }
    let stage = Stage::with(plan, |options| options.max_restarts(3));
    let futures = stage.submit();
    let outcomes: Vec<_> = futures.into_iter().map(concurry_tests::Soon::soon).collect();
    let stats = stage.pool.stats();
    stage.pool.stop().unwrap();
    let seen = stage.leave(outcomes, stats);
    for id in 1..=2 {
        assert!(seen.of(id).is_ok());
    }
    seen.lost(3, 0, "killed by signal 9", "given up");
    for id in 4..=10 {
        let error = seen.of(id).as_ref().unwrap_err().to_string();
        assert!(error.contains("max_restarts") && error.contains("os error 11"), "{error}");
        assert_eq!(seen.ran(id), 0);
    }
    assert_eq!((seen.stats.completed, seen.stats.failed), (2, 8));
}
