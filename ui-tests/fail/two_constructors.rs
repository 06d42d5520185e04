use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    #[worker(init)]
    pub fn empty() -> Self {
        Counter
    }

    #[worker(init)]
    pub fn full(size: u64) -> Self {
        let _ = size;
        Counter
    }

    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {
    let pool = Counter::options().init().unwrap();
    let _ = pool.count();
}
