//! The page that the project started from: four processes, one hundred calls, the answers in order.

use std::collections::BTreeMap;

use concurry::prelude::*;
use concurry_tests::{LONG, modes};

#[derive(Default)]
struct CpuWorker;

#[worker(mode = "process")]
impl CpuWorker {
    pub fn compute(&self, x: u64) -> u64 {
        x * x
    }

    pub fn compute_where(&self, x: u64) -> (u64, u32) {
        (x * x, std::process::id())
    }
}

#[test]
fn the_first_block_of_the_readme_runs_in_every_mode() -> concurry::Result<()> {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 4 };
        let pool = CpuWorker::options().mode(mode).max_workers(workers).init()?;
        let futures: Vec<_> = (0..100).map(|x| pool.compute(x)).collect();
        let squares = gather(futures).timeout(LONG).results()?;
        pool.stop()?;
        assert_eq!(squares, (0..100).map(|x| x * x).collect::<Vec<u64>>(), "{mode}");
    }
    Ok(())
}

#[test]
fn the_attribute_says_process_and_init_does_without_the_builder() -> concurry::Result<()> {
    let pool = CpuWorker::init()?;
    let (square, pid) = pool.compute_where(12).result()?;
    assert_eq!(square, 144);
    assert_ne!(pid, std::process::id());
    assert_eq!(pool.max_workers(), 1);
    assert_eq!(pool.name(), "CpuWorker");
    pool.stop()
}

#[test]
fn a_hundred_calls_come_back_in_order_from_four_processes() -> concurry::Result<()> {
    let pool = CpuWorker::options().max_workers(4).init()?;
    let answers = gather((0..100).map(|x| pool.compute_where(x))).timeout(LONG).results()?;
    let pids: Vec<u32> = pool.stats().workers.iter().filter_map(|worker| worker.pid).collect();
    pool.stop()?;
    let mut shares = BTreeMap::new();
    for (x, (square, pid)) in (0..).zip(answers) {
        assert_eq!(square, x * x);
        assert_ne!(pid, std::process::id());
        *shares.entry(pid).or_insert(0) += 1;
    }
    // In turn is the default, so each has a quarter.
    assert_eq!(shares.values().copied().collect::<Vec<_>>(), [25; 4]);
    assert!(pids.len() == 4 && pids.iter().all(|pid| shares.contains_key(pid)), "{pids:?} {shares:?}");
    Ok(())
}

#[test]
fn the_type_stays_an_ordinary_type() {
    assert_eq!(CpuWorker.compute(7), 49);
}
