//! Stopping a pool: gently, by a deadline, at once.
//!
//! A stop lets accepted work finish; when the last call has resolved each worker is told to end, by whoever resolved
//! it, so no thread waits for that. Past the deadline, or on `abort`, what is left resolves to `Error::Stopped` and
//! workers are killed; a thread that is inside a method cannot be killed and is left to end by itself.

use std::cell::Cell;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::core::{Core, Engine, Gate};
use super::lane::Status;
use crate::call::{Call, Job};
use crate::error::{Error, Result};
use crate::observe::News;

thread_local! {
    /// The pool, as a number, whose worker's end this thread sees to.
    static ENDING: Cell<usize> = const { Cell::new(0) };
}

/// Ends what [`Core::ending`] begins.
pub(crate) struct Ending(usize);

impl Drop for Ending {
    fn drop(&mut self) {
        ENDING.set(self.0);
    }
}

/// Somebody who waits for the pool as a whole.
struct Waiter<'a>(&'a Core);

impl<'a> Waiter<'a> {
    fn of(core: &'a Core) -> Self {
        core.tally.wait();
        Waiter(core)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.tally.done_waiting();
    }
}

impl Core {
    /// Takes no more calls; workers end when the last accepted one has resolved.
    pub(crate) fn begin_stop(&self) {
        // Where it is not idle now, whoever resolves the last call sees to the workers.
        let idle = self.tally.stop();
        if let Some(room) = &self.room {
            room.close();
        }
        if idle {
            self.finish_workers();
        } else {
            self.rouse_all();
        }
    }

    /// Tells every worker to end; those on their way up are told when they are up.
    pub(crate) fn finish_workers(&self) {
        if let Engine::Inline(inline) = &self.engine {
            inline.close();
            if self.live.swap(0, Ordering::SeqCst) > 0 {
                self.scene.note(News::Down(0));
                self.scene.tell();
            }
            self.wake();
            return;
        }
        for at in 0..self.groups.len() {
            let mut group = self.group(at);
            for lane in &mut group.lanes {
                match lane.status {
                    Status::Up => {
                        lane.status = Status::Finishing;
                        self.close_door(lane.index);
                        if let Some(link) = &lane.link {
                            link.finish();
                        }
                    }
                    Status::Vacant | Status::Resting => {
                        self.end_rest(lane);
                        lane.status = Status::Gone;
                        self.books[lane.index].gone.store(true, Ordering::Release);
                        self.live.fetch_sub(1, Ordering::SeqCst);
                    }
                    _ => {}
                }
            }
        }
        self.close_if_over();
        self.wake();
    }

    /// Where no worker is left, what was kept for starting some goes too.
    pub(super) fn close_if_over(&self) {
        if let Engine::Workers(backend) = &self.engine
            && self.live.load(Ordering::SeqCst) == 0
        {
            backend.close();
        }
    }

    /// Wakes whoever waits for the pool as a whole.
    pub(crate) fn wake(&self) {
        // Who waits says so before it looks at what it waits for; who changes that looks afterwards whether anybody waits.
        if self.tally.is_awaited() {
            drop(self.gate());
            self.changed.notify_all();
        }
    }

