//! Keeping workers alive: starting them, and what is done when one ends.
//!
//! A worker that dies costs the call that it was running. What was sent to it and not begun goes back to the front of
//! its queue, in order, before its successor is started; past `max_restarts` its queue goes to the others. Whether and
//! when there is a successor is decided in `restarts`; one that crashes again and again has to `rest`.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::core::{ABORTED, Core, Engine, OPEN};
use super::lane::{Group, Status};
use super::restarts::Verdict;
use super::stats::{add, sub};
use crate::backend::{End, Host, Place};
use crate::call::{Call, Job, NONE};
use crate::error::{Death, Error};
use crate::observe::News;
use crate::panics;

impl Core {
    /// Starts the worker of the lane at `at`; what went wrong, where it could not even be tried.
    pub(crate) fn start(&self, group: &mut Group, at: usize) -> Result<(), Error> {
        let (Engine::Workers(backend), Some(host)) = (&self.engine, self.host()) else { return Ok(()) };
        let lane = &mut group.lanes[at];
        lane.renew(&self.books[lane.index]);
        lane.status = Status::Starting;
        self.set_build_clock(lane)?;
        let previous = lane.thread.take();
        match backend.start(lane.place(), host, previous) {
            Ok(started) => {
                lane.link = Some(started.link);
                lane.thread = Some(started.thread);
                Ok(())
            }
            Err(error) => {
                lane.alarm = None;
                Err(error)
            }
        }
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
            let pinned = header.pinned() != NONE;
            let owner = if self.is_shared() && !pinned { NONE } else { index };
            if !header.back(attempt) {
                dropped.push(call);
                continue;
            }
            if let Some(seen) = header.seen() {
                seen.came_back();
            }
            // Its count as given to this worker stands, unless it is nobody's again.
            if header.counts {
                if owner == NONE {
                    sub(&self.books[index].dispatched);
                }
                self.count_queued(owner);
            }
            if !header.enter_queue(owner) {
                if header.counts {
                    self.uncount_queued(owner);
                }
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
        self.end_rest(lane);
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

    fn note_end(&self, death: Death) {
        self.gate().last_death = Some(death);
    }

    /// For who watches: how a worker came to its end.
    fn note_news(&self, worker: usize, end: &End, death: &Death) {
        match end {
            End::Finished => {}
            End::Replaced { .. } => self.scene.note(News::Replaced(worker)),
            End::Failed(_) | End::Died { .. } => self.scene.note(News::Died(worker, death.status.clone())),
        }
    }

    /// A worker that should be there is not: starts another, now or after a rest, or gives it up. Returns the calls to
    /// find a home for.
    pub(super) fn replace(&self, group: &mut Group, at: usize, death: Death, how: How) -> VecDeque<Call> {
        let (mut death, mut how) = (death, how);
        loop {
            let phase = self.phase();
            let idle = phase != OPEN && self.tally.outstanding() == 0;
            let making = self.making.load(Ordering::SeqCst);
            if phase == ABORTED || idle || making {
                if how != How::Recycled {
                    self.note_end(death);
                }
                return self.gone(group, at);
            }
            if let How::Died { useful } = how {
                match group.lanes[at].restarts.died(Instant::now(), useful, &self.restart_terms()) {
                    Verdict::GiveUp => {
                        self.scene.note(News::GivenUp(group.lanes[at].index));
                        self.note_end(death);
                        return self.gone(group, at);
                    }
                    // A stop is not to wait for a rest: where calls wait for a worker, it has one more chance now.
                    Verdict::After(_) if phase != OPEN && !std::mem::replace(&mut group.lanes[at].hurried, true) => {}
                    Verdict::After(delay) if self.lay_down(group, at, delay) => return VecDeque::new(),
                    // Without a clock it cannot rest; how often it is started is bounded all the same.
                    Verdict::After(_) | Verdict::AtOnce => {}
                }
            }
            let index = group.lanes[at].index;
            let books = &self.books[index];
            if how == How::Recycled {
                add(&books.recycled);
                self.scene.note(News::Recycled(index));
            } else {
                add(&books.restarts);
                self.scene.note(News::Restarted(index));
            }
            match self.start(group, at) {
                Ok(()) => return VecDeque::new(),
                Err(error) => death = error.to_string().into(),
            }
            how = How::Died { useful: false };
        }
    }

    /// On demand: a worker died that was running nothing, so that no call came to an end by it. Were it not counted,
    /// one that does nothing but die would be started for ever.
    fn died_for_nothing(
        &self,
        group: &mut Group,
        at: usize,
        useful: bool,
        death: Death,
        failed: &mut Vec<(Call, Error)>,
    ) {
        match group.lanes[at].restarts.died(Instant::now(), useful, &self.restart_terms()) {
            Verdict::AtOnce => {}
            Verdict::After(delay) => {
                let _rests = self.lay_down(group, at, delay);
            }
            Verdict::GiveUp => {
                self.note_end(death);
                let error = self.beyond_restarts();
                failed.extend(group.waiting.pop_front().map(|call| (call, error)));
            }
        }
    }
}

impl Host for Core {
    fn up(&self, place: Place) {
        let (group_at, at) = self.home(place.index);
        let mut dropped = Vec::new();
        let mut group = self.group(group_at);
        let lane = &mut group.lanes[at];
        if lane.generation != place.generation || lane.status != Status::Starting || lane.late.is_some() {
            return;
        }
        lane.came_up(&self.books[place.index]);
        self.scene.note(News::Up(place.index));
        let over = self.phase() != OPEN && self.tally.outstanding() == 0;
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
        self.scene.tell();
        self.gate().came_up += 1;
        self.relieve();
        self.wake();
    }

    fn rebuilding(&self, place: Place) {
        self.note_rebuild(place, true);
    }

    fn rebuilt(&self, place: Place) {
        self.note_rebuild(place, false);
    }

    fn ended(&self, place: Place, end: End) {
        self.ended_as(place, end);
    }
}

impl Core {
    /// The incarnation at `place` is gone, or has been let go of.
    pub(super) fn ended_as(&self, place: Place, end: End) {
        let _ending = self.ending();
        let (group_at, at) = self.home(place.index);
        let (mut dropped, mut failed, mut orphans) = (Vec::new(), Vec::new(), VecDeque::new());
        let mut victim = None;
        // A constructor's own error is the user's: its words are asked for before the lock, and it is let go of after.
        let (mut not_up, mut unheard) = (None, None);
        let (mut end, mut death) = (end, Death::default());
        match &end {
            End::Finished | End::Replaced { .. } => {}
            End::Failed(error) => death = panics::text_of(error).into(),
            End::Died { death: how, .. } => death.clone_from(how),
        }
        {
            let mut group = self.group(group_at);
            let lane = &mut group.lanes[at];
            if lane.generation != place.generation || lane.status == Status::Gone {
                return;
            }
            if let Some(why) = lane.late.take() {
                death = why.as_str().into();
                (end, unheard) = end.late(why, lane.status == Status::Starting);
            }
            lane.alarm = None;
            let recycled = lane.recycled;
            lane.renew(&self.books[place.index]);
            let useful = lane.was_useful(Instant::now(), &self.books[place.index]);
            if lane.was_up() {
                self.scene.note(News::Down(place.index));
            }
            self.close_door(place.index);
            let left = lane.link.take().map(|link| link.drain()).unwrap_or_default();
            let making = self.making.load(Ordering::SeqCst);
            if !making && self.phase() != ABORTED {
                self.note_news(place.index, &end, &death);
            }
            let how = match end {
                End::Finished if recycled => How::Recycled,
                End::Finished => How::AsItShould,
                End::Failed(error) => {
                    if making {
                        self.gate().init_error.get_or_insert_with(|| error.clone());
                    }
                    not_up = Some(error);
                    How::Died { useful }
                }
                End::Replaced { running } => {
                    victim = running.map(|job| (job, Error::cancelled()));
                    How::Replaced
                }
                End::Died { running, .. } => {
                    if making {
                        self.gate().init_error.get_or_insert_with(|| Error::worker_died(death.clone()));
                    }
                    victim = running.map(|job| (job, Error::worker_died(death.clone())));
                    // What it died of may be the call, which comes to an end by that.
                    How::Died { useful: useful || victim.is_some() }
                }
            };
            self.requeue(&mut group, at, left, &mut dropped, &mut failed);
            if self.settings.on_demand {
                group.lanes[at].status = Status::Vacant;
                if not_up.is_some() {
                    if let Some(call) = group.waiting.pop_front() {
                        failed.extend(not_up.take().map(|error| (call, error)));
                    }
                } else if let How::Died { useful } = how {
                    add(&self.books[place.index].restarts);
                    self.scene.note(News::Restarted(place.index));
                    if victim.is_none() {
                        self.died_for_nothing(&mut group, at, useful, death, &mut failed);
                    }
                }
                let phase = self.phase();
                if phase == ABORTED || (phase != OPEN && self.tally.outstanding() == 0) {
                    orphans = self.gone(&mut group, at);
                } else {
                    self.staff(&mut group, &mut failed);
                }
            } else if how == How::AsItShould {
                orphans = self.gone(&mut group, at);
            } else {
                orphans = self.replace(&mut group, at, death, how);
            }
        }
        self.scene.tell();
        drop((not_up, unheard));
        if let Some((job, error)) = victim {
            if self.phase() == ABORTED {
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
        self.relieve();
        self.close_if_over();
        self.wake();
    }
}

/// How a worker came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    AsItShould,
    /// Ended since it had done enough; no death.
    Recycled,
    /// Ended for the sake of a call that nobody wants any more; no death.
    Replaced,
    /// Its death has been counted, and it has rested.
    Rested,
    /// `useful` where it has been of use before.
    Died {
        useful: bool,
    },
}
