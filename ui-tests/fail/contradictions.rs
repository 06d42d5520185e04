use concurry::prelude::*;

#[derive(Default)]
struct A;

#[worker(mode = "sync", max_workers = 2)]
impl A {
    pub fn one(&self) {}
}

#[derive(Default)]
struct B;

#[worker(on_demand = true, mode = "sync")]
impl B {
    pub fn one(&self) {}
}

#[derive(Default)]
struct C;

#[worker(local, codec = "msgpack")]
impl C {
    #[worker(result, value)]
    pub fn one(&self) {}

    #[worker(init, skip)]
    pub fn two() -> Self {
        C
    }
}

#[derive(Default)]
struct D;

#[worker(local, mode = "process")]
impl D {
    pub fn one(&self) {}
}

#[worker(mode = "sync", max_workers = 3)]
struct E;

#[task(result, value)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {}
