//! What can be wrong when a pool is made is an error of `init` that says which; nothing else is done instead.

use std::num::ParseIntError;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, RemoteError};
use concurry_tests::{Journal, Page, Soon, Way, all_ok, apart, modes};
use serde::{Deserialize, Serialize};

/// An error of a constructor that can travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no {what} here")]
struct Missing {
    what: String,
}

/// Comes up or does not, as its argument says.
struct Choosy;

#[worker]
impl Choosy {
    pub fn new(wish: String) -> Result<Self, Missing> {
        match wish.as_str() {
            "fine" => Ok(Choosy),
            "panic" => panic!("not like this"),
            "exit" => std::process::exit(3),
            "kill" => {
                Way::Kill.go();
                Ok(Choosy)
            }
            "overflow" => {
                Way::Overflow.go();
                Ok(Choosy)
            }
            what => Err(Missing { what: what.to_owned() }),
        }
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

fn workers(mode: Mode) -> usize {
    if mode == Mode::Sync { 1 } else { 2 }
}

#[test]
fn a_constructor_s_own_error_comes_back() {
    for mode in modes() {
        let error = Choosy::options().mode(mode).max_workers(workers(mode)).init("bread".to_owned()).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
        assert_eq!(error.to_string(), "Choosy could not be started: its constructor failed: there is no bread here");
        assert_eq!(error.downcast_ref(), Some(&Missing { what: "bread".to_owned() }), "{mode}: {error:?}");
        assert!(error.is::<Missing>() && !error.is::<ParseIntError>());
        assert!(std::error::Error::source(&error).is_none(), "it is in the text and has no cause");
    }
}

/// Fails with an error that cannot travel.
struct Strict;

#[worker]
impl Strict {
    #[worker(init)]
    pub fn parse(text: String) -> anyhow::Result<Self> {
        use anyhow::Context;
        text.parse::<u64>().context("the text is no number")?;
        Ok(Strict)
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_constructor_s_error_that_cannot_travel_comes_back_as_its_words() {
    for mode in modes() {
        let error = Strict::options().mode(mode).init("four".to_owned()).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("the text is no number"), "{error}");
        let chain: Vec<_> = chain_of(&error).iter().skip(1).map(ToString::to_string).collect();
        assert_eq!(chain, ["invalid digit found in string"], "{mode}");
        assert_eq!(error.downcast_ref::<ParseIntError>().is_some(), mode != Mode::Process, "{mode}");
        assert_eq!(error.downcast_ref::<RemoteError>().is_some(), mode == Mode::Process, "{mode}");
        assert_eq!(Strict::options().mode(mode).init("4".to_owned()).unwrap().answer().soon().unwrap(), 42);
    }
}

fn chain_of(error: &Error) -> Vec<&dyn std::error::Error> {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source()).collect()
}

#[test]
fn a_constructor_that_panics_says_where() {
    for mode in modes() {
        let error = Choosy::options().mode(mode).max_workers(workers(mode)).init("panic".to_owned()).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
        let text = error.to_string();
        let start = format!("Choosy could not be started: its constructor panicked at {}:", file!());
        assert!(text.starts_with(&start) && text.ends_with(": not like this"), "{text}");
    }
}

#[test]
fn a_process_that_ends_before_it_is_ready_says_how() {
    for (wish, words) in [
        ("exit", "its process exited with code 3"),
        ("kill", "killed by signal 9 (SIGKILL)"),
        ("overflow", "its stack overflowed (killed by signal 11 (SIGSEGV))"),
    ] {
        let error = Choosy::options().mode(Mode::Process).max_workers(2).init(wish.to_owned()).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
        let text = error.to_string();
        assert_eq!(text, format!("Choosy could not be started: its process ended before it was ready: {words}"));
    }
}

#[test]
fn a_process_that_ends_while_it_is_told_what_it_is_says_how_too() {
    // More than fits into its socket, so that whoever tells it is not done yet.
    let error = Bulky::options().mode(Mode::Process).init(Bomb(vec![7; 1 << 20])).unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("its process exited with code 9"), "{error}");
}

/// Ends the process that decodes it.
#[derive(Clone, Serialize)]
struct Bomb(Vec<u8>);

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        std::process::exit(9)
    }
}

struct Bulky(usize);

#[worker]
impl Bulky {
    pub fn new(bomb: Bomb) -> Self {
        Bulky(bomb.0.len())
    }

    pub fn size(&self) -> usize {
        self.0
    }
}

/// The second to be built fails; the others need not.
struct Second;

#[worker]
impl Second {
    pub fn new(page: Page) -> Result<Self, String> {
        page.note("built");
        if page.is_claimed_first() { Ok(Second) } else { Err("one is enough".to_owned()) }
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        std::thread::yield_now();
    }
}

