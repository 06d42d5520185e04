use concurry::prelude::*;

#[derive(Default)]
#[task]
struct Counter;

#[task(mode = "thread")]
impl Counter {
    pub fn count(&self) -> u64 {
        1
    }
}

#[task]
trait Compute {}

#[task]
mod tasks {}

#[task]
const LIMIT: u64 = 5;

#[derive(Default)]
struct Other;

#[worker]
impl Other {
    #[task(timeout = "5s")]
    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {
    println!("{} {}", Counter.count(), LIMIT);
    let _ = Other::init().unwrap().count();
}
