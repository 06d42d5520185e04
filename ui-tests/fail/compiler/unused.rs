#![deny(unused_must_use)]

use concurry::config;
use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn add(&self, x: u64) -> u64 {
        x
    }
}

#[task]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() -> concurry::Result<()> {
    let pool = Counter::init()?;
    pool.add(1);
    double(1);
    Counter::options().max_workers(3);
    double::options();
    double::map(0..3);
    gather([pool.add(1)]);
    concurry::map(0..3, |x| pool.add(x));
    pool.reserve();
    Retry::fixed();
    LimitSet::new();
    wait(vec![pool.add(1)], ReturnWhen::AllCompleted, None);
    config::scoped(|c| c.all().max_workers = Some(3));
    pool.stop();
    Ok(())
}
