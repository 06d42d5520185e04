use concurry::prelude::*;

#[derive(Default)]
struct Empty;

#[worker]
impl Empty {}

#[derive(Default)]
struct Private;

#[worker]
impl Private {
    fn hidden(&self) {}

    pub(self) fn hidden_too(&self) {}
}

struct Constructed;

#[worker]
impl Constructed {
    pub fn new() -> Self {
        Constructed
    }

    pub fn helper(x: u64) -> u64 {
        x
    }

    #[worker(skip)]
    pub fn left_out(&self) {}
}

fn main() {
    let pool = Empty::init().unwrap();
    pool.stop().unwrap();
    Private.hidden();
    Private.hidden_too();
    Constructed::init().unwrap();
}
