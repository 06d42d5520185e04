//! Faults at every point of a call's way, and what comes of each, counted exactly.
//!
//! A test says a [`Plan`] and what it expects; [`play`] makes a pool that follows the plan, submits [`CALLS`] calls, and
//! counts: what each came to, how often each was run, by a page that outlives workers, and whether the books of the pool
//! add up. Then it stops the pool, and looks whether a process, a thread or a file descriptor is left.

use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, PoolStats, Result};
use concurry_tests::{Door, Journal, Page, Soon, census, eventually_is};

pub use concurry_runtime::fault::{Action, Guard, Plan, Point, Spoil, fork};

/// How many calls are made; they have the numbers from 1.
pub const CALLS: u64 = 10;

/// The call that plans are about, unless they say otherwise.
pub const THIRD: u32 = 3;

/// What faults are tried on.
#[derive(Debug)]
pub struct Subject {
    page: Page,
}

#[worker(mode = "process", name = "Subject")]
impl Subject {
    pub fn new(page: Page) -> Self {
        page.note("built");
        Subject { page }
    }

    /// Notes that it runs.
    pub fn double(&self, id: u64) -> u64 {
        self.page.note(id);
        id * 2
    }

    /// The same, with bytes for the way back.
    pub fn large(&self, id: u64, size: usize) -> Vec<u8> {
        self.page.note(id);
        vec![7; size]
    }

    /// Forks. The fork knocks at the door and goes on from here, as one does that forgets to leave; the worker stays at it.
    pub fn split(&self, id: u64, door: Door) -> u64 {
        self.page.note(id);
        if fork().unwrap().is_none() {
            door.knock_with("fork");
            return 0;
        }
        door.knock_with("worker");
        id * 2
    }

    /// The same, and panics.
    pub fn trip(&self, id: u64) -> u64 {
        self.page.note(id);
        panic!("it trips");
    }
}

/// A pool that follows a plan, and what it has left so far.
#[derive(Debug)]
pub struct Stage {
    /// The pool.
    pub pool: SubjectClient,
    /// Where it is noted what ran.
    pub journal: Journal,
    guard: Guard,
    before: (usize, usize, usize),
}

/// What was there: child processes, file descriptors, and threads that look after workers.
fn inventory() -> (usize, usize, usize) {
    let now = census();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    let ours = tasks.map(name).filter(|name| name.starts_with("Subject-")).count();
    (now.children, now.files, ours)
}

/// Waits until there is no more than there was; the test may have let go of something of its own.
#[track_caller]
fn nothing_left(before: (usize, usize, usize)) {
    let more = || {
        let now = inventory();
        (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1), now.2.saturating_sub(before.2))
    };
    eventually_is("processes, files and threads that are left", (0, 0, 0), more);
}

impl Stage {
    /// A pool with one worker, to which one call is sent at a time.
    #[track_caller]
    pub fn new(plan: Plan) -> Self {
        Self::with(plan, |options| options)
    }

    /// The same with options of one's own.
    #[track_caller]
    pub fn with(plan: Plan, options: impl FnOnce(SubjectOptions) -> SubjectOptions) -> Self {
        Self::try_with(plan, options).unwrap()
    }

    /// The same, where there may be none.
    ///
    /// # Errors
    /// Why there is none; nothing is left by it.
    pub fn try_with(plan: Plan, options: impl FnOnce(SubjectOptions) -> SubjectOptions) -> Result<Self> {
        let before = inventory();
        let journal = Journal::new();
        let guard = plan.hold();
        let start = Subject::options().max_queued_tasks(1).max_restarts(5).restart_backoff(Duration::ZERO);
        let made = options(start).init(journal.page());
        match made {
            Ok(pool) => Ok(Stage { pool, journal, guard, before }),
            Err(error) => {
                nothing_left(before);
                Err(error)
            }
        }
    }

    /// Makes the calls.
    pub fn submit(&self) -> Vec<TaskFuture<u64>> {
        (1..=CALLS).map(|id| self.pool.double(id)).collect()
    }

    /// Tells, at any time, how many faults the driver's side has had.
    pub fn fired(&self) -> impl Fn() -> u32 + use<> {
        self.guard.count()
    }

    /// Waits for the calls, sees whether the pool still works and its books add up, stops it, and looks for what is left.
    #[track_caller]
    pub fn settle(self, futures: Vec<TaskFuture<u64>>) -> Seen {
        let outcomes = futures.into_iter().map(Soon::soon).collect();
        self.settle_with(outcomes)
    }

