//! How fast it was, and what the pool brought.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use concurry::prelude::*;

use crate::Hasher;
use crate::options::Options;

/// The comparison may cost no more than hashing so many bytes on one worker.
const SAMPLE: u64 = if cfg!(debug_assertions) { 16 << 20 } else { 256 << 20 };

/// Count and bytes a second, the start of the pool included.
pub(crate) fn rate(files: usize, bytes: u64, took: Duration, options: &Options) -> String {
    let megabytes = bytes as f64 / 1e6;
    let (seconds, Options { workers, mode, .. }) = (took.as_secs_f64(), options);
    let rate = megabytes / seconds;
    format!("{files} files, {megabytes:.1} MB in {seconds:.2} s: {rate:.1} MB/s on {workers} of mode {mode}")
}

/// How many times as fast the pool is as one worker. Both hash the same part of the files, which by now are in
/// memory, so the disk decides nothing; the start of the pools is not counted.
pub(crate) fn over_one_worker(files: &[(OsString, u64)], options: &Options) -> concurry::Result<String> {
    if options.workers == 1 {
        return Ok("1.0 times as fast as one worker, being one".to_owned());
    }
    let all: u64 = files.iter().map(|(_, size)| size).sum();
    // Every so many files, so that the sample is like the whole.
    let stride = usize::try_from(all / SAMPLE).unwrap_or(usize::MAX - 1) + 1;
    let mut room = SAMPLE;
    let sample: Vec<&OsString> = files
        .iter()
        .step_by(stride)
        .filter(|(_, size)| room.checked_sub(*size).map(|left| room = left).is_some())
        .map(|(path, _)| path)
        .collect();
    if sample.is_empty() {
        return Ok(format!("no file below {} MB to compare one worker by", SAMPLE >> 20));
    }
    let times = time(&sample, options.mode, 1)? / time(&sample, options.mode, options.workers)?;
    let megabytes = (SAMPLE - room) as f64 / 1e6;
    Ok(format!("{times:.1} times as fast as one worker, over {} files of {megabytes:.1} MB", sample.len()))
}

/// The seconds that so many workers take; a file that has gone meanwhile is gone for both.
fn time(sample: &[&OsString], mode: Mode, workers: usize) -> concurry::Result<f64> {
    let pool = Hasher::options().mode(mode).max_workers(workers).init()?;
    let begun = Instant::now();
    let futures: Vec<_> = sample.iter().map(|path| pool.sha256(*path)).collect();
    gather(futures).settled();
    let took = begun.elapsed();
    pool.stop()?;
    Ok(took.as_secs_f64())
}
