//! The line in front of a loop, and the tickets of the calls inside: all that other threads see of it.
//!
//! A job that was sent waits here until the loop lets it begin, and is here as a ticket until the loop is done with it,
//! so that whoever gives the loop up finds everything that has not come back. One that is cancelled while it waits
//! leaves at once. Nothing of the user's runs under the lock.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use super::door::Door;
use crate::backend::{End, Link};
use crate::bell::Bell;
use crate::call::{Call, Header, Interrupt, Job};

/// A line shorter than this is not worth looking through.
const MANY: usize = 64;

/// A call that runs, and the way to stop it.
pub(super) struct Ticket {
    pub(super) job: Job,
    stopped: AtomicBool,
    /// Wakes the task that runs it.
    waker: Mutex<Option<Waker>>,
}

impl Ticket {
    fn new(job: Job) -> Arc<Self> {
        Arc::new(Ticket { job, stopped: AtomicBool::new(false), waker: Mutex::default() })
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` woken when the call is to stop; a stop that came before is seen by [`is_stopped`](Self::is_stopped).
    pub(super) fn listen(&self, waker: &Waker) {
        *self.waker() = Some(waker.clone());
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let waker = self.waker().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a loop finds to do.
pub(super) enum Next<H> {
    /// This call may begin, with what it holds.
    Begin(Arc<Ticket>, H),
    /// This one is not to be run any more.
    Over(Job),
    /// The first in line may not begin yet, or a finish waits for calls that run.
    Blocked,
    /// Nobody is in line.
    Nothing,
    /// Nothing more will come.
    Finished,
}

/// A call and its attempt: another attempt may come while the loop is not done with the one before.
type Key = (u64, u32);

/// Where a job is.
enum Stage {
    Waiting(Job),
    Running(Arc<Ticket>),
}

#[derive(Default)]
struct Line {
    jobs: HashMap<Key, Stage>,
    /// Those that wait, in order, and some that have left since.
    order: VecDeque<Key>,
    running: usize,
    finish: bool,
    /// There while the loop does not know of everything here.
    waker: Option<Waker>,
}

impl Line {
    /// The first that waits.
    fn first(&mut self) -> Option<(Key, &Job)> {
        while let Some(key) = self.order.front() {
            if matches!(self.jobs.get(key), Some(Stage::Waiting(_))) {
                break;
            }
            self.order.pop_front();
        }
        let key = *self.order.front()?;
        match self.jobs.get(&key) {
            Some(Stage::Waiting(job)) => Some((key, job)),
            _ => None,
        }
    }

    /// Takes one that waits out of the line.
    fn take(&mut self, key: Key) -> Option<Job> {
        match self.jobs.remove(&key) {
            Some(Stage::Waiting(job)) => Some(job),
            Some(running) => {
                self.jobs.insert(key, running);
                None
            }
            None => None,
        }
    }

    /// Forgets the places of those that have left, once they are the most of the line.
    fn close_ranks(&mut self) {
        let waiting = self.jobs.len() - self.running;
        if self.order.len() > MANY && self.order.len() > 2 * waiting {
            self.order.retain(|key| matches!(self.jobs.get(key), Some(Stage::Waiting(_))));
        }
    }
}

#[derive(Default)]
pub(super) struct LoopLink {
    line: Mutex<Line>,
    /// For a method that blocks the loop while it waits.
    pub(super) bell: Arc<Bell>,
    pub(super) door: Door,
    /// What it died of, where it was killed for a reason of its own.
    pub(super) cause: OnceLock<String>,
}

impl LoopLink {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.lock();
        change(&mut line);
        let waker = line.waker.take();
        drop(line);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the loop look at its line again.
    pub(super) fn wake(&self) {
        self.change(|_| {});
    }

    /// Runs the loop until it ends or is killed.
    pub(super) async fn unless_killed(&self, attend: impl Future<Output = End>) -> End {
        let mut attend = pin!(attend);
        poll_fn(|context| {
            // Before anything is looked at, so that what comes meanwhile is not missed.
            let mut line = self.lock();
            if line.waker.is_none() {
                line.waker = Some(context.waker().clone());
            }
            drop(line);
            if self.door.is_killed() { Poll::Ready(End::Finished) } else { attend.as_mut().poll(context) }
        })
        .await
    }

    /// Takes the next call out of the line, if `admit` has something for it to hold.
    pub(super) fn next<H>(&self, admit: impl FnOnce(&Header) -> Option<H>) -> Next<H> {
        let mut line = self.lock();
        let Some((key, first)) = line.first() else {
            return match (line.finish, line.running) {
                (true, 0) => Next::Finished,
                (true, _) => Next::Blocked,
                _ => Next::Nothing,
            };
        };
        let over = first.is_over();
        let held = if over { None } else { admit(first.header()) };
        if held.is_none() && !over {
            return Next::Blocked;
        }
        let Some(job) = line.take(key) else { return Next::Nothing };
        let Some(held) = held else { return Next::Over(job) };
        let ticket = Ticket::new(job);
        // Before it has begun, so that there is no moment at which it is nowhere.
        line.jobs.insert(key, Stage::Running(ticket.clone()));
        line.running += 1;
        Next::Begin(ticket, held)
    }

    /// The loop is done with a call; whether that was the last one that ran.
    pub(super) fn leave(&self, ticket: &Ticket) -> bool {
        let mut line = self.lock();
        let gone = line.jobs.remove(&key(&ticket.job));
        line.running -= usize::from(gone.is_some());
        let last = line.running == 0;
        drop(line);
        drop(gone);
        last
    }

    /// The calls that run.
    pub(super) fn tickets(&self) -> Vec<Arc<Ticket>> {
        let running = |stage: &Stage| match stage {
            Stage::Running(ticket) => Some(ticket.clone()),
            Stage::Waiting(_) => None,
        };
        self.lock().jobs.values().filter_map(running).collect()
    }
}

fn key(job: &Job) -> Key {
    (job.header().id, job.attempt())
}

impl Link for LoopLink {
    fn send(&self, job: Job) {
        let key = key(&job);
        self.change(|line| {
            line.order.push_back(key);
            line.jobs.insert(key, Stage::Waiting(job));
        });
    }

    fn interrupt(&self, id: u64, attempt: u32, _how: Interrupt) {
        let mut line = self.lock();
        let over = match line.jobs.get(&(id, attempt)) {
            Some(Stage::Running(ticket)) => {
                let ticket = ticket.clone();
                drop(line);
                ticket.stop();
                self.bell.ring();
                return;
            }
            Some(Stage::Waiting(job)) if job.is_over() => line.take((id, attempt)),
            _ => return,
        };
        line.close_ranks();
        drop(line);
        drop(over);
        // All others may have been waiting behind it.
        self.wake();
    }

    fn finish(&self) {
        self.change(|line| line.finish = true);
    }

    fn kill(&self) -> bool {
        let lingers = self.door.kill();
        self.wake();
        lingers
    }

    fn drain(&self) -> Vec<Job> {
        let mut line = self.lock();
        let order = std::mem::take(&mut line.order);
        order.into_iter().filter_map(|key| line.take(key)).collect()
    }

    fn release(&self) {
        self.bell.end();
    }

    fn condemn(&self, status: &str) -> bool {
        let _first = self.cause.set(status.to_owned());
        self.kill()
    }

    fn running(&self) -> Vec<(Call, u32)> {
        self.tickets().iter().map(|ticket| (ticket.job.call().clone(), ticket.job.attempt())).collect()
    }
}