#[test]
fn one_worker_that_fails_is_the_whole_pool_s_failure() {
    for mode in apart() {
        let journal = Journal::new();
        let begun = Instant::now();
        let error = Second::options().mode(mode).max_workers(5).init(journal.page()).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(error.to_string().contains("one is enough"), "{mode}: {error}");
        assert!(journal.count("built") <= 5, "{mode}: a pool that cannot be made is not tried again");
    }
}

#[test]
fn values_that_cannot_be_name_the_option_the_value_and_what_is_allowed() {
    let fine = || "fine".to_owned();
    for mode in modes() {
        let error = Choosy::options().mode(mode).max_workers(0).init(fine()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            "Choosy: `max_workers` is 0 (from the builder), but it must be a whole number from 1 to 65536"
        );
        let error = Choosy::options().mode(mode).max_queued_tasks(0).init(fine()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("Choosy")
                && text.contains("`max_queued_tasks` is 0")
                && text.contains("from 1; leave it out")
        );
    }
    for mode in apart() {
        let error = Choosy::options().mode(mode).max_workers(usize::MAX).init(fine()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }) && error.to_string().contains("from 1 to 65536"), "{error:?}");
    }
}

#[test]
fn sync_refuses_a_second_worker_and_workers_on_demand() {
    let error = Choosy::options().mode(Mode::Sync).max_workers(2).init("fine".to_owned()).unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Choosy: `max_workers` is 2") && text.contains("`sync`"), "{text}");
    assert!(text.contains("exactly 1") && text.contains("`thread`"), "{text}");
    let error = Choosy::options().mode(Mode::Sync).on_demand(true).init("fine".to_owned()).unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("`on_demand` is true") && text.contains("`sync`"), "{text}");
}

/// Cannot leave this process.
#[derive(Default)]
struct Local;

#[worker(local)]
impl Local {
    pub fn run(&self, what: Box<dyn FnOnce() -> u64 + Send>) -> u64 {
        what()
    }
}

#[test]
fn a_local_type_runs_where_memory_is_shared_and_nowhere_else() {
    for mode in [Mode::Sync, Mode::Thread] {
        let pool = Local::options().mode(mode).init().unwrap();
        let seven: Box<dyn FnOnce() -> u64 + Send> = Box::new(|| 7);
        assert_eq!(pool.run(seven).soon().unwrap(), 7);
        pool.stop().unwrap();
    }
    let error = Local::options().mode(Mode::Process).init().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Local") && text.contains("`#[worker(local)]`") && text.contains("`thread`"), "{text}");
}

#[test]
fn a_mode_that_is_not_there_is_refused_and_not_replaced() {
    let error = Choosy::options().mode(Mode::Ray).init("fine".to_owned()).unwrap_err();
    // Where it is built, nobody has said where the cluster is.
    assert!(matches!(error, Error::Unsupported { .. } | Error::Config { .. }), "{error:?}");
    assert!(error.to_string().contains("Choosy") && error.to_string().contains("`ray`"), "{error}");
}

#[test]
fn the_start_hook_runs_in_each_worker_before_its_constructor() {
    fn hook() {
        HOOKED.with(|hooked| hooked.set(hooked.get() + 1));
    }
    for mode in modes() {
        let pool = Hooked::options().mode(mode).max_workers(workers(mode)).on_worker_start(hook).init().unwrap();
        assert_eq!(all_ok(pool.broadcast(HookedClient::seen)), vec![(1, 1); workers(mode)], "{mode}");
        pool.stop().unwrap();
        HOOKED.with(|hooked| hooked.set(0));
    }
    fn bad() {
        panic!("in the hook");
    }
    for mode in modes() {
        let error = Hooked::options().mode(mode).on_worker_start(bad).init().unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("`on_worker_start`") && text.contains("in the hook"), "{text}");
    }
}

thread_local! {
    static HOOKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Remembers how often the hook had run when it was built.
struct Hooked(u64);

impl Default for Hooked {
    fn default() -> Self {
        Hooked(HOOKED.get())
    }
}

#[worker]
impl Hooked {
    pub fn seen(&self) -> (u64, u64) {
        (self.0, HOOKED.get())
    }
}

#[test]
fn a_constructor_may_be_async() {
    for mode in modes() {
        let pool = Slow::options().mode(mode).init(6).unwrap();
        assert_eq!(pool.times(7).soon().unwrap(), 42);
        pool.stop().unwrap();
        let error = Slow::options().mode(mode).init(0).unwrap_err();
        assert!(error.to_string().contains("nothing times anything"), "{error}");
    }
}

struct Slow(u64);

#[worker]
impl Slow {
    pub async fn new(factor: u64) -> Result<Self, String> {
        std::future::ready(()).await;
        if factor == 0 { Err("nothing times anything".to_owned()) } else { Ok(Slow(factor)) }
    }

    pub async fn times(&self, number: u64) -> u64 {
        std::future::ready(self.0 * number).await
    }
}
