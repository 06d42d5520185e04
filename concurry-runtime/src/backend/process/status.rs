//! How a process ended, in words.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// Ends a process at once. It must not have been reaped.
pub(super) fn end_now(pid: Pid) {
    // The one error that can be is that it has ended already.
    let _ = kill(pid, Signal::SIGKILL);
}

/// Waits until a process has ended, and leaves it to be reaped.
pub(super) fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(Signal),
    /// Somebody else in this program waited for it first.
    Unknown,
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
pub(super) fn describe(exit: Exit, overflowed: bool) -> String {
    match exit {
        Exit::Code(code) => format!("its process exited with code {code}"),
        Exit::Signal(signal) if overflowed => {
            format!("its stack overflowed (killed by signal {} ({signal}))", signal as i32)
        }
        Exit::Signal(signal) => format!("killed by signal {} ({signal})", signal as i32),
        Exit::Unknown => "its process ended; another part of the program took its exit status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_as_what_they_are() {
        assert_eq!(describe(Exit::Code(3), false), "its process exited with code 3");
        assert_eq!(describe(Exit::Signal(Signal::SIGKILL), false), "killed by signal 9 (SIGKILL)");
        assert!(describe(Exit::Signal(Signal::SIGSEGV), true).contains("stack overflowed"));
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
