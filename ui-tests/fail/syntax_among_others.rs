//! What was read of a list before it could be read no longer has its errors too.

use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker(max_worker = 2, mode = "procces", 4)]
impl Counter {
    #[worker(timout = "5s"; skip)]
    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {
    let _ = Counter::options().init().unwrap().count();
}
