//! Workers that are threads of this process.
//!
//! A worker's thread owns the worker and takes jobs from its line in order. It ends when it is told to finish and the
//! line is empty, when it is killed, or when its worker cannot be built again after a panic; only the last is a death.
//!
//! The line is in two parts, each behind its own lock: submitters append to `coming`, and the worker moves some of that
//! at a time to `batch`, from which it takes one by one. So the two hardly ever meet at a lock, however short the calls
//! are, and yet everything that has not begun can be looked through, swept and drained by anyone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use super::{Backend, End, Host, Link, Place, Recipe, Started, Ticket, dismiss, run_local, run_work, thread_of};
use crate::bell::Bell;
use crate::call::{Call, Interrupt, Job, here};
use crate::error::Result;
use crate::executor;
use crate::panics;
use crate::spin::Patience;
use crate::worker::Worker;

/// How many jobs are moved at a time.
const BATCH: usize = 64;

/// What submitters append to.
#[derive(Default)]
struct Coming {
    jobs: VecDeque<Job>,
    /// How many of them may be over, as far as anybody said.
    over: usize,
    finish: bool,
}

/// What the worker takes from.
#[derive(Default)]
struct Batch {
    jobs: VecDeque<Job>,
    /// The call that is inside a method.
    running: Option<(Call, u32)>,
    /// Inside the constructor or a method.
    busy: bool,
}

struct ThreadLink {
    coming: Mutex<Coming>,
    batch: Mutex<Batch>,
    /// Whether anything in `coming` changed since the worker last looked.
    news: AtomicBool,
    sleeping: AtomicBool,
    /// Set under the lock of `batch`, so that nothing is taken from there any more.
    killed: AtomicBool,
    /// The worker's thread, once it runs.
    thread: OnceLock<Thread>,
    patience: Patience,
    /// For a method that waits.
    bell: Arc<Bell>,
}

impl ThreadLink {
    fn new() -> Self {
        ThreadLink {
            coming: Mutex::default(),
            batch: Mutex::new(Batch { busy: true, ..Batch::default() }),
            news: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            thread: OnceLock::new(),
            patience: Patience::new(),
            bell: Arc::default(),
        }
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is coming, and wakes the worker if it sleeps.
    fn change(&self, change: impl FnOnce(&mut Coming)) {
        change(&mut self.coming());
        self.news.store(true, Ordering::Release);
        // Either the worker, which says that it sleeps before it looks a last time, sees the news, or this sees that
        // it sleeps.
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed)
            && self.sleeping.swap(false, Ordering::AcqRel)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The next job; `None` when there is nothing more to do here.
    fn next(&self) -> Option<Job> {
        let mut batch = self.batch();
        batch.busy = false;
        // The last to hold it drops its value, which is the user's: outside of the lock.
        let mut ran = batch.running.take();
        loop {
            if self.killed.load(Ordering::Relaxed) {
                drop(batch);
                drop(ran);
                return None;
            }
            if let Some(job) = batch.jobs.pop_front() {
                batch.busy = true;
                batch.running = Some((job.call().clone(), job.attempt()));
                drop(batch);
                drop(ran);
                return Some(job);
            }
            if let Some(ran) = ran.take() {
                drop(batch);
                drop(ran);
                batch = self.batch();
                continue;
            }
            self.news.store(false, Ordering::Relaxed);
            // The order of the locks: `batch`, then `coming`.
            let mut coming = self.coming();
            if !coming.jobs.is_empty() {
                let some = coming.jobs.len().min(BATCH);
                batch.jobs.extend(coming.jobs.drain(..some));
                continue;
            }
            if coming.finish {
                return None;
            }
            drop(coming);
            drop(batch);
            self.sleep();
            batch = self.batch();
        }
    }

    /// What tells whether jobs wait behind the one that runs.
    fn others(&self) -> impl Fn() -> bool {
        let batch = self.batch();
        let crowded = !batch.jobs.is_empty() || !self.coming().jobs.is_empty();
        move || crowded || self.news.load(Ordering::Relaxed)
    }

    /// Ends what the worker's `async fn`s have left on this thread.
    fn close(&self) {
        self.batch().busy = true;
        executor::close(!self.killed.load(Ordering::Relaxed));
        self.batch().busy = false;
    }

    /// Waits for news.
    fn sleep(&self) {
        let news = || self.news.load(Ordering::Acquire);
        if self.patience.spin(news) {
            return;
        }
        loop {
            // Said again each time: whoever brought news that has been dealt with since may come late to wake it, and
            // has taken back then that it sleeps.
            self.sleeping.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if news() {
                break;
            }
            thread::park();
        }
        self.sleeping.store(false, Ordering::Relaxed);
    }
}

impl Link for ThreadLink {
    fn send(&self, job: Job) {
        self.change(|coming| coming.jobs.push_back(job));
    }

