//! A `TaskWorker` runs any function: closures where memory is shared, functions that capture nothing everywhere.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, RemoteError, TaskWorkerClient};
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, apart, eventually_is, modes};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// The modes whose workers share memory with the caller.
const SHARED: [Mode; 3] = [Mode::Sync, Mode::Thread, Mode::Async];

fn pool(mode: Mode) -> TaskWorkerClient {
    TaskWorker::options().mode(mode).init().unwrap()
}

fn double(x: u64) -> u64 {
    x * 2
}

#[test]
fn closures_run_where_memory_is_shared() {
    for mode in SHARED {
        let pool = pool(mode);
        let words = vec!["a".to_owned(), "b".to_owned()];
        let taken = pool.submit(move || words);
        assert_eq!(taken.soon().unwrap(), ["a", "b"], "{mode}");
        // Neither a result nor what is captured need be serializable.
        let counter = Arc::new(AtomicU64::new(1));
        let ours = counter.clone();
        let theirs = pool.submit(move || {
            ours.fetch_add(1, Ordering::Relaxed);
            ours
        });
        assert!(Arc::ptr_eq(&theirs.soon().unwrap(), &counter), "{mode}");
        assert_eq!(counter.load(Ordering::Relaxed), 2, "{mode}");
    }
}

#[test]
fn closures_are_refused_where_it_is_not_with_the_remedy() {
    let pool = pool(Mode::Process);
    let error = pool.submit(|| 3).soon().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("TaskWorker::submit: ") && text.contains("process"), "{text}");
    assert!(text.contains("`submit_with(argument, function)`"), "{text}");
    let text = pool.try_submit(|| "3".parse::<u8>()).soon().unwrap_err().to_string();
    assert!(text.starts_with("TaskWorker::try_submit: ") && text.contains("`try_submit_with("), "{text}");
    // Nothing of that was accepted.
    assert_eq!(pool.stats().failed, 0);
}

/// A closure of a generic function is another one for each type.
fn size_of_in<T: 'static>(pool: &TaskWorkerClient) -> TaskFuture<usize> {
    pool.submit_with((), |()| size_of::<T>())
}

#[test]
fn functions_run_everywhere() {
    for mode in modes() {
        let pool = pool(mode);
        assert_eq!(pool.submit_with(21, double).soon().unwrap(), 42, "{mode}");
        assert_eq!(pool.submit_with(21, |x| x + 1).soon().unwrap(), 22, "{mode}");
        assert_eq!(pool.submit_with((), |()| "nothing".to_owned()).soon().unwrap(), "nothing", "{mode}");
        let argument = ("a".to_owned(), vec![1u64, 2], Some(3u8));
        let text = pool.submit_with(argument, |(text, list, more)| format!("{text} {list:?} {more:?}"));
        assert_eq!(text.soon().unwrap(), "a [1, 2] Some(3)", "{mode}");
        let bytes =
            pool.submit_with(vec![1u8; 1_000_000], |bytes| bytes.into_iter().map(|byte| byte + 1).collect::<Vec<u8>>());
        assert_eq!(bytes.soon().unwrap(), vec![2u8; 1_000_000], "{mode}");

        // Pointers say at run time which function it is, and two of one type are told apart.
        let pointers: [fn(u64) -> u64; 3] = [double, |x| x + 3, |x| x + 4];
        let results = all_ok(pointers.into_iter().map(|pointer| pool.submit_with(10, pointer)));
        assert_eq!(results, [20, 13, 14], "{mode}");
        let sizes = all_ok([size_of_in::<u8>(&pool), size_of_in::<u64>(&pool), size_of_in::<[u8; 100]>(&pool)]);
        assert_eq!(sizes, [1, 8, 100], "{mode}");
    }
}

#[test]
fn a_process_runs_them_elsewhere() {
    let pid = |()| std::process::id();
    let pool = TaskWorker::options().mode(Mode::Process).max_workers(2).init().unwrap();
    let pids = all_ok(pool.broadcast(|worker| worker.submit_with((), pid)));
    assert_ne!(pids[0], pids[1]);
    assert!(!pids.contains(&std::process::id()));
    assert_eq!(pool.worker(1).submit_with((), pid).soon().unwrap(), pids[1]);
}