    /// The same, where the calls have been waited for.
    #[track_caller]
    pub fn settle_with(self, outcomes: Vec<Result<u64>>) -> Seen {
        let after = CALLS + 1;
        assert_eq!(self.pool.double(after).soon().unwrap(), after * 2, "the pool does not go on");
        let stats = self.pool.stats();
        // Whether a value can be decoded is found out by who takes it, which is after the pool has counted it.
        let came = |outcome: &&Result<u64>| match outcome {
            Ok(_) => true,
            Err(error) => matches!(error, Error::Codec { .. }) && error.to_string().contains("the result"),
        };
        let (good, bad) = outcomes.iter().partition::<Vec<_>, _>(came);
        assert_eq!((stats.completed, stats.failed), (good.len() as u64 + 1, bad.len() as u64), "{stats:?}");
        assert_eq!((stats.queued, stats.in_flight, stats.rejected), (0, 0, 0), "{stats:?}");
        self.pool.stop().unwrap();
        let seen = self.leave(outcomes, stats);
        assert_eq!(seen.journal.count(&after.to_string()), 1);
        seen
    }

    /// Looks for what is left of a pool that has stopped.
    #[track_caller]
    pub fn leave(self, outcomes: Vec<Result<u64>>, stats: PoolStats) -> Seen {
        let Stage { pool, journal, guard, before } = self;
        drop((pool, guard));
        nothing_left(before);
        Seen { outcomes, stats, journal }
    }
}

/// What came of the calls.
#[derive(Debug)]
pub struct Seen {
    /// Of each, in order.
    pub outcomes: Vec<Result<u64>>,
    /// What the pool counted.
    pub stats: PoolStats,
    journal: Journal,
}

impl Seen {
    /// How often a call ran.
    pub fn ran(&self, id: u64) -> usize {
        self.journal.count(&id.to_string())
    }

    /// How often a worker was built.
    pub fn built(&self) -> usize {
        self.journal.count("built")
    }

    /// What a call came to.
    pub fn of(&self, id: u64) -> &Result<u64> {
        &self.outcomes[id as usize - 1]
    }

    /// All calls but these came to their values, and ran once.
    #[track_caller]
    pub fn good_but(&self, others: &[u64], what: &str) {
        for (id, outcome) in (1..).zip(&self.outcomes) {
            if others.contains(&id) {
                continue;
            }
            assert!(matches!(outcome, Ok(value) if *value == id * 2), "{what}: call {id}: {outcome:?}");
            assert_eq!(self.ran(id), 1, "{what}: call {id}");
        }
    }

    /// This call was lost with its worker, of which `words` are told, and ran so often.
    #[track_caller]
    pub fn lost(&self, id: u64, ran: usize, words: &str, what: &str) {
        match self.of(id) {
            Err(error @ Error::WorkerDied { .. }) => {
                let text = error.to_string();
                assert!(text.contains("Subject[0]::double") && text.contains(words), "{what}: {text}");
            }
            other => panic!("{what}: call {id}: {other:?}"),
        }
        assert_eq!(self.ran(id), ran, "{what}: call {id}");
    }

    /// This call came to its value and ran once, or was lost and ran once at most: it cannot be said which.
    #[track_caller]
    pub fn good_or_lost(&self, id: u64, what: &str) {
        match self.of(id) {
            Ok(value) => assert_eq!((*value, self.ran(id)), (id * 2, 1), "{what}: call {id}"),
            Err(Error::WorkerDied { .. }) => assert!(self.ran(id) <= 1, "{what}: call {id}"),
            other => panic!("{what}: call {id}: {other:?}"),
        }
    }
}

impl Seen {
    /// One call at most came to the worker's death, and none up to this one; all others came to their values.
    #[track_caller]
    pub fn one_lost_after(&self, id: u64, what: &str) {
        let lost: Vec<u64> = (1..=CALLS).filter(|&id| self.of(id).is_err()).collect();
        assert!(lost.len() <= 1 && lost.iter().all(|&lost| lost > id), "{what}: {lost:?}");
        lost.iter().for_each(|&id| self.good_or_lost(id, what));
        self.good_but(&lost, what);
    }
}

/// Plays a plan with a pool of one worker, and sees it through.
#[track_caller]
pub fn play(plan: Plan) -> Seen {
    play_with(plan, |options| options)
}

/// The same with options of one's own.
#[track_caller]
pub fn play_with(plan: Plan, options: impl FnOnce(SubjectOptions) -> SubjectOptions) -> Seen {
    let stage = Stage::with(plan, options);
    let futures = stage.submit();
    stage.settle(futures)
}

/// At the third time, this is done.
pub fn third(point: Point, action: Action) -> Plan {
    Plan::new().at(point, action).time(THIRD)
}

/// A frame is cut after so many bytes, and then this is done.
pub fn cut(length: usize, then: Action) -> Action {
    Action::Cut(length, Box::new(then))
}

/// Tests of a file run one after the other: each counts what its process has.
pub fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // What is made once for all pools, such as the thread of the timer, is made by the first.
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let journal = Journal::new();
        let pool = Subject::options().run_timeout(Duration::from_secs(60)).init(journal.page()).unwrap();
        assert_eq!(pool.double(1).soon().unwrap(), 2);
        pool.stop().unwrap();
    });
    guard
}
