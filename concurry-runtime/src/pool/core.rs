//! The heart of a pool: accepting calls, finding them a worker, keeping the books.
//!
//! Who owns what: clients own the [`Core`] through a handle whose last drop begins a stop; worker threads own it while
//! they live; calls own it until they are dropped. A lane's queue and window are behind its group's lock; counters are
//! atomics that anyone may read. Supervision (`supervise`) and stopping (`shutdown`) are the other half of this type.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::Duration;

use crossbeam::utils::CachePadded;

use super::bundles::Bundle;
use super::lane::{Group, Lane, Status};
use super::room::Room;
use super::stats::{Books, PoolStats, WorkerStats, add, get, sub};
pub(crate) use super::tally::{ABORTED, OPEN, STOPPING};
use super::tally::{After, Tally};
use super::turns::{self, Line};
use crate::backend::inline::Inline;
use crate::backend::{Backend, Host, Link};
use crate::balance::{Balancer, LoadBalancing, Loads, balancer};
use crate::call::{Call, Terms};
use crate::error::{Death, Error};
use crate::fork::is_fork;
use crate::observe::Scene;
use crate::options::Settings;
use crate::worker::Kind;

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
    pub(crate) last_death: Option<Death>,
    /// Lanes that have come up at least once.
    pub(crate) came_up: usize,
}

/// A worker's link and its incarnation.
type Door = Option<(Arc<dyn Link>, u64)>;

pub(crate) struct Core {
    pub(crate) me: Weak<Core>,
    pub(crate) settings: Settings,
    /// For whoever watches.
    pub(crate) scene: Arc<Scene>,
    pub(crate) window: usize,
    /// What is to be done for the calls of each method.
    pub(crate) terms: Vec<Terms>,
    pub(crate) engine: Engine,
    pub(crate) groups: Vec<Mutex<Group>>,
    pub(crate) books: Vec<CachePadded<Books>>,
    /// Whether calls may go straight to a worker that is up: each has its own queue, a window without a bound, and nobody
    /// counts its calls.
    pub(crate) direct: bool,
    /// Where calls wait for their turn.
    pub(super) lines: Vec<Line>,
    /// The way straight to each worker, while it is open.
    pub(super) doors: Vec<CachePadded<RwLock<Door>>>,
    pub(super) balancer: Option<Box<dyn Balancer>>,
    /// Calls that wait in no lane: for arguments or for another attempt.
    parked: Mutex<HashMap<u64, (Call, Option<Duration>)>>,
    /// Maps whose calls travel in chunks.
    pub(super) bundles: Mutex<Vec<Weak<dyn Bundle>>>,
    pub(super) tally: Tally,
    /// Places for calls, where their number is bounded.
    pub(super) room: Option<Room>,
    /// Calls that found no place.
    pub(super) rejected: AtomicU64,
    /// Lanes that are not gone.
    pub(crate) live: AtomicUsize,
    /// Lanes at rest.
    pub(super) resting: AtomicUsize,
    pub(crate) making: AtomicBool,
    /// Calls in a queue that no lane owns.
    pub(super) queued: AtomicU64,
    /// Calls that came to an end with no worker.
    pub(super) completed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) gate: Mutex<Gate>,
    pub(crate) changed: Condvar,
}

