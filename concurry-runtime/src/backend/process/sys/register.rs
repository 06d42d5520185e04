//! [`Register`]: where the kernel writes down the numbers of the processes that a zygote forks.
//!
//! It is memory that a driver shares with its zygote. The number of a new process is there before that process runs, so
//! the driver knows of it even where the zygote dies the moment after. Slots are numbered; the driver says with each
//! request which one is to be used.

use std::ffi::CString;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicI32;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap};

const SLOT: usize = size_of::<AtomicI32>();

pub(crate) struct Register {
    start: NonNull<AtomicI32>,
    slots: usize,
}

// SAFETY: the memory is used through atomics alone.
unsafe impl Send for Register {}
// SAFETY: as above.
unsafe impl Sync for Register {}

impl Register {
    /// A new one, for the driver, and the file to hand to the zygote.
    pub(crate) fn new(slots: usize) -> io::Result<(Self, OwnedFd)> {
        let file = memfd_create(
            CString::new("concurry-zygote")?.as_c_str(),
            MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
        )?;
        let bytes = slots.max(1).checked_mul(SLOT).and_then(|bytes| i64::try_from(bytes).ok());
        nix::unistd::ftruncate(&file, bytes.ok_or_else(|| io::Error::other("too many slots"))?)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL))?;
        Ok((Self::map(&file)?, file))
    }

    /// The driver's, seen from the zygote. Processes that this one forks do not have it.
    pub(crate) fn open(file: &OwnedFd) -> io::Result<Self> {
        let register = Self::map(file)?;
        // SAFETY: the mapping was made just now, of this length; leaving it out of forks changes nothing here.
        unsafe { madvise(register.start.cast(), register.slots * SLOT, MmapAdvise::MADV_DONTFORK)? };
        Ok(register)
    }

    fn map(file: &OwnedFd) -> io::Result<Self> {
        let size = usize::try_from(nix::sys::stat::fstat(file)?.st_size).unwrap_or_default();
        let length = NonZeroUsize::new(size).ok_or_else(|| io::Error::other("the register is empty"))?;
        // SAFETY: a new mapping at an address of the kernel's choice, of a file that has this many bytes and keeps them.
        let start = unsafe {
            mmap(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, file.as_fd(), 0)?
        };
        Ok(Register { start: start.cast(), slots: size / SLOT })
    }

    /// The slot of this number: 0 where no process was made, its number where one was, a negative error where none could
    /// be.
    pub(crate) fn slot(&self, number: usize) -> Option<&AtomicI32> {
        if number >= self.slots {
            return None;
        }
        // SAFETY: the mapping has that many slots, page-aligned and zero at first, and lives as long as `self`; it is
        // used through atomics only.
        Some(unsafe { self.start.add(number).as_ref() })
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, which is rounded up to pages both times, and the last reference to it
        // is going.
        let unmapped = unsafe { munmap(self.start.cast(), self.slots * SLOT) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn both_sides_see_the_same_slots_and_no_more() {
        let (ours, file) = Register::new(3).unwrap();
        let theirs = Register::open(&file).unwrap();
        for (number, value) in [7, -11, 12].into_iter().enumerate() {
            assert_eq!(ours.slot(number).unwrap().load(Ordering::Acquire), 0);
            theirs.slot(number).unwrap().store(value, Ordering::Release);
        }
        assert_eq!(ours.slot(1).unwrap().load(Ordering::Acquire), -11);
        assert!(ours.slot(3).is_none() && theirs.slot(usize::MAX).is_none());
        assert!(nix::unistd::ftruncate(&file, 0).is_err());
    }
}
