//! Lanes: a worker's own queue and its window, and the group of lanes that share a queue.
//!
//! A group is one queue and the workers that it feeds: one worker each where a balancer picks, all of them where the
//! queue is shared or workers are made on demand. Everything here happens under the group's lock, and nothing of the
//! user's runs under it: calls that turn out to be settled are handed back to be dropped outside.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stats::Books;
use crate::backend::{Link, Place};
use crate::call::{Call, Job, Phase};

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// No worker: on demand, until a call comes.
    Vacant,
    /// On its way up.
    Starting,
    /// Takes calls.
    Up,
    /// Told to end.
    Finishing,
    /// Gone for good.
    Gone,
}

/// One worker's place in a group.
pub(crate) struct Lane {
    pub(crate) index: usize,
    pub(crate) status: Status,
    pub(crate) generation: u64,
    pub(crate) link: Option<Arc<dyn Link>>,
    pub(crate) thread: Option<JoinHandle<()>>,
    pub(crate) in_flight: usize,
    /// Calls for this worker and no other, in a group of several.
    pub(crate) pinned: VecDeque<Call>,
    deaths: VecDeque<Instant>,
}

/// Deaths count against a worker for this long.
const DEATH_WINDOW: Duration = Duration::from_secs(60);

impl Lane {
    pub(crate) fn new(index: usize) -> Self {
        Lane {
            index,
            status: Status::Vacant,
            generation: 0,
            link: None,
            thread: None,
            in_flight: 0,
            pinned: VecDeque::new(),
            deaths: VecDeque::new(),
        }
    }

    /// What the present incarnation still says of its calls is no longer heard.
    pub(crate) fn renew(&mut self, books: &Books) {
        self.generation += 1;
        self.in_flight = 0;
        books.renew(self.generation);
    }

    pub(crate) fn place(&self) -> Place {
        Place { index: self.index, generation: self.generation }
    }

    /// Counts a death at `now`; whether another start is allowed after it.
    pub(crate) fn may_restart(&mut self, now: Instant, max_restarts: u32) -> bool {
        while self.deaths.front().is_some_and(|&death| now.duration_since(death) > DEATH_WINDOW) {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        self.deaths.len() <= max_restarts as usize
    }
}

/// A queue and the workers that it feeds.
pub(crate) struct Group {
    pub(crate) waiting: VecDeque<Call>,
    /// How many of the calls that wait may have been settled, as far as anybody said.
    over: usize,
    pub(crate) lanes: Vec<Lane>,
}

/// From so many calls that are over on, the queue is looked through.
const FEW: usize = 32;

impl Group {
    pub(crate) fn new(lanes: Vec<Lane>) -> Self {
        Group { waiting: VecDeque::new(), over: 0, lanes }
    }

    /// Notes that a call which may wait here is settled. Once half of the queue is, it is swept: what it held of them
    /// is returned, to be dropped outside of the lock. So they cost a fixed time each, and little memory.
    pub(crate) fn note_over(&mut self) -> Vec<Call> {
        self.over += 1;
        let length = self.waiting.len() + self.lanes.iter().map(|lane| lane.pinned.len()).sum::<usize>();
        if self.over < FEW || self.over * 2 < length {
            return Vec::new();
        }
        self.over = 0;
        let mut over = Vec::new();
        let pinned = self.lanes.iter_mut().map(|lane| &mut lane.pinned);
        for queue in std::iter::once(&mut self.waiting).chain(pinned) {
            let (settled, going): (VecDeque<_>, _) =
                std::mem::take(queue).into_iter().partition(|call| call.header().phase() == Phase::Settled);
            *queue = going;
            over.extend(settled);
        }
        over
    }

    /// Takes the next call for the lane at `at`, if its worker can take one now. Settled calls on the way go to
    /// `dropped`.
    pub(crate) fn next(&mut self, at: usize, window: usize, dropped: &mut Vec<Call>) -> Option<Job> {
        let lane = &mut self.lanes[at];
        if lane.status != Status::Up || lane.in_flight >= window {
            return None;
        }
        loop {
            let call = lane.pinned.pop_front().or_else(|| self.waiting.pop_front())?;
            let place = lane.place();
            if let Some(attempt) = call.header().leave_queue(place.index) {
                lane.in_flight += 1;
                return Some(Job::new(call, attempt, place));
            }
            self.over = self.over.saturating_sub(1);
            dropped.push(call);
        }
    }

    /// Whether every lane is gone for good.
    pub(crate) fn is_gone(&self) -> bool {
        self.lanes.iter().all(|lane| lane.status == Status::Gone)
    }

    /// The lane that should look at a call that has just come: the pinned one, else the least loaded that has room.
    pub(crate) fn candidate(&self, window: usize) -> Option<usize> {
        self.lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.status == Status::Up && lane.in_flight < window)
            .min_by_key(|(_, lane)| lane.in_flight)
            .map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_are_forgotten_after_a_minute() {
        let mut lane = Lane::new(0);
        let start = Instant::now();
        assert!(lane.may_restart(start, 2));
        assert!(lane.may_restart(start, 2));
        assert!(!lane.may_restart(start, 2));
        assert!(lane.may_restart(start + Duration::from_secs(61), 2));
        assert!(!Lane::new(0).may_restart(start, 0));
    }
}
