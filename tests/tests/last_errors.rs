//! A constructor's error is the user's to the last: when it is let go of it may use the pool that it comes from.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, Soon, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The pool that errors use, in the program that has it.
static POOL: Mutex<Option<ShyClient>> = Mutex::new(None);
static USED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Serialize, Deserialize)]
struct NotToday;

impl fmt::Display for NotToday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not today")
    }
}

impl std::error::Error for NotToday {}

impl Drop for NotToday {
    fn drop(&mut self) {
        let pool = POOL.lock().unwrap().clone();
        if let Some(pool) = pool {
            drop(pool.pid());
            let _ = pool.stats();
            USED.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct Shy;

#[worker]
impl Shy {
    /// Comes up once.
    pub fn new(page: Page, door: Option<Door>) -> Result<Self, NotToday> {
        if let Some(door) = door {
            door.knock();
        }
        if page.is_claimed_first() { Ok(Shy) } else { Err(NotToday) }
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }
}

/// One after the other, since they share the pool that is used.
#[test]
fn the_error_of_a_constructor_may_use_its_pool_when_it_is_let_go_of() {
    // A worker that does not come up again.
    let journal = Journal::new();
    let pool = Shy::options().mode(Mode::Process).max_restarts(1).init(journal.page(), None).unwrap();
    let worker = pool.pid().soon().unwrap();
    *POOL.lock().unwrap() = Some(pool.clone());
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("its error is let go of", || USED.load(Ordering::SeqCst) > 0);
    assert!(pool.pid().soon().is_err());
    *POOL.lock().unwrap() = None;
    pool.stop().unwrap();

    // One that is made for a call which nobody wants any more when it does not come up.
    USED.store(0, Ordering::SeqCst);
    let (journal, gate) = (Journal::new(), Gate::new());
    assert!(journal.page().is_claimed_first());
    let pool = Shy::options().mode(Mode::Thread).on_demand(true).init(journal.page(), Some(gate.door())).unwrap();
    let unwanted = pool.pid();
    let visitor = gate.visitor();
    *POOL.lock().unwrap() = Some(pool.clone());
    assert!(unwanted.cancel());
    visitor.pass("");
    eventually("its error is let go of", || USED.load(Ordering::SeqCst) > 0);
    *POOL.lock().unwrap() = None;
    drop(gate);
    pool.abort().unwrap();
}
