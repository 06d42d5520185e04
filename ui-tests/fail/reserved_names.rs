use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn options(&self) -> u64 {
        1
    }

    fn init() {}

    pub fn count(&self) -> u64 {
        Self::init();
        1
    }
}

#[derive(Default)]
struct Other;

#[worker]
impl Other {
    #[worker(init)]
    pub fn init() -> Self {
        Other
    }

    #[worker(skip)]
    pub fn options() {}

    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {
    let pool = Counter::init();
    Other::options();
    let _ = pool;
}
