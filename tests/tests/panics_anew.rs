//! After a panic a worker is built anew; what happens where that fails.

use std::fmt;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Journal, Page, Soon, all_soon, modes};

/// An error whose words are a trap too.
#[derive(Debug)]
struct Speechless;

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Speechless {}

/// Fails to be built anew with an error that has no words.
struct Once;

#[worker]
impl Once {
    pub fn new(page: Page) -> Result<Self, Speechless> {
        let first = page.is_blank();
        page.note("built");
        if first { Ok(Once) } else { Err(Speechless) }
    }

    pub fn panic(&self) {
        panic!("once")
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_worker_that_cannot_be_built_anew_says_so_even_without_words() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Once::options().mode(mode).max_restarts(1).init(journal.page()).unwrap();
        let panics = pool.panic();
        let answers: Vec<_> = (0..5).map(|_| pool.answer()).collect();
        assert!(matches!(panics.soon(), Err(Error::Panicked { .. })), "{mode}");
        for outcome in all_soon(answers) {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::WorkerDied { .. }), "{mode}: {error:?}");
            assert!(error.to_string().contains("no words"), "{mode}: {error}");
        }
        pool.stop().unwrap();
    }
}

#[test]
fn a_sync_worker_is_built_as_soon_as_that_is_possible_again() {
    let journal = Journal::new();
    let pool = Rebuilt::options().mode(Mode::Sync).init(journal.page()).unwrap();
    assert!(matches!(pool.panic().soon(), Err(Error::Panicked { .. })));
    let error = pool.answer().soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }) && error.to_string().contains("not now"), "{error}");
    journal.page().note("ready");
    assert_eq!(pool.answer().soon().unwrap(), 42);
    pool.stop().unwrap();
}

/// Is built at first, and later only once the page says `ready`.
struct Rebuilt;

#[worker]
impl Rebuilt {
    pub fn new(page: Page) -> Result<Self, String> {
        if page.is_blank() {
            page.note("built");
            return Ok(Rebuilt);
        }
        if page.has("ready") { Ok(Rebuilt) } else { Err("not now".to_owned()) }
    }

    pub fn panic(&self) {
        panic!("once")
    }

    pub fn answer(&self) -> u64 {
        42
    }
}
