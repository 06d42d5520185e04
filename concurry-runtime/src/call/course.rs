//! [`Course`]: which attempt a call is at, and where it has got to, in one word.
//!
//! Whoever moves the word decides, and everybody else finds out by failing to. So a call is settled once, an attempt is
//! begun once, and what has to do with an attempt that the call has left behind changes nothing.

use super::sync::{AtomicU64, Ordering};

/// Where a call has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Waiting = 0,
    Queued = 1,
    Sent = 2,
    Running = 3,
    Settled = 4,
}

/// The word: the attempt, from 1, above the phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) attempt: u32,
    pub(super) phase: Phase,
}

impl Word {
    fn of(bits: u64) -> Self {
        let phase = match bits & 0xff {
            0 => Phase::Waiting,
            1 => Phase::Queued,
            2 => Phase::Sent,
            3 => Phase::Running,
            _ => Phase::Settled,
        };
        // The attempt is what was shifted up before, so nothing is cut off.
        Word { attempt: (bits >> 8) as u32, phase }
    }

    fn bits(self) -> u64 {
        u64::from(self.attempt) << 8 | u64::from(self.phase as u8)
    }
}

pub(super) struct Course(AtomicU64);

impl Course {
    pub(super) fn new() -> Self {
        Course(AtomicU64::new(Word { attempt: 1, phase: Phase::Waiting }.bits()))
    }

    pub(super) fn word(&self) -> Word {
        Word::of(self.0.load(Ordering::Acquire))
    }

    pub(super) fn turn(&self, from: Word, to: Word) -> bool {
        self.0.compare_exchange(from.bits(), to.bits(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// From `from`, whatever the attempt, to `to`: the attempt, or `None` where it was not there.
    pub(super) fn step(&self, from: Phase, to: Phase) -> Option<u32> {
        let word = self.word();
        (word.phase == from && self.turn(word, Word { phase: to, ..word })).then_some(word.attempt)
    }

    /// Attempt `attempt` is about to run; `false` where it is not to be run any more.
    pub(super) fn begin(&self, attempt: u32) -> bool {
        self.turn(Word { attempt, phase: Phase::Sent }, Word { attempt, phase: Phase::Running })
    }

    /// Back to wait for a lane, the attempt `attempt` not having begun; `false` where it is about something else now.
    pub(super) fn back(&self, attempt: u32) -> bool {
        [Phase::Sent, Phase::Queued]
            .into_iter()
            .any(|phase| self.turn(Word { attempt, phase }, Word { attempt, phase: Phase::Waiting }))
    }

    /// On to the attempt after `attempt`; the phase that it was in, or `None` where it is about something else now.
    pub(super) fn on_to_the_next(&self, attempt: u32) -> Option<Phase> {
        let next = Word { attempt: attempt.saturating_add(1), phase: Phase::Waiting };
        loop {
            let word = self.word();
            if word.attempt != attempt || word.phase == Phase::Settled {
                return None;
            }
            if self.turn(word, next) {
                return Some(word.phase);
            }
        }
    }

    /// Settles it, if it is at `attempt` (at any, for `None`) and not settled; the phase that it was in.
    pub(super) fn close(&self, attempt: Option<u32>) -> Option<Phase> {
        loop {
            let word = self.word();
            if word.phase == Phase::Settled || attempt.is_some_and(|attempt| attempt != word.attempt) {
                return None;
            }
            if self.turn(word, Word { phase: Phase::Settled, ..word }) {
                return Some(word.phase);
            }
        }
    }
}
