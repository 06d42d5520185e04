//! [`Lines`]: what a worker process writes to its stderr, as events of the driver's subscriber (`forward_logs`).
//!
//! What a subscriber in the worker process has made of its events is text; it stays text here, one event a line, with the
//! level that the line says. Fields and spans are not made of it again.

use tracing::level_filters::LevelFilter;
use tracing::{Level, debug, error, info, trace, warn};

/// The longest line that is one event.
const LONGEST: usize = 16 << 10;

/// What a worker process writes to its stderr, as events: one a line.
pub(crate) struct Lines {
    pool: String,
    /// None of a process that workers are forked from.
    worker: Option<usize>,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(pool: &str, worker: Option<usize>) -> Option<Self> {
        Some(Lines { pool: pool.to_owned(), worker, begun: Vec::new() })
    }

    /// Whether there is a subscriber.
    pub(crate) fn are_wanted() -> bool {
        LevelFilter::current() != LevelFilter::OFF
    }

    /// Takes what was written. To be called under no lock.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, after) = rest.split_at(at);
            self.begun.extend_from_slice(line);
            self.end();
            rest = after.get(1..).unwrap_or_default();
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > LONGEST {
            self.end();
        }
    }

    /// Nothing more comes: the last line has no end.
    pub(crate) fn end(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if !line.is_empty() {
            self.say(&plain(&line));
        }
    }

    fn say(&self, line: &str) {
        let (pool, worker) = (&*self.pool, self.worker);
        match level(line) {
            Level::ERROR => error!(target: WORKER, parent: None, pool, worker, "{line}"),
            Level::WARN => warn!(target: WORKER, parent: None, pool, worker, "{line}"),
            Level::INFO => info!(target: WORKER, parent: None, pool, worker, "{line}"),
            Level::DEBUG => debug!(target: WORKER, parent: None, pool, worker, "{line}"),
            Level::TRACE => trace!(target: WORKER, parent: None, pool, worker, "{line}"),
        }
    }
}

/// A line without the colours that subscribers write, whether or not there is a terminal.
fn plain(line: &[u8]) -> String {
    console::strip_ansi_codes(&String::from_utf8_lossy(line)).into_owned()
}

const WORKER: &str = "concurry::worker";

/// The level that a line of a log says near its beginning, as the common formats do; of others it is `INFO`.
fn level(line: &str) -> Level {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(12);
    let known = |word: &str| match word {
        "ERROR" => Some(Level::ERROR),
        "WARN" | "WARNING" => Some(Level::WARN),
        "INFO" => Some(Level::INFO),
        "DEBUG" => Some(Level::DEBUG),
        "TRACE" => Some(Level::TRACE),
        _ => None,
    };
    words.filter_map(known).next().unwrap_or(Level::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_line_is_what_it_says_near_its_beginning() {
        assert_eq!(level("2026-01-01T00:00:00.000000Z  WARN app: low"), Level::WARN);
        assert_eq!(level("[2026-01-01T00:00:00Z ERROR app] gone"), Level::ERROR);
        assert_eq!(level("DEBUG app: x"), Level::DEBUG);
        let colours = plain(b"\x1b[2m12:00\x1b[0m \x1b[34mDEBUG\x1b[0m app: x");
        assert_eq!((&*colours, level(&colours)), ("12:00 DEBUG app: x", Level::DEBUG));
        assert_eq!(level("an ERRORS page"), Level::INFO);
        assert_eq!(level("a b c d e f g h i j k l m ERROR"), Level::INFO);
    }
}
