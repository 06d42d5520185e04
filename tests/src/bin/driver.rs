//! A driver for tests that kill it, let its `main` return, or take something away from it. Its `main` says so whenever
//! it runs, so that a worker which got there by mistake is found out.

use std::io::BufRead;
use std::path::Path;
use std::process::exit;

use concurry::prelude::*;
use concurry_tests::Door;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[derive(Default)]
struct Hand;

#[worker(mode = "process")]
impl Hand {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// Never ends, and never looks up.
    pub fn toil(&self) -> u64 {
        println!("toils {}", std::process::id());
        loop {
            std::hint::spin_loop();
        }
    }

    /// Never ends either, asleep in the kernel.
    pub fn sleep(&self, door: Door) -> String {
        println!("sleeps {}", std::process::id());
        door.knock()
    }

    /// Makes a pool in here whose workers are busy, and never ends.
    pub fn nest(&self) -> u64 {
        let inner = Hand::options().max_workers(2).init().unwrap();
        println!("nests {}", std::process::id());
        for pid in gather(inner.broadcast(HandClient::pid)).results().unwrap() {
            println!("inner {pid}");
        }
        gather(inner.broadcast(HandClient::toil)).results().unwrap()[0]
    }
}

/// Never comes up.
struct Stuck;

#[worker(mode = "process")]
impl Stuck {
    pub fn new() -> Self {
        println!("toils {}", std::process::id());
        loop {
            std::hint::spin_loop();
        }
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

fn wait_for_a_line() -> String {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn main() {
    println!("main {}", std::process::id());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["idle"] => {
            let pool = Hand::options().max_workers(3).init().unwrap();
            for pid in gather(pool.broadcast(HandClient::pid)).results().unwrap() {
                println!("idle {pid}");
            }
            wait_for_a_line();
            pool.stop().unwrap();
        }
        ["toil"] => {
            let pool = Hand::options().max_workers(3).init().unwrap();
            let _toils = pool.broadcast(HandClient::toil);
            wait_for_a_line();
        }
        ["on_demand"] => {
            let pool = Hand::options().on_demand(true).max_workers(3).init().unwrap();
            let _toils: Vec<_> = (0..3).map(|_| pool.toil()).collect();
            wait_for_a_line();
        }
        ["nest"] => {
            let pool = Hand::options().init().unwrap();
            let nests = pool.nest();
            println!("outer {:?}", nests.result().err().map(|error| error.to_string()));
            wait_for_a_line();
        }
        ["stuck"] => {
            let error = Stuck::options().max_workers(2).init();
            println!("{error:?}");
        }
        ["return", way] => {
            let pool = Hand::options().max_workers(2).init().unwrap();
            let _toils = pool.broadcast(HandClient::toil);
            for _ in 0..1000 {
                drop(pool.pid());
            }
            // The workers have begun by the time that the test says so.
            wait_for_a_line();
            match way {
                "return" => {}
                "exit" => exit(5),
                "panic" => panic!("the driver's own panic"),
                _ => std::process::abort(),
            }
        }
        ["files"] => without_files(),
        ["replace", how] => replace(how),
        ["ping"] => {
            let pool = Hand::options().max_workers(2).init().unwrap();
            while wait_for_a_line() == "ping" {
                let pids = gather(pool.broadcast(HandClient::pid)).results().unwrap();
                println!("pong {pids:?}");
            }
            pool.stop().unwrap();
        }
        _ => exit(64),
    }
}

/// Makes a pool when there is no file descriptor left for it, and again when there is.
fn without_files() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    for room in 0..12 {
        setrlimit(Resource::RLIMIT_NOFILE, open + room, hard).unwrap();
        match Hand::options().max_workers(2).init() {
            Ok(pool) => {
                // There was room enough at last.
                println!("room {room} {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
                pool.stop().unwrap();
            }
            Err(error) => println!("error {room} {error}"),
        }
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let pool = Hand::options().max_workers(2).init().unwrap();
    println!("again {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
    pool.stop().unwrap();
}

/// Takes this program's own file away, and makes a pool.
fn replace(how: &str) {
    let own = std::env::current_exe().unwrap();
    std::fs::remove_file(&own).unwrap();
    if how == "overwrite" {
        std::fs::copy(Path::new("/bin/false"), &own).unwrap();
    }
    let pool = Hand::options().max_workers(2).max_restarts(5).init().unwrap();
    let before = gather(pool.broadcast(HandClient::pid)).results().unwrap();
    println!("workers {}", before.len());
    // A successor is started from it too.
    let raw = nix::unistd::Pid::from_raw(before[0].cast_signed());
    nix::sys::signal::kill(raw, nix::sys::signal::Signal::SIGKILL).unwrap();
    let after = gather(pool.broadcast(HandClient::pid)).results().unwrap();
    println!("replaced {}", before[0] != after[0] && before[1] == after[1]);
    pool.stop().unwrap();
}
