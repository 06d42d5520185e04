//! Frames over a stream socket: writing without waiting, and cutting what arrives into frames.

use std::io::{self, IoSlice, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, send, sendmsg};

use crate::wire::frame::{HEAD, Head, Kind};

/// Writes as much as the socket takes without waiting.
pub(super) fn write_some(socket: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    loop {
        match send(socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
            Ok(written) => return Ok(written),
            Err(Errno::EAGAIN) => return Ok(0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Wakes whoever reads the other end. A socket that takes no more has woken it already; one whose other end is gone
/// says so to its own reader.
pub(super) fn ring_bell(socket: &UnixStream) {
    let _ = write_some(socket, &Head::plain(Kind::Bell, 0).to_bytes());
}

/// Writes a frame to a socket that blocks, all of it, the file descriptors with its first byte.
pub(crate) fn write_frame(socket: &UnixStream, head: Head, bytes: &[u8], fds: &[RawFd]) -> io::Result<()> {
    let head = head.to_bytes();
    let mut done = 0;
    let whole = HEAD + bytes.len();
    while done < whole {
        let parts = [
            IoSlice::new(head.get(done..).unwrap_or_default()),
            IoSlice::new(bytes.get(done.saturating_sub(HEAD)..).unwrap_or_default()),
        ];
        let rights = [ControlMessage::ScmRights(fds)];
        let control: &[ControlMessage<'_>] = if done == 0 && !fds.is_empty() { &rights } else { &[] };
        match sendmsg::<UnixAddr>(socket.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(written) => done += written,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What a read came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Something arrived.
    Some,
    /// Nothing is there at the moment.
    Nothing,
    /// The other end is gone.
    End,
    /// The same, and it had not read all that was sent to it; or the way to it has failed. Between machines, what it had
    /// sent last may be lost.
    Torn,
}

/// How much is read at once.
const CHUNK: usize = 64 << 10;
/// The same where nothing but bells is to be expected.
const LITTLE: usize = 1 << 10;

/// Frames on their way in.
pub(super) struct Inbox {
    /// How many bytes a frame may have.
    most: usize,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame whose bytes are still arriving.
    open: Option<(Head, Vec<u8>)>,
}

impl Inbox {
    /// For all frames, or for the few that come beside a ring; each of so many bytes at most.
    pub(super) fn new(beside_a_ring: bool, most: usize) -> Self {
        let size = if beside_a_ring { LITTLE } else { CHUNK };
        Inbox { most, buffer: vec![0; size].into_boxed_slice(), start: 0, end: 0, open: None }
    }

    /// Reads once.
    pub(super) fn read(&mut self, mut socket: &UnixStream) -> io::Result<Arrival> {
        let outcome = match &mut self.open {
            // Straight into the frame, which grows with what has arrived and not with what was announced.
            Some((head, bytes)) => {
                let before = bytes.len();
                let missing = head.length - before;
                match socket.take(missing.min(MOUTHFUL) as u64).read_to_end(bytes) {
                    Ok(read) => Ok(read),
                    Err(_) if bytes.len() > before => Ok(bytes.len() - before),
                    Err(error) => Err(error),
                }
            }
            None => {
                if self.start == self.end {
                    (self.start, self.end) = (0, 0);
                } else if self.end == self.buffer.len() {
                    self.buffer.copy_within(self.start..self.end, 0);
                    (self.start, self.end) = (0, self.end - self.start);
                }
                let read = socket.read(&mut self.buffer[self.end..]);
                if let Ok(read) = read {
                    self.end += read;
                }
                read
            }
        };
        match outcome {
            Ok(0) => Ok(Arrival::End),
            Ok(_) => Ok(Arrival::Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Arrival::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Arrival::Some),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Arrival::Torn),
            Err(error) => Err(error),
        }
    }

    /// The next frame that is whole; an error where what arrived is no frame.
    pub(super) fn next(&mut self) -> Result<Option<(Head, Vec<u8>)>, String> {
        if self.open.is_none() {
            let arrived = &self.buffer[self.start..self.end];
            let head = match Head::read(arrived, self.most) {
                None => return Ok(None),
                Some(head) => head?,
            };
            let here = &arrived[HEAD..];
            let here = &here[..here.len().min(head.length)];
            let mut bytes = Vec::with_capacity(head.length.min(MOUTHFUL));
            bytes.extend_from_slice(here);
            self.start += HEAD + here.len();
            self.open = Some((head, bytes));
        }
        match self.open.take() {
            Some((head, bytes)) if bytes.len() == head.length => Ok(Some((head, bytes))),
            unfinished => {
                self.open = unfinished;
                Ok(None)
            }
        }
    }
}

/// The most that one read of a large frame takes, so that nobody else waits for long.
const MOUTHFUL: usize = 4 << 20;
