//! [`Stored`]: a value that is on a cluster, and what a call is put together of that has such values among its arguments.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bridge::Bridge;
use crate::error::{Error, Result};

/// What a value on a cluster is known by: the worker that left it there and the number of the call that it came of; or 0
/// and a number, where its driver put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) worker: u64,
    pub(crate) call: u64,
}

/// A value that is on a cluster, encoded as a result is. The last who lets go of it gives it up there.
pub(crate) struct Stored {
    bridge: Arc<Bridge>,
    pub(crate) key: Key,
    /// In bytes.
    size: u64,
}

impl Stored {
    /// One that is there, or about to be; nothing where the bridge is about to end.
    pub(super) fn new(bridge: &Arc<Bridge>, key: Key, size: u64) -> Option<Arc<Self>> {
        bridge.enter().then(|| Arc::new(Stored { bridge: bridge.clone(), key, size }))
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is behind this bridge.
    pub(crate) fn is_behind(&self, bridge: &Arc<Bridge>) -> bool {
        Arc::ptr_eq(&self.bridge, bridge)
    }

    /// Has it brought here. `then` is called once, on a thread that others wait for.
    pub(crate) fn fetch(&self, then: impl FnOnce(Result<Vec<u8>>) + Send + 'static) {
        self.bridge.fetch(self.key, Box::new(then));
    }

    /// Puts one there.
    pub(crate) fn put(bridge: &Arc<Bridge>, bytes: &[u8]) -> Result<Arc<Self>> {
        let failed = |error: std::io::Error| Error::refused("a value could not be put on the cluster", &error);
        let file = file_of(bytes).map_err(failed)?;
        let key = Key { worker: 0, call: bridge.put(file.as_raw_fd()) };
        Stored::new(bridge, key, bytes.len() as u64).ok_or_else(Error::stopped)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.bridge.forget(self.key);
        self.bridge.leave();
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

/// Adds what is in the file to `bytes`.
pub(crate) fn read_file(file: &File, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    let size = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
    let start = bytes.len();
    bytes.try_reserve_exact(size).map_err(std::io::Error::other)?;
    bytes.resize(start + size, 0);
    file.read_exact_at(bytes.get_mut(start..).unwrap_or_default(), 0)
}
