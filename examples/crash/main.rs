//! What a worker's death costs: the call that it was running, and nothing else.
//!
//! `cargo run --example crash`

use std::hint::black_box;
use std::process::{Command, abort, exit};

use concurry::prelude::*;
use serde::{Deserialize, Serialize};

/// What a decoder is given: good input, and input that ends it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Input {
    Good(u64),
    Panics,
    Aborts,
    Exits,
    Overflows,
    IsKilled,
}

/// Stands for the C library that does not survive every file.
#[derive(Default)]
struct Decoder;

#[worker(mode = "process", max_workers = 2, max_restarts = 100)]
impl Decoder {
    pub fn decode(&self, input: Input) -> u64 {
        match input {
            Input::Good(number) => number * number,
            Input::Panics => panic!("a bad header"),
            Input::Aborts => abort(),
            Input::Exits => exit(3),
            Input::Overflows => deeper(0),
            Input::IsKilled => killed(),
        }
    }
}

fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { black_box(deeper(black_box(depth + 1))) + 1 }
}

/// As the kernel does it when memory runs out.
fn killed() -> u64 {
    let own = std::process::id().to_string();
    let told = Command::new("kill").args(["-KILL", &own]).status();
    unreachable!("still alive after kill: {told:?}")
}

fn main() -> concurry::Result<()> {
    let pool = Decoder::options().init()?;
    let mut right = 0;
    for bad in [Input::Panics, Input::Aborts, Input::Exits, Input::Overflows, Input::IsKilled] {
        // The bad one is in the midst of good ones, which wait before and behind it at the same two workers.
        let inputs: Vec<Input> = (0..100).map(Input::Good).chain([bad]).chain((100..200).map(Input::Good)).collect();
        let futures: Vec<_> = inputs.iter().map(|input| pool.decode(*input)).collect();
        for (input, result) in inputs.into_iter().zip(gather(futures).settled()) {
            match (input, result) {
                (Input::Good(number), Ok(square)) => {
                    assert_eq!(square, number * number);
                    right += 1;
                }
                (Input::Good(number), Err(error)) => panic!("the good input {number} paid for {bad:?}: {error}"),
                (bad, Ok(_)) => panic!("{bad:?} cannot have come to a value"),
                (bad, Err(error)) => println!("{:<10} {error}", format!("{bad:?}")),
            }
        }
    }
    println!("{right} of 1000 good inputs decoded");
    assert_eq!(right, 1000);
    // A panic is no death: that worker was built anew in its process.
    assert_eq!(pool.stats().restarts, 4);
    pool.stop()
}
