//! Fake clients: calls go to a function of the test's, and everything else is as for any client.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use concurry::prelude::*;
use concurry::{Answer, Error};
use concurry_tests::{LONG, Soon, eventually};

/// No such worker can be had: its constructor panics, and its options would refuse, retry and time out.
struct Store;

#[worker(mode = "process", max_workers = 8, num_retries = 3, timeout = "1ms", max_pending = 1, name = "store")]
impl Store {
    pub fn new(path: &str) -> Self {
        panic!("no worker is made of {path}")
    }
    pub fn get(&self, key: &str) -> u64 {
        unreachable!("{key}")
    }
    pub fn put(&mut self, _ctx: &CallContext, key: &str, value: u64) -> Result<Vec<u64>, io::Error> {
        unreachable!("{key} {value}")
    }
    pub async fn name(&self) -> concurry::Result<String> {
        unreachable!()
    }
    pub fn clear(&mut self) {
        unreachable!()
    }
}

/// What code under test is: it knows the client and nothing else.
fn doubled(store: &StoreClient, key: &str) -> concurry::Result<Vec<u64>> {
    let value = store.get(key).result()?;
    store.put(key, 2 * value).result()
}

fn is_client<C: WorkerClient + Send + Sync + std::fmt::Debug + 'static>(_: &C) {}

#[test]
fn calls_go_to_the_function_and_its_answers_are_their_values() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let fake = StoreClient::fake({
        let seen = seen.clone();
        move |call| match call {
            StoreMessage::Get { key } => Answer::value(key.len() as u64),
            StoreMessage::Put { key, value } => {
                seen.lock().unwrap().push((key, value));
                Answer::value(vec![value])
            }
            StoreMessage::Name => Answer::value("fake".to_owned()),
            StoreMessage::Clear => Answer::value(()),
        }
    });
    is_client(&fake);
    assert_eq!(doubled(&fake, "four").unwrap(), [8]);
    assert_eq!(*seen.lock().unwrap(), [("four".to_owned(), 8)]);
    let future = fake.name();
    assert!(future.is_done(), "it has run when the call returns");
    assert_eq!(future.soon().unwrap(), "fake");
    fake.clear().soon().unwrap();
    assert_eq!((fake.pool().name(), fake.max_workers()), ("store", 1));
    let stats = fake.stats();
    assert_eq!((stats.mode, stats.completed, stats.failed, stats.queued, stats.in_flight), (Mode::Sync, 4, 0, 0, 0));
    assert!(stats.workers[0].alive);
    fake.stop().unwrap();
    assert!(matches!(fake.get("x").soon(), Err(Error::Stopped { .. })));
}

#[test]
fn faults_are_rehearsed_and_the_fake_goes_on() {
    let fake = StoreClient::fake(|call| match call {
        StoreMessage::Put { value: 0, .. } => Answer::error(io::Error::other("full")),
        StoreMessage::Put { value: 1, .. } => Answer::error("a text"),
        StoreMessage::Put { value: 2, .. } => Answer::error(anyhow::anyhow!("anything")),
        StoreMessage::Put { .. } => Answer::value(Vec::<u64>::new()),
        StoreMessage::Get { key } if key == "died" => Answer::died(),
        StoreMessage::Get { key } => panic!("no {key}"),
        StoreMessage::Name => Answer::panic("on purpose"),
        StoreMessage::Clear => Answer::error(Error::failed(io::Error::from(io::ErrorKind::NotFound))),
    });
    let error = fake.put("k", 0).soon().unwrap_err();
    assert!(error.is::<io::Error>() && matches!(error, Error::Failed { .. }), "{error:?}");
    assert_eq!(error.to_string(), "Store::put failed: full");
    assert!(fake.put("k", 1).soon().unwrap_err().to_string().ends_with("a text"));
    assert!(fake.put("k", 2).soon().unwrap_err().to_string().ends_with("anything"));
    assert_eq!(fake.put("k", 3).soon().unwrap(), []);

    let error = fake.get("died").soon().unwrap_err();
    assert!(
        matches!(&error, Error::WorkerDied { worker, method, .. } if worker == "Store" && method == "get"),
        "{error:?}"
    );
    assert!(error.is_transient());

    let error = fake.get("key").soon().unwrap_err();
    let Error::Panicked { message, location, .. } = &error else { panic!("{error:?}") };
    assert!(message == "no key" && location.contains("fakes.rs"), "{error:?}");
    let error = fake.name().soon().unwrap_err();
    let Error::Panicked { message, location, method, .. } = &error else { panic!("{error:?}") };
    assert!(message == "on purpose" && location.contains("fakes.rs") && method == "name", "{error:?}");

    let error = fake.clear().soon().unwrap_err();
    assert_eq!(error.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::NotFound));
    let stats = fake.stats();
    assert_eq!((stats.completed, stats.failed, stats.retried, stats.restarts), (1, 7, 0, 0));
    fake.stop().unwrap();
}