#[test]
fn captures_are_fine_where_memory_is_shared_and_refused_elsewhere() {
    let by = black_box(3u64);
    let name = black_box("captured".to_owned());
    for mode in SHARED {
        let (pool, name) = (pool(mode), name.clone());
        assert_eq!(pool.submit_with(2, move |x: u64| x * by).soon().unwrap(), 6, "{mode}");
        assert_eq!(pool.submit_with(2, move |x: usize| name.len() * x).soon().unwrap(), 16, "{mode}");
        let all: Vec<u64> = pool.map(0..5, move |x: u64| x * by).collect::<concurry::Result<_>>().unwrap();
        assert_eq!(all, [0, 3, 6, 9, 12], "{mode}");
    }
    let pool = pool(Mode::Process);
    let refused = |error: Error, method: &str| {
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("TaskWorker::{method}: the closure captures variables")), "{text}");
        assert!(text.contains("pass them in with its argument"), "{text}");
    };
    // As large as a pointer, but none.
    refused(pool.submit_with(2, move |x: u64| x * by).soon().unwrap_err(), "submit_with");
    let boxed: Box<dyn Fn(u64) -> u64 + Send + Sync> = Box::new(double);
    refused(pool.submit_with(2, boxed).soon().unwrap_err(), "submit_with");
    refused(
        pool.try_submit_with(2, move |x: u64| by.checked_sub(x).ok_or("less")).soon().unwrap_err(),
        "try_submit_with",
    );
    let mut results = pool.map(0.., move |x: u64| x + name.len() as u64);
    refused(results.next().unwrap().unwrap_err(), "map");
    refused(results.next().unwrap().unwrap_err(), "map");
    // What it captures can be sent along instead.
    assert_eq!(pool.submit_with((2, by), |(x, by)| x * by).soon().unwrap(), 6);
}

/// An error that can be sent.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct TooLong(usize);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is too long", self.0)
    }
}

impl std::error::Error for TooLong {}

fn measured(text: String) -> Result<usize, TooLong> {
    if text.len() > 3 { Err(TooLong(text.len())) } else { Ok(text.len()) }
}

#[test]
fn what_returns_a_result_gives_its_value_and_its_error_is_the_call_s() {
    for mode in modes() {
        let pool = pool(mode);
        assert_eq!(pool.try_submit_with("abc".to_owned(), measured).soon().unwrap(), 3, "{mode}");
        let error = pool.try_submit_with("abcd".to_owned(), measured).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{mode}: {error:?}");
        assert_eq!(error.to_string(), "TaskWorker::try_submit_with failed: 4 is too long", "{mode}");
        assert!(error.is::<TooLong>(), "{mode}");
        match mode {
            Mode::Process => assert!(error.downcast_ref::<RemoteError>().is_some()),
            _ => assert_eq!(error.downcast_ref(), Some(&TooLong(4))),
        }
        let texts = ["", "long text", "b"].map(str::to_owned);
        let results: Vec<_> = pool.try_map(texts.clone(), measured).map(Result::ok).collect();
        assert_eq!(results, [Some(0), None, Some(1)], "{mode}");
        let mut results: Vec<_> = pool.try_map_unordered(texts, measured).collect();
        results.sort_by_key(|(index, _)| *index);
        assert!(matches!(results[..], [(0, Ok(0)), (1, Err(Error::Failed { .. })), (2, Ok(1))]), "{mode}");
        // Without `try`, a result is a value like any other.
        assert_eq!(pool.submit_with("abcd".to_owned(), measured).soon().unwrap(), Err(TooLong(4)), "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed), (6, 3), "{mode}");
    }
}

#[test]
fn errors_of_every_kind_are_taken() {
    for mode in SHARED {
        let pool = pool(mode);
        assert_eq!(pool.try_submit(|| Ok::<u8, TooLong>(1)).soon().unwrap(), 1, "{mode}");
        let error =
            pool.try_submit(|| Err::<u8, _>(anyhow::Error::new(TooLong(5)).context("above"))).soon().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&TooLong(5)), "{mode}");
        assert!(error.to_string().ends_with("failed: above"), "{mode}: {error}");
        let boxed = || -> Result<u8, Box<dyn std::error::Error + Send + Sync>> { Err(Box::new(TooLong(6))) };
        assert_eq!(pool.try_submit(boxed).soon().unwrap_err().downcast_ref(), Some(&TooLong(6)), "{mode}");
        let text = pool.try_submit(|| Err::<u8, _>("a text")).soon().unwrap_err().to_string();
        assert_eq!(text, "TaskWorker::try_submit failed: a text", "{mode}");
        assert!(pool.try_submit(|| Err::<u8, _>("a string".to_owned())).soon().is_err(), "{mode}");
        // Our own passes through as it is.
        let own = pool.try_submit(|| Err::<u8, _>(Error::failed(TooLong(7)))).soon().unwrap_err();
        assert_eq!(own.downcast_ref(), Some(&TooLong(7)), "{mode}");
    }
    let pool = pool(Mode::Process);
    let error =
        pool.try_submit_with(8, |x| Err::<u8, _>(anyhow::Error::new(TooLong(x)).context("above"))).soon().unwrap_err();
    let remote = error.downcast_ref::<RemoteError>().unwrap();
    assert_eq!((remote.message.as_str(), &remote.sources[..]), ("above", &["8 is too long".to_owned()][..]));
}

