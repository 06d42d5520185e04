use concurry::prelude::*;
use std::pin::Pin;
use std::sync::Arc;

#[derive(Default)]
struct Counter {
    count: u64,
}

#[worker]
impl Counter {
    pub fn finish(self) -> u64 {
        self.count
    }

    pub fn finish_mutably(mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub fn boxed(self: Box<Self>) -> u64 {
        self.count
    }

    pub fn shared(self: Arc<Self>) -> u64 {
        self.count
    }

    pub fn pinned(self: Pin<&mut Self>) -> u64 {
        self.count
    }

    pub fn fine(&self) -> u64 {
        self.count
    }

    #[worker(skip)]
    pub fn left_out(self) -> u64 {
        self.count
    }

    fn private(self) -> u64 {
        self.count
    }
}

fn main() {
    let pool = Counter::options().max_workers(2).init().unwrap();
    let count: u64 = pool.finish().result().unwrap() + pool.fine().result().unwrap();
    println!("{count}");
    Counter::default().private();
}
