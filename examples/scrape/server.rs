//! A web server for one afternoon: a page for every path, after a while.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Starts to serve, until the program ends, and gives the port.
pub(crate) fn start(latency: Duration) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, latency));
        }
    });
    Ok(port)
}

fn answer(stream: TcpStream, latency: Duration) -> io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    // The rest of the request must be read, or closing would reset the connection under the answer.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    thread::sleep(latency);
    let page = first.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
    write!(&stream, "HTTP/1.0 200 OK\r\n\r\n<html><head><title>Page {page}</title></head></html>")
}
