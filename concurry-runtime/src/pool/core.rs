//! The heart of a pool: accepting calls, finding them a worker, keeping the books.
//!
//! Who owns what: clients own the [`Core`] through a handle whose last drop begins a stop; worker threads own it while
//! they live; calls own it until they are dropped. A lane's queue and window are behind its group's lock; counters are
//! atomics that anyone may read. Supervision (`supervise`) and stopping (`shutdown`) are the other half of this type.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::lane::{Group, Lane, Status};
use super::stats::{Books, PoolStats, WorkerStats, add, get, sub};
use crate::backend::inline::Inline;
use crate::backend::{Backend, Host};
use crate::balance::{Balancer, LoadBalancing, Loads, balancer};
use crate::call::{Call, Header, Ledger, NONE, QUEUED, WAITING};
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

pub(crate) struct Core {
    pub(crate) me: Weak<Core>,
    pub(crate) settings: Settings,
    pub(crate) window: usize,
    pub(crate) engine: Engine,
    pub(crate) groups: Vec<Mutex<Group>>,
    pub(crate) books: Vec<Books>,
    balancer: Option<Box<dyn Balancer>>,
    /// Calls that wait in no lane: for arguments or for another attempt.
    parked: Mutex<HashMap<u64, Call>>,
    pub(crate) phase: AtomicU8,
    /// Calls accepted and not resolved.
    pub(crate) outstanding: AtomicU64,
    /// Lanes that are not gone.
    pub(crate) live: AtomicUsize,
    pub(crate) making: AtomicBool,
    /// Calls in a queue that no lane owns.
    queued: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) gate: Mutex<Gate>,
    pub(crate) changed: Condvar,
}

