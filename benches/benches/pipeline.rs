//! A -> B -> C over three pools of different modes: by passing futures, and by collecting between the stages.

use concurry::prelude::*;
use concurry_benches::{Way, compare};

const ITEMS: u32 = 100_000;

struct Stage;

#[worker]
impl Stage {
    pub fn new() -> Self {
        Stage
    }

    pub fn step(&self, x: u64) -> u64 {
        // Some microseconds of work.
        (0..2_000).fold(x, |hash, round| (hash ^ round).wrapping_mul(0x0100_0000_01b3))
    }
}

fn main() -> concurry::Result<()> {
    let a = Stage::options().mode(Mode::Thread).max_workers(2).init()?;
    let b = Stage::options().mode(Mode::Process).max_workers(2).init()?;
    let c = Stage::options().mode(Mode::Async).init()?;
    let most = u64::from(ITEMS);
    let passed = || gather((0..most).map(|x| c.step(b.step(a.step(x))))).results();
    let collected = || {
        let first = gather((0..most).map(|x| a.step(x))).results()?;
        let second = gather(first.into_iter().map(|x| b.step(x))).results()?;
        gather(second.into_iter().map(|x| c.step(x))).results()
    };
    let drawn =
        || concurry::map(0..most, |x| c.step(b.step(a.step(x)))).look_ahead(4096).collect::<concurry::Result<Vec<_>>>();
    let right = collected()?;
    let check = |found: Vec<u64>| {
        assert!(found == right, "the stages gave something else");
        Ok(())
    };
    compare(
        "thread -> process -> async",
        ITEMS,
        3,
        vec![
            Way::new("collecting between the stages", || check(collected()?)),
            Way::new("passing futures", || check(passed()?)),
            Way::new("passing futures, at most 4096 ahead", || check(drawn()?)),
        ],
    )?;
    for pool in [a, b, c] {
        pool.stop()?;
    }
    Ok(())
}
