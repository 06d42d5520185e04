//! Ways to end a worker from inside.

use nix::sys::signal::{Signal, raise};
use serde::{Deserialize, Serialize};

/// How a worker ends; an argument of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// As an out-of-memory killer ends it.
    Kill,
    /// `std::process::abort`.
    Abort,
    /// `std::process::exit` with this code.
    Exit(i32),
    /// Recursion without an end.
    Overflow,
    /// A fault that is no stack overflow.
    Fault,
    /// A panic, which ends nothing but the call.
    Panic,
}

impl Way {
    /// Those that end a process.
    pub const DEATHS: [Way; 6] = [Way::Kill, Way::Abort, Way::Exit(3), Way::Exit(0), Way::Overflow, Way::Fault];

    /// What the error says of it.
    pub fn words(self) -> &'static str {
        match self {
            Way::Kill => "killed by signal 9 (SIGKILL)",
            Way::Abort => "killed by signal 6 (SIGABRT)",
            Way::Exit(3) => "exited with code 3",
            Way::Exit(_) => "exited with code 0",
            // A worker tells of it in the memory that it shares.
            Way::Overflow if std::env::var_os("CONCURRY_LINK").is_none() => "stack overflowed",
            Way::Overflow => "killed by signal 11 (SIGSEGV)",
            Way::Fault => "killed by signal 11 (SIGSEGV)",
            Way::Panic => "the way of panic",
        }
    }

    /// Goes it.
    pub fn go(self) -> u64 {
        match self {
            Way::Kill => raise(Signal::SIGKILL).unwrap(),
            Way::Fault => raise(Signal::SIGSEGV).unwrap(),
            Way::Abort => std::process::abort(),
            Way::Exit(code) => std::process::exit(code),
            Way::Overflow => return deeper(1),
            Way::Panic => panic!("the way of panic"),
        }
        // The signal is on its way to this very thread.
        loop {
            std::thread::park();
        }
    }
}

#[allow(unconditional_recursion, reason = "it is to overflow the stack")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + room[(depth % 64) as usize]
}