    fn interrupt(&self, _id: u64, _attempt: u32, _how: Interrupt) {
        // A running method asks its context, or is woken where it waits for limits. What has not begun finds out when it
        // is its turn, or leaves here, once there is so much of it that looking through the line costs less than keeping it.
        self.bell.ring();
        let mut coming = self.coming();
        coming.over += 1;
        let over = if coming.over > BATCH && coming.over * 2 > coming.jobs.len() {
            coming.over = 0;
            let (over, going): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(&mut coming.jobs).into_iter().partition(Job::is_over);
            coming.jobs = going;
            over
        } else {
            VecDeque::new()
        };
        drop(coming);
        drop(over);
    }

    fn finish(&self) {
        self.change(|coming| coming.finish = true);
    }

    fn kill(&self) -> bool {
        let batch = self.batch();
        self.killed.store(true, Ordering::Relaxed);
        self.change(|_| ());
        batch.busy
    }

    fn drain(&self) -> Vec<Job> {
        let mut batch = self.batch();
        let mut coming = self.coming();
        batch.jobs.drain(..).chain(coming.jobs.drain(..)).collect()
    }

    fn running(&self) -> Vec<(Call, u32)> {
        self.batch().running.iter().cloned().collect()
    }

    fn release(&self) {
        self.bell.end();
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
        let link = Arc::new(ThreadLink::new());
        let recipe = self.recipe.clone();
        let own = link.clone();
        let thread = thread_of(&self.recipe.pool_name, place, previous, move || {
            let _ = own.thread.set(thread::current());
            here::settle(Arc::as_ptr(&host).cast(), place.index, here::Kind::Thread);
            let end = panics::caught_text(|| run(&recipe, &own, place, &*host));
            own.close();
            host.ended(place, end.unwrap_or_else(End::broken));
        })?;
        Ok(Started { link, thread })
    }
}

fn run<W: Worker>(recipe: &Recipe<W>, link: &ThreadLink, place: Place, host: &dyn Host) -> End {
    let post = recipe.post(place.index, false, link.bell.clone());
    let mut worker = match recipe.make() {
        Ok(worker) => worker,
        Err(error) => return End::Failed(error),
    };
    host.up(place);
    while let Some(job) = link.next() {
        if !job.begin() {
            continue;
        }
        let ticket = job.call().ticket().and_then(|ticket| ticket.downcast_ref::<Ticket<W>>());
        let survivor = match ticket {
            Some(ticket) => run_work(worker, ticket, job.place(), &post, &link.others()),
            None => run_local(worker, &job, &post),
        };
        drop(job);
        worker = match survivor {
            Some(worker) => worker,
            None => {
                host.rebuilding(place);
                let built = recipe.rebuild();
                host.rebuilt(place);
                match built {
                    Ok(worker) => worker,
                    Err(error) => {
                        let why = panics::text_of(&error);
                        let why = format!("it could not be built anew after a panic: {why}");
                        return End::Died { death: why.into(), running: None };
                    }
                }
            }
        };
    }
    dismiss(worker);
    End::Finished
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Looks until the worker says that it sleeps.
    fn await_sleep(link: &ThreadLink) {
        let begun = Instant::now();
        while !link.sleeping.load(Ordering::Relaxed) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it sleeps, and nobody knows");
            thread::yield_now();
        }
    }

    #[test]
    fn who_is_woken_for_old_news_can_be_woken_again() {
        let link = Arc::new(ThreadLink::new());
        let own = link.clone();
        let worker = thread::spawn(move || own.sleep());
        let _ = link.thread.set(worker.thread().clone());
        for _ in 0..100 {
            await_sleep(&link);
            // As a submitter does whose news has been dealt with before it gets to look for sleepers.
            assert!(link.sleeping.swap(false, Ordering::AcqRel));
            worker.thread().unpark();
        }
        await_sleep(&link);
        link.change(|_| ());
        worker.join().unwrap();
    }
}
