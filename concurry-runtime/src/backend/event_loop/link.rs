//! The line in front of a loop, and the tickets of the calls inside: all that other threads see of it.
//!
//! A call that was sent is in the line until the loop lets it begin, then under its id among those that run until the
//! loop is done with it, so that whoever gives the loop up finds every call that has not come back. Nothing of the
//! user's runs under the lock.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::door::Door;
use crate::backend::{End, Link};
use crate::call::{Call, Header, Interrupt, Job};

/// So many jobs that are over are worth looking through the line for.
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

#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// How many of them may be over, as far as anybody said.
    over: usize,
    running: HashMap<u64, Arc<Ticket>>,
    finish: bool,
    /// There while the loop does not know of everything here.
    waker: Option<Waker>,
}

#[derive(Default)]
pub(super) struct LoopLink {
    line: Mutex<Line>,
    pub(super) door: Door,
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
        let Some(first) = line.waiting.front() else {
            return match (line.finish, line.running.is_empty()) {
                (true, true) => Next::Finished,
                (true, false) => Next::Blocked,
                _ => Next::Nothing,
            };
        };
        let held = if first.is_over() {
            None
        } else {
            let held = admit(first.header());
            if held.is_none() {
                return Next::Blocked;
            }
            held
        };
        let Some(job) = line.waiting.pop_front() else { return Next::Nothing };
        let Some(held) = held else { return Next::Over(job) };
        let ticket = Ticket::new(job);
        // Before it has begun, so that there is no moment at which it is nowhere.
        line.running.insert(ticket.job.header().id, ticket.clone());
        Next::Begin(ticket, held)
    }

    /// The loop is done with a call; whether that was the last one that ran.
    pub(super) fn leave(&self, ticket: &Ticket) -> bool {
        let mut line = self.lock();
        let gone = line.running.remove(&ticket.job.header().id);
        let last = line.running.is_empty();
        drop(line);
        drop(gone);
        last
    }

    /// Takes the calls that run.
    pub(super) fn take_running(&self) -> Vec<Arc<Ticket>> {
        let running = std::mem::take(&mut self.lock().running);
        running.into_values().collect()
    }
}

impl Link for LoopLink {
    fn send(&self, job: Job) {
        self.change(|line| line.waiting.push_back(job));
    }

    fn interrupt(&self, id: u64, attempt: u32, _how: Interrupt) {
        let mut line = self.lock();
        let running = line.running.get(&id).filter(|ticket| ticket.job.attempt() == attempt).cloned();
        if let Some(ticket) = running {
            drop(line);
            ticket.stop();
            return;
        }
        // What has not begun finds out when it is its turn, or leaves here, once there is so much of it that looking
        // through the line costs less than keeping it.
        line.over += 1;
        let over = if line.over > MANY && line.over * 2 > line.waiting.len() {
            line.over = 0;
            let (over, going) = std::mem::take(&mut line.waiting).into_iter().partition(Job::is_over);
            line.waiting = going;
            over
        } else {
            VecDeque::new()
        };
        drop(line);
        drop(over);
        // It may have been the one that all others wait behind.
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
        self.lock().waiting.drain(..).collect()
    }

    fn running(&self) -> Vec<Call> {
        self.lock().running.values().map(|ticket| ticket.job.call().clone()).collect()
    }
}
