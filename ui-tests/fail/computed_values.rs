//! An attribute takes literals; what the program computes goes to the builder.

use std::time::Duration;

use concurry::prelude::*;

const WORKERS: usize = 3;
const NAME: &str = "counter";

#[derive(Default)]
struct Counter;

#[worker(max_workers = WORKERS, max_queued_tasks = 4 * 2, timeout = Duration::from_secs(5), name = NAME)]
impl Counter {
    #[worker(timeout = Duration::from_secs(5))]
    pub fn count(&self) -> u64 {
        1
    }

    #[worker(timeout = 5s, num_retries = WORKERS)]
    pub fn again(&self) -> u64 {
        1
    }
}

#[task(max_memory = 512 * 1024, on_demand = !true)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {
    let _ = (WORKERS, NAME, Duration::ZERO, double(1));
    let _ = Counter::options().init().unwrap().count();
}
