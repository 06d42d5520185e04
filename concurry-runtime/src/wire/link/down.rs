//! [`Down`]: the driver's way to a worker. Nothing here waits.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::memory::{Memory, Way};
use super::ring::RingWriter;
use super::socket::{ring_bell, write_some};
use crate::wire::frame::{HEAD, Head};

/// How much of a large frame the other side gets to see at once, so that it copies while we do.
const PIECE: usize = 256 << 10;

/// Where frames to a worker go.
pub(crate) struct Down {
    socket: Arc<UnixStream>,
    ring: Option<(RingWriter, Arc<Memory>)>,
}

impl Down {
    /// By the ring in `memory`, or by the socket where there is none.
    pub(crate) fn new(socket: Arc<UnixStream>, memory: Option<Arc<Memory>>) -> Self {
        Down { socket, ring: memory.map(|memory| (RingWriter::new(memory.clone(), Way::Down), memory)) }
    }

    /// Writes as much of `bytes` as there is room for.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((ring, _)) = &mut self.ring else { return write_some(&self.socket, bytes) };
        let mut done = 0;
        while done < bytes.len() {
            let piece = &bytes[done..bytes.len().min(done + PIECE)];
            let written = ring.write(piece).map_err(io::Error::other)?;
            if written == 0 {
                break;
            }
            ring.publish();
            done += written;
        }
        Ok(done)
    }

    /// Writes a frame, if there is room for the whole of it in a ring.
    pub(crate) fn put_frame(&mut self, head: Head, bytes: &[u8]) -> io::Result<bool> {
        let Some((ring, _)) = &mut self.ring else { return Ok(false) };
        let length = HEAD + bytes.len();
        if length > PIECE || ring.room(length).map_err(io::Error::other)? < length {
            return Ok(false);
        }
        ring.write(&head.to_bytes()).map_err(io::Error::other)?;
        ring.write(bytes).map_err(io::Error::other)?;
        ring.publish();
        Ok(true)
    }

    /// There was no room: asks to be woken when there is, unless there is now.
    pub(super) fn await_room(&mut self) -> bool {
        // The reader polls the socket for room by itself.
        let Some((ring, memory)) = &mut self.ring else { return false };
        let flag = &memory.flags().driver_full;
        flag.announce();
        let room = ring.room(1).is_ok_and(|room| room > 0);
        if room {
            flag.retract();
        }
        room
    }

    /// Whether there may be room by now. Whoever asks knows that there was none.
    pub(crate) fn has_room(&mut self) -> bool {
        self.ring.as_mut().is_some_and(|(ring, _)| ring.room(1).is_ok_and(|room| room > 0))
    }

    /// Wakes the worker for what was written. If it is busy, it will come to that later by itself; where that must not
    /// wait, be it `urgent` or in the way of more, the thread that guards it is woken.
    pub(crate) fn tell(&self, urgent: bool) {
        let Some((_, memory)) = &self.ring else { return };
        if memory.flags().worker.call(urgent) {
            ring_bell(&self.socket);
        }
    }
}
