//! How a process ended, in words.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, SysconfVar};

use super::kills::{Killer, Watch};
#[cfg(feature = "ray")]
use crate::backend::ray::Fate;
use crate::error::Error;

/// Ends a process at once. It must not have been reaped.
pub(super) fn end_now(pid: Pid) {
    // The one error that can be is that it has ended already.
    let _ = kill(pid, Signal::SIGKILL);
}

/// Waits until a process has ended, and leaves it to be reaped.
pub(super) fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
}

/// Whether a process is a child of this one, dead or alive, that was not reaped.
pub(super) fn is_child(pid: Pid) -> bool {
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG).is_ok()
}

/// Where the kernel tells how much memory a process has.
pub(super) fn memory_file(pid: Pid) -> Option<File> {
    File::open(format!("/proc/{pid}/statm")).ok()
}

/// How many bytes of memory the process has that this file is about: its resident set, what it shares included.
pub(super) fn memory(file: &File) -> Option<u64> {
    let mut text = [0; 256];
    let read = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..read)?).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(SysconfVar::PAGE_SIZE).ok()??;
    pages.checked_mul(u64::try_from(page).ok()?)
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(Signal),
    /// Somebody else in this program waited for it first.
    Unknown,
    /// It was not on this machine's account; what is told of it.
    #[cfg(feature = "ray")]
    Away(Fate),
}

impl Exit {
    /// Why the worker was never started, where that is not this machine's to know.
    pub(super) fn refusal(&self) -> Option<Error> {
        #[cfg(feature = "ray")]
        if let Exit::Away(Fate::Refused(why)) = self {
            return Some(Error::ray(why.clone()));
        }
        let _here = self;
        None
    }

    /// Whether what the worker said last may be lost, so that it may have begun whatever it was sent.
    pub(super) fn is_lost(&self) -> bool {
        #[cfg(feature = "ray")]
        if let Exit::Away(Fate::Lost(_)) = self {
            return true;
        }
        let _here = self;
        false
    }
}

/// Reaps a process that has ended.
pub(super) fn reap(pid: Pid) -> Exit {
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => return Exit::Code(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Exit::Signal(signal),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return Exit::Unknown,
        }
    }
}

/// The exit in words. `overflowed` where the worker found its stack full.
pub(super) fn describe(exit: Exit, overflowed: bool, watch: Watch) -> String {
    match exit {
        Exit::Code(code) => format!("its process exited with code {code}"),
        Exit::Signal(signal) if overflowed => {
            format!("its stack overflowed (killed by signal {} ({signal}))", signal as i32)
        }
        Exit::Signal(signal @ Signal::SIGKILL) => {
            format!("killed by signal {} ({signal}){}", signal as i32, killed_by(watch.end()))
        }
        Exit::Signal(signal) => format!("killed by signal {} ({signal})", signal as i32),
        Exit::Unknown => "its process ended; another part of the program took its exit status".to_owned(),
        #[cfg(feature = "ray")]
        Exit::Away(fate) => fate.into_text(),
    }
}

/// What is added about who may have sent a SIGKILL.
fn killed_by(killer: Killer) -> &'static str {
    match killer {
        Killer::OutOfMemory => {
            ", most likely by the kernel, which has just counted a victim that it killed for want of memory; let fewer workers run at once, or bound what each takes by `max_memory`"
        }
        Killer::Unknown => ", perhaps for want of memory",
        Killer::Somebody => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_what_they_are() {
        let describe = |exit, overflowed| describe(exit, overflowed, Watch::begin());
        assert_eq!(describe(Exit::Code(3), false), "its process exited with code 3");
        assert!(describe(Exit::Signal(Signal::SIGKILL), false).starts_with("killed by signal 9 (SIGKILL)"));
        assert!(describe(Exit::Signal(Signal::SIGSEGV), true).contains("stack overflowed"));
        assert!(killed_by(Killer::OutOfMemory).contains("want of memory") && killed_by(Killer::Somebody).is_empty());
    }

    #[test]
    fn the_memory_of_a_process_is_told_until_it_is_gone() {
        let before = memory(&memory_file(Pid::this()).unwrap()).unwrap();
        let held = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = memory(&memory_file(Pid::this()).unwrap()).unwrap();
        assert!(after >= before + (60 << 20), "{before} {after}");
        drop(held);
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let file = memory_file(Pid::from_raw(child.id().cast_signed())).unwrap();
        assert!(memory(&file).is_some_and(|memory| memory > 0));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(memory(&file), None);
    }

    #[test]
    #[expect(clippy::zombie_processes, reason = "reaping it is what is tested")]
    fn a_process_is_reaped_once_and_its_status_told() {
        let child = std::process::Command::new("false").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        await_end(pid);
        assert_eq!(reap(pid), Exit::Code(1));
        assert_eq!(reap(pid), Exit::Unknown);
    }
}
