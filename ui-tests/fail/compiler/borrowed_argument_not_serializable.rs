use concurry::prelude::*;

pub struct Handle(u64);

#[derive(Default)]
struct Files;

#[worker]
impl Files {
    pub fn read(&self, handle: &Handle, more: Vec<Handle>, lent: &[Handle]) -> u64 {
        handle.0 + (more.len() + lent.len()) as u64
    }
}

fn main() {}
