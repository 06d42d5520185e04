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

    /// The node of a cluster that it is on.
    pub fn node(&self) -> Option<String> {
        std::env::var("CONCURRY_NODE_ID").ok()
    }
}

pub(crate) fn show(mode: Mode) -> concurry::Result<()> {
    // Create a pool of 4 processes.
    let options = CpuWorker::options().max_workers(4).mode(mode);
    // On a cluster, on as many of its nodes as there are.
    #[cfg(feature = "ray")]
    let options = options.ray(concurry::RayOptions::new().strategy(concurry::RayStrategy::Spread));
    let pool = options.init()?;
    // Submit 100 tasks; they are distributed across the 4 workers.
    let futures: Vec<_> = (0..100).map(|x| pool.compute(x)).collect();
    let results = gather(futures).results()?;
    let nodes = gather(pool.broadcast(|worker| worker.node())).results()?;
    pool.stop()?;

    let squares: Vec<u64> = results.iter().map(|(square, _)| *square).collect();
    let processes: BTreeSet<u32> = results.iter().map(|(_, process)| *process).collect();
    let nodes: BTreeSet<String> = nodes.into_iter().flatten().collect();
    assert_eq!(squares, (0..100).map(|x| x * x).collect::<Vec<u64>>());
    assert_eq!(processes.len(), 4);
    assert!(!processes.contains(&std::process::id()));
    let nodes = if nodes.is_empty() { String::new() } else { format!(" on {} nodes", nodes.len()) };
    println!(
        "pool: {} squares in order from {} processes{nodes}, none of them this one",
        squares.len(),
        processes.len()
    );
    Ok(())
}
