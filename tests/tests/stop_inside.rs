//! Ending a pool from inside: by its own worker, and by callbacks of its calls.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, apart, eventually_is};

struct Clerk {
    page: Page,
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker]
impl Clerk {
    pub fn new(page: Page) -> Self {
        Clerk { page }
    }

    pub fn file(&self, number: u64) -> u64 {
        self.page.note(number);
        number
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }
}

/// A worker that holds a client of its own pool; it runs where memory is shared.
struct Insider {
    own: Arc<std::sync::OnceLock<InsiderClient>>,
}

#[worker(local)]
impl Insider {
    pub fn new(own: Arc<std::sync::OnceLock<InsiderClient>>) -> Self {
        Insider { own }
    }

    pub fn end(&self, how: u8) -> bool {
        let own = self.own.get().unwrap();
        match how {
            0 => own.stop().unwrap(),
            1 => own.stop_within(LONG).unwrap(),
            2 => own.wait_idle(),
            _ => own.abort().unwrap(),
        }
        true
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_worker_that_ends_its_own_pool_does_not_wait_for_itself() {
    for mode in [Mode::Sync, Mode::Thread] {
        for how in 0..4 {
            let own = Arc::new(std::sync::OnceLock::new());
            let pool = Insider::options().mode(mode).init(own.clone()).unwrap();
            own.set(pool.clone()).unwrap();
            let begun = Instant::now();
            let ends = pool.end(how);
            let behind = pool.answer();
            match (mode, how) {
                // What is running is given up too, even the call that did it.
                (Mode::Thread, 3) => assert!(matches!(ends.soon(), Err(Error::Stopped { .. }))),
                _ => assert!(ends.soon().unwrap()),
            }
            match (how, behind.soon()) {
                (2, answer) => assert_eq!(answer.unwrap(), 42),
                // It may have been accepted before the worker got to it.
                (0 | 1, Ok(42)) => assert_eq!(mode, Mode::Thread),
                (_, outcome) => assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode} {how}: {outcome:?}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "{mode} {how}: {:?}", begun.elapsed());
            pool.stop().unwrap();
        }
    }
}

#[test]
fn a_callback_may_end_the_pool_that_it_is_called_by() {
    for mode in apart() {
        for end in [ClerkClient::stop_it, ClerkClient::abort_it] {
            let (journal, gate) = (Journal::new(), Gate::new());
            let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
            let stay = pool.stay(gate.door());
            let visitor = gate.visitor();
            let (sender, ended) = channel();
            stay.on_done({
                let pool = pool.clone();
                move |_| {
                    end(&pool);
                    sender.send(()).unwrap();
                }
            });
            visitor.pass("");
            // Far sooner than the stop timeout.
            ended.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(stay.soon().unwrap(), "");
            pool.stop().unwrap();
        }
    }
}

#[test]
fn a_callback_of_a_call_that_a_death_resolved_may_end_the_pool_too() {
    for end in [ClerkClient::stop_it, ClerkClient::abort_it] {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(Mode::Process).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let (sender, ended) = channel();
        stay.on_done({
            let pool = pool.clone();
            move |result| {
                assert!(matches!(result, Err(Error::WorkerDied { .. })));
                end(&pool);
                sender.send(()).unwrap();
            }
        });
        let pid = nix::unistd::Pid::from_raw(visitor.pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        ended.recv_timeout(Duration::from_secs(10)).unwrap();
        pool.stop().unwrap();
    }
}

impl ClerkClient {
    fn stop_it(&self) {
        self.pool().stop().unwrap();
    }

    fn abort_it(&self) {
        self.pool().abort().unwrap();
    }
}

#[test]
fn the_last_client_may_go_inside_a_worker_or_a_callback() {
    let own = Arc::new(std::sync::OnceLock::new());
    let pool = Insider::options().mode(Mode::Thread).init(own.clone()).unwrap();
    own.set(pool.clone()).unwrap();
    let answer = pool.answer();
    drop((pool, own));
    assert_eq!(answer.soon().unwrap(), 42);

    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let file = pool.file(1);
        stay.on_done(move |_| drop(pool));
        visitor.pass("");
        assert_eq!((stay.soon().unwrap().as_str(), file.soon().unwrap()), ("", 1), "{mode}");
        eventually_is("the worker to go", 1, || journal.count("dropped"));
    }
}
