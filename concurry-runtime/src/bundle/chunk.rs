//! [`Chunk`]: the calls of a map that one worker has taken.

use std::collections::VecDeque;

use crate::error::Error;
use crate::observe::{self, Outcomes};

/// What a call came to. Errors are rare and large.
pub(super) type Outcome<T> = Result<T, Box<Error>>;

/// What calls that follow each other came to.
pub(super) struct Piece<T> {
    /// The number of the first.
    pub(super) first: u64,
    pub(super) outcomes: VecDeque<Outcome<T>>,
}

impl<T> Piece<T> {
    pub(super) fn has(&self, number: u64) -> bool {
        (self.first..self.first + self.outcomes.len() as u64).contains(&number)
    }
}

/// Calls that follow each other: those that are done, one that is running, and those that are left.
pub(super) struct Chunk<A, T> {
    /// The number of the first one that is done and was not published, or else of what comes next.
    pub(super) first: u64,
    /// They are moved when they are published, since who writes where another has just read waits at the next lock.
    pub(super) outcomes: Vec<Outcome<T>>,
    /// Where they are moved.
    pub(super) spare: VecDeque<Outcome<T>>,
    /// How many of these are errors.
    pub(super) failed: u64,
    /// What these errors are, for who watches.
    pub(super) errors: Outcomes,
    /// Whether the worker is inside a call.
    pub(super) running: bool,
    /// What the running call comes to is no longer wanted: it has been resolved.
    pub(super) void: bool,
    pub(super) inputs: VecDeque<A>,
    /// Each outcome is to be published as it comes.
    pub(super) eager: bool,
    /// The worker has other things to do, and has left its inputs to whoever comes.
    pub(super) left: bool,
    /// The incarnation of the worker in whose books they are.
    pub(super) generation: u64,
    /// How many calls to take the next time.
    pub(super) size: usize,
}

impl<A, T> Chunk<A, T> {
    pub(super) fn new() -> Self {
        Chunk {
            first: 0,
            outcomes: Vec::new(),
            spare: VecDeque::new(),
            failed: 0,
            errors: Outcomes::default(),
            running: false,
            void: false,
            inputs: VecDeque::new(),
            eager: false,
            left: false,
            generation: 0,
            size: 1,
        }
    }

    pub(super) fn push(&mut self, outcome: Outcome<T>) {
        self.running = false;
        if let Err(error) = &outcome {
            self.failed += 1;
            self.errors.add(observe::Outcome::of(error), 1);
        }
        self.outcomes.push(outcome);
    }

    /// The number of the next input.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.outcomes.len() as u64 + u64::from(self.running)
    }

    /// Whether the call of this number is yet to come from here.
    pub(super) fn awaits(&self, number: u64) -> bool {
        let done = self.first + self.outcomes.len() as u64;
        (done..self.next_number() + self.inputs.len() as u64).contains(&number)
    }
}