#[test]
fn maps_are_in_order_and_draw_as_needed() {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 3 };
        let pool = TaskWorker::options().mode(mode).max_workers(workers).init().unwrap();
        let all: Vec<u64> = pool.map(0..1_000, double).collect::<concurry::Result<_>>().unwrap();
        assert_eq!(all, (0..1_000).map(double).collect::<Vec<_>>(), "{mode}");
        let mut drawn = 0u64;
        let taken = pool.map((0u64..).inspect(|_| drawn += 1), |x| x + 1).look_ahead(7).take(300);
        assert!(taken.enumerate().all(|(index, result)| result.unwrap() == index as u64 + 1), "{mode}");
        assert!((300..=307).contains(&drawn), "{mode}: {drawn} were drawn");
        let mut unordered: Vec<_> =
            pool.map_unordered(0..500, double).map(|(index, result)| (index, result.unwrap())).collect();
        unordered.sort_unstable();
        assert_eq!(unordered, (0..500).map(|x| (x as usize, double(x))).collect::<Vec<_>>(), "{mode}");
    }
}

fn knocks((door, page, x): (Option<Door>, Page, u64)) -> u64 {
    page.note(x);
    if let Some(door) = door {
        door.knock();
    }
    x
}

#[test]
fn cancelled_calls_do_not_run_and_a_dropped_map_cancels_its_calls() {
    for mode in apart() {
        let (first, gate, journal) = (Gate::new(), Gate::new(), Journal::new());
        let pool = pool(mode);
        let mut drawn = 0;
        let args = |x: u64| {
            if x == 2 {
                // The first result is there only when the second call has been made.
                first.visitor().pass("");
            }
            let door = [&first, &gate].get(x as usize).map(|gate| gate.door());
            (door, journal.page(), x)
        };
        let mut results = pool.map((0..).inspect(|_| drawn += 1).map(args), knocks);
        assert_eq!(results.next().unwrap().unwrap(), 0, "{mode}");
        let visitor = gate.visitor();
        let other = pool.submit_with((None, journal.page(), 1_000_000), knocks);
        drop(results);
        assert!(other.cancel());
        eventually_is("calls that have come to something", drawn, || {
            let stats = pool.stats();
            stats.completed + stats.failed
        });
        visitor.pass("");
        assert!(matches!(other.soon(), Err(Error::Cancelled { .. })), "{mode}");
        pool.stop().unwrap();
        assert_eq!(journal.numbers(), [0, 1], "{mode}");
    }
}

#[test]
fn a_panic_or_a_death_costs_one_call() {
    for mode in modes() {
        let pool = pool(mode);
        let error = pool.submit_with(Way::Panic, Way::go).soon().unwrap_err();
        assert!(matches!(error, Error::Panicked { .. }), "{mode}: {error:?}");
        assert!(error.to_string().starts_with("TaskWorker::submit_with panicked at "), "{mode}: {error}");
        assert_eq!(pool.submit_with(4, double).soon().unwrap(), 8, "{mode}");
    }
    let pool = pool(Mode::Process);
    let dies = pool.submit_with(Way::Kill, Way::go);
    let behind: Vec<_> = (0..100).map(|x| pool.submit_with(x, double)).collect();
    let error = dies.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }) && error.to_string().contains("SIGKILL"), "{error:?}");
    assert_eq!(all_ok(behind), (0..100).map(double).collect::<Vec<_>>());
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (100, 1, 1));
}

/// Says no, or panics, at whichever side it is told to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fussy(u8);

impl Serialize for Fussy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            1 => Err(ser::Error::custom("not out")),
            2 => panic!("out"),
            other => serializer.serialize_u8(other),
        }
    }
}

impl<'de> Deserialize<'de> for Fussy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            3 => Err(de::Error::custom("not in")),
            4 => panic!("in"),
            other => Ok(Fussy(other)),
        }
    }
}

