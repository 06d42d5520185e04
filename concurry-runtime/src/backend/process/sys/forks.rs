//! Forks of this process that go on without `exec`: they are known, and hold nothing that others wait for the end of.
//!
//! A fork has a copy of every descriptor and of all memory, and one thread. Were it to keep its copy of a link's socket,
//! nobody would notice the death of the process that it was forked from: neither a driver that of its worker, nor workers
//! that of their driver. So what is [`keep`]t from forks is replaced there by the null device, under its number, which
//! whoever has it in the copied memory may close as it likes. And since the pools in that memory are its parent's, whoever
//! is asked to do something with one asks [`crate::fork`] first.
//!
//! This is known by what `fork` of the C library runs in the child; what calls the kernel by itself is not seen.

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Once, OnceLock};

use nix::libc;

use crate::fork;

/// Descriptors, as a list that grows and never shrinks. A fork may happen at any moment of any other thread, so that its
/// child must do without a lock to read it.
struct Places {
    places: [AtomicI32; 64],
    more: OnceLock<Box<Places>>,
}

/// Nobody's place.
const FREE: RawFd = -1;

static PLACES: Places = Places::new();

impl Places {
    const fn new() -> Self {
        Places { places: [const { AtomicI32::new(FREE) }; 64], more: OnceLock::new() }
    }
}

/// A descriptor that forks of this process do not have. To be let go of before the descriptor is closed.
#[derive(Debug)]
pub(crate) struct Kept(&'static AtomicI32);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(FREE, Ordering::SeqCst);
    }
}

/// Keeps a descriptor from forks of this process.
pub(crate) fn keep(descriptor: BorrowedFd<'_>) -> Kept {
    watch_forks();
    let number = descriptor.as_raw_fd();
    let mut at = &PLACES;
    loop {
        let free =
            |place: &&AtomicI32| place.compare_exchange(FREE, number, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if let Some(place) = at.places.iter().find(free) {
            return Kept(place);
        }
        at = at.more.get_or_init(|| Box::new(Places::new()));
    }
}

/// Has forks of this process know what they are.
pub(crate) fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function may be called in the child of a fork, where it does what is allowed there and does not
        // unwind; it is there for as long as the executable that it is part of. Where there is no memory to remember it,
        // forks do not know what they are.
        let _no_memory = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

extern "C" fn in_child() {
    fork::note();
    // SAFETY: these calls may be made in the child of a fork. The path is a C string; the numbers are those of
    // descriptors that the child has copies of, or were until a moment ago, since whoever closes one takes it off the
    // list first. Only the copies of this process are replaced.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        let mut at = Some(&PLACES);
        while let Some(Places { places, more }) = at {
            for place in places {
                let number = place.swap(FREE, Ordering::SeqCst);
                if number == FREE {
                    continue;
                }
                if null == -1 || libc::dup3(null, number, libc::O_CLOEXEC) == -1 {
                    libc::close(number);
                }
            }
            at = more.get().map(|more| &**more);
        }
        if null != -1 {
            libc::close(null);
        }
    }
}

/// For tests: forks this process. The child's number, or nothing in the child.
#[cfg(feature = "fault-injection")]
pub(crate) fn fork() -> std::io::Result<Option<u32>> {
    // SAFETY: the child has one thread and the memory as it was, so it must not wait for what another thread held then.
    // That is the caller's to see to, as it is everybody's who calls `fork`; memory stays sound.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child.cast_unsigned())),
    }
}
