//! Waiting for many futures: what one costs must not depend on how many there are.

use concurry::prelude::*;
use concurry_benches::{Way, compare};

#[task(mode = "thread", max_workers = 2)]
fn plus_one(x: u64) -> u64 {
    x + 1
}

/// The results of `most` calls, in batches of which each is gathered by itself.
fn in_batches(most: u64, batch: u64) -> concurry::Result<()> {
    let mut sum = 0;
    for begin in (0..most).step_by(batch as usize) {
        for (index, result) in gather((begin..begin + batch).map(plus_one)).as_completed() {
            assert_eq!(result?, begin + index as u64 + 1);
            sum += 1;
        }
    }
    assert_eq!(sum, most);
    Ok(())
}

fn main() -> concurry::Result<()> {
    let ways = vec![
        Way::new("as_completed of 1 000, 1 000 times", || in_batches(1_000_000, 1_000)),
        Way::new("as_completed of 10 000, 100 times", || in_batches(1_000_000, 10_000)),
        Way::new("as_completed of 100 000, 10 times", || in_batches(1_000_000, 100_000)),
        Way::new("as_completed of 1 000 000", || in_batches(1_000_000, 1_000_000)),
    ];
    compare("gathers of 2 thread workers' calls", 1_000_000, 3, ways)?;
    plus_one::stop()
}
