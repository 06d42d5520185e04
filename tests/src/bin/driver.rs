//! A driver for tests that kill it, let its `main` return, or take something away from it. Its `main` says so whenever
//! it runs, so that a worker which got there by mistake is found out.

use std::io::BufRead;
use std::path::Path;
use std::process::exit;

use concurry::prelude::*;
use concurry_tests::{Door, Gate, eventually, states};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

#[derive(Default)]
struct Hand;

#[worker(mode = "process")]
impl Hand {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    pub fn shout(&self) -> u64 {
        for line in 0..1000 {
            eprintln!("line {line}");
        }
        1000
    }

    pub fn die_loudly(&self) -> u64 {
        eprintln!("last words");
        std::process::abort()
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

    /// More than fits on the way to a driver that does not read.
    pub fn flood(&self) -> Vec<u8> {
        let much = vec![1; 64 << 20];
        println!("floods {}", std::process::id());
        much
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

/// Is built once for all.
struct Copied;

#[worker(mode = "process", preload = true, max_workers = 2)]
impl Copied {
    pub fn new(sticks: bool) -> Self {
        println!("toils {}", std::process::id());
        if sticks {
            loop {
                std::hint::spin_loop();
            }
        }
        // In the buffer of stdout, without the end of the line.
        print!("once ");
        Copied
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
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
        ["flood"] => without_reading(),
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
        ["preload", how] => {
            let pool = Copied::options().init(how == "stuck").unwrap();
            for pid in gather(pool.broadcast(CopiedClient::pid)).results().unwrap() {
                println!("idle {pid}");
            }
            wait_for_a_line();
            pool.stop().unwrap();
        }
        ["no_zygote"] => without_a_zygote(),
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
        ["processes"] => without_processes(),
        ["noise"] => noise(),
        ["memory"] => without_memory(),
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

/// Does not read what a worker says, since a callback does not return; and has it say more than there is room for, on
/// every thread that says anything.
fn without_reading() {
    let pool = Hand::options().init().unwrap();
    let pid = pool.pid().result().unwrap();
    let gate = Gate::new();
    let first = pool.sleep(gate.door());
    first.on_done(|_| {
        loop {
            std::thread::park();
        }
    });
    gate.visitor().pass("");
    let _flood = pool.flood();
    let queued = pool.pid();
    eventually("the worker waits for room", || {
        let mapped = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        let resident: usize = mapped.split(' ').nth(1).unwrap().parse().unwrap();
        resident * 4096 > 64 << 20 && states(pid).iter().all(|&state| state == 'S')
    });
    // Its guard has to say that this one is cancelled.
    queued.cancel();
    println!("cancelled {pid}");
    wait_for_a_line();
}

/// Makes a pool when there is no file descriptor left for it, and again when there is.
fn without_files() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    // The limit is on the number of a descriptor, so what is needed depends on which ones whoever started this left open.
    for room in 0..64 {
        setrlimit(Resource::RLIMIT_NOFILE, open + room, hard).unwrap();
        match Hand::options().max_workers(2).init() {
            Ok(pool) => {
                // There was room enough at last.
                println!("room {room} {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
                pool.stop().unwrap();
                break;
            }
            Err(error) => println!("error {room} {error}"),
        }
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let pool = Hand::options().max_workers(2).init().unwrap();
    println!("again {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
    pool.stop().unwrap();
}

/// Makes a pool when there may be no process or thread more, and again when there may. The limit says nothing to a
/// superuser, so that one becomes somebody else first, of whom nobody has heard.
fn without_processes() {
    if nix::unistd::geteuid().is_root() {
        nix::unistd::setgroups(&[]).unwrap();
        nix::unistd::setgid(54_321.into()).unwrap();
        nix::unistd::setuid(54_321.into()).unwrap();
    }
    let (soft, hard) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    let mine = tasks_of(nix::unistd::getuid().as_raw());
    for room in 0..12 {
        setrlimit(Resource::RLIMIT_NPROC, mine + room, hard).unwrap();
        match Hand::options().max_workers(2).init() {
            Ok(pool) => {
                println!("room {room} {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
                pool.stop().unwrap();
            }
            Err(error) => println!("error {room} {error}"),
        }
    }
    // A worker whose successor there is no room for is given up; its calls say so.
    setrlimit(Resource::RLIMIT_NPROC, soft, hard).unwrap();
    let pool = Hand::options().max_restarts(2).init().unwrap();
    let pid = nix::unistd::Pid::from_raw(pool.pid().result().unwrap().cast_signed());
    setrlimit(Resource::RLIMIT_NPROC, 1, hard).unwrap();
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    eventually("it is given up", || !pool.stats().workers[0].alive && !pool.stats().workers[0].resting);
    println!("given up {}", pool.pid().result().unwrap_err());
    pool.stop().unwrap();
    setrlimit(Resource::RLIMIT_NPROC, soft, hard).unwrap();
    let pool = Hand::options().max_workers(2).init().unwrap();
    println!("again {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
    pool.stop().unwrap();
}

/// How many threads a user has, in all processes.
fn tasks_of(user: u32) -> u64 {
    use std::os::unix::fs::MetadataExt;

    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let theirs = all.filter(|entry| entry.metadata().is_ok_and(|it| it.uid() == user));
    let tasks = theirs.filter_map(|entry| std::fs::read_dir(entry.path().join("task")).ok());
    tasks.map(|tasks| tasks.count() as u64).sum::<u64>().max(1)
}

/// Has workers write to stderr, whatever becomes of what they write.
fn noise() {
    let pool = Hand::options().max_workers(2).max_restarts(5).init().unwrap();
    println!("made noise {}", gather(pool.broadcast(HandClient::shout)).results().unwrap().iter().sum::<u64>());
    println!("died {:#}", pool.die_loudly().result().unwrap_err());
    println!("after {}", gather(pool.broadcast(HandClient::pid)).results().unwrap().len());
    pool.stop().unwrap();
}

/// Makes a pool where the system has no memory to share: a limit on the size of files holds for that too.
fn without_memory() {
    setrlimit(Resource::RLIMIT_FSIZE, 4096, 4096).unwrap();
    SigSet::from_iter([Signal::SIGXFSZ]).thread_block().unwrap();
    let pool = Hand::options().max_workers(2).max_restarts(5).init().unwrap();
    let before = gather(pool.broadcast(HandClient::pid)).results().unwrap();
    println!("workers {}", before.len());
    let toil = pool.toil();
    // It prints that it toils, so it has begun.
    wait_for_a_line();
    toil.cancel_hard();
    println!("cancelled {}", toil.result().unwrap_err());
    let lost = (0..100).filter(|_| pool.pid().result().is_err()).count();
    println!("lost {lost}");
    pool.stop().unwrap();
}

/// Makes pools where there is no memory at all to share, so that no zygote can be had.
fn without_a_zygote() {
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0).unwrap();
    SigSet::from_iter([Signal::SIGXFSZ]).thread_block().unwrap();
    let pool = Hand::options().on_demand(true).max_workers(2).init().unwrap();
    let answers = gather((0..20).map(|_| pool.pid())).results().unwrap();
    println!("answers {}", answers.len());
    pool.stop().unwrap();
    println!("error {}", Copied::options().init(false).unwrap_err());
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
