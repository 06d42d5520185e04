//! Keeping workers alive: starting them, and what is done when one ends.
//!
//! A worker that dies costs the call that it was running. What was sent to it and not begun goes back to the front of
//! its queue, in order, before its successor is started; past `max_restarts` its queue goes to the others.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::core::{ABORTED, Core, Engine, OPEN};
use super::lane::{Group, Status};
use super::stats::{add, sub};
use crate::backend::{End, Host, Place};
use crate::call::{Call, Job, NONE};
use crate::error::Error;
use crate::panics;

impl Core {
    /// Starts the worker of the lane at `at`; what went wrong, where it could not even be tried.
    pub(crate) fn start(&self, group: &mut Group, at: usize) -> Result<(), Error> {
        let (Engine::Workers(backend), Some(host)) = (&self.engine, self.host()) else { return Ok(()) };
        let lane = &mut group.lanes[at];
        lane.renew(&self.books[lane.index]);
        lane.status = Status::Starting;
        let previous = lane.thread.take();
        let started = backend.start(lane.place(), host, previous)?;
        lane.link = Some(started.link);
        lane.thread = Some(started.thread);
        Ok(())
    }

    /// On demand: makes as many workers as calls wait for, up to the most that are allowed. Calls whose worker could
    /// not be made go to `failed`.
    pub(crate) fn staff(&self, group: &mut Group, failed: &mut Vec<(Call, Error)>) {
        let starting = group.lanes.iter().filter(|lane| lane.status == Status::Starting).count();
        let mut wanted = group.waiting.len().saturating_sub(starting);
        for at in 0..group.lanes.len() {
            if wanted == 0 {
                return;
            }
            if group.lanes[at].status == Status::Vacant {
                wanted -= 1;
                if let Err(error) = self.start(group, at) {
                    group.lanes[at].status = Status::Vacant;
                    failed.extend(group.waiting.pop_front().map(|call| (call, error)));
                }
            }
        }
    }

    /// Resolves calls with the errors that go with them; not under a group's lock.
    pub(crate) fn fail_all(&self, failed: Vec<(Call, Error)>) {
        for (call, error) in failed {
            call.fail(error.at(self.settings.worker, ""), None);
        }
    }

    /// Moves calls from a worker that is gone back into the queue, at the front and in order.
    fn requeue(
        &self,
        group: &mut Group,
        at: usize,
        left: Vec<Job>,
        dropped: &mut Vec<Call>,
        failed: &mut Vec<(Call, Error)>,
    ) {
        let index = group.lanes[at].index;
        for job in left.into_iter().rev() {
            let (call, attempt) = job.take_back();
            let header = call.header();
            if header.is_cancelled() {
                // The worker was told and died before it could say that it had not begun. Now nobody begins it.
                failed.push((call, Error::cancelled()));
                continue;
            }
            let pinned = header.pinned != NONE;
            let owner = if self.is_shared() && !pinned { NONE } else { index };
            if !header.back(attempt) {
                dropped.push(call);
                continue;
            }
            // Its count as given to this worker stands, unless it is nobody's again.
            if owner == NONE {
                sub(&self.books[index].dispatched);
            }
            self.count_queued(owner);
            if !header.enter_queue(owner) {
                self.uncount_queued(owner);
                dropped.push(call);
                continue;
            }
            if pinned && self.is_shared() {
                group.lanes[at].pinned.push_front(call);
            } else {
                group.waiting.push_front(call);
            }
        }
    }

    /// The lane at `at` is given up or has ended as it should.
    fn gone(&self, group: &mut Group, at: usize) -> VecDeque<Call> {
        let lane = &mut group.lanes[at];
        let index = lane.index;
        let mut orphans = std::mem::take(&mut lane.pinned);
        if lane.status != Status::Gone {
            lane.status = Status::Gone;
            lane.link = None;
            self.books[index].gone.store(true, Ordering::Release);
            self.live.fetch_sub(1, Ordering::SeqCst);
        }
        if group.is_gone() {
            orphans.append(&mut group.waiting);
        }
        orphans
    }

    /// Finds other workers for the calls of one that is gone.
    fn rehouse(&self, orphans: VecDeque<Call>) {
        for call in orphans {
            let header = call.header();
            let queued_by = header.was_queued_by();
            if !header.back(header.attempt()) {
                continue;
            }
            self.unqueue(queued_by);
            if header.pinned == NONE { self.dispatch(call) } else { self.nobody(&call) }
        }
    }

    fn note_end(&self, status: &str) {
        self.gate().last_status = Some(status.to_owned());
    }

