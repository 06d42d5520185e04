//! Workers that are threads of this process.
//!
//! A worker's thread owns the worker and takes calls from its line in order. It ends when it is told to finish and the
//! line is empty, when it is killed, or when its worker cannot be built again after a panic; only the last is a death.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Backend, End, Host, Link, Place, Recipe, Started, dismiss, run_local};
use crate::call::{Call, here};
use crate::error::{Error, Result};
use crate::executor;
use crate::worker::Worker;

#[derive(Default)]
struct Line {
    calls: VecDeque<Call>,
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

    /// Ends what the worker's `async fn`s have left on this thread.
    fn close(&self) {
        let mut line = self.lock();
        line.busy = true;
        let killed = line.killed;
        drop(line);
        executor::close(!killed);
        self.lock().busy = false;
    }

    /// The next call; `None` when there is nothing more to do here.
    fn next(&self) -> Option<Call> {
        let mut line = self.lock();
        line.busy = false;
        loop {
            if line.killed {
                return None;
            }
            if let Some(call) = line.calls.pop_front() {
                line.busy = true;
                return Some(call);
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
    fn send(&self, call: Call) {
        self.change(|line| line.calls.push_back(call));
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

    fn drain(&self) -> Vec<Call> {
        self.lock().calls.drain(..).collect()
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
                here::settle(Arc::as_ptr(&host).cast(), place.index, here::Kind::Thread);
                let end = run(&recipe, &own, place, &*host);
                own.close();
                host.ended(place, end);
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
    while let Some(call) = link.next() {
        if !call.header().begin() {
            host.finished(call.header());
            continue;
        }
        let survivor = run_local(worker, &call, &recipe.pool_name, place.index);
        host.finished(call.header());
        drop(call);
        worker = match survivor {
            Some(worker) => worker,
            None => match recipe.rebuild() {
                Ok(worker) => worker,
                Err(error) => {
                    return End::Died {
                        status: format!("it could not be built anew after a panic: {error}"),
                        running: None,
                    };
                }
            },
        };
    }
    dismiss(worker);
    End::Finished
}