/// Says when it goes.
struct Counted(Arc<AtomicU64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_all() {
    let dropped = Arc::new(AtomicU64::new(0));
    let fake = StoreClient::fake({
        let dropped = dropped.clone();
        move |call| match call {
            StoreMessage::Get { .. } => Answer::value(7),
            StoreMessage::Put { .. } => Answer::value(Ok::<Vec<u64>, String>(vec![])),
            _ => Answer::value(Counted(dropped.clone())),
        }
    });
    let error = fake.get("k").soon().unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "Store::get: its fake answered with a value of type `i32`, but the method's values are of type `u64`; say `Answer::value::<u64>(..)`"
    );
    let text = fake.put("k", 1).soon().unwrap_err().to_string();
    assert!(text.contains("Store::put") && text.contains("Result<") && text.contains("Vec<u64>"), "{text}");
    assert!(matches!(fake.name().soon(), Err(Error::Invalid { .. })));
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "nobody took it");
    assert_eq!((fake.stats().completed, fake.stats().failed), (0, 3));
}

#[test]
fn several_threads_are_inside_at_once_and_a_call_may_make_calls() {
    const THREADS: u64 = 4;
    // None gets past the barrier unless all are inside.
    let barrier = Barrier::new(THREADS as usize);
    let itself: Arc<Mutex<Option<StoreClient>>> = Arc::default();
    let fake = StoreClient::fake({
        let itself = itself.clone();
        move |call| match call {
            StoreMessage::Get { key } => {
                barrier.wait();
                Answer::value(key.len() as u64)
            }
            StoreMessage::Name => {
                let inner = itself.lock().unwrap().clone().unwrap();
                inner.pool().wait_idle();
                inner.clear().result().unwrap();
                inner.stop().unwrap();
                Answer::value("outer".to_owned())
            }
            _ => Answer::value(()),
        }
    });
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let fake = fake.clone();
            scope.spawn(move || assert_eq!(fake.get("abc").soon().unwrap(), 3));
        }
    });
    assert_eq!(fake.stats().completed, THREADS);
    *itself.lock().unwrap() = Some(fake.clone());
    assert_eq!(fake.name().soon().unwrap(), "outer", "neither its own call nor its own stop is waited for");
    assert!(fake.is_stopped());
    let stats = fake.stats();
    assert_eq!((stats.completed, stats.failed, stats.in_flight), (THREADS + 2, 0, 0));
    itself.lock().unwrap().take();
}

/// A fake that is held while it answers; what says that it is, and what lets it go on.
fn held(dropped: &Arc<AtomicU64>) -> (StoreClient, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (inside, is_inside) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let counted = Counted(dropped.clone());
    let fake = StoreClient::fake(move |_| {
        let _ours = &counted;
        inside.send(()).unwrap();
        may_go_on.lock().unwrap().recv_timeout(LONG).unwrap();
        Answer::value(1u64)
    });
    (fake, is_inside, go_on)
}

#[test]
fn a_stop_waits_for_the_call_that_runs_and_an_abort_does_not() {
    for abort in [false, true] {
        let dropped = Arc::new(AtomicU64::new(0));
        let (fake, is_inside, go_on) = held(&dropped);
        thread::scope(|scope| {
            let call = scope.spawn(|| fake.get("k").soon());
            is_inside.recv_timeout(LONG).unwrap();
            let stop = scope.spawn(|| {
                if abort {
                    fake.abort().unwrap()
                } else {
                    fake.stop().unwrap()
                }
                (fake.stats().completed, dropped.load(Ordering::SeqCst))
            });
            eventually("the pool takes no more calls", || fake.is_stopped());
            assert!(matches!(fake.get("k").soon(), Err(Error::Stopped { .. })));
            if abort {
                assert_eq!(stop.join().unwrap(), (0, 0), "it is still inside");
                go_on.send(()).unwrap();
            } else {
                assert_eq!(dropped.load(Ordering::SeqCst), 0, "it is still inside");
                go_on.send(()).unwrap();
                assert_eq!(stop.join().unwrap().0, 1);
            }
            // Nobody can end a function on a caller's thread; so it has its answer either way.
            assert_eq!(call.join().unwrap().unwrap(), 1);
        });
        assert_eq!(dropped.load(Ordering::SeqCst), 1, "the function goes with the pool");
    }
}

