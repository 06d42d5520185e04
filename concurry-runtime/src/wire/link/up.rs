//! [`Up`]: what a worker says, as its driver reads it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::memory::Memory;
use super::reading::{Frame, Reading};
use super::socket::{Arrival, Inbox};
use crate::spin::Patience;
use crate::wire::frame::Kind;

struct Ring {
    reading: Arc<Reading>,
    patience: Patience,
}

/// Where frames from a worker come from: its socket, which tells of its end too, and a ring, where there is one.
pub(crate) struct Up {
    socket: Arc<UnixStream>,
    inbox: Inbox,
    ring: Option<Ring>,
}

impl Up {
    /// The socket is not to block; a frame may have `most` bytes.
    pub(crate) fn new(socket: Arc<UnixStream>, memory: Option<Arc<Memory>>, most: usize) -> Self {
        let ring = memory.map(|memory| Ring { reading: Reading::new(memory, most), patience: Patience::new() });
        Up { socket, inbox: Inbox::new(ring.is_some(), most), ring }
    }

    /// The part of it that others may look at, where there is one.
    pub(crate) fn reading(&self) -> Option<Arc<Reading>> {
        self.ring.as_ref().map(|ring| ring.reading.clone())
    }

    /// What `claim` makes of the next frame that is here; an error where what is here is none, or `claim` says so.
    pub(crate) fn next<C>(&mut self, claim: impl FnOnce(Frame) -> Result<C, String>) -> Result<Option<C>, String> {
        while let Some((head, bytes)) = self.inbox.next()? {
            if head.kind != Kind::Bell {
                return claim((head, bytes)).map(Some);
            }
        }
        match &self.ring {
            Some(ring) => ring.reading.next(claim),
            None => Ok(None),
        }
    }

    /// Nothing of what is still here is to be believed.
    pub(crate) fn shut(&self) {
        if let Some(ring) = &self.ring {
            ring.reading.shut();
        }
    }

    /// Looks for frames for a moment, unless somebody else does; whether there is something. `or` is something else to look
    /// out for.
    pub(crate) fn spin(&self, mut or: impl FnMut() -> bool) -> bool {
        let Some(Ring { reading, patience }) = &self.ring else { return false };
        let mut some = || reading.has_news() || or();
        patience.spin(|| some() || reading.lookout.is_helped()) && some()
    }

    /// Waits for frames, for the worker's end, for `bell`, and, where something is to be written, for room.
    ///
    /// # Errors
    ///
    /// Where the socket fails, which is as good as its end.
    pub(crate) fn wait(&mut self, bell: BorrowedFd<'_>, to_write: bool) -> io::Result<Arrival> {
        let ring = self.ring.as_ref();
        if let Some(Ring { reading, .. }) = ring
            && reading.doze()
        {
            reading.rise();
            return Ok(Arrival::Some);
        }
        // Room in a ring is told by the socket, as everything else is.
        let wanted =
            if to_write && ring.is_none() { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        let mut fds = [PollFd::new(self.socket.as_fd(), wanted), PollFd::new(bell, PollFlags::POLLIN)];
        // An error here is no memory, or a signal: there is nothing to do but to look again.
        let polled = poll(&mut fds, PollTimeout::NONE);
        let readable = fds[0].any() == Some(true);
        if let Some(Ring { reading, .. }) = ring {
            reading.rise();
        }
        match polled {
            Ok(_) if readable => self.inbox.read(&self.socket),
            Ok(_) => Ok(Arrival::Nothing),
            Err(_) => {
                std::thread::yield_now();
                Ok(Arrival::Nothing)
            }
        }
    }
}
