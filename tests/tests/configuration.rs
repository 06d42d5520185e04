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
fn a_worker_process_makes_its_pools_by_the_environment_too() {
    // What `set` said in the driver is not known there.
    assert_eq!(told(&[], ["nested"]), ["thread 1"]);
    assert_eq!(told(&[("CONCURRY_THREAD_MAX_WORKERS", "6")], ["nested"]), ["thread 6"]);
}

#[test]
fn a_variable_that_cannot_be_is_an_error_of_every_init_and_names_what_is_allowed() {
    for (name, value, allowed) in [
        ("CONCURRY_MAX_WORKERS", "four", "a whole number from 1"),
        ("CONCURRY_RAY_TIMEOUT", "5", "250ms"),
        ("CONCURRY_MAX_WORKER", "4", "CONCURRY_MAX_WORKERS"),
    ] {
        for said in told(&[(name, value)], ["plain", "builder"]) {
            assert!(said.contains(name) && said.contains(allowed), "{said}");
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
