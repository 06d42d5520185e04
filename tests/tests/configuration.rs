//! Options come from the builder, the attribute, a scope, the environment and the program's own settings, in this order.

use std::process::Command;

use concurry::prelude::*;
use concurry_tests::Program;

#[derive(Default)]
struct Plain;

#[worker]
impl Plain {
    pub fn workers_of_a_new_pool(&self) -> usize {
        Plain::init().unwrap().max_workers()
    }
}

#[derive(Default)]
struct Decided;

#[worker(max_workers = 2)]
impl Decided {
    pub fn nothing(&self) {}
}

/// What a program with these variables prints for each of the words.
#[track_caller]
fn told<const N: usize>(variables: &[(&str, &str)], words: [&str; N]) -> [String; N] {
    let mut command = Command::new(env!("CARGO_BIN_EXE_configured"));
    command.args(words).envs(variables.iter().copied());
    let mut program = Program::start(&mut command);
    let lines: Vec<String> = program.rest();
    assert!(program.wait().success());
    lines.try_into().unwrap_or_else(|lines| panic!("{lines:?}"))
}

#[test]
fn the_environment_is_weaker_than_code_at_the_pool_and_stronger_than_the_programs_own() {
    let words = ["plain", "process", "attribute", "builder", "scoped"];
    assert_eq!(told(&[], words), ["thread 21", "process 22", "thread 2", "thread 1", "thread 3"]);
    let for_all = [("CONCURRY_MAX_WORKERS", "4")];
    assert_eq!(told(&for_all, words), ["thread 4", "process 4", "thread 2", "thread 1", "thread 3"]);
    let for_one = [for_all[0], ("CONCURRY_PROCESS_MAX_WORKERS", "5")];
    assert_eq!(told(&for_one, words), ["thread 4", "process 5", "thread 2", "thread 1", "thread 3"]);
    let moved = [for_one[0], for_one[1], ("CONCURRY_MODE", "process")];
    assert_eq!(told(&moved, words), ["process 5", "process 5", "thread 2", "thread 1", "process 3"]);
}

#[test]
fn the_kind_of_link_is_asked_for_by_its_name_or_not_at_all() {
    for link in ["ring", "socket"] {
        assert_eq!(told(&[("CONCURRY_LINK", link)], ["process"]), ["process 22"]);
    }
    let [error] = told(&[("CONCURRY_LINK", "pipe")], ["process"]);
    assert!(error.contains("CONCURRY_LINK") && error.contains("`pipe`") && error.contains("`socket`"), "{error}");
    // Where no process is started, nobody asks.
    assert_eq!(told(&[("CONCURRY_LINK", "pipe"), ("CONCURRY_MAX_WORKERS", "3")], ["plain"]), ["thread 3"]);
}

#[test]
fn retries_come_from_the_environment_alone() {
    let gave_up = "Shown::attempt failed: not yet";
    for (variables, expected) in [
        (&[][..], gave_up),
        (&[("CONCURRY_NUM_RETRIES", "0")], gave_up),
        (&[("CONCURRY_NUM_RETRIES", "1")], "attempt 2"),
        (&[("CONCURRY_NUM_RETRIES", "1"), ("CONCURRY_MODE", "process")], "attempt 2"),
        // What is said for the mode is stronger than what is said for all, and for another mode nothing is said by it.
        (&[("CONCURRY_NUM_RETRIES", "1"), ("CONCURRY_THREAD_NUM_RETRIES", "0")], gave_up),
        (&[("CONCURRY_PROCESS_NUM_RETRIES", "1"), ("CONCURRY_MODE", "process")], "attempt 2"),
        (&[("CONCURRY_PROCESS_NUM_RETRIES", "1")], gave_up),
    ] {
        assert_eq!(told(variables, ["retries"]), [expected], "{variables:?}");
    }
}

#[test]
fn every_other_option_is_heard_too() {
    for (variables, word, without, with) in [
        (&[("CONCURRY_NAME", "cpu")][..], "name", "Shown", "cpu"),
        (&[("CONCURRY_ON_DEMAND", "true")], "on_demand", "false", "true"),
        (&[("CONCURRY_MAX_QUEUED_TASKS", "1")], "queues", "3 in flight, 0 queued", "1 in flight, 2 queued"),
        (&[("CONCURRY_LOAD_BALANCING", "active"), ("CONCURRY_MAX_WORKERS", "2")], "balance", "[3, 1", "[2, 2]"),
    ] {
        let [said] = told(&[], [word]);
        assert!(said.starts_with(without), "{word}: {said}");
        assert_eq!(told(variables, [word]), [with], "{variables:?}");
    }
    // Without these a call would hang, and a worker come back.
    for (variables, word, with) in [
        (&[("CONCURRY_TIMEOUT", "20ms")][..], "time", "Shown::hang timed out after 20ms"),
        (&[("CONCURRY_RUN_TIMEOUT", "30ms"), ("CONCURRY_MODE", "process")], "time", "Shown::hang timed out after 30ms"),
        (&[("CONCURRY_STOP_TIMEOUT", "10ms")], "stop", "Shown::hang was not run to its end: its pool is stopped"),
        (
            &[("CONCURRY_MAX_RESTARTS", "0"), ("CONCURRY_MODE", "process"), ("CONCURRY_MAX_WORKERS", "1")],
            "deaths",
            "Shown[0]::die: the worker died: killed by signal 6 (SIGABRT), then Shown::nothing: the worker died",
        ),
        (
            &[("CONCURRY_MODE", "process"), ("CONCURRY_MAX_WORKERS", "1")],
            "deaths",
            "Shown[0]::die: the worker died: killed by signal 6 (SIGABRT), then done",
        ),
    ] {
        let [said] = told(variables, [word]);
        assert!(said.starts_with(with), "{variables:?}: {said}");
    }
}

