use concurry::prelude::*;

#[derive(Default)]
#[worker(max_workers = 2)]
#[worker(mode = "thread")]
struct Counter;

#[worker]
#[worker(mode = "thread")]
impl Counter {
    pub fn count(&self) -> u64 {
        1
    }
}

#[task]
#[task(max_workers = 2)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {
    let _ = Counter::init().unwrap().count();
    let _ = double(2u64);
}
