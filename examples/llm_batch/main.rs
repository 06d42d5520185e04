//! Prompts for a language model: one after the other, by fifty threads, on one event loop. Then the same with what the
//! service asks for: no more than its rate, and another try where it fails.
//!
//! `cargo run --example llm_batch`

mod server;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use server::{LATENCY, Server, Terms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AT_ONCE: usize = 50;

#[derive(Clone)]
struct Llm {
    port: u16,
}

#[worker]
impl Llm {
    pub fn new(port: u16) -> Self {
        Llm { port }
    }

    /// What the model says, over a connection that this thread waits for.
    pub fn generate(&self, prompt: &str) -> Result<String, ApiError> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(request(prompt).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        read(&answer)
    }

    /// The same without a thread that waits.
    pub async fn generate_async(&self, prompt: &str) -> Result<String, ApiError> {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(request(prompt).as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        read(&answer)
    }
}

/// What may go wrong with a request.
#[derive(Debug)]
enum ApiError {
    Status(String),
    Io(io::Error),
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ApiError::Status(status) => write!(f, "the service says {status}"),
            ApiError::Io(error) => write!(f, "the service cannot be reached: {error}"),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<io::Error> for ApiError {
    fn from(error: io::Error) -> Self {
        ApiError::Io(error)
    }
}

fn request(prompt: &str) -> String {
    format!("POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{prompt}", prompt.len())
}

fn read(answer: &str) -> Result<String, ApiError> {
    let status = answer.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.1 ").to_owned();
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) if status == "200 OK" => Ok(body.to_owned()),
        _ => Err(ApiError::Status(status)),
    }
}

fn prompts(how_many: usize) -> Vec<String> {
    (0..how_many).map(|at| vec!["word"; at + 1].join(" ")).collect()
}

fn expected(how_many: usize) -> Vec<String> {
    (1..=how_many).map(|words| format!("{words} words")).collect()
}

/// How long a prompt takes, on average, one after the other and many at a time, without limits.
fn speed() -> concurry::Result<()> {
    let server = Server::start(Terms { most: usize::MAX, window: LATENCY, failing: None })?;
    let each = |took: Duration, prompts: usize| took.as_secs_f64() / prompts as f64;

    let alone = Llm::options().mode(Mode::Sync).init(server.port)?;
    let begun = Instant::now();
    let answers = gather(prompts(8).iter().map(|prompt| alone.generate(prompt))).results()?;
    let sequential = each(begun.elapsed(), 8);
    assert_eq!(answers, expected(8));
    alone.stop()?;

    // As many rounds as it takes for their beginning and end not to matter.
    let many = AT_ONCE * 10;
    let threads = Llm::options().max_workers(AT_ONCE).load_balancing(LoadBalancing::Shared).init(server.port)?;
    let begun = Instant::now();
    let answers = gather(prompts(many).iter().map(|prompt| threads.generate(prompt))).results()?;
    let threaded = sequential / each(begun.elapsed(), many);
    assert_eq!(answers, expected(many));
    threads.stop()?;

    let event_loop = Llm::options().mode(Mode::Async).init(server.port)?;
    let begun = Instant::now();
    let answers = gather(prompts(many).iter().map(|prompt| event_loop.generate_async(prompt))).results()?;
    let looped = sequential / each(begun.elapsed(), many);
    assert_eq!(answers, expected(many));
    event_loop.stop()?;

    eprintln!("one after the other: {:.0} ms a prompt", sequential * 1000.0);
    eprintln!("{AT_ONCE} threads: {threaded:.0} times as fast; one event loop: {looped:.0} times as fast");
    // On an idle machine the threads come close to 50, and the loop, which waits for all at once, goes far beyond.
    assert!(threaded > 10.0 && looped > 10.0, "{threaded:.1} and {looped:.1} times as fast");
    println!("{many} prompts: {AT_ONCE} threads and an event loop are faster than one after the other");
    Ok(())
}

/// All prompts answered by a service that has a rate and fails, without ever being overrun.
fn considerate(mode: Mode, workers: usize, how_many: usize) -> concurry::Result<()> {
    let window = Duration::from_secs(1);
    let server = Server::start(Terms { most: 60, window, failing: Some(8) })?;
    // Slower than allowed: on a busy machine what leaves here in one window may arrive there in a shorter one.
    let limits = LimitSet::new().calls(50, window * 2);
    let retry = Retry::exponential().num_retries(8).wait(Duration::from_millis(50)).on::<ApiError>();
    let pool = Llm::options().mode(mode).max_workers(workers).limits(limits.clone()).retry(retry).init(server.port)?;
    let begun = Instant::now();
    let futures = prompts(how_many).into_iter().map(|prompt| match mode {
        Mode::Async => pool.generate_async(prompt),
        _ => pool.generate(prompt),
    });
    let answers = gather(futures).results()?;
    let took = begun.elapsed();
    pool.stop()?;

    let (books, retried) = (server.books(), pool.stats().retried);
    eprintln!("{mode}: {took:.1?}, {} failures of the service, {retried} retries", books.failed);
    assert_eq!(answers, expected(how_many));
    assert_eq!(books.answered, how_many as u64);
    assert!(books.failed > 0 && retried == books.failed + books.refused);
    assert_eq!(limits.stats().granted, how_many as u64 + retried);
    println!("{mode}: {how_many} prompts answered by a service that fails now and then");
    assert_eq!(books.refused, 0, "the service was overrun");
    println!("{mode}: its rate was never exceeded");
    Ok(())
}

fn main() -> concurry::Result<()> {
    speed()?;
    considerate(Mode::Thread, AT_ONCE, 120)?;
    considerate(Mode::Async, 1, 120)
}
