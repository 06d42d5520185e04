//! A driver that is killed at any point of a worker's or a call's way leaves no process behind, and `main` runs once.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use concurry_faults::{Action, Plan, Point, cut, third};
use concurry_tests::{Door, Gate, Program};

fn start(plan: &Plan) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_doomed")).arg(plan.to_string()).env("RUST_BACKTRACE", "0"))
}

/// Nobody has the program's stdout open any more; no call ran twice.
#[track_caller]
fn gone(program: &Program, what: &str) -> Vec<String> {
    let begun = Instant::now();
    let lines = program.rest();
    assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    let mut seen = BTreeSet::new();
    for line in &lines {
        assert!(seen.insert(line), "{what}: `{line}` twice");
    }
    lines
}

#[test]
fn a_driver_that_dies_at_any_point_leaves_nobody_behind() {
    let mut plans: Vec<Plan> = vec![];
    let over_the_socket = std::env::var_os("CONCURRY_LINK").is_some_and(|link| link == "socket");
    let points = [Point::Thread, Point::Memory, Point::Spawn, Point::Spawned, Point::Described];
    for point in points.into_iter().filter(|&point| point != Point::Memory || !over_the_socket) {
        plans.extend([1, 2].map(|time| Plan::new().at(point, Action::Die).time(time)));
    }
    for point in [Point::Send, Point::Sent, Point::Heard, Point::Answered] {
        plans.push(third(point, Action::Die));
    }
    plans.extend([0, 20, 33].map(|length| third(Point::Sending, cut(length, Action::Die))));
    // At the death of a worker, and when all is done.
    plans.push(third(Point::Begun, Action::Kill).at(Point::Bury, Action::Die));
    plans.push(Plan::new().at(Point::Bury, Action::Die));
    for plan in plans {
        let what = plan.to_string();
        let mut program = start(&plan);
        assert_eq!(program.wait().signal(), Some(9), "{what}: {:?}", program.said());
        let lines = gone(&program, &what);
        assert!(!lines.iter().any(|line| line.starts_with("good")), "{what}: {lines:?}");
    }
}

#[test]
fn a_worker_whose_driver_died_while_it_was_on_its_way_up_ends() {
    for point in [Point::TakeOver, Point::Told, Point::Ready, Point::Begun, Point::Stopping, Point::Leaving] {
        let what = format!("{point:?}");
        let gate = Gate::new();
        let Door(path) = gate.door();
        let mut program = start(&Plan::new().at(point, Action::Wait(path)));
        let visitor = gate.visitor();
        program.kill();
        program.wait();
        visitor.pass("");
        let lines = gone(&program, &what);
        assert!(!lines.iter().any(|line| line.starts_with("good")), "{what}: {lines:?}");
    }
}

#[test]
fn without_a_fault_all_is_well() {
    let mut program = start(&Plan::new());
    assert!(program.wait().success(), "{:?}", program.said());
    let lines = gone(&program, "nothing");
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (22, Some("good 20")));
}