#[test]
fn the_last_client_takes_the_function_along() {
    let dropped = Arc::new(AtomicU64::new(0));
    let (fake, _is_inside, go_on) = held(&dropped);
    go_on.send(()).unwrap();
    let other = fake.clone();
    let future = fake.get("k");
    drop(fake);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(other);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(future.soon().unwrap(), 1);
}

#[test]
fn futures_are_arguments_and_what_all_clients_can_do_is_there() {
    let fake = StoreClient::fake(|call| match call {
        StoreMessage::Get { key } => Answer::value(key.parse::<u64>().unwrap()),
        StoreMessage::Put { value, .. } => Answer::value(vec![value]),
        _ => Answer::died(),
    });
    let tasks = TaskWorker::options().mode(Mode::Thread).init().unwrap();
    let (go_on, may_go_on) = mpsc::channel::<u64>();
    let later = tasks.submit(move || may_go_on.recv_timeout(LONG).unwrap());
    let put = fake.put("k", later);
    assert!(!put.is_done());
    assert_eq!(fake.stats().queued, 1);
    go_on.send(5).unwrap();
    assert_eq!(put.soon().unwrap(), [5]);
    assert_eq!(fake.put("k", fake.get("6")).soon().unwrap(), [6]);
    let error = fake.put("k", fake.get("no number")).soon().unwrap_err();
    assert!(matches!(&error, Error::Panicked { method, .. } if method == "get"), "{error:?}");

    assert_eq!(fake.worker(0).get("1").soon().unwrap(), 1);
    assert!(matches!(fake.worker(1).get("1").soon(), Err(Error::Invalid { .. })));
    let all = fake.broadcast(|worker| worker.get("2"));
    assert_eq!(gather(all).results().unwrap(), [2]);
    let reserved = futures::executor::block_on(fake.reserve()).unwrap();
    assert_eq!(reserved.get("3").soon().unwrap(), 3);
    tasks.stop().unwrap();
}

#[test]
fn options_do_not_apply_wherever_they_are_said() {
    // A pool that is made here is refused, or has three workers.
    let guard = concurry::config::scoped(|c| {
        c.all().num_retries = Some(5);
        c.all().max_workers = Some(0);
        c.all().mode = Some(Mode::Ray);
    });
    let calls = Arc::new(AtomicU64::new(0));
    let fake = StoreClient::fake({
        let calls = calls.clone();
        move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            Answer::died()
        }
    });
    drop(guard);
    assert!(matches!(fake.get("k").soon(), Err(Error::WorkerDied { .. })));
    assert_eq!((calls.load(Ordering::SeqCst), fake.stats().retried), (1, 0), "it is not tried again");
    assert_eq!(fake.max_workers(), 1);
}

/// A type with a parameter.
struct Holder<T>(T);

#[worker(mode = "thread")]
impl<T> Holder<T>
where
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    pub fn new(value: T) -> Self {
        Holder(value)
    }
    pub fn swap(&mut self, value: T) -> T {
        std::mem::replace(&mut self.0, value)
    }
    pub fn all(&self, by: HashMap<String, T>) -> usize {
        by.len()
    }
}

/// What cannot be sent anywhere.
pub struct Unserializable(pub Box<dyn Fn(u64) -> u64 + Send>);

#[derive(Default)]
struct Local;

#[worker(local)]
impl Local {
    pub fn run(&self, function: Unserializable) -> Unserializable {
        function
    }
}

#[test]
fn generic_and_local_types_have_fakes_too() {
    let fake = HolderClient::<u8>::fake(|call| match call {
        HolderMessage::Swap { value } => Answer::value(value + 1),
        HolderMessage::All { by } => Answer::value(by.len() + 1),
    });
    assert_eq!(fake.swap(1).soon().unwrap(), 2);
    assert_eq!(fake.all(HashMap::new()).soon().unwrap(), 1);
    let fake = LocalClient::fake(|call| match call {
        LocalMessage::Run { function } => Answer::value(Unserializable(Box::new(move |x| 2 * (function.0)(x)))),
    });
    let function = fake.run(Unserializable(Box::new(|x| x + 1))).soon().unwrap();
    assert_eq!((function.0)(4), 10);
}
