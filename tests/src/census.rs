//! Counting what a process has: threads, children, file descriptors.

use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// What this process has at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Its threads, this one among them.
    pub threads: usize,
    /// Its child processes, the dead ones that nobody has waited for among them.
    pub children: usize,
    /// Its open file descriptors.
    pub files: usize,
}

/// Counts this process.
pub fn census() -> Census {
    Census {
        threads: fs::read_dir("/proc/self/task").unwrap().count(),
        children: children_of(std::process::id()).len(),
        // The descriptor that reads the folder is in it.
        files: fs::read_dir("/proc/self/fd").unwrap().count() - 1,
    }
}

/// The memory of this process that is there, in bytes.
pub fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

/// How long this thread has had a processor: what work costs, however much else the machine has to do.
pub fn time_on_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Whether this process was started so that it ignores a signal.
pub fn is_ignored(signal: Signal) -> bool {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal as u32 - 1) & 1 == 1
}

/// When a process was started, in ticks since the machine was: with its number it names the process for ever.
pub fn begun(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Whether a process is of the session that this one is of. What has taken the number of one that has ended meanwhile is
/// most likely not.
pub fn is_of_this_session(pid: u32) -> bool {
    let session = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse::<u32>().ok()
    };
    session(pid) == session(std::process::id())
}

/// State and parent of a process, as the kernel tells.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// What each thread of a process does, as the kernel tells: `R` runs, `S` sleeps, `T` is stopped.
pub fn states(pid: u32) -> Vec<char> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let state = |stat: String| stat.rsplit_once(')')?.1.trim_start().chars().next();
    tasks.filter_map(|task| state(fs::read_to_string(task.ok()?.path().join("stat")).ok()?)).collect()
}

/// Stops a process (SIGSTOP), and waits until none of its threads does anything: the signal alone does not.
pub fn freeze(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP).unwrap();
    eventually("the process stands still", || {
        let states = states(pid);
        !states.is_empty() && states.iter().all(|&state| state == 'T')
    });
}

/// Has it go on.
pub fn thaw(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGCONT).unwrap();
}

/// The processes that `parent` has started and not waited for.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|&pid| stat(pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether a process lives. One that has ended and was not waited for does not.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}
