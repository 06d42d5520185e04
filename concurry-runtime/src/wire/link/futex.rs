//! Sleeping by a word of memory, which may be shared with another process.

use std::ptr;
use std::sync::atomic::AtomicU32;

use nix::libc;

/// Sleeps until woken, if the word has this value; may wake for no reason.
pub(super) fn wait(word: &AtomicU32, value: u32) {
    // SAFETY: the word is valid for the whole call and aligned; no time limit is given. The kernel only reads it.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, ptr::null::<libc::timespec>());
    }
}

/// Wakes one who sleeps by the word.
pub(super) fn wake(word: &AtomicU32) {
    // SAFETY: the word is valid for the whole call; the kernel only uses its address.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1);
    }
}
