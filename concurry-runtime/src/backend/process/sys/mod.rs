//! What the process backend needs of the system that safe code cannot have, behind safe types. Each block says why it
//! is sound.

mod code;
mod exit;
mod fork;
mod forks;
mod function;
mod hook;
mod overflow;
mod register;

pub(super) use code::{Build, Offset, build_of_this_process, check_image, entry_at, hook_at, preload_at};
pub(super) use exit::at_exit;
pub(super) use fork::{Alone, Side, flush_c, fork_sibling};
#[cfg(feature = "fault-injection")]
pub(crate) use forks::fork;
pub(crate) use forks::watch_forks;
pub(in crate::backend) use forks::{Kept, keep};
pub(crate) use function::{Arrived, Body, Named, Nameless};
#[cfg(feature = "ray")]
pub(super) use hook::values_socket;
pub(super) use hook::{adopt_socket, exit_now, ignore_signals, receive_with_fds};
pub(super) use overflow::{OVERFLOWED, watch_stack};
pub(super) use register::Register;
