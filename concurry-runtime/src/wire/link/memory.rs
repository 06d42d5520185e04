//! The memory that a driver shares with one worker process.
//!
//! ```text
//! 0           64       128       192         256       320        4096        + RING       + RING
//! | 4 words   | head   | tail    | head      | tail    | flags    | bytes     | bytes      |
//! |           | down, to the worker | up, to the driver |         | down      | up         |
//! ```
//!
//! Everything in it may be changed by the other process at any time, also by one that has gone mad: nothing read from
//! here is used as a length or a place before it is checked, and bytes are copied out before anybody looks at them.
//! The size is sealed, so that a worker cannot take the ground from under its driver.

use std::ffi::CString;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sched::sched_getcpu;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::attention::Attention;
use super::flag::Flag;

/// How many bytes a ring holds; a power of two.
pub(super) const RING: usize = 1 << 20;
const WORDS: usize = 4096;
const SIZE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(WORDS + 2 * RING - 1);

/// The direction of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the driver to the worker.
    Down,
    /// From the worker to the driver.
    Up,
}

/// A number on a cache line of its own.
#[repr(C, align(64))]
struct Line(AtomicU64);

#[repr(C, align(64))]
struct Words {
    begun: AtomicU64,
    overflowed: AtomicU64,
    arrived: AtomicU64,
    cpu: AtomicU64,
    down: [Line; 2],
    up: [Line; 2],
    flags: Flags,
}

/// Who sleeps, each on a cache line that is quiet while nobody does.
#[repr(C, align(64))]
pub(super) struct Flags {
    /// Whether the worker looks at what comes.
    pub(super) worker: Attention,
    /// The worker waits for room on its way up, by its futex.
    pub(super) worker_full: Flag,
    /// The driver's reader waits for frames, by the socket.
    pub(super) driver: Flag,
    /// The driver waits for room on its way down, by the socket.
    pub(super) driver_full: Flag,
}

/// The mapping. It is zero at first, which is a ring with nothing in it and nobody asleep.
pub(crate) struct Memory {
    start: NonNull<u8>,
}

