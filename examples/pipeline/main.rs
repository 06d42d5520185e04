//! A search index of a site: pages are fetched in an event loop, parsed in processes, and indexed on one thread. Each stage is
//! a pool of its own, and what a stage gives is an argument of the next: no page waits for another.
//!
//! `cargo run --release --example pipeline`

mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use serde::{Deserialize, Serialize};
use server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the server takes for a page.
const LATENCY: Duration = Duration::from_millis(50);

/// Fetches pages, very many at once.
struct Fetcher {
    port: u16,
}

#[worker(mode = "async", max_queued_tasks = 32, timeout = "30s")]
impl Fetcher {
    pub fn new(port: u16) -> Self {
        Fetcher { port }
    }

    /// The bytes of a page.
    pub async fn fetch(&self, page: usize) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("GET /{page} HTTP/1.0\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status =
            String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        if !status.ends_with("200 OK") {
            return Err(io::Error::other(status));
        }
        Ok(answer.split_off(end + 4))
    }
}

/// What is indexed of a page.
#[derive(Serialize, Deserialize)]
struct Page {
    title: String,
    words: BTreeSet<String>,
}

/// Parses what strangers have written, so it lives in processes.
#[derive(Default)]
struct Parser;

#[worker(mode = "process", max_workers = 2, load_balancing = "active", max_restarts = 100)]
impl Parser {
    pub fn parse(&self, html: &[u8]) -> Result<Page, String> {
        let html = std::str::from_utf8(html).map_err(|error| error.to_string())?;
        let title = html.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let title = title.map(|(title, _)| title.to_owned()).ok_or("it has no title")?;
        let (_, body) = html.split_once("<body>").ok_or("it has no body")?;
        let words = text(body, 0).split(|c: char| !c.is_alphabetic()).map(str::to_lowercase).collect();
        Ok(Page { title, words })
    }
}

/// What is outside of tags. It goes deeper with every tag; whoever nests them deep enough overflows its stack.
fn text(html: &str, depth: u32) -> String {
    match html.split_once('<') {
        None => html.to_owned(),
        Some((before, rest)) => {
            let after = rest.split_once('>').map_or("", |(_, after)| after);
            let inside = text(after, std::hint::black_box(depth + 1));
            format!("{before} {inside}")
        }
    }
}

/// The index. One worker has it, so it needs no lock.
#[derive(Default)]
struct Index {
    pages: BTreeMap<String, BTreeSet<String>>,
}

#[worker(mode = "thread")]
impl Index {
    /// Takes a page in, and says how many words were new.
    pub fn add(&mut self, page: Page) -> usize {
        let before = self.pages.len();
        for word in page.words {
            self.pages.entry(word).or_default().insert(page.title.clone());
        }
        self.pages.len() - before
    }

    /// The titles of the pages that have all of the words.
    pub fn search(&self, words: &[String]) -> Vec<String> {
        let mut found = words.iter().map(|word| self.pages.get(word).cloned().unwrap_or_default());
        let first = found.next().unwrap_or_default();
        found.fold(first, |pages, more| &pages & &more).into_iter().collect()
    }
}

fn main() -> concurry::Result<()> {
    let server = Server::start(LATENCY)?;
    let (fetcher, parser, index) = (Fetcher::init(server.port())?, Parser::init()?, Index::init()?);

    let begun = Instant::now();
    let futures = (0..server.pages()).map(|page| index.add(parser.parse(fetcher.fetch(page))));
    let results = gather(futures).progress("Indexing").settled();
    let took = begun.elapsed();

    // An error goes down the pipeline in place of the value, and names the stage that it comes from.
    for (page, result) in results.iter().enumerate() {
        match result {
            Ok(_) => {}
            Err(Error::WorkerDied { method, status, .. }) => {
                println!("page {page}: {method}: the worker died: {status}")
            }
            Err(error) => println!("page {page}: {error}"),
        }
    }
    let indexed = results.iter().flatten().count();
    let words: usize = results.iter().flatten().sum();
    println!("{indexed} of {} pages, {words} words", server.pages());
    for question in [&["patent", "litigation"][..], &["warranties"], &["trademarks"], &["dragons"]] {
        let words: Vec<String> = question.iter().map(|word| (*word).to_owned()).collect();
        println!("{}: {:?}", question.join(" "), index.search(words).result()?);
    }

    let alone = LATENCY * server.pages() as u32;
    eprintln!(
        "{took:.0?}; the server's time alone, one page after the other, is {alone:.0?}: {:.1} times as fast",
        alone.as_secs_f64() / took.as_secs_f64()
    );
    assert!(took < alone, "{took:?}");
    // In the order in which work flows.
    fetcher.stop()?;
    parser.stop()?;
    index.stop()
}
