//! Submitting never blocks: what a worker may not have yet waits in its own queue.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use concurry::prelude::*;

#[derive(Default)]
struct MyWorker;

#[worker(mode = "thread", local)]
impl MyWorker {
    /// Waits for the barrier.
    pub fn wait(&self, barrier: Arc<Barrier>) {
        barrier.wait();
    }

    /// Does hardly anything.
    pub fn add(&self, x: u64) -> u64 {
        x + 1
    }
}

pub(crate) fn show() -> concurry::Result<()> {
    // Each worker holds at most 10 tasks; the others wait in front of it.
    let pool = MyWorker::options().max_workers(5).max_queued_tasks(10).init()?;
    let barrier = Arc::new(Barrier::new(6));
    let blocked: Vec<_> = (0..5).map(|_| pool.wait(barrier.clone())).collect();

    let begun = Instant::now();
    let futures: Vec<_> = (0..20_000).map(|x| pool.add(x)).collect();
    let took = begun.elapsed();
    let stats = pool.stats();
    println!("\nqueues: {} tasks with the workers, {} in their queues, none done", stats.in_flight, stats.queued);
    eprintln!("20000 tasks submitted to a blocked pool in {took:.1?}");
    assert!(took < Duration::from_secs(1), "submitting took {took:?}");
    assert!(stats.workers.iter().all(|worker| worker.in_flight == 10), "{stats:?}");
    assert_eq!((stats.in_flight, stats.queued), (50, 20_005 - 50));

    barrier.wait();
    gather(blocked).results()?;
    let sum: u64 = gather(futures).results()?.into_iter().sum();
    println!("unblocked: all 20000 done");
    assert_eq!(sum, (1..=20_000).sum());
    pool.stop()
}
