use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker(mode = "thread", max_workers = 2, mode = "process")]
impl Counter {
    #[worker(timeout = "1s", timeout = "2s")]
    pub fn one(&self) {}

    #[worker(timeout = "1s")]
    #[worker(timeout = "2s")]
    pub fn two(&self) {}
}

fn main() {}
