//! [`Values`]: the way between a worker on a cluster and the actor that keeps it, for values that do not go by its driver.
//!
//! Each message has a file without a name, in which a value is, and says which that is: by the number of the call that it came
//! of, where it is left here; by its [`Key`], where the worker is given it.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use super::watcher;
use crate::backend::process::sys;
use crate::error::Error;
use crate::far::{Hole, Key, file_of, read_file};
use crate::wire::codec::{self, Codec};

/// The most that a message has.
const MOST: usize = 8 << 10;

#[derive(Default)]
struct State {
    given: HashMap<Key, Result<Arc<File>, String>>,
    /// Where the value of a call is to go: whether it is to stay here.
    told: Option<(u64, bool)>,
    /// Nothing more will come.
    over: bool,
}

pub(super) struct Values {
    socket: UnixStream,
    state: Mutex<State>,
    changed: Condvar,
}

impl Values {
    /// The way, where this process was given one, and a thread that hears what comes by it.
    pub(super) fn open() -> io::Result<Option<Arc<Self>>> {
        let Some(socket) = sys::values_socket() else { return Ok(None) };
        // As with the socket of the driver.
        std::mem::forget(sys::keep(socket.as_fd()));
        let values = Arc::new(Values { socket, state: Mutex::default(), changed: Condvar::new() });
        let own = values.clone();
        watcher().spawn(move || own.hear())?;
        Ok(Some(values))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self) {
        let (mut message, mut files) = (vec![0; MOST], VecDeque::new());
        while let Ok(read @ 1..) = sys::receive_with_fds(&self.socket, &mut message, &mut files) {
            let file = files.pop_front().map(File::from);
            if let Some((what, key, text)) = message.get(..read).and_then(parse) {
                let mut state = self.state();
                match (what, file) {
                    (b'G', Some(file)) => drop(state.given.insert(key, Ok(Arc::new(file)))),
                    (b'F', _) => drop(state.given.remove(&key)),
                    // A value whose file did not come, as where there are no descriptors left.
                    (b'G', None) => drop(state.given.insert(key, Err("it did not arrive".to_owned()))),
                    _ => drop(state.given.insert(key, Err(text))),
                }
                drop(state);
                self.changed.notify_all();
            }
            files.clear();
        }
        self.state().over = true;
        self.changed.notify_all();
    }

    /// Looks again whether what is waited for is wanted.
    pub(super) fn look(&self) {
        drop(self.state());
        self.changed.notify_all();
    }

    /// The driver has said whether the value of this call is to stay here.
    pub(super) fn told(&self, id: u64, stays: bool) {
        self.state().told = Some((id, stays));
        self.changed.notify_all();
    }

    /// Waits until it has.
    pub(super) fn is_to_stay(&self, id: u64) -> bool {
        let waits = |state: &mut State| state.told.is_none_or(|(told, _)| told != id);
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        state.told.is_some_and(|(_, stays)| stays)
    }

    /// Leaves the value of this call here.
    pub(super) fn leave(&self, id: u64, bytes: &[u8]) -> io::Result<()> {
        let file = file_of(bytes)?;
        let (id, files) = (id.to_le_bytes(), [file.as_raw_fd()]);
        let rights = [ControlMessage::ScmRights(&files)];
        sendmsg::<UnixAddr>(self.socket.as_raw_fd(), &[IoSlice::new(&id)], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }

    /// A message with what belongs into its holes; waits until that is here, or `cancelled` is.
    pub(super) fn compose(&self, message: &[u8], holes: Vec<Hole>, cancelled: &AtomicBool) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        let mut at = 0;
        for Hole { key, at: next, plain } in holes {
            let next = usize::try_from(next).unwrap_or(usize::MAX);
            let before =
                message.get(at..next).ok_or_else(|| Error::codec("an argument's place is outside of its call"))?;
            at = next;
            let file = self.await_value(key, cancelled)?;
            let failed = |error: io::Error| Error::refused("an argument on the cluster could not be read", &error);
            let size = file.metadata().map_err(failed)?.len();
            whole.extend_from_slice(before);
            if plain {
                whole.extend(codec::encode(Codec::Bincode, &size).map_err(Error::codec)?);
            }
            read_file(&file, &mut whole).map_err(failed)?;
        }
        whole.extend_from_slice(message.get(at..).unwrap_or_default());
        Ok(whole)
    }

    fn await_value(&self, key: Key, cancelled: &AtomicBool) -> Result<Arc<File>, Error> {
        let over = || cancelled.load(Ordering::Acquire);
        let waits = |state: &mut State| !state.given.contains_key(&key) && !state.over && !over();
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        match state.given.get(&key) {
            Some(Ok(file)) => Ok(file.clone()),
            Some(Err(why)) => Err(Error::ray(format!("an argument that was on the cluster is lost: {why}"))),
            None if over() => Err(Error::cancelled()),
            None => Err(Error::ray("an argument that was on the cluster is lost with the worker's actor")),
        }
    }
}

/// What a message says: what it is about, which value, and a text.
fn parse(message: &[u8]) -> Option<(u8, Key, String)> {
    let (what, rest) = message.split_first()?;
    let (worker, rest) = rest.split_first_chunk()?;
    let (call, text) = rest.split_first_chunk()?;
    let key = Key { worker: u64::from_le_bytes(*worker), call: u64::from_le_bytes(*call) };
    Some((*what, key, String::from_utf8_lossy(text).into_owned()))
}
