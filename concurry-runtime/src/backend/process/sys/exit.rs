//! Something to be done when this process exits.

use nix::libc;

/// Runs `done` when the process exits in good order: `main` returns, or somebody calls `exit`. Other threads still run
/// then. Where there is no room to remember it, it is not run.
pub(crate) fn at_exit(done: extern "C" fn()) {
    // SAFETY: the function takes nothing, does not unwind, and is there for as long as the executable that it is part of.
    let _full = unsafe { libc::atexit(done) };
}
