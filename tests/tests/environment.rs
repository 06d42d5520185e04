//! What a worker process sees of the world: the environment and the folder of the moment of `init`, its driver's
//! stdout and stderr, nothing on stdin. And where pools can be made from: everywhere.
//!
//! The environment and the folder are the whole process's, so the tests that change them take turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Program, Soon, TempDir, Way, all_ok, apart, modes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct Looker;

#[worker(mode = "process")]
impl Looker {
    pub fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    pub fn variables(&self) -> Vec<(String, String)> {
        std::env::vars().collect()
    }

    pub fn folder(&self) -> PathBuf {
        std::env::current_dir().unwrap()
    }

    pub fn arguments(&self) -> Vec<String> {
        std::env::args().collect()
    }

    pub fn link(&self, descriptor: u32) -> PathBuf {
        fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap()
    }

    /// What a program gets that a worker starts.
    pub fn shell(&self, script: &str) -> (Option<i32>, Option<i32>, String) {
        use std::os::unix::process::ExitStatusExt;
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        (output.status.code(), output.status.signal(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    pub fn open_files(&self) -> Vec<String> {
        let entries = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|path| path.display().to_string()).collect()
    }

    pub fn read_line(&self) -> String {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        line
    }

    pub fn thread_name(&self) -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

static WORLD: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn workers_see_the_environment_of_the_moment_of_init_also_after_a_restart() {
    let _alone = alone();
    let pool = temp_env::with_vars([("CONCURRY_TEST_A", Some("at init")), ("CONCURRY_TEST_B", None)], || {
        Looker::options().max_workers(2).init().unwrap()
    });
    temp_env::with_vars([("CONCURRY_TEST_A", Some("later")), ("CONCURRY_TEST_B", Some("later"))], || {
        for restart in [false, true] {
            if restart {
                assert!(matches!(pool.worker(0).end(Way::Kill).soon(), Err(Error::WorkerDied { .. })));
            }
            for worker in 0..2 {
                let worker = pool.worker(worker);
                assert_eq!(worker.variable("CONCURRY_TEST_A").soon().unwrap().as_deref(), Some("at init"));
                assert_eq!(worker.variable("CONCURRY_TEST_B").soon().unwrap(), None);
            }
        }
    });
    pool.stop().unwrap();
}

#[test]
fn workers_see_the_environment_and_nothing_of_ours_in_it() {
    let _alone = alone();
    let pool = Looker::init().unwrap();
    let mut here: Vec<_> = std::env::vars().collect();
    let mut there = pool.variables().soon().unwrap();
    here.sort();
    there.sort();
    assert_eq!(there, here);
    assert_eq!(pool.arguments().soon().unwrap()[0], std::env::args().next().unwrap());
    pool.stop().unwrap();
}

#[test]
fn workers_start_in_the_folder_of_the_moment_of_init_also_after_a_restart() {
    let _alone = alone();
    let (first, second) = (TempDir::new(), TempDir::new());
    let home = std::env::current_dir().unwrap();
    let canonical = |folder: &TempDir| fs::canonicalize(folder.path()).unwrap();
    std::env::set_current_dir(first.path()).unwrap();
    let pool = Looker::options().max_restarts(2).init();
    std::env::set_current_dir(second.path()).unwrap();
    let pool = pool.unwrap();
    let before = pool.folder().soon();
    let died = pool.end(Way::Kill).soon();
    let after = pool.folder().soon();
    std::env::set_current_dir(home).unwrap();
    assert_eq!(before.unwrap(), canonical(&first));
    assert!(matches!(died, Err(Error::WorkerDied { .. })));
    assert_eq!(after.unwrap(), canonical(&first));

    // Where the folder is gone, a successor cannot start, and that is what its calls come to.
    drop(first);
    assert!(matches!(pool.end(Way::Kill).soon(), Err(Error::WorkerDied { .. })));
    let error = pool.folder().soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    assert!(error.to_string().contains("folder") && error.to_string().contains("gone"), "{error}");
    pool.stop().unwrap();
}

#[test]
fn stdout_and_stderr_are_the_driver_s_and_stdin_is_nobody_s() {
    let _alone = alone();
    let here = |descriptor: u32| fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
    let pool = Looker::init().unwrap();
    assert_eq!(pool.link(0).soon().unwrap(), Path::new("/dev/null"));
    assert_eq!(pool.link(1).soon().unwrap(), here(1));
    // Its stderr goes through the driver, or is the driver's own.
    assert!(pool.link(2).soon().unwrap().to_string_lossy().starts_with("pipe:"));
    assert_eq!(pool.read_line().soon().unwrap(), "", "reading comes to an end at once");
    assert_eq!(pool.thread_name().soon().unwrap().as_deref(), Some("Looker-0"));
    pool.stop().unwrap();
    let pool = Looker::options().capture_stderr(false).init().unwrap();
    assert_eq!(pool.link(2).soon().unwrap(), here(2));
    pool.stop().unwrap();

    let mut program = Program::start(Command::new(env!("CARGO_BIN_EXE_speaker")).arg("process"));
    assert!(program.wait().success());
    let mut lines = program.rest();
    lines.sort();
    assert_eq!(lines, ["main", "worker out"]);
    program.said_all(&["worker err"]);
}

#[test]
fn programs_that_a_worker_starts_are_as_anywhere_else() {
    let _alone = alone();
    let pool = Looker::init().unwrap();
    let interrupt = nix::sys::signal::Signal::SIGINT as i32;
    let pipe = nix::sys::signal::Signal::SIGPIPE as i32;
    // The signals that the worker itself does not die of do what they always do.
    assert_eq!(pool.shell("kill -INT $$; echo alive").soon().unwrap().1, Some(interrupt));
    assert_eq!(pool.shell("kill -PIPE $$; echo alive").soon().unwrap().1, Some(pipe));
    // And there is no descriptor of ours in them.
    let (code, _, listed) = pool.shell("ls -l /proc/$$/fd | grep -c -e socket: -e memfd: -e eventfd").soon().unwrap();
    assert_eq!((code, listed.as_str()), (Some(1), "0"));
    pool.stop().unwrap();
}

#[test]
fn a_worker_inherits_nothing_of_other_workers() {
    let _alone = alone();
    let pools: Vec<_> = (0..3).map(|_| Looker::options().max_workers(2).init().unwrap()).collect();
    for pool in &pools {
        for files in all_ok(pool.broadcast(LookerClient::open_files)) {
            // Its own socket is one; those of the others would keep them from being seen to end.
            let sockets = files.iter().filter(|file| file.starts_with("socket:")).count();
            assert!(sockets <= 1, "{files:?}");
        }
    }
    for pool in pools {
        pool.stop().unwrap();
    }
}

struct Outer;

#[worker]
impl Outer {
    pub fn new() -> Self {
        Outer
    }

    /// Runs a pool of processes in here, and one of threads.
    pub fn nest(&self, depth: u64) -> Result<Vec<u32>, Error> {
        let mut pids = vec![std::process::id()];
        if depth > 0 {
            for mode in apart() {
                let pool = Outer::options().mode(mode).init()?;
                pids.extend(pool.nest(depth - 1).result()?);
                pool.stop()?;
            }
        }
        Ok(pids)
    }
}

#[test]
fn pools_work_inside_workers() {
    let _alone = alone();
    for mode in modes() {
        let pool = Outer::options().mode(mode).init().unwrap();
        let pids = pool.nest(2).soon().unwrap();
        // Each has one of every mode in it, and those again.
        let tree = |inside: usize| 1 + inside * (1 + inside);
        assert_eq!(pids.len(), tree(apart().len()), "{mode}");
        let here = pids.iter().filter(|&&pid| pid == std::process::id()).count();
        let sharing = apart().len() - 1;
        assert_eq!(here, if mode == Mode::Process { 0 } else { tree(sharing) }, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_worker_may_be_declared_inside_a_function() {
    let _alone = alone();
    fn squares(mode: Mode) -> Vec<u64> {
        #[derive(Default)]
        struct Inside;

        #[worker]
        impl Inside {
            pub fn square(&self, number: u64) -> u64 {
                number * number
            }
        }

        let pool = Inside::options().mode(mode).init().unwrap();
        all_ok((0..5).map(|number| pool.square(number)))
    }
    for mode in modes() {
        assert_eq!(squares(mode), [0, 1, 4, 9, 16], "{mode}");
    }
}

struct Stack<T> {
    items: Vec<T>,
}

#[worker]
impl<T> Stack<T>
where
    T: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    pub fn new(first: T) -> Self {
        Stack { items: vec![first] }
    }

    pub fn push(&mut self, item: T) -> usize {
        self.items.push(item);
        self.items.len()
    }

    pub fn all(&self) -> Vec<T> {
        self.items.clone()
    }

    pub fn type_name(&self) -> String {
        std::any::type_name::<T>().to_owned()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    name: String,
    weight: f64,
}

#[test]
fn generic_workers_run_in_every_mode_with_every_type() {
    let _alone = alone();
    for mode in modes() {
        let numbers = Stack::<u64>::options().mode(mode).init(1).unwrap();
        let texts = Stack::<String>::options().mode(mode).init("a".to_owned()).unwrap();
        let items = Stack::<Item>::options().mode(mode).init(Item { name: "one".to_owned(), weight: 1.5 }).unwrap();
        assert_eq!(numbers.push(2).soon().unwrap(), 2);
        assert_eq!(texts.push("b").soon().unwrap(), 2);
        assert_eq!(numbers.all().soon().unwrap(), [1, 2], "{mode}");
        assert_eq!(texts.all().soon().unwrap(), ["a", "b"], "{mode}");
        assert_eq!(items.all().soon().unwrap()[0].weight, 1.5, "{mode}");
        assert!(items.type_name().soon().unwrap().ends_with("Item"), "{mode}");
        numbers.stop().unwrap();
        texts.stop().unwrap();
        items.stop().unwrap();
    }
}
