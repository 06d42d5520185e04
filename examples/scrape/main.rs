//! The same scraper on the caller's thread and on eight threads: one word differs.
//!
//! `cargo run --example scrape`

mod server;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use concurry::prelude::*;

const PAGES: u32 = 24;

#[derive(Default)]
struct Scraper;

#[worker]
impl Scraper {
    /// The title of a page.
    pub fn title(&self, port: u16, page: u32) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET /{page} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let title = answer.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        title.map(|(title, _)| title.to_owned()).ok_or_else(|| io::Error::other(format!("page {page} has no title")))
    }
}

/// All titles, and how long it took.
fn scrape(port: u16, mode: Mode, workers: usize) -> concurry::Result<(Vec<String>, Duration)> {
    let pool = Scraper::options().mode(mode).max_workers(workers).init()?;
    let begun = Instant::now();
    let futures: Vec<_> = (0..PAGES).map(|page| pool.title(port, page)).collect();
    let titles = gather(futures).results()?;
    let took = begun.elapsed();
    pool.stop()?;
    Ok((titles, took))
}

fn main() -> concurry::Result<()> {
    // A server on this machine that takes 20 ms for a page, as one far away does.
    let port = server::start(Duration::from_millis(20))?;
    let (alone, slow) = scrape(port, Mode::Sync, 1)?;
    let (together, fast) = scrape(port, Mode::Thread, 8)?;
    assert_eq!(alone, together);
    assert_eq!(alone.len() as u32, PAGES);
    println!("{} pages, from `{}` to `{}`", alone.len(), alone[0], alone[alone.len() - 1]);
    eprintln!("sync {slow:.0?}, 8 threads {fast:.0?}: {:.1} times as fast", slow.as_secs_f64() / fast.as_secs_f64());
    // Waiting costs no CPU, so this holds on a machine with one core too.
    assert!(fast * 2 < slow, "8 threads took {fast:?}, one {slow:?}");
    println!("8 threads are faster than 1");
    Ok(())
}