#[test]
fn what_cannot_be_encoded_or_decoded_is_the_call_s_error_and_the_worker_lives_on() {
    let pool = pool(Mode::Process);
    let pid = pool.stats().workers[0].pid;
    let words = ["not out", "`Serialize` panicked: out", "not in", "`Deserialize` panicked"];
    for (told, words) in (1..=4).zip(words) {
        let argument = pool.submit_with(Fussy(told), |fussy| fussy.0).soon().unwrap_err();
        assert!(matches!(argument, Error::Codec { .. }), "{told}: {argument:?}");
        assert!(argument.to_string().contains(words), "{told}: {argument}");
        assert!(argument.to_string().starts_with("TaskWorker::submit_with: an argument "), "{told}: {argument}");
        let result = pool.submit_with(told, Fussy).soon().unwrap_err();
        assert!(matches!(result, Error::Codec { .. }), "{told}: {result:?}");
        assert!(result.to_string().contains(words), "{told}: {result}");
        assert!(result.to_string().starts_with("TaskWorker::submit_with: the result "), "{told}: {result}");
    }
    assert_eq!(pool.submit_with(Fussy(9), |fussy| fussy).soon().unwrap(), Fussy(9));
    assert_eq!(pool.stats().workers[0].pid, pid);
}

#[test]
fn a_function_can_ask_for_its_call() {
    for mode in modes() {
        let pool = TaskWorker::options().mode(mode).name("asked").init().unwrap();
        let asked = pool.submit_with((), |()| {
            concurry::current().map(|call| (call.pool_name().to_owned(), call.method().to_owned(), call.attempt()))
        });
        assert_eq!(asked.soon().unwrap(), Some(("asked".to_owned(), "submit_with".to_owned(), 1)), "{mode}");
    }
    let method = pool(Mode::Sync).submit(|| concurry::current().map(|call| call.method().to_owned()));
    assert_eq!(method.soon().unwrap().as_deref(), Some("submit"));
}

#[test]
fn it_is_a_pool_like_any_other() {
    for mode in apart() {
        let pool = TaskWorker::options().mode(mode).max_workers(2).on_demand(false).init().unwrap();
        assert_eq!((pool.name(), pool.max_workers()), ("TaskWorker", 2), "{mode}");
        assert!(matches!(pool.worker(2).submit_with(1, double).soon(), Err(Error::Invalid { .. })), "{mode}");
        let futures: Vec<_> = (0..50).map(|x| pool.submit_with(x, double)).collect();
        pool.clone().stop().unwrap();
        assert!(pool.is_stopped());
        assert_eq!(all_ok(futures).len(), 50, "{mode}");
        let error = pool.submit_with(1, double).soon().unwrap_err();
        assert!(matches!(error, Error::Stopped { .. }), "{mode}: {error:?}");
        assert!(error.to_string().starts_with("TaskWorker::submit_with "), "{error}");
        assert!(matches!(pool.map(0.., double).next(), Some(Err(Error::Stopped { .. }))), "{mode}");
    }
    let error = TaskWorker::options().mode(Mode::Sync).max_workers(2).init().unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error:?}");
    assert_eq!(TaskWorker::init().unwrap().submit(|| 5).soon().unwrap(), 5);
}

/// Succeeds at the third attempt.
fn third(page: Page) -> Result<u32, String> {
    let attempt = concurry::current().map_or(0, |call| call.attempt());
    page.note(attempt);
    if attempt < 3 { Err(format!("attempt {attempt}")) } else { Ok(attempt) }
}

#[test]
fn what_has_an_argument_can_be_tried_again() {
    let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
    for mode in modes() {
        let pool = TaskWorker::options().mode(mode).retry(retry.clone()).init().unwrap();
        let journal = Journal::new();
        assert_eq!(pool.try_submit_with(journal.page(), third).soon().unwrap(), 3, "{mode}");
        let mapped: Vec<_> = pool.try_map([journal.page(), journal.page()], third).map(Result::unwrap).collect();
        assert_eq!(mapped, [3, 3], "{mode}");
        assert_eq!(journal.count("3"), 3, "{mode}");
        assert_eq!(pool.stats().retried, 6, "{mode}");
    }
    // A closure that can be called once is, whatever the pool says; it is refused where it was named.
    let pool = TaskWorker::options().retry(retry.clone()).init().unwrap();
    let journal = Journal::new();
    let page = journal.page();
    assert!(pool.try_submit(move || third(page)).soon().is_err());
    assert_eq!(journal.numbers(), [1]);
    let pool = TaskWorker::options().retry_method("submit", retry).init().unwrap();
    let error = pool.submit(|| 1).soon().unwrap_err().to_string();
    assert!(error.starts_with("TaskWorker::submit: ") && error.contains("use `submit_with`"), "{error}");
}
