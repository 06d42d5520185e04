use concurry::prelude::*;

struct Counter(u64);

#[worker]
impl Counter {
    pub fn new(start: u64, _name: String) -> Self {
        Counter(start)
    }

    pub fn count(&self) -> u64 {
        self.0
    }
}

fn main() {
    let _ = Counter::init();
    let _ = Counter::options().max_workers(2).init(1);
    let _ = Counter::options().init(1, "a");
}