    /// Waits until `done`, or until the deadline; whether it came true.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>, mut done: impl FnMut(&Core) -> bool) -> bool {
        let _waiter = Waiter::of(self);
        let mut gate = self.gate();
        loop {
            if done(self) {
                return true;
            }
            match deadline {
                None => gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    gate = self.changed.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Waits until every accepted call has resolved. A worker of the pool does not wait: its own call is one of them.
    pub(crate) fn wait_idle(&self) {
        if !self.is_elsewhere() && !self.is_own_thread() {
            self.wait_until(None, |core| core.tally.outstanding() == 0);
        }
    }

    /// Waits until `done` of what the gate holds.
    pub(crate) fn wait_until_gate(&self, mut done: impl FnMut(&Gate) -> bool) {
        let _waiter = Waiter::of(self);
        let mut gate = self.gate();
        while !done(&gate) {
            gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Stops within `timeout`; what is not done by then is aborted.
    pub(crate) fn stop_within(&self, timeout: Duration) -> Result<()> {
        self.here()?;
        self.begin_stop();
        if self.is_own_thread() {
            // A worker that waited for its own end would wait for ever; the pool ends once its call has.
            return Ok(());
        }
        let deadline = Instant::now().checked_add(timeout);
        let ended = self.wait_until(deadline, |core| core.live.load(Ordering::SeqCst) == 0);
        if ended {
            self.join();
            Ok(())
        } else {
            self.abort()
        }
    }

    /// An error in a fork of the process that made the pool, whose workers are none of its business.
    fn here(&self) -> Result<()> {
        if self.is_elsewhere() { Err(Error::in_a_fork().at(self.settings.worker, "stop")) } else { Ok(()) }
    }

    /// Ends everything now.
    pub(crate) fn abort(&self) -> Result<()> {
        self.here()?;
        self.tally.abort();
        if let Some(room) = &self.room {
            room.close();
        }
        let mut calls: Vec<Call> = self.take_parked();
        self.clear_lines();
        for bundle in self.live_bundles() {
            bundle.abort();
        }
        let mut jobs: Vec<Job> = Vec::new();
        let mut links = Vec::new();
        for at in 0..self.groups.len() {
            let mut group = self.group(at);
            calls.extend(group.waiting.drain(..));
            for at in 0..group.lanes.len() {
                let lane = &mut group.lanes[at];
                calls.extend(lane.pinned.drain(..));
                self.close_door(lane.index);
                let mut lingers = false;
                if let Some(link) = &lane.link {
                    lingers = link.kill();
                    jobs.extend(link.drain());
                    calls.extend(link.running().into_iter().map(|(call, _)| call));
                    links.push(link.clone());
                }
                lane.alarm = None;
                if lingers {
                    // Nobody can wait for it: it is let go of, and what it still says is not heard.
                    lane.thread = None;
                }
                if lingers || matches!(lane.status, Status::Vacant | Status::Resting) {
                    if lane.was_up() {
                        self.scene.note(News::Down(lane.index));
                    }
                    self.end_rest(lane);
                    lane.renew(&self.books[lane.index]);
                    lane.link = None;
                    if lane.status != Status::Gone {
                        lane.status = Status::Gone;
                        self.books[lane.index].gone.store(true, Ordering::Release);
                        self.live.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            }
        }
        self.scene.tell();
        for job in jobs {
            job.give_up(Error::stopped());
        }
        for call in calls {
            call.fail(Error::stopped(), None);
        }
        links.iter().for_each(|link| link.release());
        match &self.engine {
            Engine::Inline(_) => self.finish_workers(),
            // Workers that are yet to be started may be waiting for it.
            Engine::Workers(backend) => backend.close(),
        }
        if !self.is_own_thread() {
            // Killed processes and idle threads end promptly; the bound is for a kernel that does not let go of one.
            let patience = Instant::now().checked_add(Duration::from_secs(10));
            if self.wait_until(patience, |core| core.live.load(Ordering::SeqCst) == 0) {
                self.join();
            }
        }
        Ok(())
    }

    /// Joins the threads of workers that have ended.
    fn join(&self) {
        for at in 0..self.groups.len() {
            let threads: Vec<_> = {
                let mut group = self.group(at);
                group.lanes.iter_mut().filter_map(|lane| lane.thread.take()).collect()
            };
            for thread in threads {
                if thread.thread().id() != std::thread::current().id() {
                    // A worker's thread catches the panics of user code; one of its own has been printed.
                    let _ = thread.join();
                }
            }
        }
        if let Engine::Workers(backend) = &self.engine {
            backend.join();
        }
    }

    /// Marks this thread as one that sees to the end of a worker of this pool. Its lane has another thread by then,
    /// which waits for this one; so code of the user's that runs here must not wait for that.
    pub(crate) fn ending(&self) -> Ending {
        Ending(ENDING.replace(std::ptr::from_ref(self) as usize))
    }

    /// Whether this thread is a worker of this pool.
    pub(super) fn is_own_thread(&self) -> bool {
        if let Engine::Inline(inline) = &self.engine {
            return inline.is_inside();
        }
        if ENDING.get() == std::ptr::from_ref(self) as usize {
            return true;
        }
        let me = std::thread::current().id();
        (0..self.groups.len()).any(|at| {
            self.group(at)
                .lanes
                .iter()
                .any(|lane| lane.thread.as_ref().is_some_and(|thread| thread.thread().id() == me))
        })
    }
}
