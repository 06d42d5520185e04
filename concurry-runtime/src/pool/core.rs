//! The heart of a pool: accepting calls, finding them a worker, keeping the books.
//!
//! Who owns what: clients own the [`Core`] through a handle whose last drop begins a stop; worker threads own it while
//! they live; calls own it until they are dropped. A lane's queue and window are behind its group's lock; counters are
//! atomics that anyone may read. Supervision (`supervise`) and stopping (`shutdown`) are the other half of this type.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::Duration;

use crossbeam::utils::CachePadded;

use super::lane::{Group, Lane, Status};
use super::stats::{Books, PoolStats, WorkerStats, add, get, sub};
use super::turns::{self, Line};
use crate::backend::inline::Inline;
use crate::backend::{Backend, Host, Link};
use crate::balance::{Balancer, LoadBalancing, Loads, balancer};
use crate::call::{Call, Header, Interrupt, Job, Ledger, NONE, Phase, Place, Terms, TimeoutFrom, later};
use crate::error::Error;
use crate::options::Settings;

/// Takes calls.
pub(crate) const OPEN: u8 = 0;
/// Takes no more; finishes what it has.
pub(crate) const STOPPING: u8 = 1;
/// Finishes nothing any more.
pub(crate) const ABORTED: u8 = 2;

/// Where calls run.
pub(crate) enum Engine {
    /// Workers that are somewhere else.
    Workers(Box<dyn Backend>),
    /// The thread that made the pool.
    Inline(Box<dyn Inline>),
}

/// What waiters of the pool as a whole look at.
#[derive(Default)]
pub(crate) struct Gate {
    /// Why a worker could not be started while the pool was being made.
    pub(crate) init_error: Option<Error>,
    /// How the last worker that was given up ended.
    pub(crate) last_status: Option<String>,
    /// Lanes that have come up at least once.
    pub(crate) came_up: usize,
}

/// A worker's link and its incarnation.
type Door = Option<(Arc<dyn Link>, u64)>;

pub(crate) struct Core {
    pub(crate) me: Weak<Core>,
    pub(crate) settings: Settings,
    pub(crate) window: usize,
    /// What is to be done for the calls of each method.
    pub(crate) terms: Vec<Terms>,
    pub(crate) engine: Engine,
    pub(crate) groups: Vec<Mutex<Group>>,
    pub(crate) books: Vec<CachePadded<Books>>,
    /// Whether calls may go straight to a worker that is up: each has its own queue, and a window without a bound.
    pub(crate) direct: bool,
    /// Where calls wait for their turn.
    pub(super) lines: Vec<Line>,
    /// The way straight to each worker, while it is open.
    doors: Vec<CachePadded<RwLock<Door>>>,
    balancer: Option<Box<dyn Balancer>>,
    /// Calls that wait in no lane: for arguments or for another attempt.
    parked: Mutex<HashMap<u64, (Call, Option<Duration>)>>,
    pub(crate) phase: AtomicU8,
    /// Calls accepted and not resolved.
    pub(crate) outstanding: AtomicU64,
    /// Lanes that are not gone.
    pub(crate) live: AtomicUsize,
    pub(crate) making: AtomicBool,
    /// How many wait at the gate.
    pub(crate) waiters: AtomicUsize,
    /// Calls in a queue that no lane owns.
    queued: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) gate: Mutex<Gate>,
    pub(crate) changed: Condvar,
}

