//! What calls tell their pool: that they are settled, that they have left a worker, that they are to be tried again.

#[cfg(feature = "ray")]
use std::sync::Arc;
use std::time::Duration;

use super::core::{ABORTED, Core, Engine};
use super::lane::Status;
use super::stats::add;
use crate::call::{Call, Header, Interrupt, Ledger, NONE, Phase, Place};
use crate::error::Error;
#[cfg(feature = "ray")]
use crate::far::Site;

impl Core {
    /// The worker of `place` has room for one more.
    fn release(&self, place: Place, counts: bool) {
        let gone = counts && !self.books[place.index].leave(place.generation);
        if gone || self.direct || matches!(self.engine, Engine::Inline(_)) {
            return;
        }
        let mut dropped = Vec::new();
        let (group_at, at) = self.home(place.index);
        let mut group = self.group(group_at);
        let own = &mut group.lanes[at];
        if own.generation == place.generation && own.in_flight > 0 {
            own.in_flight -= 1;
            if self.settings.on_demand {
                own.status = Status::Finishing;
                if let Some(link) = &own.link {
                    link.finish();
                }
            } else {
                self.retire_if_large(own);
                self.pump(&mut group, at, &mut dropped);
            }
        }
        drop(group);
        self.scene.tell();
    }
}

impl Ledger for Core {
    #[cfg(feature = "ray")]
    fn site(&self) -> Option<Arc<dyn Site>> {
        match &self.engine {
            Engine::Workers(backend) => backend.site(),
            Engine::Inline(_) => None,
        }
    }

    fn settling(&self, call: &Header, from: Phase, ok: bool, left: Option<Place>) {
        if from == Phase::Queued {
            self.uncount_queued(call.was_queued_by());
        }
        match self.books.get(call.lane()) {
            Some(books) => books.outcome(ok),
            None => add(if ok { &self.completed } else { &self.failed }),
        }
        if let Some(place) = left {
            self.release(place, true);
        }
        if from == Phase::Waiting {
            self.unpark(call.id);
        }
        self.leave_room();
    }

    fn settled(&self) {
        self.resolved();
    }

    fn workers(&self) -> usize {
        self.settings.max_workers
    }

    fn left(&self, call: &Header, place: Place) {
        self.release(place, call.counts);
    }

    fn help(&self, lane: usize, done: &dyn Fn() -> bool) {
        if lane >= self.books.len() {
            return;
        }
        let (group, at) = self.home(lane);
        let link = self.group(group).lanes.get(at).and_then(|lane| lane.link.clone());
        if let Some(link) = link {
            link.help(done);
        }
    }

    fn interrupt(&self, lane: usize, id: u64, attempt: u32, how: Interrupt) {
        if matches!(self.engine, Engine::Inline(_)) {
            return;
        }
        let (group_at, at) = if lane < self.books.len() { self.home(lane) } else { (0, NONE) };
        let mut group = self.group(group_at);
        let over = group.note_over();
        let link = group.lanes.get(at).and_then(|lane| lane.link.clone());
        drop(group);
        drop(over);
        if let Some(link) = link {
            link.interrupt(id, attempt, how);
        }
    }

    fn retrying(&self, call: &Call, from: Phase, left: Option<Place>, delay: Duration) {
        let header = call.header();
        if from == Phase::Queued {
            self.uncount_queued(header.was_queued_by());
        }
        add(&self.retried);
        self.park(call.clone(), Some(delay));
        if let Some(place) = left {
            self.release(place, true);
        }
        if header.phase() == Phase::Settled {
            // Cancelled before it was kept: nobody else would take it out.
            self.unpark(header.id);
        }
        if let Engine::Inline(_) = self.engine {
            // Whoever runs it makes the next attempt too.
            self.wake();
            return;
        }
        let (me, again, id) = (self.me.clone(), call.clone(), header.id);
        let go_on = move || {
            if let Some(core) = me.upgrade()
                && core.unpark(id)
            {
                core.dispatch(again);
            }
        };
        let set = header.care().map(|care| care.wake_after(delay, header.attempt(), go_on));
        if let Some(Err(error)) = set {
            call.fail(Error::unsupported(format!("no thread can be started to wait for a retry: {error}")), None);
        }
    }

    fn may_retry(&self) -> bool {
        self.phase() != ABORTED
    }
}
