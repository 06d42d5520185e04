//! How large messages may be is an option: what is larger is an error of its call, which says so, and costs nothing else.

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, all_ok, apart};

const MOST: u64 = 100_000;

struct Scale {
    calls: u64,
}

#[worker(mode = "process", max_message_size = "100000B", max_restarts = 0)]
impl Scale {
    pub fn new(ballast: Vec<u8>) -> Self {
        drop(ballast);
        Scale { calls: 0 }
    }

    pub fn weigh(&mut self, bytes: Vec<u8>) -> usize {
        self.calls += 1;
        bytes.len()
    }

    pub fn words(&mut self, words: Vec<String>) -> usize {
        self.calls += 1;
        words.len()
    }

    pub fn make(&mut self, size: usize) -> Vec<u8> {
        self.calls += 1;
        vec![1; size]
    }

    pub fn write(&mut self, size: usize) -> String {
        self.calls += 1;
        "x".repeat(size)
    }

    pub fn fail(&mut self, size: usize) -> Result<u64, String> {
        self.calls += 1;
        Err("x".repeat(size))
    }

    pub fn nothings(&self, count: usize) -> Vec<()> {
        vec![(); count]
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: concurry::Result<T>, method: &str, what: &str, size: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Codec { .. }), "{error:?}");
    let text = error.to_string();
    let expected = format!(
        "Scale::{method}: {what} cannot be sent: it takes {size} bytes or more, and `max_message_size` is {MOST} bytes; raise it"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn what_is_larger_than_allowed_is_an_error_of_its_call_alone() {
    let pool = Scale::init(vec![0; 90_000]).unwrap();
    // Both ways, whatever is queued before and behind.
    let good = [1, 10_000, 99_900].map(|size| (pool.weigh(vec![1; size]), pool.make(size), pool.write(size), size));
    // The number of the method takes a byte, and the length of so many bytes five.
    refused(pool.weigh(vec![1; 99_997]).soon(), "weigh", "an argument", "100003");
    refused(pool.words(vec!["word".to_owned(); 30_000]).soon(), "words", "an argument", "100004");
    refused(pool.make(100_001).soon(), "make", "the result", "100001");
    refused(pool.write(100_000).soon(), "write", "the result", "100005");
    let failed = pool.fail(100_000).soon().unwrap_err();
    assert!(matches!(failed, Error::Codec { .. }), "{failed:?}");
    assert!(failed.to_string().starts_with("Scale::fail: the error cannot be sent: it takes 1000"), "{failed}");
    assert!(matches!(pool.fail(1000).soon(), Err(Error::Failed { .. })));
    for (weighed, made, written, size) in good {
        assert_eq!(
            (weighed.soon().unwrap(), made.soon().unwrap().len(), written.soon().unwrap().len()),
            (size, size, size)
        );
    }
    // What was refused on its way to the worker did not run, what was refused on its way back did.
    assert_eq!(pool.calls().soon().unwrap(), 9 + 2 + 2);
    let stats = pool.stats();
    assert_eq!((stats.restarts, stats.queued, stats.in_flight), (0, 0, 0));
    assert_eq!((stats.completed, stats.failed), (10, 6));
    pool.stop().unwrap();
}

#[test]
fn to_the_byte() {
    let pool = Scale::init(Vec::new()).unwrap();
    assert_eq!(pool.make(100_000).soon().unwrap().len(), 100_000);
    refused(pool.make(100_001).soon(), "make", "the result", "100001");
    pool.stop().unwrap();
    let pool = Scale::options().max_message_size(1).init(vec![0]).unwrap_err();
    assert!(pool.to_string().contains("max_message_size"), "{pool}");
}

#[test]
fn a_constructors_arguments_are_bounded_too() {
    let error = Scale::init(vec![0; 100_000]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("the constructor's arguments cannot be sent: it takes")
            && text.contains("`max_message_size` is 100000 bytes"),
        "{text}"
    );
}

#[test]
fn it_can_be_raised_up_to_what_a_frame_carries_and_says_nothing_where_memory_is_shared() {
    let pool = Scale::options().max_message_size(2 << 30).init(Vec::new()).unwrap();
    assert_eq!(pool.make(200_000).soon().unwrap().len(), 200_000);
    pool.stop().unwrap();
    let error = Scale::options().max_message_size((2 << 30) + 1).init(Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`max_message_size`") && error.to_string().contains("2GiB"), "{error}");
    for mode in apart().into_iter().filter(|mode| *mode != Mode::Process) {
        let pool = Scale::options().mode(mode).init(vec![0; 200_000]).unwrap();
        assert_eq!(pool.weigh(vec![1; 200_000]).soon().unwrap(), 200_000);
        pool.stop().unwrap();
    }
}

#[test]
fn functions_are_bounded_as_methods_are() {
    let pool = TaskWorker::options().mode(Mode::Process).max_message_size(1000).init().unwrap();
    assert_eq!(pool.submit_with(vec![1u8; 900], |bytes| bytes.len()).soon().unwrap(), 900);
    let error = pool.submit_with(vec![1u8; 1000], |bytes| bytes.len()).soon().unwrap_err();
    assert!(error.to_string().contains("`max_message_size` is 1000 bytes"), "{error}");
    let error = pool.submit_with(1001usize, |size| vec![1u8; size]).soon().unwrap_err();
    assert!(error.to_string().contains("the result cannot be sent: it takes 1001 bytes"), "{error}");
    let sizes: Vec<_> =
        pool.map([10usize, 2000, 20], |size| vec![1u8; size]).map(|result| result.ok().map(|r| r.len())).collect();
    assert_eq!(sizes, [Some(10), None, Some(20)]);
    pool.stop().unwrap();
}

#[test]
fn elements_that_take_no_bytes_are_bounded_by_number() {
    let pool = Scale::init(Vec::new()).unwrap();
    assert_eq!(pool.nothings(1 << 20).soon().unwrap().len(), 1 << 20);
    let error = pool.nothings((1 << 21) + 10).soon().unwrap_err();
    assert!(matches!(error, Error::Codec { .. }), "{error:?}");
    assert!(error.to_string().contains("more elements than bytes"), "{error}");
    assert_eq!(all_ok([pool.calls()]), [0]);
    pool.stop().unwrap();
}
