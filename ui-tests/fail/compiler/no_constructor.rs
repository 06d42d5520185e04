use concurry::prelude::*;

struct Counter {
    count: u64,
}

#[worker]
impl Counter {
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn main() {
    let _ = Counter::init().unwrap().count();
}
