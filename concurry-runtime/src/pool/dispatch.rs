//! A call's way to a worker: its turn, its lane, and on to the worker as soon as there is room.
//!
//! A call goes to its turn first, where limits count calls (`turns`), and is placed by [`Core::place`] when that has come.
//! Where windows have no bound it goes straight to a worker that is up, past its lane's lock; else it is queued in its
//! group and sent from there, in order. A call that is settled meanwhile is passed over wherever it is found.

use std::sync::PoisonError;
use std::time::Duration;

use super::core::{ABORTED, Core, Engine};
use super::lane::{Group, Status};
use super::rest::Anyone;
use super::stats::{add, sub};
use crate::backend::inline::Inline;
use crate::call::{Call, Header, Job, NONE, Place, TimeoutFrom, later};
use crate::error::Error;
use crate::observe::News;

impl Core {
    /// Sends an accepted call that is ready to run on its way: to its turn, where calls are counted, then to a lane.
    pub(crate) fn dispatch(&self, call: Call) {
        if let Engine::Inline(inline) = &self.engine {
            return self.run_inline(&**inline, &call);
        }
        if let Some(seen) = call.header().seen() {
            seen.ready();
        }
        if call.header().care().is_some() {
            call.clone().set_clock(TimeoutFrom::Submission, call.header().attempt());
        }
        match self.lines.len() {
            0 => self.place(call, None),
            1 => self.line_up(0, call),
            _ => match self.pick(&call) {
                Some(lane) => self.line_up(lane, call),
                None => self.nobody(&call),
            },
        }
    }

    /// The lane for a call.
    fn pick(&self, call: &Call) -> Option<usize> {
        let pinned = call.header().pinned();
        if pinned != NONE {
            return Some(self.home(pinned).0);
        }
        let Some(balancer) = &self.balancer else { return Some(0) };
        // Where all rest, a call waits with one of them.
        balancer.pick(self).or_else(|| balancer.pick(&Anyone(self)))
    }

    /// Sends a call that cannot stay with its worker to another. It has had its turn, and its clock goes on.
    pub(super) fn redirect(&self, call: Call) {
        if self.lines.len() <= 1 {
            return self.place(call, None);
        }
        // Each worker has limits of its own, and counts the calls that it gets.
        match self.pick(&call) {
            Some(lane) => self.line_up(lane, call),
            None => self.nobody(&call),
        }
    }

    /// Puts a call into `lane`, or into the one that is picked.
    pub(super) fn place(&self, call: Call, lane: Option<usize>) {
        let (mut call, mut lane) = (call, lane);
        loop {
            let Some(at) = lane.take().or_else(|| self.pick(&call)) else { return self.nobody(&call) };
            if self.direct {
                match self.go_straight(at, call) {
                    Ok(()) => return,
                    Err(back) => call = back,
                }
            }
            if self.enter(at, &call) {
                return;
            }
            if call.header().pinned() != NONE || self.is_shared() {
                return self.nobody(&call);
            }
        }
    }

    /// Straight to worker `lane`; the call again where its door is closed.
    fn go_straight(&self, lane: usize, call: Call) -> Result<(), Call> {
        let door = self.doors[lane].read().unwrap_or_else(PoisonError::into_inner);
        let Some((link, generation)) = &*door else { return Err(call) };
        // With the door held open, so that whoever aborts finds the call there or we find the pool aborted.
        if self.phase() == ABORTED {
            return Err(call);
        }
        let (books, counts) = (&self.books[lane], call.header().counts);
        if counts {
            add(&books.dispatched);
            books.enter();
        }
        match call.header().skip_queue(lane) {
            Some(attempt) => {
                link.send(Job::new(call, attempt, Place { index: lane, generation: *generation }));
            }
            None if counts => {
                sub(&books.dispatched);
                books.leave(*generation);
                drop(door);
                // It may be the last to hold it.
                drop(call);
            }
            None => {}
        }
        Ok(())
    }

