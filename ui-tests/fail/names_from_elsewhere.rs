//! What other libraries call an option, and what only the builder takes.

use concurry::prelude::*;

#[worker(workers = 3, queue_size = 10, retries = 2, kind = "process", limits = 3)]
struct Named;

#[derive(Default)]
struct Counter;

#[worker(threads = 4, balancing = "active", retry = 2, on_worker_start = begin, lazy = true, format = "json")]
impl Counter {
    #[worker(new)]
    pub fn make() -> Self {
        Counter
    }

    #[worker(retries = 3, retry_method = 3, deadline = "5s", workers = 2)]
    pub fn count(&self, #[worker(ctx)] context: &CallContext) -> u64 {
        u64::from(context.attempt())
    }
}

#[task(pool_size = 2, attempts = 3, limits_per_worker = 1)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {
    let _ = Counter::make().count(&CallContext::default());
    let _ = double(1);
}
