//! Tiny calls over many inputs: by the maps, one by one, and by the peers.

use std::sync::atomic::{AtomicU64, Ordering};

use concurry::prelude::*;
use concurry_benches::{Way, checked, compare};

#[task]
fn plus_one(x: u64) -> u64 {
    x + 1
}

struct Adder;

#[worker]
impl Adder {
    pub fn new() -> Self {
        Adder
    }

    pub fn plus_one(&self, x: u64) -> u64 {
        x + 1
    }
}

fn run(mode: Mode, workers: usize, items: u32) -> concurry::Result<()> {
    let most = u64::from(items);
    let pool = plus_one::options().mode(mode).max_workers(workers).init()?;
    let client = Adder::options().mode(mode).max_workers(workers).init()?;
    let ways = vec![
        Way::new("submit each, gather", || {
            checked(gather((0..most).map(|x| pool.submit(x))).results()?.iter().sum(), items)
        }),
        Way::new("submit with at most 256 ahead", || {
            let (mut ahead, mut sum) = (std::collections::VecDeque::new(), 0);
            for x in 0..most {
                if ahead.len() == 256 {
                    sum += ahead.pop_front().map_or(Ok(0), TaskFuture::result)?;
                }
                ahead.push_back(pool.submit(x));
            }
            for future in ahead {
                sum += future.result()?;
            }
            checked(sum, items)
        }),
        Way::new("TaskPool::map", || checked(pool.map(0..most).sum::<concurry::Result<u64>>()?, items)),
        Way::new("TaskPool::map_unordered", || {
            checked(pool.map_unordered(0..most).map(|(_, result)| result).sum::<concurry::Result<u64>>()?, items)
        }),
        Way::new("concurry::map", || {
            checked(concurry::map(0..most, |x| client.plus_one(x)).sum::<concurry::Result<u64>>()?, items)
        }),
    ];
    compare(&format!("{workers} workers of mode `{mode}`"), items, 3, ways)?;
    pool.stop()?;
    client.stop()
}

/// The same work by others, with as many threads: one job an item, and, where they have it, split by themselves.
fn peers(workers: usize, items: u32) -> concurry::Result<()> {
    use rayon::prelude::*;

    let most = u64::from(items);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(workers).build().map_err(concurry::Error::failed)?;
    let pool = plus_one::options().mode(Mode::Thread).max_workers(workers).init()?;
    let functions = TaskWorker::options().mode(Mode::Thread).max_workers(workers).init()?;
    let ways = vec![
        Way::new("tokio::spawn of each, awaited in order", || {
            let handles: Vec<_> = (0..most).map(|x| runtime.spawn(async move { x + 1 })).collect();
            let sum = runtime.block_on(async {
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await.map_err(concurry::Error::failed)?;
                }
                Ok::<u64, concurry::Error>(sum)
            })?;
            checked(sum, items)
        }),
        Way::new("tokio::spawn of each, at most 256 ahead", || {
            let sum = runtime.block_on(async {
                let (mut ahead, mut sum) = (std::collections::VecDeque::new(), 0);
                for x in 0..most {
                    if ahead.len() == 256
                        && let Some(handle) = ahead.pop_front()
                    {
                        let handle: tokio::task::JoinHandle<u64> = handle;
                        sum += handle.await.map_err(concurry::Error::failed)?;
                    }
                    ahead.push_back(runtime.spawn(async move { x + 1 }));
                }
                for handle in ahead {
                    sum += handle.await.map_err(concurry::Error::failed)?;
                }
                Ok::<u64, concurry::Error>(sum)
            })?;
            checked(sum, items)
        }),
        Way::new("rayon: a job an item, a slot each", || {
            let slots: Vec<AtomicU64> = (0..most).map(|_| AtomicU64::new(0)).collect();
            threads.scope(|scope| {
                for (x, slot) in (0..most).zip(&slots) {
                    scope.spawn(move |_| slot.store(x + 1, Ordering::Relaxed));
                }
            });
            checked(slots.iter().map(|slot| slot.load(Ordering::Relaxed)).sum(), items)
        }),
        Way::new("rayon: par_iter into a vector", || {
            let all: Vec<u64> =
                threads.install(|| (0..most).into_par_iter().map(std::hint::black_box(|x| x + 1)).collect());
            checked(all.iter().sum(), items)
        }),
        Way::new("rayon: par_bridge", || {
            checked(threads.install(|| (0..most).par_bridge().map(|x| x + 1).sum()), items)
        }),
        Way::new("TaskPool::map", || checked(pool.map(0..most).sum::<concurry::Result<u64>>()?, items)),
        Way::new("TaskPool::map_unordered", || {
            checked(pool.map_unordered(0..most).map(|(_, result)| result).sum::<concurry::Result<u64>>()?, items)
        }),
        Way::new("TaskWorker::map", || {
            checked(functions.map(0..most, |x: u64| x + 1).sum::<concurry::Result<u64>>()?, items)
        }),
    ];
    compare(&format!("{workers} threads"), items, 5, ways)?;
    functions.stop()?;
    pool.stop()
}

fn main() -> concurry::Result<()> {
    for workers in [1, 2, 4] {
        peers(workers, 1_000_000)?;
    }
    run(Mode::Thread, 4, 1_000_000)?;
    run(Mode::Process, 2, 100_000)
}
