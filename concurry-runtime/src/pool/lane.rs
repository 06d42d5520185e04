//! Lanes: a worker's own queue and its window, and the group of lanes that share a queue.
//!
//! A group is one queue and the workers that it feeds: one worker each where a balancer picks, all of them where the
//! queue is shared or workers are made on demand. Everything here happens under the group's lock, and nothing of the
//! user's runs under it: calls that turn out to be settled are handed back to be dropped outside.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::restarts::{HEALTHY, Restarts};
use super::stats::Books;
use crate::backend::{Link, Place};
use crate::call::{Call, Job, NONE, Phase};
use crate::timer::Alarm;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// No worker: on demand, until a call comes.
    Vacant,
    /// No worker: it crashed, and is started again when its alarm rings.
    Resting,
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
    /// How many jobs this incarnation was given.
    pub(super) given: usize,
    /// It ends since it has done enough, and has a successor.
    pub(super) recycled: bool,
    /// Calls for this worker and no other, in a group of several.
    pub(crate) pinned: VecDeque<Call>,
    /// What it waits for, if it waits for a time: the end of a rest, or of the time that its worker has to be built.
    pub(super) alarm: Option<Alarm>,
    /// How many builds had a clock, so that one that rings late is known.
    pub(super) builds: u64,
    /// Why its worker was ended before it was built; its end is yet to be told.
    pub(super) late: Option<String>,
    pub(super) restarts: Restarts,
    /// The pool stops, and it has been started once without the rest that was due.
    pub(super) hurried: bool,
    /// When this incarnation came up, and how many calls of its lane had come to an end by then.
    up: Option<(Instant, u64)>,
}

impl Lane {
    pub(crate) fn new(index: usize) -> Self {
        Lane {
            index,
            status: Status::Vacant,
            generation: 0,
            link: None,
            thread: None,
            in_flight: 0,
            given: 0,
            recycled: false,
            pinned: VecDeque::new(),
            alarm: None,
            builds: 0,
            late: None,
            restarts: Restarts::default(),
            hurried: false,
            up: None,
        }
    }

    /// The worker takes calls from now on.
    pub(super) fn came_up(&mut self, books: &Books) {
        self.status = Status::Up;
        self.alarm = None;
        self.up = Some((Instant::now(), books.settled()));
    }

    /// Whether it came up, as far as nobody has asked; for who lets go of it.
    pub(super) fn was_up(&mut self) -> bool {
        self.up.take().is_some()
    }

    /// Whether the incarnation that has ended was of any use: a call has come to an end with it, or it was there for a
    /// while.
    pub(super) fn was_useful(&self, now: Instant, books: &Books) -> bool {
        self.up.is_some_and(|(up, settled)| now.duration_since(up) >= HEALTHY || books.settled() > settled)
    }

    /// What the present incarnation still says of its calls is no longer heard.
    pub(crate) fn renew(&mut self, books: &Books) {
        self.generation += 1;
        (self.in_flight, self.given, self.recycled) = (0, 0, false);
        books.renew(self.generation);
    }

    pub(crate) fn place(&self) -> Place {
        Place { index: self.index, generation: self.generation }
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
                lane.given += 1;
                return Some(Job::new(call, attempt, place));
            }
            self.over = self.over.saturating_sub(1);
            dropped.push(call);
        }
    }

    /// Takes the calls that another worker could run out of the queue, which is in a group of one.
    pub(super) fn take_movable(&mut self) -> VecDeque<Call> {
        let (movable, pinned) =
            std::mem::take(&mut self.waiting).into_iter().partition(|call| call.header().pinned() == NONE);
        self.waiting = pinned;
        movable
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
