//! A recording of two pools at work: one reads files on threads, the other looks through what they hold in processes, and
//! one of its inputs kills the process that gets it.
//!
//! `cargo run --release --example timeline -- trace.json` writes the recording; open it at <https://ui.perfetto.dev> or in
//! chrome://tracing. Without a path it is only counted what a trace has.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use concurry::prelude::*;
use concurry::timeline;

/// Reads files, the first of which is not there at first.
#[derive(Default)]
struct Shelf;

#[worker(mode = "thread", max_workers = 3)]
impl Shelf {
    pub fn read(&self, ctx: &CallContext, path: PathBuf) -> io::Result<Vec<u8>> {
        if ctx.attempt() == 1 && path.ends_with("text-00") {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        fs::read(path)
    }
}

/// Counts what is in a text.
#[derive(Default)]
struct Reader;

#[worker(mode = "process", max_workers = 3, load_balancing = "shared")]
impl Reader {
    /// How often each pair of neighbours comes again later in the text, the slow way.
    pub fn pairs(&self, text: Vec<u8>) -> u64 {
        // Stands for the input that a library does not survive.
        if text.first() == Some(&7) {
            std::process::abort();
        }
        let pairs: Vec<&[u8]> = text.windows(2).collect();
        pairs
            .iter()
            .enumerate()
            .map(|(at, pair)| pairs[at + 1..].iter().filter(|other| *other == pair).count())
            .sum::<usize>() as u64
    }
}

/// Writes texts of some kilobytes.
fn texts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let one = |number: u64| -> io::Result<PathBuf> {
        let mut state = number;
        let byte = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8 | 8
        };
        let mut text: Vec<u8> = (0..1500 + number * 97 % 1000).map(byte).collect();
        if number == 11 {
            text[0] = 7;
        }
        let path = folder.join(format!("text-{number:02}"));
        fs::write(&path, text)?;
        Ok(path)
    };
    (0..24).map(one).collect()
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = std::env::temp_dir().join(format!("concurry-timeline-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let paths = texts(&folder)?;

    let recording = timeline::start();
    let shelf = Shelf::options().retry(Retry::fixed().num_retries(2).wait(Duration::from_millis(5))).init()?;
    let reader = Reader::init()?;
    // What is read goes on to the other pool without anybody waiting in between.
    let counts = paths.into_iter().map(|path| reader.pairs(shelf.read(path)));
    let results = gather(counts.collect::<Vec<_>>()).settled();
    shelf.stop()?;
    reader.stop()?;
    fs::remove_dir_all(&folder)?;

    let lost = results.iter().filter(|result| matches!(result, Err(concurry::Error::WorkerDied { .. }))).count();
    println!("{} texts counted, {lost} lost with a worker", results.iter().filter(|result| result.is_ok()).count());
    let mut trace = Vec::new();
    recording.write_to(&mut trace)?;
    if let Some(path) = std::env::args().nth(1) {
        recording.write(&path)?;
        eprintln!("written to {path}");
    }
    let trace = String::from_utf8(trace)?;
    for (what, sign) in [
        ("slices on lanes", r#""ph":"X""#),
        ("waits in queues", r#""ph":"b""#),
        ("retries", "read retried"),
        ("deaths", "worker died"),
        ("restarts", "worker restarted"),
    ] {
        println!("{what}: {}", trace.matches(sign).count());
    }
    println!("forgotten for want of room: {}", recording.dropped());
    Ok(())
}
