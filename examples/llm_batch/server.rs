//! A language model on this machine: it answers after a while, refuses with 429 above its rate, and fails now and then
//! with 500. It keeps books, since who calls it says that it was never overrun.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an answer takes.
pub(crate) const LATENCY: Duration = Duration::from_millis(150);

/// How many requests it takes in a window of this length, and one in how many it fails.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) most: usize,
    pub(crate) window: Duration,
    pub(crate) failing: Option<u64>,
}

/// What has come so far.
#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    arrivals: Vec<Instant>,
    state: u64,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    terms: Terms,
    books: Arc<Mutex<Books>>,
}

impl Server {
    /// Starts to serve, until the program ends.
    pub(crate) fn start(terms: Terms) -> io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let server = Server { port: listener.local_addr()?.port(), terms, books: Arc::default() };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = own.clone();
                thread::spawn(move || server.serve(&stream));
            }
        });
        Ok(server)
    }

    /// What has come so far.
    pub(crate) fn books(&self) -> Books {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One request of one connection.
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 0 && line.trim_end() != "" {
            if let Some((_, value)) = line.split_once("Content-Length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut prompt = vec![0; length];
        reader.read_exact(&mut prompt)?;
        let status = self.admit();
        if status == 429 {
            return reply(stream, "429 Too Many Requests", "slow down");
        }
        thread::sleep(LATENCY);
        match status {
            500 => reply(stream, "500 Internal Server Error", "try again"),
            _ => reply(stream, "200 OK", &format!("{} words", String::from_utf8_lossy(&prompt).split(' ').count())),
        }
    }

    /// The status of the answer to a request that comes now.
    fn admit(&self) -> u32 {
        let Terms { most, window, failing } = self.terms;
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        books.arrivals.retain(|arrival| now.duration_since(*arrival) < window);
        if books.arrivals.len() >= most {
            books.refused += 1;
            return 429;
        }
        books.arrivals.push(now);
        // A generator of Knuth's; the same failures each time, but not for the same prompts.
        books.state = books.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if failing.is_some_and(|one_in| (books.state >> 33).is_multiple_of(one_in)) {
            books.failed += 1;
            return 500;
        }
        books.answered += 1;
        200
    }
}

fn reply(mut stream: &TcpStream, status: &str, body: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
