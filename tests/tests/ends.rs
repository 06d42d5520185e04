//! However a driver is told to end, and whatever the system refuses it: no process is left, and nobody hangs.

use std::collections::BTreeSet;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Program, Soon, is_alive, is_ignored, within};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

/// The driver, with what signals do by default or, with `ignore`, nothing; in a group of its own.
fn start(how: &str, signals: &str) -> Program {
    // Whoever runs this test may have it ignore a signal, and what it starts too.
    let mut command = Command::new("env");
    command.args([signals, env!("CARGO_BIN_EXE_driver"), how]).env("RUST_BACKTRACE", "0").process_group(0);
    let program = Program::start(&mut command);
    assert_eq!(program.line(), format!("main {}", program.pid()));
    program
}

/// The driver with its stderr on a disk that is full.
fn start_with_a_full_disk(how: &str) -> Program {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$@\" 2> /dev/full", "sh", env!("CARGO_BIN_EXE_driver"), how])
        .env("RUST_BACKTRACE", "0");
    let program = Program::start(&mut command);
    assert_eq!(program.line(), format!("main {}", program.pid()));
    program
}

/// The processes of the next `count` lines, which all begin with `word`.
fn pids(program: &Program, word: &str, count: usize) -> BTreeSet<u32> {
    (0..count)
        .map(|_| {
            let line = program.line();
            line.strip_prefix(word).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap()
        })
        .collect()
}

#[track_caller]
fn gone(program: &Program, workers: &BTreeSet<u32>) {
    within(Duration::from_secs(1), "workers alive", 0, &mut || workers.iter().filter(|&&pid| is_alive(pid)).count());
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn a_signal_that_ends_the_driver_ends_its_workers() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1] {
        for how in ["idle", "toil"] {
            for to_all in [false, true] {
                let mut program = start(how, "--default-signal");
                let workers = pids(&program, if how == "idle" { "idle" } else { "toils" }, 3);
                // A shell sends it to the group, as a terminal does; `kill` to the driver alone.
                match to_all {
                    true => killpg(raw(program.pid()), signal).unwrap(),
                    false => kill(raw(program.pid()), signal).unwrap(),
                }
                assert_eq!(program.wait().signal(), Some(signal as i32), "{how}");
                gone(&program, &workers);
            }
        }
    }
}

#[test]
fn a_driver_that_does_not_mind_its_terminal_going_has_workers_that_do_not_either() {
    let mut program = start("ping", "--ignore-signal=HUP");
    program.tell("ping");
    let pong = program.line();
    killpg(raw(program.pid()), Signal::SIGHUP).unwrap();
    for _ in 0..3 {
        program.tell("ping");
        assert_eq!(program.line(), pong);
    }
    program.tell("end");
    assert!(program.wait().success());
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[derive(Default)]
struct Sitter;

#[worker(mode = "process")]
impl Sitter {
    pub fn sit(&self, door: Door) -> String {
        door.knock()
    }

    pub fn one(&self) -> u64 {
        1
    }
}

#[test]
fn a_signal_that_ends_a_worker_costs_the_call_that_it_runs() {
    let pool = Sitter::options().max_restarts(10).init().unwrap();
    let signals = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGALRM];
    // Whoever runs this test may have it ignore a signal, as `nohup` does, and what it starts too.
    let signals: Vec<_> = signals.into_iter().filter(|&signal| !is_ignored(signal)).collect();
    assert!(!signals.is_empty());
    for &signal in &signals {
        let gate = Gate::new();
        let sits = pool.sit(gate.door());
        let visitor = gate.visitor();
        let behind = pool.one();
        kill(raw(visitor.pid), signal).unwrap();
        match sits.soon() {
            Err(Error::WorkerDied { status, .. }) => {
                assert_eq!(*status, *format!("killed by signal {} ({signal})", signal as i32));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(behind.soon().unwrap(), 1);
    }
    assert_eq!(pool.stats().restarts, signals.len() as u64);
    pool.stop().unwrap();
}

#[test]
fn a_disk_that_is_full_costs_what_was_to_be_written_there_and_nothing_else() {
    let mut program = start_with_a_full_disk("noise");
    assert_eq!(program.line(), "made noise 2000");
    let died = program.line();
    assert!(died.contains("killed by signal 6 (SIGABRT)"), "{died}");
    // What it wrote is in the error all the same.
    let rest = program.rest();
    let words = rest.iter().position(|line| line == "    last words");
    assert!(died.ends_with("it wrote to stderr:") && words == Some(rest.len() - 2), "{died} {rest:?}");
    assert_eq!(rest.last().unwrap(), "after 2");
    assert!(program.wait().success());
    // That no memory can be shared is said there too.
    let mut program = start_with_a_full_disk("memory");
    assert_eq!(program.line(), "workers 2");
    assert!(program.line().starts_with("toils "));
    program.tell("it toils");
    assert!(program.line().starts_with("cancelled "));
    assert_eq!(program.line(), "lost 0");
    assert!(program.wait().success());
}

#[test]
fn without_room_for_a_process_init_says_so_and_later_works() {
    let mut program = start("processes", "--default-signal");
    assert!(program.wait().success(), "{:?}", program.said());
    let lines = program.rest();
    let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("error")).collect();
    assert!(!errors.is_empty(), "{lines:?}");
    for error in errors {
        assert!(error.contains("Hand could not be started"), "{error}");
        assert!(error.contains("os error 11") && error.contains("ulimit -u"), "{error}");
    }
    assert!(lines.iter().any(|line| line.starts_with("room") && line.ends_with(" 2")), "{lines:?}");
    let given_up = lines.iter().find(|line| line.starts_with("given up")).unwrap();
    assert!(given_up.contains("os error 11") && given_up.contains("max_restarts"), "{given_up}");
    assert_eq!(lines.last().unwrap(), "again 2");
}