impl Core {
    pub(crate) fn new(settings: Settings, terms: Vec<Terms>, engine: Engine, kind: &'static Kind) -> Arc<Self> {
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
            scene: Scene::new(&settings.name, settings.mode, kind, workers),
            window: settings.window(),
            balancer: if shared { None } else { balancer(settings.load_balancing) },
            direct: !shared
                && settings.window() == usize::MAX
                && settings.max_calls_per_worker.is_none()
                && settings.max_memory.is_none(),
            lines: turns::lines(&settings.limiting, workers),
            room: Room::new(settings.max_pending, settings.on_full),
            rejected: AtomicU64::new(0),
            settings,
            terms,
            engine,
            groups,
            books: (0..workers).map(|_| CachePadded::default()).collect(),
            doors: (0..workers).map(|_| CachePadded::default()).collect(),
            parked: Mutex::default(),
            bundles: Mutex::default(),
            tally: Tally::new(),
            live: AtomicUsize::new(workers),
            resting: AtomicUsize::new(0),
            making: AtomicBool::new(true),
            queued: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            gate: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Whether the workers are another process's: this one is a fork of the one that made the pool.
    #[inline]
    pub(crate) fn is_elsewhere(&self) -> bool {
        is_fork() && matches!(self.engine, Engine::Workers(_))
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

    /// Whether the worker has not been given up.
    pub(super) fn is_there(&self, index: usize) -> bool {
        !self.books[index].gone.load(Ordering::Acquire)
    }

    pub(crate) fn phase(&self) -> u8 {
        self.tally.phase()
    }

    /// Counts a call in; `false` where the pool takes no more, or is another process's.
    pub(crate) fn accept(&self) -> bool {
        if self.is_elsewhere() {
            return false;
        }
        let open = self.tally.accept();
        if !open {
            self.resolved();
        }
        open
    }

    pub(super) fn parked(&self) -> MutexGuard<'_, HashMap<u64, (Call, Option<Duration>)>> {
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
        if self.phase() == ABORTED {
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

    /// No worker is left for this call.
    pub(crate) fn nobody(&self, call: &Call) {
        call.fail(self.nobody_left(), None);
    }

    /// What comes of a call that no worker is left for.
    pub(crate) fn nobody_left(&self) -> Error {
        match self.phase() {
            // Workers that are killed on purpose have a status too.
            ABORTED => Error::stopped(),
            STOPPING if self.gate().last_death.is_none() => Error::stopped(),
            _ => self.beyond_restarts(),
        }
    }

    /// What comes of a call whose worker is not started again.
    pub(super) fn beyond_restarts(&self) -> Error {
        let death = self.gate().last_death.clone().unwrap_or_else(|| "its worker is gone".into());
        Error::worker_died(death.told(format!(
            "{}; it is not started again after more than {} deaths within {:?} (`max_restarts`, `restart_window`), and no other worker can take the call",
            death.status, self.settings.max_restarts, self.settings.restart_window,
        )))
    }

    /// One accepted call less.
    pub(crate) fn resolved(&self) {
        match self.tally.resolve() {
            After::Nothing => {}
            After::Wake => self.wake(),
            After::Finish => self.finish_workers(),
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

    pub(crate) fn stats(&self) -> PoolStats {
        let bundled = self.live_bundles().iter().map(|bundle| bundle.queued()).sum::<u64>();
        let mut workers = Vec::with_capacity(self.books.len());
        for (index, books) in self.books.iter().enumerate() {
            let (alive, pid) = match &self.engine {
                Engine::Inline(_) => (self.phase() == OPEN, None),
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
                resting: books.resting.load(Ordering::SeqCst),
                pid,
                queued: get(&books.queued),
                in_flight: books.in_flight(),
                dispatched: get(&books.dispatched),
                completed: books.completed(),
                failed: books.failed(),
                restarts: get(&books.restarts),
                recycled: get(&books.recycled),
            });
        }
        PoolStats {
            name: self.settings.name.clone(),
            mode: self.settings.mode,
            max_workers: self.settings.max_workers,
            on_demand: self.settings.on_demand,
            queued: get(&self.queued) + bundled + workers.iter().map(|worker| worker.queued).sum::<u64>(),
            in_flight: workers.iter().map(|worker| worker.in_flight).sum(),
            completed: get(&self.completed) + workers.iter().map(|worker| worker.completed).sum::<u64>(),
            failed: get(&self.failed) + workers.iter().map(|worker| worker.failed).sum::<u64>(),
            retried: get(&self.retried),
            rejected: get(&self.rejected),
            restarts: workers.iter().map(|worker| worker.restarts).sum(),
            recycled: workers.iter().map(|worker| worker.recycled).sum(),
            workers,
        }
    }
}

impl Loads for Core {
    fn len(&self) -> usize {
        self.books.len()
    }
    fn usable(&self, index: usize) -> bool {
        self.is_there(index) && !self.books[index].resting.load(Ordering::Acquire)
    }
    fn active(&self, index: usize) -> u64 {
        get(&self.books[index].queued) + self.books[index].in_flight()
    }
    fn total(&self, index: usize) -> u64 {
        get(&self.books[index].dispatched)
    }
}
