//! [`Outbox`]: frames that the way to a worker has no room for yet, in order, small ones joined.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::down::Down;
use crate::wire::frame::Head;

/// Messages from this size on are written from where they are; smaller ones are joined.
const LARGE: usize = 32 << 10;

enum Piece {
    Joined(Vec<u8>),
    /// The encoded message of a call. It is held: were it to go when its call does, in the middle of a frame, whatever
    /// comes after it would be taken for the rest.
    Message(Arc<Vec<u8>>),
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

    /// Any bytes, for a test that has a frame written otherwise than frames are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.joined().extend_from_slice(bytes);
    }

    /// A frame that carries the encoded message of a call.
    pub(crate) fn message(&mut self, head: Head, message: Arc<Vec<u8>>) {
        if message.len() < LARGE {
            return self.frame(head, &message);
        }
        self.joined().extend_from_slice(&head.to_bytes());
        self.pieces.push_back(Piece::Message(message));
    }

    /// Writes as much as there is room for; whether all is out.
    pub(crate) fn flush(&mut self, down: &mut Down) -> io::Result<bool> {
        while let Some(piece) = self.pieces.front() {
            let bytes = match piece {
                Piece::Joined(bytes) => bytes,
                Piece::Message(message) => &**message,
            };
            let written = down.put(bytes.get(self.done..).unwrap_or_default())?;
            self.done += written;
            if self.done >= bytes.len() {
                self.pieces.pop_front();
                self.done = 0;
            } else if written == 0 && !down.await_room() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
