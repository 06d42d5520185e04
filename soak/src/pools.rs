//! Pools: made at random, ended at random, and looked through when they are.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry_tests::BALANCING;
use fastrand::Rng;

use crate::books::{Allowed, Books};
use crate::worker::{Hand, HandClient};

/// How long anything may take that must come to its end.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A pool and what is known of it.
pub(crate) struct Entry {
    pub(crate) client: HandClient,
    pub(crate) books: Arc<Books>,
    pub(crate) described: String,
    process: bool,
    times_out: bool,
    retries: bool,
    page: Option<PathBuf>,
    ending: AtomicBool,
    /// Calls whose outcomes are still looked at by whoever made them.
    pub(crate) users: AtomicU64,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// One set for all pools, whatever they are.
pub(crate) fn seats() -> &'static LimitSet {
    static SEATS: OnceLock<LimitSet> = OnceLock::new();
    SEATS.get_or_init(|| LimitSet::new().resource("seat", 2))
}

impl Entry {
    /// A pool of some kind or other.
    pub(crate) fn make(folder: &Path, random: &mut Rng, books: &Arc<Books>) -> concurry::Result<Arc<Self>> {
        let mode = [Mode::Thread, Mode::Process, Mode::Process, Mode::Async][random.usize(..4)];
        let on_demand = mode != Mode::Async && random.u8(..4) == 0;
        let workers = random.usize(1..=3);
        let balancing = BALANCING[random.usize(..BALANCING.len())];
        let times_out = random.u8(..4) == 0;
        let retries = random.u8(..4) == 0;
        let process = mode == Mode::Process;
        let page = process.then(|| folder.join(format!("page-{}", NUMBER.fetch_add(1, Ordering::Relaxed))));

        let mut options = Hand::options().mode(mode).max_workers(workers).limits(seats().clone());
        let mut described = format!("{mode} pool of {workers}");
        if on_demand {
            options = options.on_demand(true);
            described += " on demand";
        } else {
            options = options.load_balancing(balancing).max_restarts(u32::MAX);
            described += &format!(", {balancing:?}");
        }
        if random.bool() {
            let window = random.usize(1..50);
            options = options.max_queued_tasks(window);
            described += &format!(", window {window}");
        }
        if times_out {
            options = options.timeout(Duration::from_millis(random.u64(1..50)));
            described += ", timeout";
        }
        if retries {
            let again =
                |error: &concurry::Error, _: &concurry::Attempt| matches!(error, concurry::Error::WorkerDied { .. });
            let retry = Retry::fixed().num_retries(3).wait(Duration::from_millis(1)).without_budget().retry_if(again);
            options = options.retry(retry);
            described += ", retries";
        }
        Ok(Arc::new(Entry {
            client: options.init(page.clone())?,
            books: books.clone(),
            described,
            process,
            times_out,
            retries,
            page,
            ending: AtomicBool::new(false),
            users: AtomicU64::new(0),
        }))
    }

    /// What may come of any call to it.
    pub(crate) fn allowed(&self) -> Allowed {
        Allowed {
            death: self.process,
            timeout: self.times_out,
            stopped: self.ending.load(Ordering::SeqCst),
            cancelled: false,
        }
    }

    /// The processes that it has at this moment.
    pub(crate) fn pids(&self) -> Vec<u32> {
        if self.process {
            self.client.pool().stats().workers.iter().filter_map(|worker| worker.pid).collect()
        } else {
            Vec::new()
        }
    }

    /// Ends the pool in one way or another, and complains of what it leaves.
    pub(crate) fn end(self: Arc<Self>, random: &mut Rng) {
        self.ending.store(true, Ordering::SeqCst);
        let how = random.u8(..4);
        let ended = match how {
            0 => self.client.pool().abort(),
            1 => self.client.pool().stop_within(Duration::from_millis(random.u64(..200))),
            _ => self.client.pool().stop_within(BOUND),
        };
        if let Err(error) = ended
            && how > 1
        {
            self.books.complain(format!("{}: stop: {error}", self.described));
        }
        let begun = Instant::now();
        while self.users.load(Ordering::SeqCst) > 0 && begun.elapsed() < BOUND {
            std::thread::sleep(Duration::from_millis(1));
        }
        let users = self.users.load(Ordering::SeqCst);
        if users > 0 {
            self.books.complain(format!(
                "{}: {users} calls came to nothing: {:?}",
                self.described,
                self.client.pool().stats()
            ));
        }
        let stats = self.client.pool().stats();
        if stats.queued + stats.in_flight > 0 {
            self.books.complain(format!("{}: it is not at rest: {stats:?}", self.described));
        }
        if let Some(page) = &self.page {
            self.look_through(page);
        }
    }

    /// Without a policy nothing is run twice.
    fn look_through(&self, page: &Path) {
        let noted = std::fs::read(page).unwrap_or_default();
        let _ = std::fs::remove_file(page);
        let mut seen = HashSet::new();
        for call in noted.chunks_exact(8) {
            if !seen.insert(call) && !self.retries {
                self.books.complain(format!("{}: a call was run twice", self.described));
            }
        }
    }
}
