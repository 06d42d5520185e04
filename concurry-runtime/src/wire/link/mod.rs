//! What carries frames between two processes: today a stream socket, read and written without ever blocking the
//! driver.
//!
//! [`Outbox`] holds what the socket would not take yet, small frames joined into one write; [`Inbox`] cuts what
//! arrives into frames. Neither trusts a length before the bytes are there.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, send, sendmsg};

use super::frame::{HEAD, Head};
use crate::call::Call;

/// Messages from this size on are written from where they are; smaller ones are joined.
const LARGE: usize = 32 << 10;

enum Piece {
    Joined(Vec<u8>),
    /// The encoded message of a call.
    Message(Call),
}

/// Frames on their way out.
#[derive(Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is out.
    done: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn joined(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.back(), Some(Piece::Joined(bytes)) if bytes.len() < LARGE) {
            self.pieces.push_back(Piece::Joined(Vec::new()));
        }
        match self.pieces.back_mut() {
            Some(Piece::Joined(bytes)) => bytes,
            _ => unreachable!("a joined piece was put there just now"),
        }
    }

    /// A frame with its bytes.
    pub(crate) fn frame(&mut self, head: Head, bytes: &[u8]) {
        let joined = self.joined();
        joined.extend_from_slice(&head.to_bytes());
        joined.extend_from_slice(bytes);
    }

    /// A frame that carries the encoded message of `call`, whose length `head` has.
    pub(crate) fn message(&mut self, head: Head, call: &Call) {
        let large = head.length >= LARGE;
        let joined = self.joined();
        joined.extend_from_slice(&head.to_bytes());
        if large {
            self.pieces.push_back(Piece::Message(call.clone()));
        } else {
            call.with_encoded(&mut |bytes| joined.extend_from_slice(bytes));
        }
    }

    /// Writes as much as the socket takes; whether all is out.
    pub(crate) fn flush(&mut self, socket: &UnixStream) -> io::Result<bool> {
        while let Some(piece) = self.pieces.front() {
            let mut outcome = Ok(0);
            let mut length = 0;
            let done = self.done;
            let mut write = |bytes: &[u8]| {
                length = bytes.len();
                outcome = write_some(socket.as_raw_fd(), bytes.get(done..).unwrap_or_default());
            };
            match piece {
                Piece::Joined(bytes) => write(bytes),
                Piece::Message(call) => call.with_encoded(&mut write),
            }
            match outcome {
                Ok(written) => self.done += written,
                Err(Errno::EAGAIN) => return Ok(false),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if self.done >= length {
                self.pieces.pop_front();
                self.done = 0;
            }
        }
        Ok(true)
    }
}

fn write_some(socket: RawFd, bytes: &[u8]) -> nix::Result<usize> {
    if bytes.is_empty() {
        return Ok(0);
    }
    send(socket, bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT)
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
}

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// Frames on their way in.
pub(crate) struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// A frame whose bytes are still arriving.
    open: Option<(Head, Vec<u8>)>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox { buffer: vec![0; CHUNK].into_boxed_slice(), start: 0, end: 0, open: None }
    }

    /// Reads once.
    pub(crate) fn read(&mut self, mut socket: &UnixStream) -> io::Result<Arrival> {
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
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Arrival::End),
            Err(error) => Err(error),
        }
    }

    /// The next frame that is whole; an error where what arrived is no frame.
    pub(crate) fn next(&mut self) -> Result<Option<(Head, Vec<u8>)>, String> {
        if self.open.is_none() {
            let arrived = &self.buffer[self.start..self.end];
            let head = match Head::read(arrived) {
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

#[cfg(test)]
mod tests {
    use super::super::frame::Kind;
    use super::*;

    #[test]
    fn frames_of_all_sizes_arrive_whole_and_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let sizes = [0usize, 1, 100, CHUNK - HEAD, CHUNK, 3 * CHUNK + 7, 9 << 20, 2];
        let reader = std::thread::spawn(move || {
            let (mut inbox, mut got) = (Inbox::new(), Vec::new());
            loop {
                while let Some((head, bytes)) = inbox.next().unwrap() {
                    assert!(bytes.iter().all(|&byte| byte == head.id as u8));
                    got.push((head.id, bytes.len()));
                }
                if inbox.read(&theirs).unwrap() == Arrival::End {
                    return got;
                }
            }
        });
        let mut outbox = Outbox::default();
        for (id, &size) in sizes.iter().enumerate() {
            outbox.frame(Head::about(Kind::Value, id as u64, size), &vec![id as u8; size]);
        }
        while !outbox.flush(&ours).unwrap() {
            let mut fds = [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&ours), nix::poll::PollFlags::POLLOUT)];
            nix::poll::poll(&mut fds, nix::poll::PollTimeout::NONE).unwrap();
        }
        drop(ours);
        let expected: Vec<_> = sizes.iter().enumerate().map(|(id, &size)| (id as u64, size)).collect();
        assert_eq!(reader.join().unwrap(), expected);
    }

    #[test]
    fn rubbish_is_an_error_and_no_panic() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut &ours, &[255; 100]).unwrap();
        let mut inbox = Inbox::new();
        inbox.read(&theirs).unwrap();
        assert!(inbox.next().is_err());
    }
}
