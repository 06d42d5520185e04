//! Thumbnails of a folder of pictures, decoded in processes: a file that kills its decoder costs its own thumbnail.
//!
//! `cargo run --release --example thumbnails -- FOLDER` writes them to FOLDER/thumbnails. Without a folder it paints pictures of
//! its own, and puts two bad ones among them.

mod pictures;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Instant;

use concurry::prelude::*;
use image::{ImageError, ImageReader};
use nix::sys::resource::{Resource, setrlimit};

/// As wide and as high as a thumbnail may be.
const SIZE: u32 = 64;

/// How much address space a worker may have.
const MEMORY: u64 = 4 << 30;

struct Maker {
    out: PathBuf,
}

#[worker(mode = "process", load_balancing = "shared", max_restarts = 1000)]
impl Maker {
    pub fn new(out: &Path) -> Self {
        Maker { out: out.to_owned() }
    }

    /// Makes the thumbnail of a picture, and says how large it is.
    pub fn thumbnail(&self, picture: OsString) -> Result<(u32, u32), ImageError> {
        let picture = Path::new(&picture);
        let mut reader = ImageReader::open(picture)?.with_guessed_format()?;
        // Large pictures are to be read too, so the decoder may take what it asks for. That is how bombs go off.
        reader.no_limits();
        let small = reader.decode()?.thumbnail(SIZE, SIZE).into_rgb8();
        small.save(thumbnail_of(picture, &self.out))?;
        Ok(small.dimensions())
    }
}

/// Runs in each worker before it is built: one that takes more fails by itself, before the machine is out of memory.
fn bound_memory() {
    if let Err(error) = setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY) {
        eprintln!("the memory of a worker cannot be bounded: {error}");
    }
}

fn thumbnail_of(picture: &Path, out: &Path) -> PathBuf {
    out.join(picture.file_stem().unwrap_or_default()).with_extension("png")
}

/// The pictures in a folder, by their names.
fn pictures_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        if ["png", "jpg", "jpeg"].iter().any(|known| extension == *known) {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}

/// Makes all thumbnails, says of each picture what was wrong with it, and how many were made.
fn make(folder: &Path, out: &Path) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let pictures = pictures_in(folder)?;
    fs::create_dir_all(out)?;
    let workers = available_parallelism().map_or(2, usize::from);
    let pool = Maker::options().max_workers(workers).on_worker_start(bound_memory).init(out)?;
    let futures = pictures.iter().map(|picture| pool.thumbnail(picture.as_os_str().to_owned()));
    let results = gather(futures).progress("Thumbnails").settled();
    pool.stop()?;

    for (picture, result) in pictures.iter().zip(&results) {
        let name = picture.file_name().unwrap_or_default().display();
        match result {
            Ok(_) => {}
            Err(error) => {
                let what = match error {
                    concurry::Error::WorkerDied { status, .. } => format!("its decoder was {status}"),
                    _ => "it cannot be decoded".to_owned(),
                };
                println!("{name}: {what}");
                // With what the process said last.
                eprintln!("{name}: {error:#}");
            }
        }
    }
    let made = results.iter().filter(|result| result.is_ok()).count();
    println!("{made} thumbnails of {} pictures", pictures.len());
    Ok(made)
}

/// With pictures of its own, of which it knows how their thumbnails look.
fn show() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = std::env::temp_dir().join(format!("concurry-thumbnails-{}", std::process::id()));
    let out = folder.join("thumbnails");
    fs::create_dir_all(&folder)?;
    let painted = pictures::paint(&folder)?;

    // One after the other in this process, without the two that it would not survive or could not read.
    let begun = Instant::now();
    fs::create_dir_all(&out)?;
    let here = Maker::new(&out);
    for picture in &painted {
        here.thumbnail(picture.into())?;
    }
    let alone = begun.elapsed();
    fs::remove_dir_all(&out)?;

    pictures::spoil(&folder)?;
    let begun = Instant::now();
    let made = make(&folder, &out)?;
    let together = begun.elapsed();
    assert_eq!(made, painted.len());
    for picture in &painted {
        pictures::compare(picture, &thumbnail_of(picture, &out))?;
    }
    println!("each looks as its picture does");
    eprintln!(
        "one after the other {alone:.1?}, in {} processes {together:.1?}, with their start and one that died: {:.1} times as fast",
        available_parallelism().map_or(2, usize::from),
        alone.as_secs_f64() / together.as_secs_f64()
    );
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    match std::env::args_os().nth(1) {
        Some(folder) => make(Path::new(&folder), &Path::new(&folder).join("thumbnails")).map(drop),
        None => show(),
    }
}
