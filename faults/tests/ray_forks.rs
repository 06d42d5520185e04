//! A fork of a driver has no part in what is on a cluster: what it lets go of there is its parent's.
#![cfg(feature = "ray")]

use concurry::RemoteRef;
use concurry::prelude::*;
use concurry_faults::fork;
use concurry_tests::clusters::{Interpreter, has_python};
use concurry_tests::{Soon, is_alive};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

#[derive(Default)]
struct Far;

#[worker(mode = "ray")]
impl Far {
    pub fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }
}

#[test]
fn what_a_fork_lets_go_of_stays() {
    if !has_python() {
        return;
    }
    let python = Interpreter::new();
    let pool = Far::options().ray(python.options()).init().unwrap();
    let kept = RemoteRef::new(&vec![7; 100_000]).unwrap();
    assert_eq!(pool.length(&kept).soon().unwrap(), 100_000);
    assert!(kept.is_on_cluster());
    let bridge = python.bridge();
    let Some(child) = fork().unwrap() else {
        drop(kept);
        drop(pool);
        std::process::exit(0);
    };
    let child = Pid::from_raw(child.cast_signed());
    assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
    assert_eq!(pool.length(&kept).soon().unwrap(), 100_000);
    assert!(is_alive(bridge) && python.bridge() == bridge);
    drop(kept);
    pool.stop().unwrap();
    python.nothing_left(&[]);
}
