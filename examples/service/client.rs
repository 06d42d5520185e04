//! The client: one thing after the other that a service has to live with.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::upstream::Upstream;

/// The status and the body of an answer.
type Answer = (u16, String);

/// Asks for something and waits for the answer.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.trim_end().to_owned()))
}

/// The same `count` times at once, on threads; answers come as they come.
fn get_many(address: SocketAddr, path: &'static str, count: usize) -> mpsc::Receiver<io::Result<Answer>> {
    let (answered, answers) = mpsc::channel();
    for _ in 0..count {
        let answered = answered.clone();
        // Who does not wait for the answers has had enough of them.
        thread::spawn(move || answered.send(get(address, path)).ok());
    }
    answers
}

fn show(address: SocketAddr, path: &str) -> io::Result<()> {
    let (status, body) = get(address, path)?;
    println!("GET {path}: {status} {body}");
    Ok(())
}

/// Asks, and in the end tells the service to go.
pub fn run(
    address: SocketAddr,
    upstream: &Upstream,
    tell: oneshot::Sender<()>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    show(address, "/factor/360")?;
    show(address, "/factor/many")?;
    // Its worker dies. The next one is fine.
    show(address, "/factor/666")?;
    show(address, "/factor/1001")?;
    // The product of two primes beyond a thousand million, which takes longer than it may.
    show(address, "/factor/1000000016000000063")?;

    // Two run and six wait; the rest is refused at once, while the eight still wait for the other service.
    let answers = get_many(address, "/quote", 20);
    let mut counts: BTreeMap<Answer, usize> = BTreeMap::new();
    for answer in answers.iter().take(12) {
        *counts.entry(answer?).or_default() += 1;
    }
    println!("20 at once, answered at once: {counts:?}");
    // Both workers are at it, though the process of one has just been replaced.
    upstream.next_visitor()?;
    upstream.next_visitor()?;
    upstream.open();
    counts.clear();
    for answer in answers {
        *counts.entry(answer?).or_default() += 1;
    }
    println!("the others in their time: {counts:?}");
    show(address, "/health")?;
    let (status, figures) = get(address, "/metrics")?;
    println!("GET /metrics: {status}, and the counters in it are");
    let mut counters: Vec<&str> = figures.lines().filter(|line| line.contains("_total{")).collect();
    counters.sort_unstable();
    counters.iter().for_each(|line| println!("  {line}"));

    // It is told to go while it works on a request.
    upstream.close();
    let last = get_many(address, "/quote", 1);
    upstream.next_visitor()?;
    tell.send(()).map_err(|()| "the service has gone by itself")?;
    upstream.open();
    let (status, body) = last.recv()??;
    println!("told to go, it answered the last: {status} {body}");
    Ok(())
}