#[test]
fn a_worker_process_makes_its_pools_by_the_environment_too() {
    // What `set` said in the driver is not known there.
    assert_eq!(told(&[], ["nested"]), ["thread 1"]);
    assert_eq!(told(&[("CONCURRY_THREAD_MAX_WORKERS", "6")], ["nested"]), ["thread 6"]);
}

#[test]
fn a_variable_that_cannot_be_is_an_error_of_every_init_and_names_what_is_allowed() {
    for (name, value, allowed) in [
        ("CONCURRY_MAX_WORKERS", "four", "a whole number from 1"),
        ("CONCURRY_NUM_RETRIES", "-1", "a whole number from 0"),
        ("CONCURRY_NUM_RETRIES", "often", "a whole number from 0"),
        ("CONCURRY_PROCESS_NUM_RETRIES", "1.5", "a whole number from 0"),
        ("CONCURRY_RETRIES", "3", "CONCURRY_NUM_RETRIES"),
        ("CONCURRY_MODE", "fibre", "`process`"),
        ("CONCURRY_LOAD_BALANCING", "best", "`round_robin`"),
        ("CONCURRY_ON_DEMAND", "yes", "`true` or `false`"),
        ("CONCURRY_MAX_QUEUED_TASKS", "0", "a whole number from 1"),
        ("CONCURRY_MAX_RESTARTS", "", "a whole number from 0"),
        ("CONCURRY_STOP_TIMEOUT", "soon", "5s"),
        ("CONCURRY_RUN_TIMEOUT", "0s", "longer than nothing"),
        ("CONCURRY_NAME", " ", "not empty"),
        ("CONCURRY_RAY_TIMEOUT", "5", "250ms"),
        ("CONCURRY_MAX_WORKER", "4", "CONCURRY_MAX_WORKERS"),
    ] {
        for said in told(&[(name, value)], ["plain", "builder", "name"]) {
            assert!(said.contains(name) && said.contains(allowed), "{name}, {allowed}: {said}");
        }
    }
    assert_eq!(told(&[("CONCURRY_HOME", "/tmp")], ["builder"]), ["thread 1"]);
}

#[test]
fn effective_shows_it_from_outside() {
    let variables = [("CONCURRY_PROCESS_MAX_WORKERS", "5"), ("CONCURRY_STOP_TIMEOUT", "2s")];
    let mut command = Command::new(env!("CARGO_BIN_EXE_configured"));
    let lines = Program::start(command.arg("effective").envs(variables)).rest();
    let has = |parts: &[&str]| lines.iter().any(|line| line.split_whitespace().eq(parts.iter().copied()));
    assert!(has(&["max_workers", "5", "CONCURRY_PROCESS_MAX_WORKERS"]), "{lines:#?}");
    assert!(has(&["stop_timeout", "2s", "CONCURRY_STOP_TIMEOUT"]), "{lines:#?}");
    assert!(has(&["max_queued_tasks", "100", "the", "default"]), "{lines:#?}");
}

#[test]
fn a_scope_holds_on_its_thread_until_it_goes() {
    let workers = || Plain::init().unwrap().max_workers();
    let outer = concurry::config::scoped(|c| c.mode(Mode::Thread).max_workers = Some(3));
    let pool = Plain::init().unwrap();
    assert_eq!((pool.max_workers(), Decided::init().unwrap().max_workers()), (3, 2));
    assert_eq!(Plain::options().max_workers(4).init().unwrap().max_workers(), 4);
    assert_eq!(pool.workers_of_a_new_pool().result().unwrap(), 1, "a worker's thread is another one");
    let panicked = std::panic::catch_unwind(|| {
        let _inner = concurry::config::scoped(|c| c.all().max_workers = Some(5));
        assert_eq!(Plain::init().unwrap().max_workers(), 5);
        panic!("on purpose");
    });
    assert!(panicked.is_err());
    assert_eq!(workers(), 3);
    drop(outer);
    assert_eq!((workers(), pool.max_workers()), (1, 3));
}

#[test]
fn retries_that_cannot_be_are_refused_by_init() {
    let refused = |options: PlainOptions| options.init().unwrap_err().to_string();
    let near = refused(Plain::options().retry_method("workers_of_new_pool", Retry::fixed()));
    assert!(near.contains("Plain") && near.contains("did you mean `workers_of_a_new_pool`?"), "{near}");
    let until = refused(Plain::options().retry(Retry::fixed().until(|text: &String| !text.is_empty())));
    assert!(until.contains("Plain") && until.contains("String"), "{until}");
    let jitter = refused(Plain::options().retry(Retry::fixed().jitter(2.0)));
    assert!(jitter.contains("jitter is 2"), "{jitter}");
    let retry = Retry::fixed().until(|workers: &usize| *workers > 0);
    assert!(Plain::options().retry(retry).init().is_ok());
}
