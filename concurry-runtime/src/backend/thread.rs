//! Workers that are threads of this process.
//!
//! A worker's thread owns the worker and takes calls from its line in order. It ends when it is told to finish and the
//! line is empty, when it is killed, or when its worker cannot be built again after a panic; only the last is a death.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Backend, End, Host, Link, Place, Recipe, Started, dismiss, run_local};
use crate::call::{Call, Interrupt, Job};
use crate::error::{Error, Result};
use crate::panics;
use crate::worker::Worker;

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    /// How many of them may be over, as far as anybody said.
    over: usize,
    /// The call that is inside a method.
    running: Option<Call>,
    finish: bool,
    killed: bool,
    /// Inside the constructor or a method.
    busy: bool,
    sleeping: bool,
}

#[derive(Default)]
struct ThreadLink {
    line: Mutex<Line>,
    changed: Condvar,
}

impl ThreadLink {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.lock();
        change(&mut line);
        let sleeping = line.sleeping;
        drop(line);
        if sleeping {
            self.changed.notify_one();
        }
    }

    /// The next job; `None` when there is nothing more to do here.
    fn next(&self) -> Option<Job> {
        let mut line = self.lock();
        line.busy = false;
        if let Some(ran) = line.running.take() {
            // The last to hold it drops its value, which is the user's.
            drop(line);
            drop(ran);
            line = self.lock();
        }
        loop {
            if line.killed {
                return None;
            }
            if let Some(job) = line.jobs.pop_front() {
                line.busy = true;
                line.running = Some(job.call().clone());
                return Some(job);
            }
            if line.finish {
                return None;
            }
            line.sleeping = true;
            line = self.changed.wait(line).unwrap_or_else(PoisonError::into_inner);
            line.sleeping = false;
        }
    }
}

impl Link for ThreadLink {
    fn send(&self, job: Job) {
        self.change(|line| line.jobs.push_back(job));
    }

    fn interrupt(&self, _id: u64, _attempt: u32, _how: Interrupt) {
        // A running method asks its context. What has not begun finds out when it is its turn, or leaves here, once
        // there is so much of it that looking through the line costs less than keeping it.
        let mut line = self.lock();
        line.over += 1;
        let over = if line.over > 32 && line.over * 2 > line.jobs.len() {
            line.over = 0;
            let (over, going): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(&mut line.jobs).into_iter().partition(Job::is_over);
            line.jobs = going;
            over
        } else {
            VecDeque::new()
        };
        drop(line);
        drop(over);
    }

    fn finish(&self) {
        self.change(|line| line.finish = true);
    }

    fn kill(&self) -> bool {
        let mut lingers = false;
        self.change(|line| {
            line.killed = true;
            lingers = line.busy;
        });
        lingers
    }

    fn drain(&self) -> Vec<Job> {
        self.lock().jobs.drain(..).collect()
    }

    fn running(&self) -> Option<Call> {
        self.lock().running.clone()
    }
}

/// Starts threads that run workers of one kind.
pub(crate) struct Threads<W: Worker> {
    recipe: Arc<Recipe<W>>,
}

impl<W: Worker> Threads<W> {
    pub(crate) fn new(recipe: Arc<Recipe<W>>) -> Self {
        Threads { recipe }
    }
}

impl<W: Worker> Backend for Threads<W> {
    fn start(&self, place: Place, host: Arc<dyn Host>, previous: Option<JoinHandle<()>>) -> Result<Started> {
        let link = Arc::new(ThreadLink::default());
        link.lock().busy = true;
        let recipe = self.recipe.clone();
        let own = link.clone();
        let thread = thread::Builder::new()
            .name(format!("{}-{}", recipe.pool_name, place.index).replace('\0', "?"))
            .spawn(move || {
                if let Some(previous) = previous {
                    // It has reported its end; this waits for its last instructions.
                    let _ = previous.join();
                }
                let end = panics::caught_text(|| run(&recipe, &own, place, &*host));
                host.ended(place, end.unwrap_or_else(End::broken));
            })
            .map_err(|error| {
                Error::init_failed(format!("no thread could be made for worker {}: {error}", place.index))
            })?;
        Ok(Started { link, thread })
    }
}

fn run<W: Worker>(recipe: &Recipe<W>, link: &ThreadLink, place: Place, host: &dyn Host) -> End {
    let mut worker = match recipe.make() {
        Ok(worker) => worker,
        Err(error) => return End::Failed(error),
    };
    host.up(place);
    while let Some(job) = link.next() {
        if !job.begin() {
            continue;
        }
        let survivor = run_local(worker, &job, &recipe.pool_name, place.index);
        drop(job);
        worker = match survivor {
            Some(worker) => worker,
            None => match recipe.rebuild() {
                Ok(worker) => worker,
                Err(error) => {
                    return End::Died {
                        status: format!("it could not be built anew after a panic: {}", panics::text_of(&error)),
                        running: None,
                    };
                }
            },
        };
    }
    dismiss(worker);
    End::Finished
}
