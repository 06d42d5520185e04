use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker(client = "Counter", options = "Builder", message = "Builder")]
impl Counter {
    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {}
