//! Room in buffers, where there may be a lot of it.

use std::collections::TryReserveError;

/// Buffers from this size on are asked for in huge pages: touching them for the first time is what they cost.
const HUGE: usize = 2 << 20;

/// Makes room for so many bytes more, and not for others.
pub(crate) fn make(bytes: &mut Vec<u8>, more: usize) -> Result<(), TryReserveError> {
    let before = bytes.capacity();
    bytes.try_reserve_exact(more)?;
    if more >= HUGE && bytes.capacity() != before {
        ask_for_huge_pages(bytes);
    }
    Ok(())
}

/// A copy.
pub(crate) fn copy(bytes: &[u8]) -> Vec<u8> {
    let mut copy = Vec::new();
    // Where there is none the copy itself finds out.
    let _ = make(&mut copy, bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

fn ask_for_huge_pages(bytes: &mut Vec<u8>) {
    use std::ptr::NonNull;

    use nix::sys::mman::{MmapAdvise, madvise};

    const PAGE: usize = 4096;
    let spare = bytes.spare_capacity_mut();
    let offset = spare.as_ptr().align_offset(PAGE);
    let Some(pages) = spare.get_mut(offset..) else { return };
    let length = pages.len() / PAGE * PAGE;
    // SAFETY: whole pages of a buffer that is ours and not filled yet; the advice changes how they are backed and
    // nothing else. Where it is refused, they are as they were.
    let _ = unsafe { madvise(NonNull::from(pages).cast(), length, MmapAdvise::MADV_HUGEPAGE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_as_it_was() {
        for length in [0, 1, HUGE - 1, HUGE, 3 * HUGE + 5] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert!(copy(&bytes) == bytes, "{length}");
            let mut longer = bytes.clone();
            make(&mut longer, length).unwrap();
            assert!(longer.capacity() >= 2 * length && longer == bytes, "{length}");
        }
        assert!(make(&mut vec![0], usize::MAX).is_err());
    }
}
