//! A body that cannot be read is one mistake: the signatures are there, and what uses the client resolves.

use concurry::prelude::*;

struct Counter(u64);

#[worker(mode = "process")]
impl Counter {
    pub fn new(start: u64) -> Self {
        Counter(start)
    }

    pub fn count(&self, x: u64) -> u64 {
        self.0 + x +
    }

    pub async fn again(&self) -> Result<u64, String> {
        Ok(self.0)
    }
}

#[task]
fn double(x: u64) -> u64 {
    x *
}

fn main() -> concurry::Result<()> {
    let pool: CounterClient = Counter::options().max_workers(2).init(1)?;
    let count: u64 = pool.count(1u64).result()?;
    let again: u64 = pool.again().result()?;
    let doubled: u64 = double(count + again).result()?;
    println!("{doubled}");
    pool.stop()
}
