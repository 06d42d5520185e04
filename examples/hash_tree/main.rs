//! Hashes every file below a folder on a pool of processes and prints what `sha256sum` prints, sorted by path.
//!
//! `cargo run --release --example hash_tree -- FOLDER [--mode MODE] [--workers N] [--verify]`

mod lines;
mod options;
mod speed;
mod tree;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Instant;

use concurry::prelude::*;
use options::Options;
use sha2::{Digest, Sha256};

/// Reads files with a buffer of its own, made once and used for every file that it is given.
struct Hasher {
    buffer: Vec<u8>,
}

// Files differ in size, so whichever worker is free takes the next from one queue; a few are sent ahead to each, so that
// none waits for the next between small ones.
#[worker(mode = "process", load_balancing = "shared", max_queued_tasks = 4)]
impl Hasher {
    pub fn new() -> Self {
        Hasher { buffer: vec![0; 1 << 18] }
    }

    /// The SHA-256 of a file, and how many bytes it has. A path is an `OsString` here since not every one is text.
    pub fn sha256(&mut self, path: OsString) -> io::Result<([u8; 32], u64)> {
        let mut file = File::open(path)?;
        let (mut hash, mut size) = (Sha256::new(), 0);
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok((hash.finalize().into(), size)),
                Ok(length) => {
                    hash.update(&self.buffer[..length]);
                    size += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("hash_tree: {message}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(unreadable) => {
            eprintln!("hash_tree: {unreadable} could not be read");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("hash_tree: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does the job and tells how many files or folders could not be read.
fn run(options: &Options) -> concurry::Result<usize> {
    let tree::Tree { files, mut unreadable } = tree::below(&options.paths);
    let begun = Instant::now();
    let pool = Hasher::options().mode(options.mode).max_workers(options.workers).init()?;
    let futures: Vec<_> = files.iter().map(|path| pool.sha256(path)).collect();
    let results = gather(futures).settled();
    pool.stop()?;
    let took = begun.elapsed();

    let (mut printed, mut hashed) = (Vec::new(), Vec::new());
    for (path, result) in files.into_iter().zip(results) {
        match result {
            Ok((digest, size)) => {
                lines::push(&mut printed, &digest, &path);
                hashed.push((path, size));
            }
            // One bad file costs its own line and nothing else.
            Err(error) => unreadable.push((path, error.to_string())),
        }
    }
    for (path, why) in &unreadable {
        eprintln!("hash_tree: {}: {why}", path.display());
    }
    match io::stdout().lock().write_all(&printed) {
        // `| head` has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    let bytes: u64 = hashed.iter().map(|(_, size)| size).sum();
    eprintln!("{}", speed::rate(hashed.len(), bytes, took, options));
    eprintln!("{}", speed::over_one_worker(&hashed, options)?);
    if options.verify {
        lines::verify(&printed, &hashed)?;
        eprintln!("the same as sha256sum's, byte for byte");
    }
    Ok(unreadable.len())
}
