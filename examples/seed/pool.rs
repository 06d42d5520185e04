//! One worker is not enough: four processes, and a hundred tasks among them.

use std::collections::BTreeSet;

use concurry::prelude::*;

#[derive(Default)]
struct CpuWorker;

#[worker(mode = "process")]
impl CpuWorker {
    /// The square, and which process computed it.
    pub fn compute(&self, x: u64) -> (u64, u32) {
        (x * x, std::process::id())
    }
}

pub(crate) fn show() -> concurry::Result<()> {
    // Create a pool of 4 processes.
    let pool = CpuWorker::options().max_workers(4).init()?;
    // Submit 100 tasks; they are distributed across the 4 workers.
    let futures: Vec<_> = (0..100).map(|x| pool.compute(x)).collect();
    let results = gather(futures).results()?;
    pool.stop()?;

    let squares: Vec<u64> = results.iter().map(|(square, _)| *square).collect();
    let processes: BTreeSet<u32> = results.iter().map(|(_, process)| *process).collect();
    assert_eq!(squares, (0..100).map(|x| x * x).collect::<Vec<u64>>());
    assert_eq!(processes.len(), 4);
    assert!(!processes.contains(&std::process::id()));
    println!("pool: {} squares in order from {} processes, none of them this one", squares.len(), processes.len());
    Ok(())
}
