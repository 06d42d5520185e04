//! A server of the sections of a licence, a page each, and of three pages that are no good.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Real text, which does not change.
const LICENCE: &str = include_str!("../../LICENSE-APACHE");

/// A page with tags enough to overflow the stack of a parser that goes deeper with each.
const NESTED: usize = 200_000;

pub struct Server {
    port: u16,
    pages: usize,
}

impl Server {
    /// Serves on a thread for each connection, until the program ends.
    pub fn start(latency: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let pages = pages();
        // And one that is linked to and not there.
        let count = pages.len() + 1;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pages = pages.clone();
                // Who went away is nobody's concern.
                thread::spawn(move || serve(&stream, &pages, latency).ok());
            }
        });
        Ok(Server { port, pages: count })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many pages there are said to be.
    pub fn pages(&self) -> usize {
        self.pages
    }
}

/// Each section of the licence with its number and its name, and then what is no good.
fn pages() -> Vec<Vec<u8>> {
    let mut pages: Vec<Vec<u8>> = sections()
        .into_iter()
        .map(|section| {
            let title = section.split(['.', '\n']).take(2).map(str::trim).collect::<Vec<_>>().join(". ");
            let paragraphs: Vec<String> = section.split("\n\n").map(|part| format!("<p>{part}</p>")).collect();
            html(&title, &paragraphs.concat()).into_bytes()
        })
        .collect();
    pages.push(b"<title>Latin-1</title><body>caf\xe9</body>".to_vec());
    pages.push(html("Deep", &"<i>".repeat(NESTED)).into_bytes());
    pages
}

fn html(title: &str, body: &str) -> String {
    format!("<html><head><title>{title}</title></head><body>{body}</body></html>")
}

/// Sections begin with a number of their own at the margin.
fn sections() -> Vec<&'static str> {
    let begins = |line: &str| line.split_once('.').is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    let mut starts = Vec::new();
    let mut at = 0;
    for line in LICENCE.split_inclusive('\n') {
        if begins(line) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().copied().skip(1).chain([LICENCE.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| LICENCE.get(*start..end)).map(str::trim).collect()
}

fn serve(stream: &TcpStream, pages: &[Vec<u8>], latency: Duration) -> io::Result<()> {
    let (mut first, mut line) = (String::new(), String::new());
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    thread::sleep(latency);
    let wanted = first.strip_prefix("GET /").and_then(|rest| rest.split(' ').next()).and_then(|page| page.parse().ok());
    let mut stream = stream;
    match wanted.and_then(|page: usize| pages.get(page)) {
        Some(page) => {
            write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", page.len())?;
            stream.write_all(page)
        }
        None => write!(stream, "HTTP/1.0 404 Not Found\r\n\r\n"),
    }
}
