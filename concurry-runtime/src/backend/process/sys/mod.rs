//! What the process backend needs of the system that safe code cannot have, behind safe types. Each block says why it
//! is sound.

mod code;
mod function;
mod hook;
mod mark;
mod overflow;

pub(super) use code::{Build, Offset, build_of_this_process, check_image, entry_at, hook_at};
pub(crate) use function::{Arrived, Body, Named, Nameless};
pub(super) use hook::{adopt_socket, exit_now, ignore_signals, receive_with_fd};
pub(super) use mark::Mark;
pub(super) use overflow::watch_stack;
