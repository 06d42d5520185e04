//! [`Life`]: what a worker lives in, as far as its driver ends it and asks how it ended.

#[cfg(feature = "ray")]
use std::sync::Arc;

use nix::unistd::Pid;

use super::status::{self, Exit};
#[cfg(feature = "ray")]
use crate::backend::ray::Actor;

/// What a worker lives in.
#[derive(Clone)]
pub(super) enum Life {
    /// A process that this one has started, or had started.
    Process(Pid),
    /// A process that an actor of a Ray cluster has started.
    #[cfg(feature = "ray")]
    Actor(Arc<Actor>),
}

impl Life {
    /// Ends it at once. It must not have been [reaped](Self::reap).
    pub(super) fn end_now(&self) {
        match self {
            Life::Process(pid) => status::end_now(*pid),
            #[cfg(feature = "ray")]
            Life::Actor(actor) => actor.end_now(),
        }
    }

    /// Waits until it has ended, and leaves it to be reaped.
    pub(super) fn await_end(&self) {
        match self {
            Life::Process(pid) => status::await_end(*pid),
            #[cfg(feature = "ray")]
            Life::Actor(actor) => actor.await_end(),
        }
    }

    /// How it ended.
    pub(super) fn reap(&self) -> Exit {
        match self {
            Life::Process(pid) => status::reap(*pid),
            #[cfg(feature = "ray")]
            Life::Actor(actor) => Exit::Away(actor.fate()),
        }
    }

    /// The way to it has failed where it should have ended.
    pub(super) fn torn(&self) {
        match self {
            // On one machine that is how a socket ends to which something was sent that was not read: nothing is lost.
            Life::Process(_) => {}
            #[cfg(feature = "ray")]
            Life::Actor(actor) => actor.torn(),
        }
    }

    /// Its process, where that is one of this machine's to be sure.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Life::Process(pid) => Some(*pid),
            #[cfg(feature = "ray")]
            Life::Actor(_) => None,
        }
    }

    /// The number of its process, on whichever machine that is.
    pub(super) fn number(&self) -> Option<u32> {
        match self {
            Life::Process(pid) => Some(pid.as_raw().cast_unsigned()),
            #[cfg(feature = "ray")]
            Life::Actor(actor) => actor.pid(),
        }
    }
}
