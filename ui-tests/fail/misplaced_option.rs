use concurry::prelude::*;

#[derive(Default)]
#[worker(codec = "msgpack", skip, client = "Clients")]
struct Counter;

#[worker(skip, context, result)]
impl Counter {
    #[worker(mode = "thread", local)]
    pub fn one(&self) {}

    #[worker(context)]
    pub fn two(&self, #[worker(timeout = "1s")] x: u64) -> u64 {
        x
    }
}

#[task(client = "Clients", init)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {}
