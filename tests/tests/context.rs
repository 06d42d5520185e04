//! What a method may know of the call that it is running.

use concurry::prelude::*;
use concurry_tests::{Door, Gate, Soon, all_ok, apart, modes};
use serde::{Deserialize, Serialize};

/// What there is to be seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    pool: String,
    method: String,
    worker: usize,
    attempt: u32,
    cancelled: bool,
    deadline: bool,
}

fn see(ctx: &CallContext) -> Seen {
    Seen {
        pool: ctx.pool_name().to_owned(),
        method: ctx.method().to_owned(),
        worker: ctx.worker_index(),
        attempt: ctx.attempt(),
        cancelled: ctx.is_cancelled(),
        deadline: ctx.deadline().is_some(),
    }
}

#[derive(Default)]
struct Witness;

#[worker]
impl Witness {
    pub fn first(&self, ctx: &CallContext) -> Seen {
        see(ctx)
    }

    pub fn between(&mut self, before: u64, ctx: &CallContext, after: &str) -> (u64, Seen, String) {
        (before, see(ctx), after.to_owned())
    }

    pub fn marked(&self, #[worker(context)] what: &concurry::CallContext) -> Seen {
        see(what)
    }

    /// For code that does not have it as a parameter.
    pub fn current(&self) -> Option<Seen> {
        concurry::current().map(|ctx| see(&ctx))
    }

    pub async fn later(&self, ctx: &CallContext) -> (Seen, Option<Seen>) {
        std::future::ready(()).await;
        (see(ctx), concurry::current().map(|ctx| see(&ctx)))
    }

    pub fn elsewhere(&self) -> bool {
        std::thread::spawn(|| concurry::current().is_none()).join().unwrap()
    }

    pub fn panics(&self) -> u64 {
        panic!("in here")
    }

    pub fn nested(&self, ctx: &CallContext) -> (Seen, Option<Seen>, Option<Seen>) {
        let inner = Witness::options().mode(Mode::Sync).name("inner").init().unwrap();
        let within = inner.current().result().unwrap();
        inner.panics().result().unwrap_err();
        (see(ctx), within, concurry::current().map(|ctx| see(&ctx)))
    }

    pub fn cancelled_after(&self, ctx: &CallContext, door: Door) -> (bool, bool, bool) {
        let before = ctx.is_cancelled();
        door.knock();
        // A process is told by a message of its own.
        while !ctx.is_cancelled() {
            std::thread::yield_now();
        }
        (before, ctx.is_cancelled(), concurry::current().is_some_and(|current| current.is_cancelled()))
    }
}

fn expected(method: &str, worker: usize) -> Seen {
    Seen {
        pool: "the pool".to_owned(),
        method: method.to_owned(),
        worker,
        attempt: 1,
        cancelled: false,
        deadline: false,
    }
}

#[test]
fn the_context_is_filled_in_wherever_it_stands() {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 3 };
        let pool = Witness::options().mode(mode).max_workers(workers).name("the pool").init().unwrap();
        let firsts = all_ok(pool.broadcast(WitnessClient::first));
        assert_eq!(firsts, (0..workers).map(|worker| expected("first", worker)).collect::<Vec<_>>(), "{mode}");
        let last = workers - 1;
        let pinned = pool.worker(last);
        let (before, seen, after) = pinned.between(7, "after").soon().unwrap();
        assert_eq!((before, seen, after.as_str()), (7, expected("between", last), "after"), "{mode}");
        assert_eq!(pinned.marked().soon().unwrap(), expected("marked", last));
        assert_eq!(pinned.current().soon().unwrap(), Some(expected("current", last)), "{mode}");
        let (given, current) = pinned.later().soon().unwrap();
        assert_eq!((given, current), (expected("later", last), Some(expected("later", last))), "{mode}");
        assert!(pinned.elsewhere().soon().unwrap(), "{mode}: a thread of the user's own runs no call");
        let (outer, inner, again) = pinned.nested().soon().unwrap();
        assert_eq!((outer.clone(), again), (expected("nested", last), Some(outer)), "{mode}");
        assert_eq!(inner, Some(Seen { pool: "inner".to_owned(), ..expected("current", 0) }), "{mode}");
        pool.stop().unwrap();
    }
    assert!(concurry::current().is_none(), "it ends with the call");
}

#[test]
fn outside_of_any_pool_there_is_a_default() {
    let seen = see(&CallContext::default());
    assert_eq!((seen.pool.as_str(), seen.method.as_str(), seen.worker, seen.attempt), ("", "", 0, 1));
    assert!(!seen.cancelled && !seen.deadline);
    // Methods are called with it as they are.
    assert_eq!(Witness.first(&CallContext::default()), seen);
    assert_eq!(Witness.current(), None);
}

#[test]
fn a_cancelled_call_sees_that_it_is() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Witness::options().mode(mode).init().unwrap();
        let future = pool.cancelled_after(gate.door());
        let visitor = gate.visitor();
        assert!(future.cancel());
        drop(visitor);
        assert_eq!(future.soon().unwrap(), (false, true, true), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_worker_on_demand_has_an_index_below_the_most() {
    for mode in apart() {
        let pool = Witness::options().mode(mode).on_demand(true).max_workers(2).name("the pool").init().unwrap();
        for seen in all_ok((0..10).map(|_| pool.first())) {
            assert!(seen.worker < 2);
            assert_eq!(seen, expected("first", seen.worker), "{mode}");
        }
        pool.stop().unwrap();
    }
}