// SAFETY: the memory is used through atomics, and through copies of bytes that the rings' protocol gives to one side at
// a time.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// New memory, for the driver, and the file to hand to the worker.
    pub(crate) fn new() -> io::Result<(Arc<Self>, OwnedFd)> {
        let name = CString::new("concurry")?;
        let file = memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        nix::unistd::ftruncate(&file, SIZE.get() as i64)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        let memory = Arc::new(Memory { start: map(file.as_fd())? });
        Ok((memory, file))
    }

    /// The driver's memory, seen from the worker.
    pub(crate) fn open(file: &OwnedFd) -> io::Result<Arc<Self>> {
        let size = nix::sys::stat::fstat(file)?.st_size;
        if size < SIZE.get() as i64 {
            return Err(io::Error::other("the shared memory is too small"));
        }
        Ok(Arc::new(Memory { start: map(file.as_fd())? }))
    }

    fn words(&self) -> &Words {
        // SAFETY: the mapping is page-aligned, larger than `Words`, zero at first, which is a valid `Words`, and lives
        // as long as `self`; it is changed through atomics only.
        unsafe { self.start.cast::<Words>().as_ref() }
    }

    /// A word for whoever uses the link: the number of the call that the worker has begun.
    pub(crate) fn begun(&self) -> &AtomicU64 {
        &self.words().begun
    }

    /// A word for whoever uses the link: whether the worker has taken its description.
    pub(crate) fn arrived(&self) -> &AtomicU64 {
        &self.words().arrived
    }

    /// A word for whoever uses the link: whether the worker's stack overflowed.
    pub(crate) fn overflowed(&self) -> &AtomicU64 {
        &self.words().overflowed
    }

    /// The same for a signal handler, which outlives everything: the mapping stays until the process ends.
    pub(crate) fn overflowed_for_ever(self: &Arc<Self>) -> &'static AtomicU64 {
        let words = self.start.cast::<Words>();
        std::mem::forget(Arc::clone(self));
        // SAFETY: the reference that was just given up keeps the mapping for as long as the process lives.
        unsafe { &(*words.as_ptr()).overflowed }
    }

    /// The worker says on which processor it is.
    pub(super) fn be_here(&self) {
        let cpu = sched_getcpu().map_or(0, |cpu| cpu as u64 + 1);
        self.words().cpu.store(cpu, Ordering::Relaxed);
    }

    /// Whether it said last that it is on the one that this thread is on, and so needs it.
    pub(super) fn is_here(&self) -> bool {
        let cpu = self.words().cpu.load(Ordering::Relaxed);
        cpu != 0 && sched_getcpu().is_ok_and(|own| own as u64 + 1 == cpu)
    }

    pub(super) fn flags(&self) -> &Flags {
        &self.words().flags
    }

    /// How much was ever written to a ring.
    pub(super) fn head(&self, way: Way) -> &AtomicU64 {
        &self.ends(way)[0].0
    }

    /// How much was ever taken from a ring.
    pub(super) fn tail(&self, way: Way) -> &AtomicU64 {
        &self.ends(way)[1].0
    }

    fn ends(&self, way: Way) -> &[Line; 2] {
        match way {
            Way::Down => &self.words().down,
            Way::Up => &self.words().up,
        }
    }

    /// The place of the byte `at` in a ring, and how many there are from there to its end.
    fn place(&self, way: Way, at: u64) -> (NonNull<u8>, usize) {
        let ring = match way {
            Way::Down => 0,
            Way::Up => 1,
        };
        let at = (at % RING as u64) as usize;
        // SAFETY: at most `WORDS + 2 * RING - 1`, which is inside the mapping.
        (unsafe { self.start.add(WORDS + ring * RING + at) }, RING - at)
    }

    /// Puts bytes into a ring, from the byte `at` on, wrapping around. Only its writer may, and only where the reader
    /// has been; what it does otherwise is put nonsense there.
    pub(super) fn put(&self, way: Way, at: u64, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(RING)];
        let (place, left) = self.place(way, at);
        let (first, second) = bytes.split_at(bytes.len().min(left));
        let start = self.place(way, 0).0;
        // SAFETY: both parts fit into what is left of the ring from their places on; the source is ours and does not
        // overlap shared memory. The other process does not use these bytes now by the ring's protocol; were it to, no
        // value of a byte is invalid.
        unsafe {
            place.copy_from_nonoverlapping(NonNull::from(first).cast(), first.len());
            start.copy_from_nonoverlapping(NonNull::from(second).cast(), second.len());
        }
    }

    /// Copies `count` bytes out of a ring to the end of `into`, from the byte `at` on, wrapping around.
    pub(super) fn get(&self, way: Way, at: u64, count: usize, into: &mut Vec<u8>) {
        let count = count.min(RING);
        let (place, left) = self.place(way, at);
        let first = count.min(left);
        let start = self.place(way, 0).0;
        into.reserve(count);
        let room = &mut into.spare_capacity_mut()[..count];
        let (to_first, to_second) = room.split_at_mut(first);
        // SAFETY: both parts are inside the ring, the targets are ours and as long; all of them is written, so the new
        // length is of bytes that are there. Whatever the other process does meanwhile, a byte is a byte.
        unsafe {
            place.copy_to_nonoverlapping(NonNull::from(&mut *to_first).cast(), first);
            start.copy_to_nonoverlapping(NonNull::from(&mut *to_second).cast(), count - first);
            into.set_len(into.len() + count);
        }
    }
}

fn map(file: BorrowedFd<'_>) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice, of a file that has this many bytes and keeps them;
    // nothing else is at it.
    let address =
        unsafe { mmap(None, SIZE, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, file, 0)? };
    Ok(address.cast())
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and the last reference to it is going.
        let unmapped = unsafe { munmap(self.start.cast(), SIZE.get()) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_true() {
        assert_eq!(std::mem::offset_of!(Words, down), 64);
        assert_eq!(std::mem::offset_of!(Words, up), 192);
        assert_eq!(std::mem::offset_of!(Words, flags), 320);
        assert!(size_of::<Words>() <= WORDS);
    }

    #[test]
    fn a_worker_is_here_or_elsewhere() {
        let (memory, file) = Memory::new().unwrap();
        assert!(!memory.is_here(), "nobody has said where it is");
        let worker = Memory::open(&file).unwrap();
        // This thread may move between any two lines.
        let mut tries = 0..1000;
        assert!(tries.any(|_| {
            worker.be_here();
            memory.is_here()
        }));
        memory.words().cpu.store(u64::MAX, Ordering::Relaxed);
        assert!(!memory.is_here());
    }

    #[test]
    fn its_size_cannot_be_changed() {
        let (_memory, file) = Memory::new().unwrap();
        assert!(nix::unistd::ftruncate(&file, 0).is_err());
        assert!(nix::unistd::ftruncate(&file, 1 << 30).is_err());
    }

    #[test]
    fn bytes_wrap_around() {
        let (memory, file) = Memory::new().unwrap();
        let other = Memory::open(&file).unwrap();
        let at = RING as u64 * 3 - 2;
        memory.put(Way::Up, at, b"abcdef");
        let mut got = vec![b'!'];
        other.get(Way::Up, at, 6, &mut got);
        assert_eq!(got, b"!abcdef");
        got.clear();
        other.get(Way::Down, at, 6, &mut got);
        assert_eq!(got, [0; 6]);
    }
}
