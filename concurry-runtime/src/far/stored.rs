//! [`Stored`]: a value that is on a cluster, what is said of it, and who has it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fork::is_fork;
use crate::wire::link::room;

/// What a value on a cluster is known by: the worker that left it there and the number of the call that it came of; or 0
/// and a number, where its driver put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) worker: u64,
    pub(crate) call: u64,
}

/// What is done with a value that was brought here.
pub(crate) type Then = Box<dyn FnOnce(Result<Vec<u8>>) + Send>;

/// Where values are that are not here, and what does their errands.
pub(crate) trait Site: Send + Sync {
    /// One more has to do with it; `false` where it is about to end.
    fn enter(&self) -> bool;
    /// One less has to do with it.
    fn leave(&self);
    /// Has a value brought here. `then` is called once, on a thread that others wait for.
    fn fetch(&self, key: Key, then: Then);
    /// A value is not needed any more.
    fn forget(&self, key: Key);
    /// Puts a value there, encoded as a result is.
    fn put(&self, bytes: &[u8]) -> Result<Key>;
}

/// Whether these are one.
pub(crate) fn is_same(one: &Arc<dyn Site>, other: &Arc<dyn Site>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}

/// A value that is on a cluster, encoded as a result is. The last who lets go of it gives it up there.
pub(crate) struct Stored {
    site: Arc<dyn Site>,
    pub(crate) key: Key,
    /// In bytes.
    size: u64,
}

impl Stored {
    /// One that is there, or about to be; nothing where the site is about to end.
    pub(crate) fn new(site: Arc<dyn Site>, key: Key, size: u64) -> Option<Arc<Self>> {
        site.enter().then(|| Arc::new(Stored { site, key, size }))
    }

    /// Puts one there.
    pub(crate) fn put(site: &Arc<dyn Site>, bytes: &[u8]) -> Result<Arc<Self>> {
        let key = site.put(bytes)?;
        Stored::new(site.clone(), key, bytes.len() as u64).ok_or_else(Error::stopped)
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is there.
    pub(crate) fn is_at(&self, site: &Arc<dyn Site>) -> bool {
        is_same(&self.site, site)
    }

    /// Has it brought here. `then` is called once, on a thread that others wait for.
    pub(crate) fn fetch(&self, then: impl FnOnce(Result<Vec<u8>>) + Send + 'static) {
        self.site.fetch(self.key, Box::new(then));
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if is_fork() {
            // Its parent has it still; and a lock that another thread had there is never free here.
            return;
        }
        self.site.forget(self.key);
        self.site.leave();
    }
}

/// Where a value on the cluster belongs in a message.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hole {
    pub(crate) key: Key,
    /// Before so many of the bytes that are there.
    pub(crate) at: u64,
    /// It is bytes, whose number is to be before them.
    pub(crate) plain: bool,
}

/// Memory without a name that has these bytes.
pub(crate) fn file_of(bytes: &[u8]) -> std::io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};

    let file = File::from(memfd_create(c"concurry-value", MFdFlags::MFD_CLOEXEC)?);
    file.write_all_at(bytes, 0)?;
    Ok(file)
}

/// Adds what is in the file to `bytes`. No two threads may do that with one file at once.
pub(crate) fn read_file(mut file: &File, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let size = file.metadata()?.len();
    room::make(bytes, usize::try_from(size).map_err(std::io::Error::other)?).map_err(std::io::Error::other)?;
    file.seek(SeekFrom::Start(0))?;
    // Into memory that is not written to before.
    let read = file.take(size).read_to_end(bytes)?;
    if read as u64 == size { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_again() {
        let bytes: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
        let file = file_of(&bytes).unwrap();
        for _ in 0..2 {
            let mut read = vec![1, 2];
            read_file(&file, &mut read).unwrap();
            assert_eq!((&read[..2], &read[2..]), (&[1, 2][..], &bytes[..]));
        }
        let mut nothing = Vec::new();
        read_file(&file_of(&[]).unwrap(), &mut nothing).unwrap();
        assert!(nothing.is_empty());
    }
}
