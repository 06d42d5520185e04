//! Mode `sync`: a call has run when it returns, on the thread that made the pool and nowhere else.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, all_ok};

#[derive(Default)]
struct Here {
    calls: u64,
}

#[worker(mode = "sync")]
impl Here {
    pub fn count(&mut self) -> (u64, String) {
        self.calls += 1;
        (self.calls, format!("{:?}", std::thread::current().id()))
    }

    pub async fn later(&mut self) -> u64 {
        std::future::ready(()).await;
        self.calls
    }
}

#[test]
fn a_call_has_run_when_it_returns() {
    let pool = Here::init().unwrap();
    let here = format!("{:?}", std::thread::current().id());
    for number in 1..=5 {
        let future = pool.count();
        assert!(future.is_done());
        assert!(!future.cancel(), "there is nothing left to cancel");
        assert_eq!(future.soon().unwrap(), (number, here.clone()));
    }
    assert_eq!(pool.later().soon().unwrap(), 5);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (6, 0, 0, 0));
    assert_eq!((stats.workers.len(), stats.workers[0].alive, stats.workers[0].pid), (1, true, None));
    pool.stop().unwrap();
    assert!(!pool.stats().workers[0].alive);
}

#[test]
fn a_call_from_another_thread_is_an_error_and_no_deadlock() {
    let pool = Here::init().unwrap();
    pool.count().soon().unwrap();
    let other = pool.clone();
    let error = std::thread::spawn(move || other.count().soon().unwrap_err()).join().unwrap();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Here::count") && text.contains("`sync`") && text.contains("`thread`"), "{text}");
    assert_eq!(pool.count().soon().unwrap().0, 2, "it did not run over there");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed), (2, 1));
    pool.stop().unwrap();
}

#[test]
fn another_thread_may_stop_it() {
    for abort in [false, true] {
        let pool = Here::init().unwrap();
        pool.count().soon().unwrap();
        let other = pool.clone();
        let end = move || if abort { other.abort() } else { other.stop() };
        std::thread::spawn(end).join().unwrap().unwrap();
        assert!(matches!(pool.count().soon(), Err(Error::Stopped { .. })));
    }
}

/// Calls itself.
struct Mirror {
    own: Arc<OnceLock<MirrorClient>>,
}

#[worker(mode = "sync", local)]
impl Mirror {
    pub fn new(own: Arc<OnceLock<MirrorClient>>) -> Self {
        Mirror { own }
    }

    pub fn look(&self, depth: u64) -> Result<u64, Error> {
        if depth == 0 { Ok(0) } else { self.own.get().unwrap().look(depth - 1).result() }
    }
}

#[test]
fn a_call_from_inside_itself_is_an_error_and_no_deadlock() {
    let own = Arc::new(OnceLock::new());
    let pool = Mirror::options().init(own.clone()).unwrap();
    own.set(pool.clone()).unwrap();
    assert_eq!(pool.look(0).soon().unwrap(), 0);
    let error = pool.look(1).soon().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("Mirror::look") && error.to_string().contains("inside itself"), "{error}");
    // It is as good as before.
    assert_eq!(pool.look(0).soon().unwrap(), 0);
    pool.stop().unwrap();
}

/// Neither `Send` nor `Sync`.
#[derive(Default)]
struct Bound {
    kept: Rc<Cell<u64>>,
}

#[worker(mode = "sync")]
impl Bound {
    pub fn add(&self, number: u64) -> u64 {
        self.kept.set(self.kept.get() + number);
        self.kept.get()
    }
}

#[test]
fn the_type_need_be_neither_send_nor_sync_and_pools_do_not_mix() {
    let pools: Vec<_> = (0..3).map(|_| Bound::init().unwrap()).collect();
    for round in 1..=3 {
        for (factor, pool) in (1..).zip(&pools) {
            assert_eq!(pool.add(factor).soon().unwrap(), factor * round);
        }
    }
    pools[1].stop().unwrap();
    assert_eq!(pools[0].add(1).soon().unwrap(), 4);
    assert!(pools[1].add(1).soon().is_err());
    assert_eq!(all_ok(pools[2].broadcast(|worker| worker.add(1))), [10]);
}

#[test]
fn one_sync_worker_may_call_another() {
    struct Outer(HereClient);

    #[worker(mode = "sync", local)]
    impl Outer {
        pub fn new(inner: HereClient) -> Self {
            Outer(inner)
        }

        pub fn through(&self) -> Result<u64, Error> {
            self.0.count().result().map(|counted| counted.0)
        }
    }

    let inner = Here::init().unwrap();
    let outer = Outer::options().init(inner.clone()).unwrap();
    assert_eq!(outer.through().soon().unwrap(), 1);
    assert_eq!(outer.through().soon().unwrap(), 2);
    assert_eq!(inner.count().soon().unwrap().0, 3);
    outer.stop().unwrap();
    inner.stop().unwrap();
}

#[test]
fn futures_of_other_modes_may_be_arguments() {
    let gate = concurry_tests::Gate::new();
    let far = Far::options().mode(Mode::Thread).init().unwrap();
    let here = Bound::init().unwrap();
    // There already: it runs here and now.
    let done = far.number(5);
    assert_eq!(far.number(6).soon().unwrap(), 6);
    assert!(here.add(done).is_done());
    // Not there yet: it would have to run on the thread that resolves it, which is another.
    let late = far.number_after(gate.door());
    let visitor = gate.visitor();
    let sum = here.add(late);
    assert!(!sum.is_done());
    drop(visitor);
    let error = sum.soon().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    here.stop().unwrap();
    far.stop().unwrap();
}

#[derive(Default)]
struct Far;

#[worker]
impl Far {
    pub fn number(&self, number: u64) -> u64 {
        number
    }

    pub fn number_after(&self, door: concurry_tests::Door) -> u64 {
        door.knock();
        7
    }
}
