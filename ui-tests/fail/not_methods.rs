use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    #[worker(timeout = "5s")]
    fn private(&self) {}

    #[worker(num_retries = 2)]
    pub fn helper() {}

    #[worker(result)]
    pub fn other_helper() {}

    #[worker(skip)]
    pub const LIMIT: u64 = 5;

    pub fn count(&self) -> u64 {
        self.private();
        Self::LIMIT
    }
}

fn main() {
    let _ = Counter::init().unwrap().count();
}
