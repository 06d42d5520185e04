use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker(max_workers(4))]
impl Counter {
    pub fn one(&self) {}
}

#[derive(Default)]
struct Other;

#[worker(mode: "thread")]
impl Other {
    pub fn one(&self) {}
}

#[derive(Default)]
struct Third;

#[worker(mode = "thread" max_workers = 2)]
impl Third {
    pub fn one(&self) {}
}

#[derive(Default)]
struct Fourth;

#[worker("thread")]
impl Fourth {
    #[worker = "skip"]
    pub fn one(&self) {}

    #[worker]
    pub fn two(&self) {}

    #[worker()]
    pub fn three(&self) {}
}

#[derive(Default)]
struct Fifth;

#[worker(mode = )]
impl Fifth {
    pub fn one(&self) {}
}

fn main() {
    Counter::options().init().unwrap();
    Fourth::options().init().unwrap();
}
