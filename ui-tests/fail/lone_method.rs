use concurry::prelude::*;

#[derive(Default)]
struct Counter;

impl Counter {
    #[worker(skip)]
    pub fn count(&self) -> u64 {
        1
    }

    #[worker(init)]
    pub fn make() -> Self {
        Counter
    }

    #[task]
    pub fn more(&self) -> u64 {
        1
    }
}

fn main() {
    Counter::make().count();
    Counter.more();
}
