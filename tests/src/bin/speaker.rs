//! A program whose worker writes to stdout and stderr.

use concurry::prelude::*;

#[derive(Default)]
struct Speaker;

#[worker]
impl Speaker {
    pub fn speak(&self) {
        // Without a line's end it is not written by itself before the process ends.
        print!("worker out");
        eprintln!("worker err");
    }
}

fn main() {
    println!("main");
    let mode = std::env::args().nth(1).unwrap().parse().unwrap();
    let pool = Speaker::options().mode(mode).init().unwrap();
    pool.speak().result().unwrap();
    pool.stop().unwrap();
}
