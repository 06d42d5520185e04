//! [`Sent`]: the jobs that a worker process was sent and has not answered.
//!
//! Jobs are numbered by their link, not by their own ids: an id comes again with every attempt, a number never, so the
//! worker's mark says exactly which sending had begun. Numbers are given in order, which is why the jobs that are out
//! there stand in a plain queue, and why an answer that cannot be is known at once.

use std::collections::VecDeque;

use crate::call::Job;

/// The jobs that were sent and not answered.
#[derive(Default)]
pub(super) struct Sent {
    /// The number of the first of them.
    first: u64,
    jobs: VecDeque<Option<Job>>,
    /// The driver has taken back what was left: answers to it are late, and no nonsense.
    taken_back: bool,
}

impl Sent {
    /// Adds a job; its number.
    pub(super) fn push(&mut self, job: Job) -> u64 {
        if self.first == 0 {
            // 0 is the mark of a worker that has begun nothing.
            self.first = 1;
        }
        self.jobs.push_back(Some(job));
        self.first + self.jobs.len() as u64 - 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    fn at(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// The job of this number, if it has not been answered.
    pub(super) fn get(&self, number: u64) -> Option<&Job> {
        self.jobs.get(self.at(number)?)?.as_ref()
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.get(number).is_some()
    }

    /// Takes the job of this number; `None` where it has been taken, or never was.
    pub(super) fn take(&mut self, number: u64) -> Option<Job> {
        let at = self.at(number)?;
        let taken = self.jobs.get_mut(at)?.take();
        while let Some(None) = self.jobs.front() {
            self.jobs.pop_front();
            self.first += 1;
        }
        taken
    }

    /// All of them.
    #[cfg(feature = "ray")]
    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().flatten()
    }

    /// Takes the jobs before the one of this number.
    pub(super) fn take_before(&mut self, number: u64) -> Vec<Job> {
        let count = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.jobs.iter_mut().take(count).filter_map(Option::take).collect()
    }

    /// Takes all of them, for good.
    pub(super) fn take_back(&mut self) -> Vec<Job> {
        self.taken_back = true;
        self.first += self.jobs.len() as u64;
        self.jobs.drain(..).flatten().collect()
    }

    /// Whether an answer can be to the job of this number. A value is `in_turn`: a worker runs one call after the other. An
    /// error need not be, since a call that is cancelled before it began is answered at once; and the answer to the next may
    /// overtake that, so jobs whose calls are over are passed by. Were an answer taken that cannot be, the call that it
    /// should have been to would wait for ever.
    pub(super) fn expects(&self, number: u64, in_turn: bool) -> Result<(), String> {
        if self.taken_back {
            return Ok(());
        }
        if number == 0 || number >= self.first + self.jobs.len() as u64 {
            return Err(format!("it answered call {number}, which it was never sent"));
        }
        if !self.has(number) {
            return Err(format!("it answered call {number} twice"));
        }
        let before = self.at(number).unwrap_or(0);
        match self.jobs.iter().take(before).position(|job| job.as_ref().is_some_and(|job| !job.is_over())) {
            Some(missing) if in_turn => {
                Err(format!("it answered call {number} before call {}", self.first + missing as u64))
            }
            _ => Ok(()),
        }
    }

    /// The number under which an attempt of a call was sent.
    pub(super) fn number_of(&self, id: u64, attempt: u32) -> Option<u64> {
        let is = |job: &Job| job.header().id == id && job.attempt() == attempt;
        let at = self.jobs.iter().position(|job| job.as_ref().is_some_and(is))?;
        Some(self.first + at as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::call::{AnyCall, Call, CallCell, Header, Interrupt, Ledger, NONE, Payload, Phase, Place};
    use crate::error::Error;
    use crate::worker::Kind;

    /// Keeps no books.
    struct Nobody;

    impl Ledger for Nobody {
        fn settling(&self, _: &Header, _: Phase, _: bool, _: Option<Place>) {}
        fn settled(&self) {}
        fn workers(&self) -> usize {
            1
        }
        fn left(&self, _: &Header, _: Place) {}
        fn interrupt(&self, _: usize, _: u64, _: u32, _: Interrupt) {}
        fn retrying(&self, _: &Call, _: Phase, _: Option<Place>, _: Duration) {}
        fn may_retry(&self) -> bool {
            false
        }
    }

    #[test]
    fn values_come_in_turn_but_for_calls_that_are_over() {
        const KIND: Kind = Kind { name: "Worker", methods: &[] };
        let mut sent = Sent::default();
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let header = Header::new(0, &KIND, Arc::new(Nobody), NONE, None);
                let call = CallCell::<u8, u8>::new(header, Payload::Typed(1), None);
                let attempt = call.header().skip_queue(0).unwrap();
                sent.push(Job::new(call.clone(), attempt, Place { index: 0, generation: 0 }));
                call
            })
            .collect();
        assert!(sent.expects(1, true).is_ok());
        assert!(sent.expects(2, true).unwrap_err().contains("before call 1"));
        // The first is cancelled, and the answer to that is on its way; the worker has gone on meanwhile.
        assert!(calls[0].fail(Error::cancelled(), None));
        assert!(sent.expects(2, true).is_ok());
        assert!(sent.take(2).is_some());
        assert!(sent.expects(2, true).unwrap_err().contains("twice"));
        assert!(sent.expects(4, true).unwrap_err().contains("before call 3"));
        assert!(sent.expects(4, false).is_ok());
        assert!(sent.expects(1, false).is_ok());
        assert!(sent.take(1).is_some());
        assert!(sent.expects(3, true).is_ok());
        assert!(sent.expects(5, false).unwrap_err().contains("never sent"));
    }
}
