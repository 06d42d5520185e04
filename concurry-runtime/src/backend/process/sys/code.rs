//! Naming code across two processes of one executable: a function is its distance from an anchor in the same image.
//!
//! It holds only where both processes run the very same file, which [`Build`] checks, and where the code is part of the
//! executable itself and not of a library that it loads, which [`check_image`] checks before anything is started.

use std::ffi::c_void;
use std::os::linux::fs::MetadataExt;

use nix::libc;
use serde::{Deserialize, Serialize};

use super::super::child::{Preload, Serve};
#[cfg(feature = "ray")]
use crate::backend::ray::Image;

/// Which executable a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Build {
    /// A file of this machine.
    File { device: u64, inode: u64, size: u64, modified: (i64, i64) },
    /// What was sent to another machine, where whoever starts it has hashed what it starts.
    #[cfg(feature = "ray")]
    Shipped(Image),
}

impl Build {
    /// Whether it is what this process runs.
    pub(crate) fn is_here(self) -> std::io::Result<bool> {
        match self {
            Build::File { .. } => build_of_this_process().map(|own| own == self),
            #[cfg(feature = "ray")]
            Build::Shipped(image) => {
                Ok(image.is_told_here() && image.size == std::fs::metadata("/proc/self/exe")?.len())
            }
        }
    }
}

/// The build of this process, through the link that leads to its file even where that has been replaced or deleted.
pub(crate) fn build_of_this_process() -> std::io::Result<Build> {
    let file = std::fs::metadata("/proc/self/exe")?;
    Ok(Build::File {
        device: file.st_dev(),
        inode: file.st_ino(),
        size: file.st_size(),
        modified: (file.st_mtime(), file.st_mtime_nsec()),
    })
}

/// Where distances are measured from.
#[inline(never)]
fn anchor() {
    std::hint::black_box(());
}

fn anchor_address() -> usize {
    anchor as fn() as usize
}

/// The distance of a function from the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offset(isize);

impl Offset {
    pub(crate) fn of_serve(function: Serve) -> Self {
        Offset::of_address(function as usize)
    }

    pub(crate) fn of_preload(function: Preload) -> Self {
        Offset::of_address(function as usize)
    }

    pub(crate) fn of_hook(function: fn()) -> Self {
        Offset::of_address(function as usize)
    }

    pub(super) fn of_address(address: usize) -> Self {
        Offset(address.wrapping_sub(anchor_address()) as isize)
    }

    pub(super) fn address(self) -> usize {
        anchor_address().wrapping_add_signed(self.0)
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        (self.0 as i64).to_le_bytes()
    }

    pub(super) fn from_bytes(bytes: [u8; 8]) -> Self {
        Offset(i64::from_le_bytes(bytes) as isize)
    }
}

/// The entry of a worker that another process of the same build has named.
pub(crate) fn entry_at(offset: Offset) -> Serve {
    let address = offset.address();
    // SAFETY: the caller has compared builds: this process runs the same file as the one that made the offset of a
    // `Serve` with `Offset::of_serve`, and both are in that file's own image (`check_image` passed over there), whose
    // layout does not change from run to run but for where it is loaded. So a function of that type is here.
    unsafe { std::mem::transmute::<usize, Serve>(address) }
}

/// The entry of a zygote that another process of the same build has named.
pub(crate) fn preload_at(offset: Offset) -> Preload {
    let address = offset.address();
    // SAFETY: as for `entry_at`; the offset was made of a `Preload` with `Offset::of_preload`.
    unsafe { std::mem::transmute::<usize, Preload>(address) }
}

/// A start hook that another process of the same build has named.
pub(crate) fn hook_at(offset: Offset) -> fn() {
    let address = offset.address();
    // SAFETY: as for `entry_at`; the offset was made of a `fn()` with `Offset::of_hook`.
    unsafe { std::mem::transmute::<usize, fn()>(address) }
}

/// The base of the image that `address` is in.
fn image_of(address: usize) -> Option<usize> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: `info` is a valid place for the answer, and any address may be asked about.
    let found = unsafe { libc::dladdr(address as *const c_void, &raw mut info) };
    (found != 0).then_some(info.dli_fbase as usize)
}

/// Whether code at `function` can be named to another process: it and the anchor are in the main executable.
pub(crate) fn check_image(function: usize) -> Result<(), String> {
    // SAFETY: asks the kernel's auxiliary vector for the program's own headers; reads no memory of ours.
    let program = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    let main = image_of(program);
    if main.is_some() && image_of(anchor_address()) == main && image_of(function) == main {
        Ok(())
    } else {
        Err("worker processes run this program's own executable, but this code is in a library that was loaded into it; use mode `thread` here".to_owned())
    }
}