    /// A worker that should be there is not: starts another or gives it up. Returns the calls to find a home for.
    fn replace(&self, group: &mut Group, at: usize, status: &str, how: How) -> VecDeque<Call> {
        let mut status = status.to_owned();
        let mut counts = how == How::Died;
        loop {
            let phase = self.phase.load(Ordering::SeqCst);
            let idle = phase != OPEN && self.outstanding.load(Ordering::SeqCst) == 0;
            let making = self.making.load(Ordering::SeqCst);
            let allowed = phase != ABORTED && !idle && !making;
            let lane = &mut group.lanes[at];
            if !allowed || (counts && !lane.may_restart(Instant::now(), self.settings.max_restarts)) {
                self.note_end(&status);
                return self.gone(group, at);
            }
            counts = true;
            add(&self.books[group.lanes[at].index].restarts);
            match self.start(group, at) {
                Ok(()) => return VecDeque::new(),
                Err(error) => status = error.to_string(),
            }
        }
    }
}

impl Host for Core {
    fn up(&self, place: Place) {
        let (group_at, at) = self.home(place.index);
        let mut dropped = Vec::new();
        let mut group = self.group(group_at);
        if group.lanes[at].generation != place.generation || group.lanes[at].status != Status::Starting {
            return;
        }
        group.lanes[at].status = Status::Up;
        let over = self.phase.load(Ordering::SeqCst) != OPEN && self.outstanding.load(Ordering::SeqCst) == 0;
        self.pump(&mut group, at, &mut dropped);
        if self.direct
            && let Some(link) = group.lanes[at].link.clone()
        {
            // The queue is empty, since the window has no bound: from now on calls need not go through it.
            *self.door(place.index) = Some((link, place.generation));
        }
        let idle_on_demand = self.settings.on_demand && group.lanes[at].in_flight == 0;
        if over || idle_on_demand {
            group.lanes[at].status = Status::Finishing;
            if let Some(link) = &group.lanes[at].link {
                link.finish();
            }
        }
        drop(group);
        self.gate().came_up += 1;
        self.wake();
    }

    fn ended(&self, place: Place, end: End) {
        let _ending = self.ending();
        let (group_at, at) = self.home(place.index);
        let (mut dropped, mut failed, mut orphans) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut victim = None;
        // The words of a constructor's own error come from the user's code, so they are asked for before the lock.
        let status = match &end {
            End::Finished | End::Replaced { .. } => String::new(),
            End::Failed(error) => panics::text_of(error),
            End::Died { status, .. } => status.clone(),
        };
        {
            let mut group = self.group(group_at);
            let lane = &mut group.lanes[at];
            if lane.generation != place.generation || lane.status == Status::Gone {
                return;
            }
            lane.renew(&self.books[place.index]);
            self.close_door(place.index);
            let left = lane.link.take().map(|link| link.drain()).unwrap_or_default();
            let making = self.making.load(Ordering::SeqCst);
            let mut not_up = None;
            let how = match end {
                End::Finished => How::AsItShould,
                End::Failed(error) => {
                    if making {
                        self.gate().init_error.get_or_insert_with(|| error.clone());
                    }
                    not_up = Some(error);
                    How::Died
                }
                End::Replaced { running } => {
                    victim = running.map(|job| (job, Error::cancelled()));
                    How::Replaced
                }
                End::Died { running, .. } => {
                    if making {
                        self.gate().init_error.get_or_insert_with(|| Error::worker_died(status.clone()));
                    }
                    victim = running.map(|job| (job, Error::worker_died(status.clone())));
                    How::Died
                }
            };
            self.requeue(&mut group, at, left, &mut dropped, &mut failed);
            if self.settings.on_demand {
                group.lanes[at].status = Status::Vacant;
                if let Some(error) = not_up {
                    failed.extend(group.waiting.pop_front().map(|call| (call, error)));
                } else if how == How::Died {
                    add(&self.books[place.index].restarts);
                }
                let phase = self.phase.load(Ordering::SeqCst);
                if phase == ABORTED || (phase != OPEN && self.outstanding.load(Ordering::SeqCst) == 0) {
                    orphans = self.gone(&mut group, at);
                } else {
                    self.staff(&mut group, &mut failed);
                }
            } else if how == How::AsItShould {
                orphans = self.gone(&mut group, at);
            } else {
                orphans = self.replace(&mut group, at, &status, how);
            }
        }
        if let Some((job, error)) = victim {
            if self.phase.load(Ordering::SeqCst) == ABORTED {
                // It died because the pool was told to end, and that is what its call came to.
                job.give_up(Error::stopped());
            } else if matches!(error, Error::WorkerDied { .. }) {
                // Which worker of the pool it was is worth knowing when it died.
                let name = format!("{}[{}]", self.settings.worker, place.index);
                job.fail(error.at(name, job.header().method_name()));
            } else {
                job.fail(error);
            }
        }
        self.fail_all(failed);
        self.rehouse(orphans);
        self.wake();
    }
}

/// How a worker came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    AsItShould,
    /// Ended for the sake of a call that nobody wants any more; no death.
    Replaced,
    Died,
}
