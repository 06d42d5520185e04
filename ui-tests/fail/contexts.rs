use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn two(&self, a: &CallContext, x: u64, b: &CallContext) -> u64 {
        x + u64::from(a.attempt()) + u64::from(b.attempt())
    }

    pub fn conditional(&self, #[cfg(unix)] x: u64) -> u64 {
        x
    }
}

fn main() {
    let _ = Counter::init().unwrap().two(1u64);
}
