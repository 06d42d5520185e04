//! How full must a porous stone be of holes, so that water finds a way through? Nobody has a formula; a simulation has the answer.
//!
//! `cargo run --release --example monte_carlo`
//!
//! Squares of a lattice are open or shut by chance. Below a threshold of open ones there is hardly ever a way from top to bottom,
//! above it there nearly always is. For large lattices it is known to be 0.5927 (Newman and Ziff, "Efficient Monte Carlo
//! Algorithm and High-Precision Results for Percolation", 2000); a small one blurs it.

mod lattice;
mod plot;

use std::thread::available_parallelism;
use std::time::Instant;

use concurry::prelude::*;
use lattice::{Chance, Lattice};

/// Lattices of this many squares each way.
const SIDE: usize = 40;

/// How many lattices a call makes, and how many calls there are for a point of the plot. A call is long enough that what it costs
/// to make it does not matter.
const LATTICES: u64 = 40;
const CALLS: u64 = 10;

/// Per cent that are open, a point each.
const OPEN: std::ops::RangeInclusive<u64> = 50..=69;

/// In how many of some lattices water finds a way. The seed makes it the same wherever and whenever it runs.
#[task(mode = "process", load_balancing = "shared", max_queued_tasks = 4)]
fn ways(percent: u64, seed: u64) -> u64 {
    let mut chance = Chance::new(seed);
    (0..LATTICES).filter(|_| Lattice::new(SIDE, percent, &mut chance).has_a_way()).count() as u64
}

/// What is to be run, in order: so many calls for each point.
fn inputs() -> impl Iterator<Item = (u64, u64)> {
    OPEN.flat_map(|percent| (0..CALLS).map(move |call| (percent, percent * 1000 + call)))
}

fn main() -> concurry::Result<()> {
    let workers = available_parallelism().map_or(2, usize::from);
    let pool = ways::options().max_workers(workers).init()?;

    let begun = Instant::now();
    let found = gather(inputs().map(|input| pool.submit(input))).progress("Simulating").results()?;
    let took = begun.elapsed();
    pool.stop()?;

    // The plain function, for a part of it.
    let begun = Instant::now();
    let part: Vec<u64> = inputs().step_by(10).map(|(percent, seed)| ways::call(percent, seed)).collect();
    let alone = begun.elapsed() * 10;
    let same: Vec<u64> = found.iter().copied().step_by(10).collect();
    assert_eq!(part, same, "the same seeds give the same lattices, in whatever process");

    let points: Vec<(u64, f64)> = OPEN
        .zip(found.chunks(CALLS as usize))
        .map(|(percent, found)| (percent, found.iter().sum::<u64>() as f64 / (LATTICES * CALLS) as f64))
        .collect();
    print!("{}", plot::text(&points));
    let threshold = plot::crossing(&points, 0.5).unwrap_or(f64::NAN);
    println!(
        "\nwater finds a way in half of {SIDE} x {SIDE} lattices at {threshold:.3} open; known for large ones: 0.593"
    );
    assert!((threshold - 0.5927).abs() < 0.01, "{threshold}");
    eprintln!(
        "{} lattices in {workers} processes took {took:.1?}; here, one after the other, about {alone:.1?}: {:.1} times as fast",
        inputs().count() as u64 * LATTICES,
        alone.as_secs_f64() / took.as_secs_f64()
    );
    Ok(())
}
