//! `cargo xtask rounds`: the tests and the examples again and again, to find what fails once in a hundred runs.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Result, fail};
use crate::examples;
use crate::run::{self, cargo};
use crate::summary::Summary;

/// Goes round for so many minutes, at least once, and stops at the first failure.
pub(crate) fn run(root: &Path, minutes: u64) -> Result<()> {
    let start = Instant::now();
    let mut summary = Summary::default();
    let mut round = 0_u32;
    while round == 0 || start.elapsed() < Duration::from_secs(minutes * 60) {
        round += 1;
        println!("\n==> round {round}, {:.1} min gone", start.elapsed().as_secs_f64() / 60.0);
        let mut command = cargo(root);
        // Release builds race differently, and tests that are too long for every change are run here.
        command.args(["test", "--release", "--workspace", "--lib", "--bins", "--tests", "--", "--include-ignored"]);
        let passed = run::watched(&mut command, |line| summary.add_line(line))?;
        summary.took = start.elapsed();
        if !passed || summary.lost() > 0 {
            println!("{summary}");
            return fail(format!("round {round} did not pass"));
        }
        examples::run(root)?;
    }
    summary.took = start.elapsed();
    println!("\n{round} rounds\n{summary}");
    Ok(())
}
