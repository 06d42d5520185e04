//! Tiny calls over many inputs: by the maps, and one by one.

use concurry::prelude::*;
use concurry_benches::{Way, compare};

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

fn checked(sum: u64, items: u32) -> concurry::Result<()> {
    let items = u64::from(items);
    assert_eq!(sum, items * (items + 1) / 2);
    Ok(())
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

fn main() -> concurry::Result<()> {
    run(Mode::Thread, 4, 1_000_000)?;
    run(Mode::Process, 2, 100_000)
}
