//! The page that this project started from, as a program: a pool, three ways to balance, queues, workers on demand.
//!
//! `cargo run --example seed`; the first pool also elsewhere: `-- --mode ray`, built with `--features ray`, on the cluster of
//! RAY_ADDRESS.

mod balancing;
mod on_demand;
mod pool;
mod queues;

use std::process::ExitCode;

use concurry::prelude::*;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mode = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Mode::Process),
        ["--mode", mode @ ("process" | "ray")] => mode.parse().map_err(|error| format!("--mode: {error}")),
        _ => Err("usage: seed [--mode process|ray]".to_owned()),
    };
    match mode.and_then(|mode| show(mode).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("seed: {why}");
            ExitCode::FAILURE
        }
    }
}

fn show(mode: Mode) -> concurry::Result<()> {
    pool::show(mode)?;
    balancing::show()?;
    queues::show()?;
    on_demand::show()
}
