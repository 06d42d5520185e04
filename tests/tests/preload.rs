//! `preload`: the constructor runs once, and all workers of the pool are forked from what it made.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{
    Door, Gate, Journal, Page, Program, Soon, Way, all_ok, children_of, eventually, is_alive, within,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Reads a large table when it is built.
struct Table {
    page: Page,
    bytes: Vec<u8>,
    count: u64,
}

const LARGE: usize = 64 << 20;

/// What the constructor leaves to the hook.
static PAGE: OnceLock<Page> = OnceLock::new();

fn greet() {
    if let Some(page) = PAGE.get() {
        page.note("hook");
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker(mode = "process", preload = true)]
impl Table {
    pub fn new(page: Page, size: usize) -> Self {
        page.note("built");
        let _ = PAGE.set(page.clone());
        // Not zeros, which take no memory.
        Table { page, bytes: vec![1; size], count: 0 }
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// The sum of a byte of each page.
    pub fn sum(&self) -> u64 {
        self.bytes.iter().step_by(4096).map(|&byte| u64::from(byte)).sum()
    }

    pub fn count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub fn end(&mut self, way: Way) -> u64 {
        self.count += 100;
        way.go()
    }

    pub async fn nap(&self) -> u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        7
    }

    pub fn threads(&self) -> u64 {
        let threads: Vec<_> = (0..4).map(|id| std::thread::spawn(move || id)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    }
}

/// A number of kilobytes of `/proc/<pid>/smaps_rollup`, in bytes.
fn memory(pid: u32, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

#[test]
fn workers_share_what_the_constructor_made() {
    let journal = Journal::new();
    let pool = Table::options().max_workers(4).on_worker_start(greet).init(journal.page(), LARGE).unwrap();
    let sums = all_ok(pool.broadcast(TableClient::sum));
    assert_eq!(sums, [LARGE as u64 / 4096; 4]);
    let pids: BTreeSet<u32> = all_ok(pool.broadcast(TableClient::pid)).into_iter().collect();
    assert_eq!(pids.len(), 4);
    for &pid in &pids {
        assert!(memory(pid, "Rss") > LARGE, "{}", memory(pid, "Rss"));
        // What is its own alone is less than an eighth of the table; and of the table it has a fifth to answer for.
        assert!(memory(pid, "Private_Dirty") < LARGE / 8, "{}", memory(pid, "Private_Dirty"));
        assert!(memory(pid, "Pss") < LARGE / 2, "{}", memory(pid, "Pss"));
    }
    assert_eq!((journal.count("built"), journal.count("hook")), (1, 4));
    pool.stop().unwrap();
    // Each worker drops its own; what they were forked from is not dropped.
    assert_eq!((journal.count("built"), journal.count("dropped")), (1, 4));
}

#[test]
fn each_worker_has_its_own_from_then_on_and_a_successor_begins_anew() {
    let journal = Journal::new();
    let pool = Table::options().max_workers(2).max_restarts(100).init(journal.page(), 1).unwrap();
    let (first, second) = (pool.worker(0), pool.worker(1));
    assert_eq!(all_ok((0..3).map(|_| first.count())), [1, 2, 3]);
    assert_eq!(second.count().soon().unwrap(), 1);
    let mut deaths = 0;
    for way in Way::DEATHS.into_iter().chain([Way::Panic]) {
        let before = first.pid().soon().unwrap();
        let ends = first.end(way);
        let next: Vec<_> = (0..2).map(|_| first.count()).collect();
        let error = ends.soon().unwrap_err();
        assert!(error.to_string().contains(way.words()), "{way:?}: {error}");
        assert_eq!(matches!(error, Error::Panicked { .. }), way == Way::Panic, "{error:?}");
        assert_eq!(all_ok(next), [1, 2], "{way:?}");
        assert_ne!(first.pid().soon().unwrap(), before);
        deaths += 1;
    }
    // The other has not noticed.
    assert_eq!(second.count().soon().unwrap(), 2);
    let stats = pool.stats();
    assert_eq!((stats.restarts, stats.failed), (deaths, deaths));
    assert_eq!(journal.count("built"), 1);
    pool.stop().unwrap();
}

#[test]
fn a_panic_is_no_death() {
    let journal = Journal::new();
    let pool = Table::options().max_restarts(0).init(journal.page(), 1).unwrap();
    for _ in 0..5 {
        let calls: Vec<_> = (0..3).map(|_| pool.count()).collect();
        let panic = pool.end(Way::Panic).soon().unwrap_err();
        assert!(matches!(panic, Error::Panicked { .. }), "{panic:?}");
        assert_eq!(all_ok(calls), [1, 2, 3]);
    }
    assert_eq!(journal.count("built"), 1);
    pool.stop().unwrap();
}

#[test]
fn threads_and_a_runtime_are_there_for_methods() {
    let journal = Journal::new();
    let pool = Table::options().max_workers(2).init(journal.page(), 1).unwrap();
    assert_eq!(all_ok(pool.broadcast(TableClient::threads)), [6, 6]);
    assert_eq!(all_ok((0..10).map(|_| pool.nap())), [7; 10]);
    pool.stop().unwrap();
}

#[test]
fn workers_on_demand_are_forked_from_it_too() {
    let journal = Journal::new();
    let pool = Table::options().on_demand(true).max_workers(3).init(journal.page(), LARGE).unwrap();
    assert_eq!(journal.count("built"), 0);
    assert_eq!(all_ok((0..40).map(|_| pool.count())), [1; 40]);
    assert_eq!(journal.count("built"), 1);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed), (40, 0));
    pool.stop().unwrap();
    assert_eq!(journal.count("dropped"), 40);
}

#[test]
fn where_the_process_that_ran_it_is_killed_the_constructor_runs_again() {
    let journal = Journal::new();
    let pool = Table::options().init(journal.page(), 1).unwrap();
    let worker = pool.pid().soon().unwrap();
    let own = children_of(std::process::id()).into_iter().filter(|&pid| pid != worker);
    let maps = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let environ = |pid: u32| std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    // Of this pool: other tests have theirs. A fork has what it was forked from, the address of its code among it.
    let base = |maps: String| maps.lines().next().map(str::to_owned);
    let zygote = own
        .filter(|&pid| maps(pid).contains("/memfd:concurry-zygote") && environ(pid) == environ(worker))
        .find(|&pid| base(maps(pid)) == base(maps(worker)))
        .unwrap();
    kill(Pid::from_raw(zygote.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("its end", || !is_alive(zygote));
    assert_eq!(pool.count().soon().unwrap(), 1);
    assert_eq!(journal.count("built"), 1);
    pool.end(Way::Kill).soon().unwrap_err();
    assert_eq!(pool.count().soon().unwrap(), 1);
    assert_eq!(journal.count("built"), 2);
    pool.stop().unwrap();
}

/// Does in its constructor what it is told.
struct Told;

#[worker(mode = "process", preload = true)]
impl Told {
    pub fn new(what: String, door: Door, page: Page) -> Result<Self, std::num::ParseIntError> {
        page.note("begun");
        match what.as_str() {
            "threads" => {
                // A thread has its name once it runs.
                let (here, there) = std::sync::mpsc::channel();
                for id in 0..2 {
                    let (door, here) = (door.clone(), here.clone());
                    let stays = move || here.send(()).map(|()| door.knock());
                    std::thread::Builder::new().name(format!("left-{id}")).spawn(stays).unwrap();
                }
                assert_eq!(there.iter().take(2).count(), 2);
            }
            "joined" => {
                for _ in 0..50 {
                    std::thread::spawn(|| ()).join().unwrap();
                }
            }
            "waits" => drop(door.knock()),
            "panics" => panic!("it cannot be"),
            "dies" => drop(Way::Kill.go()),
            "overflows" => drop(Way::Overflow.go()),
            "exits" => std::process::exit(3),
            number => drop(number.parse::<u64>()?),
        }
        Ok(Told)
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_constructor_that_leaves_threads_behind_is_refused() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let error = Told::options().max_workers(2).init("threads".into(), gate.door(), journal.page()).unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    let text = error.to_string();
    for part in ["Told", "left threads behind (`left-0`, `left-1`)", "`preload`", "`on_worker_start`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Those that it has seen to the end are not in the way.
    for _ in 0..20 {
        let pool = Told::options().init("joined".into(), gate.door(), journal.page()).unwrap();
        assert_eq!(pool.answer().soon().unwrap(), 42);
        pool.stop().unwrap();
    }
}

#[test]
fn errors_panics_and_deaths_of_the_constructor_are_told() {
    let (gate, journal) = (Gate::new(), Journal::new());
    for (what, words) in [
        ("rubbish", "invalid digit"),
        ("panics", "it cannot be"),
        ("dies", "killed by signal 9 (SIGKILL)"),
        ("overflows", "a worker's stack overflowed"),
        ("exits", "exited with code 3"),
    ] {
        for on_demand in [false, true] {
            let options = Told::options().max_workers(2).on_demand(on_demand);
            let made = options.init(what.into(), gate.door(), journal.page());
            let error = match made {
                Err(error) if !on_demand => error,
                Ok(pool) if on_demand => {
                    let error = pool.answer().soon().unwrap_err();
                    pool.stop().unwrap();
                    error
                }
                other => panic!("{what}: {other:?}"),
            };
            assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
            assert!(error.to_string().contains("Told") && error.to_string().contains(words), "{error}");
            assert_eq!(error.is::<std::num::ParseIntError>(), what == "rubbish", "{error:?}");
        }
    }
}

#[test]
fn a_constructor_that_takes_too_long_is_ended() {
    for on_demand in [false, true] {
        let (gate, journal) = (Gate::new(), Journal::new());
        let options = Told::options().max_workers(2).on_demand(on_demand).init_timeout(Duration::from_secs(2));
        let made = options.init("waits".into(), gate.door(), journal.page());
        let error = match made {
            Err(error) => error,
            Ok(pool) => {
                let error = pool.answer().soon().unwrap_err();
                pool.stop().unwrap();
                error
            }
        };
        assert!(error.to_string().contains("`init_timeout`"), "{error}");
        eventually("its end", || gate.has_visitor());
        let pid = gate.visitor().pid;
        eventually("its end", || !is_alive(pid));
    }
}

#[test]
fn a_pool_can_be_aborted_while_its_constructor_runs() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Told::options().on_demand(true).init("waits".into(), gate.door(), journal.page()).unwrap();
    let answers: Vec<_> = (0..3).map(|_| pool.answer()).collect();
    let visitor = gate.visitor();
    pool.abort().unwrap();
    for answer in answers {
        assert!(matches!(answer.soon(), Err(Error::Stopped { .. })));
    }
    assert!(!is_alive(visitor.pid));
    assert_eq!(journal.count("begun"), 1);
}

#[test]
fn other_modes_have_nothing_to_fork() {
    let (gate, journal) = (Gate::new(), Journal::new());
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let error = Told::options().mode(mode).init("1".into(), gate.door(), journal.page()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        let text = error.to_string();
        for part in ["`preload` is true (from the attribute)", &format!("mode `{mode}`"), "use mode `process`"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let pool = Told::options().mode(Mode::Thread).preload(false).init("1".into(), gate.door(), journal.page()).unwrap();
    assert_eq!(pool.answer().soon().unwrap(), 42);
    pool.stop().unwrap();
}

/// Is built by a future.
struct Awaited {
    value: u64,
}

#[worker(mode = "process", preload = true, max_workers = 2)]
impl Awaited {
    pub async fn new(page: Page) -> Self {
        page.note("built");
        tokio::time::sleep(Duration::from_millis(1)).await;
        // It goes with the runtime, and so does the thread that runs this.
        let value = tokio::task::spawn_blocking(|| 40).await.unwrap();
        drop(tokio::spawn(std::future::pending::<()>()));
        Awaited { value }
    }

    pub async fn add(&self, more: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.value + more
    }
}

#[test]
fn an_asynchronous_constructor_runs_in_a_runtime_that_ends_with_it() {
    let journal = Journal::new();
    let pool = Awaited::options().init(journal.page()).unwrap();
    assert_eq!(all_ok((0..10).map(|more| pool.add(more))), (40..50).collect::<Vec<_>>());
    assert_eq!(journal.count("built"), 1);
    pool.stop().unwrap();
}

fn driver(how: &[&str]) -> Program {
    let program = Program::start(Command::new(env!("CARGO_BIN_EXE_driver")).args(how));
    assert_eq!(program.line(), format!("main {}", program.pid()));
    program
}

/// The process of the next line, which begins with `word`.
fn process(program: &Program, word: &str) -> u32 {
    let line = program.line();
    line.strip_prefix(word).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap()
}

/// All are gone within a second.
fn gone(pids: &[u32]) {
    let alive = || pids.iter().copied().filter(|&pid| is_alive(pid)).collect();
    within(Duration::from_secs(1), "processes alive", Vec::<u32>::new(), &mut { alive });
}

#[test]
fn a_driver_that_is_killed_leaves_nothing_behind() {
    let mut program = driver(&["preload", "stuck"]);
    let zygote = process(&program, "toils ");
    program.kill();
    gone(&[zygote]);

    let mut program = driver(&["preload", "up"]);
    let zygote = process(&program, "toils ");
    let workers = [process(&program, "once idle "), process(&program, "idle ")];
    assert!(is_alive(zygote) && workers.iter().all(|&pid| is_alive(pid)));
    program.kill();
    gone(&[&workers[..], &[zygote]].concat());
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn what_the_constructor_prints_is_printed_once() {
    let mut program = driver(&["preload", "up"]);
    process(&program, "toils ");
    process(&program, "once idle ");
    process(&program, "idle ");
    program.tell("end");
    assert!(program.wait().success());
    assert_eq!(program.rest(), Vec::<String>::new());
}

#[test]
fn where_no_zygote_can_be_had_workers_are_started_unless_they_are_to_be_forked() {
    let mut program = driver(&["no_zygote"]);
    assert_eq!(program.line(), "answers 20");
    let error = program.line();
    assert!(error.contains("Copied could not be started") && error.contains("process to fork from"), "{error}");
    assert!(program.wait().success());
}

/// Has much to begin with.
struct Heavy {
    bytes: Vec<u8>,
}

#[worker(mode = "process", on_demand = true, max_workers = 2)]
impl Heavy {
    pub fn new(bytes: Vec<u8>) -> Self {
        Heavy { bytes }
    }

    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[test]
fn arguments_of_any_size_arrive() {
    for length in [0, 100_000, 1_000_000] {
        for preload in [false, true] {
            let pool = Heavy::options().preload(preload).init(vec![7; length]).unwrap();
            assert_eq!(all_ok((0..6).map(|_| pool.length())), [length as u64; 6]);
            pool.stop().unwrap();
        }
    }
}
