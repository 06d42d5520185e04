//! How a worker process ended, and the last that it wrote to stderr, are in the error; and all that it wrote is shown on
//! the driver's stderr, at once, whatever becomes of either.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Program, Soon, TempDir, Way, eventually};

/// Talks, and dies as it is told.
struct Talker;

#[worker(mode = "process", max_restarts = 1000)]
impl Talker {
    pub fn new(last: Option<String>) -> Self {
        if let Some(last) = last {
            eprintln!("{last}");
            std::process::exit(3);
        }
        Talker
    }

    pub fn say(&self, lines: Vec<String>) {
        for line in lines {
            eprintln!("{line}");
        }
    }

    pub fn say_and_end(&self, lines: Vec<String>, way: Way) -> u64 {
        self.say(lines);
        way.go()
    }

    /// Ends as programs do that leave something running: with its stderr open elsewhere.
    pub fn leave_behind(&self) -> u32 {
        Command::new("sleep").arg("1000").spawn().unwrap().id()
    }
}

fn lines(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|line| format!("line {line}")).collect()
}

#[track_caller]
fn last_words(error: &Error) -> String {
    match error {
        Error::WorkerDied { stderr, .. } => stderr.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_death_tells_how_it_was_and_what_was_written_last() {
    let pool = Talker::options().init(None).unwrap();
    for way in Way::DEATHS {
        let error = pool.say_and_end(lines(0, 50), way).soon().unwrap_err();
        assert_eq!(last_words(&error), lines(30, 50).join("\n"), "{way:?}");
        let text = error.to_string();
        assert!(text.contains(way.words()) && !text.contains("line 49"), "{text}");
        let long = format!("{error:#}");
        assert!(long.starts_with(&text), "{long}");
        assert!(long.ends_with(&format!("; it wrote to stderr:\n    {}", lines(30, 50).join("\n    "))), "{long}");
    }
    pool.stop().unwrap();
}

#[test]
fn what_was_written_belongs_to_the_worker_that_wrote_it() {
    let pool = Talker::options().max_workers(2).init(None).unwrap();
    pool.worker(0).say(lines(0, 3)).soon().unwrap();
    let error = pool.worker(1).say_and_end(vec![], Way::Kill).soon().unwrap_err();
    assert_eq!(last_words(&error), "");
    assert_eq!(format!("{error:#}"), error.to_string());
    let error = pool.worker(0).say_and_end(lines(3, 5), Way::Exit(3)).soon().unwrap_err();
    assert_eq!(last_words(&error), lines(0, 5).join("\n"));
    // The successor has written nothing yet.
    let error = pool.worker(0).say_and_end(vec![], Way::Abort).soon().unwrap_err();
    assert_eq!(last_words(&error), "");
    pool.stop().unwrap();
}

#[test]
fn four_kilobytes_are_kept() {
    let pool = Talker::options().init(None).unwrap();
    let error = pool.say_and_end(vec!["x".repeat(8000)], Way::Kill).soon().unwrap_err();
    assert_eq!(last_words(&error), "x".repeat(4 << 10));
    pool.stop().unwrap();
}

#[test]
fn what_waits_for_a_worker_that_is_given_up_has_its_last_words_too() {
    let pool = Talker::options().max_restarts(0).init(None).unwrap();
    let ends = pool.say_and_end(lines(0, 2), Way::Kill);
    let waits = pool.say(vec![]);
    assert_eq!(last_words(&ends.soon().unwrap_err()), lines(0, 2).join("\n"));
    assert_eq!(last_words(&waits.soon().unwrap_err()), lines(0, 2).join("\n"));
    pool.stop().unwrap();
}

#[test]
fn a_process_that_ends_before_it_is_ready_has_its_last_words_in_the_error_of_init() {
    let error = Talker::init(Some("no licence\nfor today".to_owned())).unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    let expected = "Talker could not be started: its process ended before it was ready: its process exited with code 3; it wrote to stderr:\n    no licence\n    for today";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn without_capture_nothing_is_kept() {
    let pool = Talker::options().capture_stderr(false).init(None).unwrap();
    let error = pool.say_and_end(vec!["not kept".to_owned()], Way::Exit(3)).soon().unwrap_err();
    assert_eq!(last_words(&error), "");
    pool.stop().unwrap();
}

#[test]
fn nothing_waits_for_what_a_worker_has_left_behind() {
    let pool = Talker::options().init(None).unwrap();
    let left = pool.leave_behind().soon().unwrap();
    let error = pool.say_and_end(lines(0, 2), Way::Kill).soon().unwrap_err();
    assert_eq!(last_words(&error), lines(0, 2).join("\n"));
    pool.say(vec![]).soon().unwrap();
    pool.stop().unwrap();
    let left = nix::unistd::Pid::from_raw(left.cast_signed());
    // It was not ended with its worker, as it would not be with any other program.
    nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn speaker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_speaker"));
    command.args(arguments);
    command
}

#[test]
fn all_that_was_written_is_shown_although_its_writer_died_or_its_driver_exits() {
    let expected = lines(0, 1000);
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    for word in ["death", "exit"] {
        let mut program = Program::start(&mut speaker(&[word]));
        assert!(program.wait().success(), "{word}");
        program.said_all(&expected);
    }
}

#[test]
fn much_is_shown_to_the_last_line() {
    let program = Program::start(&mut speaker(&["much"]));
    assert_eq!(program.rest(), Vec::<String>::new());
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for line in program.all_said() {
        *counts.entry(line).or_default() += 1;
    }
    // Two workers wrote the same; a line of one may be in the midst of a line of the other, but not of its own.
    let whole = counts.iter().filter(|(line, count)| line.starts_with("line ") && **count == 2).count();
    assert!(whole > 10_000, "{whole} of 20000 lines are whole");
    let bytes: usize = counts.iter().map(|(line, count)| (line.len() + 1) * count).sum();
    let expected: usize = lines(0, 20_000).iter().map(|line| 2 * (line.len() + 1)).sum();
    assert_eq!(bytes, expected);
}

#[test]
fn what_is_written_is_shown_at_once() {
    let mut program = Program::start(&mut speaker(&["stay"]));
    let mut said = Vec::new();
    eventually("the worker to be heard while it goes on", || {
        said.extend(program.said());
        said == ["still here"]
    });
    program.kill();
}

#[test]
fn what_a_worker_has_left_behind_is_heard_too() {
    let folder = TempDir::new();
    let fifo: PathBuf = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut program = Program::start(&mut speaker(&["descendant", fifo.to_str().unwrap()]));
    assert_eq!(program.line(), "stopped");
    // The worker that it came from is dead, and its pool stopped.
    std::fs::write(&fifo, "hello\n").unwrap();
    let mut said = Vec::new();
    eventually("the program that was left behind to be heard", || {
        said.extend(program.said());
        said == ["left behind", "much later: hello"]
    });
    program.close_stdin();
    assert!(program.wait().success());
}

#[test]
fn a_stderr_that_nobody_reads_stops_nobody_but_who_writes_there() {
    let mut child = speaker(&["unread"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let unread = child.stderr.take();
    let output = child.wait_with_output().unwrap();
    drop(unread);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "false\ntrue\n");
    assert!(output.status.success());
}

/// A control group with little memory, of which the kernel counts the victims.
struct Group(PathBuf);

impl Group {
    fn new() -> Self {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let old = groups.lines().find_map(|line| line.split_once(":memory:").map(|(_, path)| path.to_owned()));
        let new = groups.lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned));
        let (root, path, limit) = match old {
            Some(path) => ("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"),
            None => ("/sys/fs/cgroup", new.unwrap(), "memory.max"),
        };
        let group = Path::new(root).join(path.trim_start_matches('/')).join(format!("concurry-{}", std::process::id()));
        std::fs::create_dir(&group).unwrap();
        std::fs::write(group.join(limit), "100000000").unwrap();
        Group(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        eventually("the group to be empty", || std::fs::remove_dir(&self.0).is_ok());
    }
}

#[test]
#[ignore = "makes a control group of its own, which needs the rights to"]
fn a_worker_that_was_killed_for_want_of_memory_says_so() {
    let group = Group::new();
    let script = "echo $$ > \"$0\"/cgroup.procs && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(&group.0).args([env!("CARGO_BIN_EXE_speaker"), "memory"]);
    let mut program = Program::start(&mut command);
    let first = program.line();
    assert!(first.contains("killed by signal 9 (SIGKILL), most likely by the kernel"), "{first}");
    // Here somebody else did it.
    let second = program.line();
    assert!(second.ends_with("killed by signal 9 (SIGKILL)"), "{second}");
    assert!(program.wait().success());
}
