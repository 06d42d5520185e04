//! Workers at rest: one that crashes again and again waits a while before it is started again.
//!
//! ```text
//! crashed ──> Resting ──> its alarm rings: started again
//!                │   └──> the pool stops: started again at once, if only once, where calls wait; else gone
//!                └──────> the pool is aborted: gone
//! ```
//!
//! A lane at rest has no thread and no process, only an alarm, which it owns. Calls in its queue that another worker can
//! run are handed to one that does not rest, by whoever laid the lane down or comes up next; where all rest they stay
//! where they are. Calls that come meanwhile go to others, if there are any.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::core::Core;
use super::lane::{Group, Lane, Status};
use super::restarts::Terms;
use super::supervise::How;
use crate::backend::Place;
use crate::balance::Loads;
use crate::call::{Call, NONE, later};
use crate::error::{Death, Error};
use crate::timer;

/// The workers of a pool, those at rest among them.
pub(super) struct Anyone<'a>(pub(super) &'a Core);

impl Loads for Anyone<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn usable(&self, index: usize) -> bool {
        self.0.is_there(index)
    }
    fn active(&self, index: usize) -> u64 {
        self.0.active(index)
    }
    fn total(&self, index: usize) -> u64 {
        self.0.total(index)
    }
}

impl Core {
    /// What the options say of restarts.
    pub(super) fn restart_terms(&self) -> Terms {
        Terms {
            max_restarts: self.settings.max_restarts,
            window: self.settings.restart_window,
            backoff: self.settings.restart_backoff,
        }
    }

    /// Lays the lane at `at` down for so long; `false` where no thread can be started that would wake it.
    pub(super) fn lay_down(&self, group: &mut Group, at: usize, delay: Duration) -> bool {
        let lane = &mut group.lanes[at];
        let (me, place) = (self.me.clone(), lane.place());
        let alarm = timer::at(later(delay), move || {
            if let Some(core) = me.upgrade() {
                core.rested(place);
            }
        });
        let Ok(alarm) = alarm else { return false };
        lane.status = Status::Resting;
        lane.alarm = Some(alarm);
        if !self.books[lane.index].resting.swap(true, Ordering::SeqCst) {
            self.resting.fetch_add(1, Ordering::SeqCst);
        }
        true
    }

    /// The lane rests no more, whatever it does instead.
    pub(super) fn end_rest(&self, lane: &mut Lane) {
        lane.alarm = None;
        if self.books[lane.index].resting.swap(false, Ordering::SeqCst) {
            self.resting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// The rest of this incarnation's place is over.
    fn rested(&self, place: Place) {
        let (group_at, at) = self.home(place.index);
        let mut group = self.group(group_at);
        let lane = &group.lanes[at];
        if lane.generation != place.generation || lane.status != Status::Resting {
            return;
        }
        let mut failed = Vec::new();
        let orphans = self.rouse(&mut group, at, &mut failed);
        drop(group);
        self.scene.tell();
        self.fail_all(failed);
        self.rehouse(orphans);
        self.relieve();
        self.wake();
    }

    /// Starts the worker of a lane at rest, or leaves it to the calls that come, on demand. Returns the calls to find a
    /// home for.
    fn rouse(&self, group: &mut Group, at: usize, failed: &mut Vec<(Call, Error)>) -> VecDeque<Call> {
        self.end_rest(&mut group.lanes[at]);
        if self.settings.on_demand {
            group.lanes[at].status = Status::Vacant;
            self.staff(group, failed);
            return VecDeque::new();
        }
        self.replace(group, at, Death::default(), How::Rested)
    }

    /// The pool stops, and is not to wait for rests: whose calls wait is started now.
    pub(super) fn rouse_all(&self) {
        if self.resting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for index in 0..self.books.len() {
            let (group_at, at) = self.home(index);
            let mut group = self.group(group_at);
            if group.lanes[at].status != Status::Resting {
                continue;
            }
            let mut failed = Vec::new();
            group.lanes[at].hurried = true;
            let orphans = self.rouse(&mut group, at, &mut failed);
            drop(group);
            self.scene.tell();
            self.fail_all(failed);
            self.rehouse(orphans);
        }
        self.wake();
    }

    /// Hands the calls that wait for workers at rest to those that are there.
    pub(super) fn relieve(&self) {
        // What waits in a shared queue is anybody's as it is.
        if self.is_shared() || self.resting.load(Ordering::SeqCst) == 0 {
            return;
        }
        if !(0..self.books.len()).any(|index| self.usable(index)) {
            return;
        }
        for index in 0..self.books.len() {
            if !self.books[index].resting.load(Ordering::SeqCst) {
                continue;
            }
            let (group_at, at) = self.home(index);
            let mut group = self.group(group_at);
            let movable = match group.lanes[at].status {
                Status::Resting => group.take_movable(),
                _ => VecDeque::new(),
            };
            drop(group);
            self.rehouse(movable);
        }
    }

    /// Finds other workers for calls that were queued for one that is gone or rests.
    pub(super) fn rehouse(&self, calls: VecDeque<Call>) {
        for call in calls {
            let header = call.header();
            let queued_by = header.was_queued_by();
            if !header.back(header.attempt()) {
                continue;
            }
            if header.counts {
                self.unqueue(queued_by);
            }
            if header.pinned() == NONE { self.redirect(call) } else { self.nobody(&call) }
        }
    }
}