impl Core {
    pub(crate) fn new(settings: Settings, terms: Vec<Terms>, engine: Engine) -> Arc<Self> {
        let workers = settings.max_workers;
        let shared = settings.on_demand || settings.load_balancing == LoadBalancing::Shared;
        let group = |lanes: Vec<Lane>| Mutex::new(Group::new(lanes));
        let groups = if shared {
            vec![group((0..workers).map(Lane::new).collect())]
        } else {
            (0..workers).map(|index| group(vec![Lane::new(index)])).collect()
        };
        Arc::new_cyclic(|me| Core {
            me: me.clone(),
            window: settings.window(),
            balancer: if shared { None } else { balancer(settings.load_balancing) },
            direct: !shared && settings.window() == usize::MAX,
            lines: turns::lines(&settings.limiting, workers),
            settings,
            terms,
            engine,
            groups,
            books: (0..workers).map(|_| CachePadded::default()).collect(),
            doors: (0..workers).map(|_| CachePadded::default()).collect(),
            parked: Mutex::default(),
            phase: AtomicU8::new(OPEN),
            outstanding: AtomicU64::new(0),
            live: AtomicUsize::new(workers),
            making: AtomicBool::new(true),
            waiters: AtomicUsize::new(0),
            queued: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            gate: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn host(&self) -> Option<Arc<dyn Host>> {
        self.me.upgrade().map(|core| core as Arc<dyn Host>)
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock of group `at`.
    pub(crate) fn group(&self, at: usize) -> MutexGuard<'_, Group> {
        self.groups[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which group a lane is in, and where in it.
    pub(crate) fn home(&self, lane: usize) -> (usize, usize) {
        if self.groups.len() == 1 { (0, lane) } else { (lane, 0) }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.balancer.is_none()
    }

    /// Counts a call in; `false` where the pool takes no more.
    pub(crate) fn accept(&self) -> bool {
        self.outstanding.fetch_add(1, Ordering::SeqCst);
        let open = self.phase.load(Ordering::SeqCst) == OPEN;
        if !open {
            self.resolved();
        }
        open
    }

    fn parked(&self) -> MutexGuard<'_, HashMap<u64, (Call, Option<Duration>)>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a call that waits for something else than a worker; for so long, where it is known how long.
    pub(crate) fn park(&self, call: Call, delay: Option<Duration>) {
        add(&self.queued);
        let before = self.parked().insert(call.header().id, (call.clone(), delay));
        if before.is_some() {
            // It waited for its turn, and now for another attempt: that is one call.
            sub(&self.queued);
        }
        drop(before);
        if self.phase.load(Ordering::SeqCst) == ABORTED {
            // Whoever aborted may have looked here before it came.
            call.fail(Error::stopped(), None);
        }
    }

    /// Lets a parked call go on; `false` where it is not there any more.
    pub(crate) fn unpark(&self, id: u64) -> bool {
        let call = self.parked().remove(&id);
        if call.is_some() {
            sub(&self.queued);
        }
        call.is_some()
    }

    pub(crate) fn take_parked(&self) -> Vec<Call> {
        let parked = std::mem::take(&mut *self.parked());
        self.queued.fetch_sub(parked.len() as u64, Ordering::AcqRel);
        parked.into_values().map(|(call, _)| call).collect()
    }

    /// Sends an accepted call that is ready to run on its way: to its turn, where calls are counted, then to a lane.
    pub(crate) fn dispatch(&self, call: Call) {
        if let Engine::Inline(inline) = &self.engine {
            return self.run_inline(&**inline, &call);
        }
        if call.header().care.is_some() {
            call.clone().set_clock(TimeoutFrom::Submission);
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
        let pinned = call.header().pinned;
        if pinned != NONE {
            return Some(self.home(pinned).0);
        }
        self.balancer.as_ref().map_or(Some(0), |balancer| balancer.pick(self))
    }

    /// Puts a call into `lane`, or into the one that is picked.
    pub(super) fn place(&self, call: Call, lane: Option<usize>) {
        let mut lane = lane;
        loop {
            let Some(at) = lane.take().or_else(|| self.pick(&call)) else { return self.nobody(&call) };
            if self.direct && self.go_straight(at, &call) || self.enter(at, &call) {
                return;
            }
            if call.header().pinned != NONE || self.is_shared() {
                return self.nobody(&call);
            }
        }
    }

    pub(crate) fn door(&self, lane: usize) -> RwLockWriteGuard<'_, Door> {
        self.doors[lane].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing goes straight to this worker any more; what is on its way there has arrived.
    pub(crate) fn close_door(&self, lane: usize) {
        if self.direct {
            let link = self.door(lane).take();
            drop(link);
        }
    }

    /// Straight to worker `lane`; `false` where its door is closed.
    fn go_straight(&self, lane: usize, call: &Call) -> bool {
        let door = self.doors[lane].read().unwrap_or_else(PoisonError::into_inner);
        let Some((link, generation)) = &*door else { return false };
        // With the door held open, so that whoever aborts finds the call there or we find the pool aborted.
        if self.phase.load(Ordering::SeqCst) == ABORTED {
            return false;
        }
        let books = &self.books[lane];
        add(&books.dispatched);
        books.enter();
        match call.header().skip_queue(lane) {
            Some(attempt) => {
                link.send(Job::new(call.clone(), attempt, Place { index: lane, generation: *generation }));
            }
            None => {
                sub(&books.dispatched);
                books.leave(*generation);
            }
        }
        true
    }

    /// Into group `at` and, where a worker has room, on to it; `false` where nobody is left there.
    fn enter(&self, at: usize, call: &Call) -> bool {
        let pinned = call.header().pinned;
        let (mut dropped, mut failed) = (Vec::new(), Vec::new());
        let mut group = self.group(at);
        // Under the lock, so that whoever aborts finds the call in the queue or we find the pool aborted.
        if self.phase.load(Ordering::SeqCst) == ABORTED {
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
        self.count_queued(owner);
        if let Some(books) = self.books.get(owner) {
            add(&books.dispatched);
        }
        if !call.header().enter_queue(owner) {
            self.uncount_queued(owner);
            if let Some(books) = self.books.get(owner) {
                sub(&books.dispatched);
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
        }
    }

    /// Moves a call's count from the queue to the worker.
    fn sent(&self, call: &Header, lane: usize) {
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
            // Its clock may end this attempt at any time from here on.
            let attempt = header.attempt();
            call.clone().set_clock(TimeoutFrom::Submission);
            match self.await_turn(call) {
                Ok(()) => {}
                Err(error @ Error::TimedOut { .. }) => call.clone().attempt_failed(attempt, error, None),
                Err(error) => drop(call.fail(error, None)),
            }
            if let Some(attempt) = header.leave_queue(0) {
                sub(&books.queued);
                books.enter();
                let job = Job::new(call.clone(), attempt, Place { index: 0, generation: 0 });
                if job.begin() {
                    inline.run(&job);
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

    /// No worker is left for this call.
    pub(crate) fn nobody(&self, call: &Call) {
        let status = self.gate().last_status.clone();
        let error = match self.phase.load(Ordering::SeqCst) {
            // Workers that are killed on purpose have a status too.
            ABORTED => Error::stopped(),
            STOPPING if status.is_none() => Error::stopped(),
            _ => Error::worker_died(format!(
                "{}; it is not started again after more than {} deaths within 60 s (`max_restarts`), and no other worker can take the call",
                status.as_deref().unwrap_or("its worker is gone"),
                self.settings.max_restarts,
            )),
        };
        call.fail(error, None);
    }

    /// One accepted call less.
    pub(crate) fn resolved(&self) {
        if self.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            if self.phase.load(Ordering::SeqCst) != OPEN {
                self.finish_workers();
            }
            self.wake();
        }
    }

    /// Counts a call into the queue of `owner`, or into the one that no lane owns.
    pub(crate) fn count_queued(&self, owner: usize) {
        add(self.books.get(owner).map_or(&self.queued, |books| &books.queued));
    }

    /// Counts it out again.
    pub(crate) fn uncount_queued(&self, owner: usize) {
        sub(self.books.get(owner).map_or(&self.queued, |books| &books.queued));
    }

    /// A call that was queued by `owner` is given to somebody else.
    pub(crate) fn unqueue(&self, owner: usize) {
        self.uncount_queued(owner);
        if let Some(books) = self.books.get(owner) {
            sub(&books.dispatched);
        }
    }

    /// The worker of `place` has room for one more.
    fn release(&self, place: Place) {
        if !self.books[place.index].leave(place.generation) || self.direct || matches!(self.engine, Engine::Inline(_)) {
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
                self.pump(&mut group, at, &mut dropped);
            }
        }
        drop(group);
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let mut workers = Vec::with_capacity(self.books.len());
        for (index, books) in self.books.iter().enumerate() {
            let (alive, pid) = match &self.engine {
                Engine::Inline(_) => (self.phase.load(Ordering::SeqCst) == OPEN, None),
                Engine::Workers(_) => {
                    let (group, at) = self.home(index);
                    let group = self.group(group);
                    let lane = &group.lanes[at];
                    let alive = matches!(lane.status, Status::Up | Status::Finishing);
                    (alive, lane.link.as_ref().filter(|_| alive).and_then(|link| link.pid()))
                }
            };
            workers.push(WorkerStats {
                index,
                alive,
                pid,
                queued: get(&books.queued),
                in_flight: books.in_flight(),
                dispatched: get(&books.dispatched),
                completed: get(&books.completed),
                failed: get(&books.failed),
                restarts: get(&books.restarts),
            });
        }
        PoolStats {
            name: self.settings.name.clone(),
            mode: self.settings.mode,
            max_workers: self.settings.max_workers,
            on_demand: self.settings.on_demand,
            queued: get(&self.queued) + workers.iter().map(|worker| worker.queued).sum::<u64>(),
            in_flight: workers.iter().map(|worker| worker.in_flight).sum(),
            completed: get(&self.completed),
            failed: get(&self.failed),
            retried: get(&self.retried),
            restarts: workers.iter().map(|worker| worker.restarts).sum(),
            workers,
        }
    }
}

impl Loads for Core {
    fn len(&self) -> usize {
        self.books.len()
    }
    fn usable(&self, index: usize) -> bool {
        !self.books[index].gone.load(Ordering::Acquire)
    }
    fn active(&self, index: usize) -> u64 {
        get(&self.books[index].queued) + self.books[index].in_flight()
    }
    fn total(&self, index: usize) -> u64 {
        get(&self.books[index].dispatched)
    }
}

impl Ledger for Core {
    fn settling(&self, call: &Header, from: Phase, ok: bool, left: Option<Place>) {
        if from == Phase::Queued {
            self.uncount_queued(call.was_queued_by());
        }
        if let Some(books) = self.books.get(call.lane()) {
            books.outcome(ok);
        }
        add(if ok { &self.completed } else { &self.failed });
        if let Some(place) = left {
            self.release(place);
        }
        if from == Phase::Waiting {
            self.unpark(call.id);
        }
    }

    fn settled(&self) {
        self.resolved();
    }

    fn workers(&self) -> usize {
        self.settings.max_workers
    }

    fn left(&self, place: Place) {
        self.release(place);
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
            self.release(place);
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
        let set = header.care.as_ref().map(|care| care.wake_after(delay, go_on));
        if let Some(Err(error)) = set {
            call.fail(Error::unsupported(format!("no thread can be started to wait for a retry: {error}")), None);
        }
    }

    fn may_retry(&self) -> bool {
        self.phase.load(Ordering::SeqCst) != ABORTED
    }
}