    /// Into group `at` and, where a worker has room, on to it; `false` where nobody is left there.
    fn enter(&self, at: usize, call: &Call) -> bool {
        let pinned = call.header().pinned();
        let (mut dropped, mut failed) = (Vec::new(), Vec::new());
        let mut group = self.group(at);
        // Under the lock, so that whoever aborts finds the call in the queue or we find the pool aborted.
        if self.phase() == ABORTED {
            drop(group);
            call.fail(Error::stopped(), None);
            return true;
        }
        let place = if pinned != NONE { Some(self.home(pinned).1) } else { None };
        let alive = match place {
            Some(place) => group.lanes[place].status != Status::Gone,
            None => !group.is_gone(),
        };
        if !alive {
            return false;
        }
        // In a group of one the call is that lane's from now on; in a shared queue it is nobody's until it is sent.
        let owner = match place {
            Some(_) => pinned,
            None if self.is_shared() => NONE,
            None => at,
        };
        // Counted before it is there, so that whoever settles it there can count it out.
        if call.header().counts {
            self.count_queued(owner);
            if let Some(books) = self.books.get(owner) {
                add(&books.dispatched);
            }
        }
        if !call.header().enter_queue(owner) {
            if call.header().counts {
                self.unqueue(owner);
            }
            return true;
        }
        match place {
            Some(place) if self.is_shared() => group.lanes[place].pinned.push_back(call.clone()),
            // A group of one has one queue, so that the order in which calls came holds for the pinned ones too.
            _ => group.waiting.push_back(call.clone()),
        }
        if self.settings.on_demand {
            self.staff(&mut group, &mut failed);
        } else if let Some(lane) = place.or_else(|| group.candidate(self.window)) {
            self.pump(&mut group, lane, &mut dropped);
        }
        drop(group);
        self.scene.tell();
        self.fail_all(failed);
        true
    }

    /// Sends what the lane at `at` has room for.
    pub(crate) fn pump(&self, group: &mut Group, at: usize, dropped: &mut Vec<Call>) {
        while let Some(job) = group.next(at, self.window, dropped) {
            self.sent(job.header(), group.lanes[at].index);
            if let Some(link) = &group.lanes[at].link {
                link.send(job);
            }
            self.retire_if_spent(&mut group.lanes[at]);
        }
    }

    /// Moves a call's count from the queue to the worker.
    fn sent(&self, call: &Header, lane: usize) {
        if !call.counts {
            return;
        }
        let books = &self.books[lane];
        if call.was_queued_by() == NONE {
            sub(&self.queued);
            add(&books.dispatched);
        } else {
            sub(&books.queued);
        }
        books.enter();
    }

    /// Runs a call here and now, and again for as long as its policy says so.
    fn run_inline(&self, inline: &dyn Inline, call: &Call) {
        let header = call.header();
        let books = &self.books[0];
        loop {
            add(&books.dispatched);
            add(&books.queued);
            if !header.enter_queue(0) {
                sub(&books.dispatched);
                sub(&books.queued);
                return;
            }
            if let Some(seen) = header.seen() {
                seen.ready();
            }
            // Its clock may end this attempt at any time from here on.
            let attempt = header.attempt();
            call.clone().set_clock(TimeoutFrom::Submission, attempt);
            match self.await_turn(call) {
                Ok(()) => {}
                Err(error @ Error::TimedOut { .. }) => call.clone().attempt_failed(attempt, error, None),
                Err(error) => drop(call.fail(error, None)),
            }
            if let Some(attempt) = header.leave_queue(0) {
                sub(&books.queued);
                books.enter();
                let job = Job::new(call.clone(), attempt, Place { index: 0, generation: 0 });
                if job.begin() && inline.run(&job) {
                    add(&books.recycled);
                    self.scene.note(News::Recycled(0));
                    self.scene.tell();
                }
            }
            if header.is_settled() {
                return;
            }
            // It is at another attempt, which is kept or about to be.
            self.wait_until(None, |core| header.is_settled() || core.inline_retry(header.id).is_some());
            let Some(delay) = self.inline_retry(header.id) else { return };
            // Whoever aborts the pool ends this wait.
            self.wait_until(Some(later(delay)), |_| header.is_settled());
            self.unpark(header.id);
        }
    }

    /// How long to wait before the call `id` runs again, where it is to.
    fn inline_retry(&self, id: u64) -> Option<Duration> {
        self.parked().get(&id).and_then(|(_, delay)| *delay)
    }
}