impl Core {
    pub(crate) fn new(settings: Settings, engine: Engine) -> Arc<Self> {
        let workers = settings.max_workers;
        let shared = settings.on_demand || settings.load_balancing == LoadBalancing::Shared;
        let group = |lanes: Vec<Lane>| Mutex::new(Group { waiting: VecDeque::new(), lanes });
        let groups = if shared {
            vec![group((0..workers).map(Lane::new).collect())]
        } else {
            (0..workers).map(|index| group(vec![Lane::new(index)])).collect()
        };
        Arc::new_cyclic(|me| Core {
            me: me.clone(),
            window: settings.window(),
            balancer: if shared { None } else { balancer(settings.load_balancing) },
            settings,
            engine,
            groups,
            books: (0..workers).map(|_| Books::default()).collect(),
            parked: Mutex::default(),
            phase: AtomicU8::new(OPEN),
            outstanding: AtomicU64::new(0),
            live: AtomicUsize::new(workers),
            making: AtomicBool::new(true),
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

    /// Keeps a call that waits for something else than a worker.
    pub(crate) fn park(&self, call: Call) {
        add(&self.queued);
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(call.header().id, call);
    }

    /// Lets a parked call go on.
    pub(crate) fn unpark(&self, id: u64) {
        let call = self.parked.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if call.is_some() {
            sub(&self.queued);
        }
    }

    pub(crate) fn take_parked(&self) -> Vec<Call> {
        let parked = std::mem::take(&mut *self.parked.lock().unwrap_or_else(PoisonError::into_inner));
        self.queued.fetch_sub(parked.len() as u64, Ordering::AcqRel);
        parked.into_values().collect()
    }

    /// Finds a lane for an accepted call that is ready to run.
    pub(crate) fn dispatch(&self, call: Call) {
        if let Engine::Inline(inline) = &self.engine {
            return self.run_inline(&**inline, &call);
        }
        loop {
            let pinned = call.header().pinned;
            let at = if pinned != NONE {
                self.home(pinned).0
            } else if let Some(balancer) = &self.balancer {
                match balancer.pick(self) {
                    Some(lane) => lane,
                    None => return self.nobody(&call),
                }
            } else {
                0
            };
            if self.enter(at, &call) {
                return;
            }
            if pinned != NONE || self.is_shared() {
                return self.nobody(&call);
            }
        }
    }

    /// Into group `at` and, where a worker has room, on to it; `false` where nobody is left there.
    fn enter(&self, at: usize, call: &Call) -> bool {
        let pinned = call.header().pinned;
        let (mut dropped, mut failed) = (Vec::new(), Vec::new());
        let mut group = self.group(at);
        // Under the lock, so that whoever aborts finds the call in the queue or we find the pool aborted.
        if self.phase.load(Ordering::SeqCst) == ABORTED {
            drop(group);
            call.fail(Error::stopped(), true);
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
        if !call.header().enter_queue(owner) {
            return true;
        }
        match self.books.get(owner) {
            Some(books) => {
                add(&books.dispatched);
                add(&books.queued);
            }
            None => add(&self.queued),
        }
        match place {
            Some(place) => group.lanes[place].pinned.push_back(call.clone()),
            None => group.waiting.push_back(call.clone()),
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
        while let Some((call, place)) = group.next(at, self.window, dropped) {
            self.sent(&call, place.index);
            if let Some(link) = &group.lanes[at].link {
                link.send(call);
            }
        }
    }

    /// Moves a call's count from the queue to the worker.
    fn sent(&self, call: &Call, lane: usize) {
        let books = &self.books[lane];
        if call.header().was_queued_by() == NONE {
            sub(&self.queued);
            add(&books.dispatched);
        } else {
            sub(&books.queued);
        }
        add(&books.in_flight);
    }

    fn run_inline(&self, inline: &dyn Inline, call: &Call) {
        let header = call.header();
        let books = &self.books[0];
        add(&books.dispatched);
        add(&books.queued);
        if !header.enter_queue(0) {
            sub(&books.queued);
            return;
        }
        if header.leave_queue(0, 0) {
            sub(&books.queued);
            add(&books.in_flight);
            if header.begin() {
                inline.run(call);
            }
            self.finished(header);
        }
    }

    /// No worker is left for this call.
    pub(crate) fn nobody(&self, call: &Call) {
        let error = if self.phase.load(Ordering::SeqCst) == OPEN || self.gate().last_status.is_some() {
            let status = self.gate().last_status.clone();
            Error::worker_died(format!(
                "{}; it is not started again after more than {} deaths within 60 s (`max_restarts`), and no other worker can take the call",
                status.as_deref().unwrap_or("its worker is gone"),
                self.settings.max_restarts,
            ))
        } else {
            Error::stopped()
        };
        call.fail(error, true);
    }

    /// One accepted call less.
    pub(crate) fn resolved(&self) {
        if self.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            if self.phase.load(Ordering::SeqCst) != OPEN {
                self.finish_workers();
            }
            drop(self.gate());
            self.changed.notify_all();
        }
    }

    /// A call has gone back from a worker to the shared queue.
    pub(crate) fn queue_shared(&self, from: usize) {
        add(&self.queued);
        sub(&self.books[from].dispatched);
    }

    /// A call has left the queue that counted it.
    pub(crate) fn unqueue(&self, owner: usize) {
        match self.books.get(owner) {
            Some(books) => {
                sub(&books.queued);
                sub(&books.dispatched);
            }
            None => sub(&self.queued),
        }
    }

    pub(crate) fn clear_in_flight(&self, lane: &mut Lane) {
        for _ in 0..std::mem::take(&mut lane.in_flight) {
            sub(&self.books[lane.index].in_flight);
        }
    }

    /// The worker at `lane`, incarnation `generation`, has room for one more.
    pub(crate) fn release_lane(&self, lane: usize, generation: u64) {
        if let Engine::Inline(_) = self.engine {
            sub(&self.books[lane].in_flight);
            return;
        }
        let mut dropped = Vec::new();
        let (group_at, at) = self.home(lane);
        let mut group = self.group(group_at);
        let own = &mut group.lanes[at];
        if own.generation == generation && own.in_flight > 0 {
            own.in_flight -= 1;
            sub(&self.books[lane].in_flight);
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
                in_flight: get(&books.in_flight),
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
        get(&self.books[index].queued) + get(&self.books[index].in_flight)
    }
    fn total(&self, index: usize) -> u64 {
        get(&self.books[index].dispatched)
    }
}

impl Ledger for Core {
    fn settling(&self, call: &Header, from: u8, ok: bool, finished: bool) {
        let lane = call.lane();
        if from == QUEUED {
            match self.books.get(call.was_queued_by()) {
                Some(books) => sub(&books.queued),
                None => sub(&self.queued),
            }
        }
        if let Some(books) = self.books.get(lane) {
            books.outcome(ok);
        }
        add(if ok { &self.completed } else { &self.failed });
        if finished
            && from >= QUEUED
            && let Some((lane, generation)) = call.finish()
        {
            self.release_lane(lane, generation);
        }
        if from == WAITING {
            self.unpark(call.id);
        }
    }

    fn settled(&self) {
        self.resolved();
    }

    fn workers(&self) -> usize {
        self.settings.max_workers
    }

    fn tell_cancelled(&self, call: &Header) {
        let lane = call.lane();
        if lane >= self.books.len() || matches!(self.engine, Engine::Inline(_)) {
            return;
        }
        let (group, at) = self.home(lane);
        let link = self.group(group).lanes[at].link.clone();
        if let Some(link) = link {
            link.cancelled(call);
        }
    }
}
