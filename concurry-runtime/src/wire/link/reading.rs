//! [`Reading`]: what a worker says by its ring, for its reader and for whoever helps.
//!
//! The frames stand in one order, and who takes one takes the job that it answers in the same step, under the lock of the
//! ring; what comes of it is nobody else's business. A helper takes the values that it may bring to their calls. The first
//! other thing that it meets it lays *aside* for the reader, who takes that before anything else; until then no helper takes
//! anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::{hint, thread};

use super::frames::Frames;
use super::lookout::Lookout;
use super::memory::{Memory, Way};
use super::ring::RingReader;
use crate::spin::Patience;
use crate::wire::frame::Head;

pub(crate) type Frame = (Head, Vec<u8>);

/// No ring was ever written that far.
const UNKNOWN: u64 = u64::MAX;

struct Inside {
    reader: RingReader,
    frames: Frames,
    /// What a helper took and must not keep.
    aside: Option<Result<Frame, String>>,
    /// What came was no frame, so what comes after it is none.
    wrong: bool,
}

/// What a helper's reach into the ring came to.
pub(crate) enum Help<J> {
    /// A value, and the job that it is to.
    Value(J, Vec<u8>),
    Nothing,
    /// There is something for the reader, which is to be woken.
    ForReader,
}

pub(crate) struct Reading {
    memory: Arc<Memory>,
    /// How long it is worth for whoever helps to look.
    pub(crate) patience: Patience,
    inside: Mutex<Inside>,
    /// What the ring had when somebody last found no frame in it; [`UNKNOWN`] while there may be more.
    seen: AtomicU64,
    pub(super) lookout: Lookout,
}

impl Reading {
    /// Of frames of `most` bytes at most.
    pub(crate) fn new(memory: Arc<Memory>, most: usize) -> Arc<Self> {
        let inside = Inside {
            reader: RingReader::new(memory.clone(), Way::Up),
            frames: Frames::within(most),
            aside: None,
            wrong: false,
        };
        Arc::new(Reading {
            memory,
            patience: Patience::new(),
            inside: Mutex::new(inside),
            seen: AtomicU64::new(0),
            lookout: Lookout::new(),
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there may be more than was taken. What has been seen and makes no frame yet is none: who writes it may have
    /// died over it.
    pub(crate) fn has_news(&self) -> bool {
        self.memory.head(Way::Up).load(Ordering::Relaxed) != self.seen.load(Ordering::Relaxed)
    }

    /// What `claim` makes of the next frame that is whole.
    pub(super) fn next<C>(&self, claim: impl FnOnce(Frame) -> Result<C, String>) -> Result<Option<C>, String> {
        let mut inside = self.inside();
        let frame = match inside.aside.take() {
            Some(frame) => Some(frame),
            None => self.take(&mut inside).transpose(),
        };
        let claimed = frame.map(|frame| frame.and_then(claim)).transpose();
        inside.wrong |= claimed.is_err();
        claimed
    }

    /// Nobody helps any more: what is there is not to be believed.
    pub(super) fn shut(&self) {
        self.inside().wrong = true;
    }

    /// The next value, if it is one that `claim` gives leave to take and a helper can have it now.
    pub(crate) fn help<J>(&self, claim: impl FnOnce(&Head) -> Option<J>) -> Help<J> {
        let mut inside = match self.inside.try_lock() {
            Ok(inside) => inside,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody else takes what is there.
            Err(TryLockError::WouldBlock) => return Help::Nothing,
        };
        if inside.wrong || inside.aside.is_some() {
            return Help::ForReader;
        }
        let frame = match self.take(&mut inside) {
            Ok(None) => return Help::Nothing,
            Ok(Some(frame)) => frame,
            Err(why) => {
                inside.aside = Some(Err(why));
                return Help::ForReader;
            }
        };
        match claim(&frame.0) {
            Some(job) => Help::Value(job, frame.1),
            None => {
                inside.aside = Some(Ok(frame));
                Help::ForReader
            }
        }
    }

    fn take(&self, inside: &mut Inside) -> Result<Option<Frame>, String> {
        let flags = self.memory.flags();
        let Inside { reader, frames, .. } = inside;
        // Until it is known that there is nothing behind this frame.
        self.seen.store(UNKNOWN, Ordering::Relaxed);
        let frame = frames.next(reader, || {
            flags.worker_full.wake();
        })?;
        if frame.is_none() || matches!(reader.available(1), Ok(0)) {
            self.seen.store(reader.seen(), Ordering::Relaxed);
            flags.worker_full.wake();
        }
        Ok(frame)
    }

    /// What whoever helps does between two looks. It keeps its processor, since nobody is woken for an answer while it
    /// looks, but where the worker needs that one to come to an answer at all.
    pub(crate) fn pause(&self) {
        if self.memory.is_here() {
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
    }

    /// Somebody helps from now on.
    pub(crate) fn begin_help(&self) {
        self.lookout.help(&self.memory.flags().driver);
    }

    /// And no more; whether the reader is to be woken.
    pub(crate) fn end_help(&self) -> bool {
        self.lookout.leave(&self.memory.flags().driver) && self.has_news()
    }

    /// The reader is about to sleep; whether it is to look again instead.
    pub(super) fn doze(&self) -> bool {
        self.lookout.doze(&self.memory.flags().driver) && self.has_news()
    }

    pub(super) fn rise(&self) {
        self.lookout.rise(&self.memory.flags().driver);
    }
}
