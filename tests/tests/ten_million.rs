//! Ten million calls that wait in one pool: what each costs, and that each is run once and comes back.

use std::process::{Command, Stdio};

/// What the README says that a queued call with a small argument costs at most, with its future.
const DOCUMENTED: u64 = 450;

/// Bytes a call.
#[track_caller]
fn measured(mode: &str, window: &str, calls: &str) -> u64 {
    let program = Command::new(env!("CARGO_BIN_EXE_hoard"))
        .args([mode, window, calls])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(program.status.success(), "{mode} {window}: {:?}", program.status);
    let bytes = String::from_utf8(program.stdout).unwrap().trim().parse().unwrap();
    println!("{calls} calls, mode {mode}, window {window}: {bytes} bytes a call");
    bytes
}

/// Every mode that has queues, and each kind of queue: the worker's own, and the pool's.
const QUEUES: [(&str, &str); 4] = [("thread", "0"), ("thread", "100"), ("async", "0"), ("process", "0")];

#[test]
fn a_hundred_thousand_calls_cost_what_is_documented() {
    for (mode, window) in QUEUES {
        let bytes = measured(mode, window, "100000");
        assert!(bytes <= DOCUMENTED, "{mode} {window}: {bytes} bytes a call");
    }
}

#[test]
#[ignore = "takes minutes and gigabytes; run it with --release and --nocapture for the figures"]
fn ten_million_calls_cost_what_is_documented() {
    for (mode, window) in QUEUES {
        let bytes = measured(mode, window, "10000000");
        assert!(bytes <= DOCUMENTED, "{mode} {window}: {bytes} bytes a call");
    }
}
