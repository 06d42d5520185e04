//! A word of memory that a worker shares with its driver: the call that the worker has begun.
//!
//! Protocol: the worker stores the number of a call before it runs it, and nobody else writes. The driver loads it only
//! after the worker is dead and everything that it had sent has been read, so the last store is seen: the kernel's
//! teardown of the process is between the two. A second word tells that the worker's stack overflowed.

use std::ffi::CString;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const SIZE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

#[repr(C)]
struct Words {
    begun: AtomicU64,
    overflowed: AtomicU64,
}

/// The shared words.
pub(crate) struct Mark {
    words: NonNull<Words>,
    file: Option<OwnedFd>,
}

// SAFETY: the memory behind it is plain atomics, which any thread may use.
unsafe impl Send for Mark {}
// SAFETY: as above; nothing is changed but through atomics.
unsafe impl Sync for Mark {}

impl Mark {
    /// A new one, for the driver.
    pub(crate) fn new() -> io::Result<Self> {
        let name = CString::new("concurry")?;
        let file = memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&file, SIZE.get() as i64)?;
        let words = map(file.as_fd())?;
        Ok(Mark { words, file: Some(file) })
    }

    /// The driver's, seen from the worker.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Self> {
        let size = nix::sys::stat::fstat(&file)?.st_size;
        if size < SIZE.get() as i64 {
            return Err(io::Error::other("the shared memory is too small"));
        }
        Ok(Mark { words: map(file.as_fd())?, file: None })
    }

    /// The file to hand to the worker, once.
    pub(crate) fn take_file(&mut self) -> Option<OwnedFd> {
        self.file.take()
    }

    fn words(&self) -> &Words {
        // SAFETY: the pointer is to `SIZE` mapped bytes, page-aligned and zero at first, valid until drop; all zeros
        // is a valid `Words`, and it is changed through atomics only.
        unsafe { self.words.as_ref() }
    }

    pub(crate) fn begin(&self, id: u64) {
        self.words().begun.store(id, Ordering::Release);
    }

    pub(crate) fn begun(&self) -> u64 {
        self.words().begun.load(Ordering::Acquire)
    }

    pub(crate) fn overflowed(&self) -> bool {
        self.words().overflowed.load(Ordering::Acquire) != 0
    }

    /// The word that a signal handler sets; never unmapped, since a handler outlives everything.
    pub(crate) fn overflow_word(self: &std::sync::Arc<Self>) -> &'static AtomicU64 {
        let words = self.words;
        std::mem::forget(std::sync::Arc::clone(self));
        // SAFETY: the reference count that was just given up keeps the mapping for as long as the process lives.
        unsafe { &(*words.as_ptr()).overflowed }
    }
}

fn map(file: BorrowedFd<'_>) -> io::Result<NonNull<Words>> {
    // SAFETY: a new mapping at an address of the kernel's choice, of a file that has this many bytes; nothing else is
    // at it.
    let address =
        unsafe { mmap(None, SIZE, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, file, 0)? };
    Ok(address.cast())
}

impl Drop for Mark {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and the last reference to it is going.
        let unmapped = unsafe { munmap(self.words.cast(), SIZE.get()) };
        debug_assert!(unmapped.is_ok());
    }
}
