//! [`WorkerEnd`]: both ways, seen from the worker.
//!
//! Frames to the worker are taken out of the ring by whoever has the time: the thread that runs the calls, whenever it
//! has nothing to run; a thread that waits for an answer of the driver; and the guard, a thread that sleeps on the
//! socket and is woken by a bell where nobody else looks. While a thread looks it *attends*, and no bell is rung.
//!
//! Frames to the driver are written by any thread, one after the other; where the ring is full they wait, which the
//! driver's reader soon ends, since it never waits for the worker. A third thread sees that the driver is gone.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::attention::Attention;
use super::frames::Frames;
use super::memory::{Memory, Way};
use super::ring::{RingReader, RingWriter};
use super::socket::{Arrival, Inbox, ring_bell, write_frame};
use crate::fault::{self, Point};
use crate::spin::Patience;
use crate::wire::frame::{Head, Kind, MOST};

/// How much of a large frame the driver gets to see at once, so that it copies while we do.
const PIECE: usize = 256 << 10;

struct Ring {
    memory: Arc<Memory>,
    down: Mutex<(RingReader, Frames)>,
    /// What the reader of `down` has seen. What makes no frame yet is no news.
    seen: AtomicU64,
    up: Mutex<RingWriter>,
}

/// The worker's end of its link.
pub(crate) struct WorkerEnd {
    socket: UnixStream,
    ring: Option<Ring>,
    /// Held while a frame is written to the socket.
    writing: Mutex<()>,
    /// Whether the worker sleeps, where there is no memory in which the driver could see that.
    own: Attention,
    patience: Patience,
    patience_for_room: Patience,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WorkerEnd {
    pub(crate) fn new(socket: UnixStream, memory: Option<Arc<Memory>>) -> Self {
        let ring = memory.map(|memory| Ring {
            down: Mutex::new((RingReader::new(memory.clone(), Way::Down), Frames::within(MOST))),
            seen: AtomicU64::new(0),
            up: Mutex::new(RingWriter::new(memory.clone(), Way::Up)),
            memory,
        });
        WorkerEnd {
            socket,
            ring,
            writing: Mutex::new(()),
            own: Attention::new(),
            patience: Patience::new(),
            patience_for_room: Patience::new(),
        }
    }

    /// Writes a frame, and waits until there is room for it.
    ///
    /// # Errors
    ///
    /// Where the driver is gone or mad.
    pub(crate) fn tell(&self, head: Head, bytes: &[u8]) -> io::Result<()> {
        let Some(ring) = &self.ring else {
            let _writing = lock(&self.writing);
            let mut raw = |piece: &[u8]| (&self.socket).write_all(piece);
            let faulty = fault::in_pieces(Point::Answering, (&head, bytes), &mut raw);
            return faulty.unwrap_or_else(|| write_frame(&self.socket, head, bytes, &[]));
        };
        let mut up = lock(&ring.up);
        let mut raw = |piece: &[u8]| self.write(ring, &mut up, piece, true);
        if let Some(faulty) = fault::in_pieces(Point::Answering, (&head, bytes), &mut raw) {
            return faulty;
        }
        self.write(ring, &mut up, &head.to_bytes(), bytes.is_empty())?;
        self.write(ring, &mut up, bytes, true)
    }

    /// Writes all of `bytes`, the last of a frame or not.
    fn write(&self, ring: &Ring, up: &mut RingWriter, bytes: &[u8], last: bool) -> io::Result<()> {
        let flags = ring.memory.flags();
        let mut done = 0;
        while done < bytes.len() {
            let piece = &bytes[done..bytes.len().min(done + PIECE)];
            let written = up.write(piece).map_err(io::Error::other)?;
            done += written;
            // A head alone is of no use to the driver, as long as there is room for what comes after it.
            if written == 0 || last {
                up.publish();
                if flags.driver.claim() {
                    ring_bell(&self.socket);
                }
            }
            if written == 0 {
                self.await_room(ring, up)?;
            }
        }
        Ok(())
    }

    fn await_room(&self, ring: &Ring, up: &mut RingWriter) -> io::Result<()> {
        let flag = &ring.memory.flags().worker_full;
        let mut wrong = Ok(());
        let mut has_room = || match up.room(1) {
            Ok(room) => room > 0,
            Err(why) => {
                wrong = Err(io::Error::other(why));
                true
            }
        };
        if !self.patience_for_room.spin(&mut has_room) {
            flag.announce();
            if !has_room() {
                flag.sleep();
            }
            flag.retract();
        }
        wrong
    }

    /// Takes what has come by the ring.
    fn take(&self, deal: &mut dyn FnMut(Head, Vec<u8>)) -> Result<(), String> {
        let Some(ring) = &self.ring else { return Ok(()) };
        let flags = ring.memory.flags();
        let tell_of_room = || {
            if flags.driver_full.claim() {
                ring_bell(&self.socket);
            }
        };
        let mut down = lock(&ring.down);
        let (reader, frames) = &mut *down;
        while let Some((head, bytes)) = frames.next(reader, tell_of_room)? {
            deal(head, bytes);
        }
        ring.seen.store(reader.seen(), Ordering::Relaxed);
        tell_of_room();
        Ok(())
    }

    fn has_news(&self) -> bool {
        self.ring.as_ref().is_some_and(|Ring { memory, seen, .. }| {
            memory.head(Way::Down).load(Ordering::Relaxed) != seen.load(Ordering::Relaxed)
        })
    }

    /// Deals with what comes for a moment, until `done`; it may not be then.
    pub(crate) fn attend(
        &self,
        deal: &mut dyn FnMut(Head, Vec<u8>),
        mut done: impl FnMut() -> bool,
    ) -> Result<(), String> {
        let Some(ring) = &self.ring else { return Ok(()) };
        ring.memory.be_here();
        let look = ring.memory.flags().worker.look();
        let mut outcome = Ok(());
        self.patience.spin(|| {
            if self.has_news() {
                outcome = self.take(deal);
            }
            outcome.is_err() || done()
        });
        drop(look);
        outcome?;
        // What came in the last moment had no bell.
        if self.has_news() { self.take(deal) } else { Ok(()) }
    }

    /// Sleeps until something comes by the ring or [`wake`](Self::wake) is called, unless `ready` says that it is there.
    /// It may wake for less.
    pub(crate) fn sleep(&self, ready: impl FnOnce() -> bool) {
        self.attention().sleep(|| self.has_news() || ready());
        if let Some(ring) = &self.ring {
            ring.memory.be_here();
        }
    }

    fn attention(&self) -> &Attention {
        self.ring.as_ref().map_or(&self.own, |ring| &ring.memory.flags().worker)
    }

    /// Wakes who [`sleep`](Self::sleep)s.
    pub(crate) fn wake(&self) {
        self.attention().call(false);
    }

    /// The guard's work: deals with what comes by the socket, and by the ring where a bell tells of it, until the
    /// driver is gone.
    pub(crate) fn guard(&self, deal: &mut dyn FnMut(Head, Vec<u8>)) -> Result<(), String> {
        let mut inbox = Inbox::new(self.ring.is_some(), MOST);
        loop {
            while let Some((head, bytes)) = inbox.next()? {
                if head.kind == Kind::Bell {
                    self.take(deal)?;
                } else {
                    deal(head, bytes);
                }
            }
            match inbox.read(&self.socket) {
                Ok(Arrival::Some | Arrival::Nothing) => {}
                Ok(Arrival::End | Arrival::Torn) | Err(_) => return Ok(()),
            }
        }
    }

    /// Waits until the driver is gone, whatever else it does.
    pub(crate) fn await_end(&self) {
        use std::os::fd::AsFd;

        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        loop {
            // A hangup is told without being asked for.
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
            let polled = poll(&mut fds, PollTimeout::NONE);
            if polled.is_ok_and(|count| count > 0) {
                return;
            }
        }
    }

    /// Whether writing may have to wait for the driver where nothing else would tell that it is gone.
    pub(crate) fn needs_watch(&self) -> bool {
        self.ring.is_some()
    }
}
