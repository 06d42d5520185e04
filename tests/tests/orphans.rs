//! No worker outlives its driver, however that ends; and `main` runs once.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use concurry_tests::{Program, eventually, is_alive, states, within};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_driver"));
    command.args(arguments).env("RUST_BACKTRACE", "0");
    command
}

/// Starts the driver and sees its `main` begin.
fn start(arguments: &[&str]) -> Program {
    begun(Program::start(&mut command(arguments)))
}

fn begun(program: Program) -> Program {
    assert_eq!(program.line(), format!("main {}", program.pid()));
    program
}

/// The processes of the next `count` lines, which all begin with `word`.
fn pids(program: &Program, word: &str, count: usize) -> Vec<u32> {
    let pids: BTreeSet<u32> = (0..count)
        .map(|_| {
            let line = program.line();
            line.strip_prefix(word).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap()
        })
        .collect();
    assert_eq!(pids.len(), count);
    assert!(!pids.contains(&program.pid()));
    pids.into_iter().collect()
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

/// All of `workers` are gone within a second, and nobody printed anything more.
#[track_caller]
fn gone(program: &Program, workers: &[u32]) {
    within(Duration::from_secs(1), "workers alive", vec![], &mut || {
        workers.iter().copied().filter(|&pid| is_alive(pid)).collect::<Vec<_>>()
    });
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn a_driver_that_is_killed_leaves_no_idle_worker_behind() {
    let mut program = start(&["idle"]);
    let workers = pids(&program, "idle", 3);
    assert!(workers.iter().all(|&pid| is_alive(pid)));
    program.kill();
    gone(&program, &workers);
}

#[test]
fn a_driver_that_is_killed_leaves_no_busy_worker_behind() {
    for how in ["toil", "on_demand", "stuck"] {
        let mut program = start(&[how]);
        let workers = pids(&program, "toils", if how == "stuck" { 2 } else { 3 });
        assert!(workers.iter().all(|&pid| is_alive(pid)));
        program.kill();
        gone(&program, &workers);
    }
}

#[test]
fn a_driver_that_is_killed_before_its_workers_are_up_leaves_none_either() {
    for round in 0..10 {
        // The test cannot know where in their start they are, so the kills come at different times of it.
        let mut program = Program::start(&mut command(&["idle"]));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(400 * round) {
            std::hint::spin_loop();
        }
        program.kill();
        // Nobody holds its stdout any more, and nobody ran `main` a second time.
        let rest = program.rest();
        assert!(rest.iter().filter(|line| line.starts_with("main")).count() <= 1, "{rest:?}");
    }
}

#[test]
fn the_workers_of_workers_end_with_them() {
    let mut program = start(&["nest"]);
    let outer = pids(&program, "nests", 1);
    let inner = pids(&program, "inner", 2);
    let toil = pids(&program, "toils", 2);
    assert_eq!(inner, toil);
    program.kill();
    gone(&program, &[&outer[..], &inner[..]].concat());

    // Where the worker in between is killed, its own go, and the driver goes on.
    let mut program = start(&["nest"]);
    let outer = pids(&program, "nests", 1);
    let inner = pids(&program, "inner", 2);
    pids(&program, "toils", 2);
    kill(raw(outer[0]), Signal::SIGKILL).unwrap();
    let line = program.line();
    assert!(line.starts_with("outer Some") && line.contains("SIGKILL"), "{line}");
    within(Duration::from_secs(1), "inner workers alive", 0, &mut || {
        inner.iter().filter(|&&pid| is_alive(pid)).count()
    });
    program.tell("end");
    assert!(program.wait().success());
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn a_main_that_returns_with_work_queued_ends_at_once_and_runs_once() {
    for (way, code) in [("return", Some(0)), ("exit", Some(5)), ("panic", Some(101)), ("abort", None)] {
        let mut program = start(&["return", way]);
        let workers = pids(&program, "toils", 2);
        program.tell("now");
        let begun = Instant::now();
        assert_eq!(program.wait().code(), code, "{way}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{way}: {:?}", begun.elapsed());
        // What is printed in the end is nothing: no worker ran another call, and none ran `main`.
        gone(&program, &workers);
    }
}

#[test]
fn a_worker_whose_threads_all_wait_for_its_driver_to_read_ends_with_it() {
    for link in ["ring", "socket"] {
        let mut program = begun(Program::start(command(&["flood"]).env("CONCURRY_LINK", link)));
        assert!(program.line().starts_with("sleeps "));
        let workers = pids(&program, "floods", 1);
        assert_eq!(pids(&program, "cancelled", 1), workers);
        eventually("all its threads wait", || states(workers[0]).iter().all(|&state| state == 'S'));
        program.kill();
        gone(&program, &workers);
    }
}

#[test]
fn ctrl_c_ends_driver_and_workers() {
    for how in ["idle", "toil"] {
        // Whoever runs this test in the background may have it ignore the signal, and what it starts too.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_driver"), how]).env("RUST_BACKTRACE", "0");
        let mut program = begun(Program::start(command.process_group(0)));
        let workers = pids(&program, if how == "idle" { "idle" } else { "toils" }, 3);
        killpg(raw(program.pid()), Signal::SIGINT).unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(program.wait().signal(), Some(Signal::SIGINT as i32));
        gone(&program, &workers);
    }
}

#[test]
fn ctrl_c_alone_ends_no_worker() {
    let mut program = begun(Program::start(command(&["ping"]).process_group(0)));
    program.tell("ping");
    let pong = program.line();
    let workers: Vec<u32> = pong
        .strip_prefix("pong [")
        .and_then(|rest| rest.strip_suffix(']'))
        .map(|list| list.split(", ").map(|pid| pid.parse().unwrap()).collect())
        .unwrap();
    for &worker in &workers {
        kill(raw(worker), Signal::SIGINT).unwrap();
    }
    for _ in 0..3 {
        program.tell("ping");
        assert_eq!(program.line(), pong);
    }
    program.tell("end");
    assert!(program.wait().success());
    gone(&program, &workers);
}

#[test]
fn a_program_that_was_deleted_or_overwritten_while_it_runs_still_starts_workers() {
    for how in ["delete", "overwrite"] {
        let folder = concurry_tests::TempDir::new();
        let copy = folder.path().join("driver");
        std::fs::copy(env!("CARGO_BIN_EXE_driver"), &copy).unwrap();
        let mut command = Command::new(&copy);
        command.args(["replace", how]);
        // Another thread of this test may have forked while the copy was open for writing, and hold it until it execs.
        let program = loop {
            match Program::try_start(&mut command) {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                other => break other.unwrap(),
            }
        };
        let mut program = begun(program);
        assert_eq!(program.line(), "workers 2", "{how}");
        assert_eq!(program.line(), "replaced true", "{how}");
        assert!(program.wait().success());
        assert_eq!(program.rest(), Vec::<String>::new());
    }
}

#[test]
fn without_file_descriptors_init_says_so_and_later_works() {
    let mut program = start(&["files"]);
    assert!(program.wait().success(), "{:?}", program.said());
    let lines = program.rest();
    let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("error")).collect();
    assert!(!errors.is_empty(), "{lines:?}");
    for error in errors {
        assert!(error.contains("Hand could not be started"), "{error}");
        assert!(error.contains("os error 24") || error.contains("EMFILE"), "{error}");
    }
    assert!(lines.iter().any(|line| line.starts_with("room") && line.ends_with(" 2")), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "again 2");
}

#[test]
fn without_shared_memory_calls_go_over_the_socket_and_that_is_said() {
    let mut program = start(&["memory"]);
    assert_eq!(program.line(), "workers 2");
    assert!(program.line().starts_with("toils "));
    program.tell("it toils");
    assert!(program.line().starts_with("cancelled "));
    assert_eq!(program.line(), "lost 0");
    assert!(program.wait().success(), "{:?}", program.said());
    let said = program.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no memory can be shared with worker processes"), "{said:?}");
}
