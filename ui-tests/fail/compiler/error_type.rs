use concurry::prelude::*;

#[derive(Debug)]
pub struct Broken;

struct Machine;

#[worker]
impl Machine {
    pub fn new() -> Result<Self, Broken> {
        Ok(Machine)
    }

    pub fn run(&self) -> Result<u64, Broken> {
        Err(Broken)
    }
}

fn main() {
    let _ = Machine::init().unwrap().run();
}
