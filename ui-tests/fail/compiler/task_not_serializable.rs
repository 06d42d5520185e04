use concurry::prelude::*;

pub struct Handle(u64);

#[derive(Debug)]
pub struct Broken;

#[task]
fn open(name: &str, like: Handle) -> Handle {
    Handle(name.len() as u64 + like.0)
}

#[task]
fn fails(handle: &Handle) -> Result<u64, Broken> {
    if handle.0 == 0 { Err(Broken) } else { Ok(1) }
}

fn main() {
    let _ = open("a", Handle(1)).result();
    let _ = fails::stop();
}
