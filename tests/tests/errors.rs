//! A method's own error comes back, whatever it is and wherever the method ran.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::num::ParseIntError;

use anyhow::Context;
use concurry::prelude::*;
use concurry::{Error, RemoteError, TimeoutScope};
use concurry_tests::{Door, Gate, Soon, Way, modes};
use serde::{Deserialize, Serialize};

/// Cannot travel.
#[derive(Debug, thiserror::Error)]
#[error("plain {number}")]
struct Plain {
    number: u64,
    #[source]
    cause: ParseIntError,
}

/// Can travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
enum Portable {
    #[error("portable {0}")]
    One(u64),
    #[error("portable with a cause")]
    Caused {
        #[from]
        source: Cause,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("the cause")]
struct Cause;

/// An alias whose last segment is not `Result`.
type Outcome<T> = Result<T, Portable>;
/// An alias of that name with another error.
type IoResult<T> = io::Result<T>;

#[derive(Default)]
struct Faulty {
    calls: u64,
}

fn plain() -> Plain {
    Plain { number: 7, cause: "x".parse::<u64>().unwrap_err() }
}

#[worker]
impl Faulty {
    pub fn plain(&self) -> Result<u64, Plain> {
        Err(plain())
    }

    pub fn portable(&self, caused: bool) -> Result<u64, Portable> {
        Err(if caused { Cause.into() } else { Portable::One(7) })
    }

    #[worker(result)]
    pub fn outcome(&self, fine: bool) -> Outcome<u64> {
        if fine { Ok(42) } else { Err(Portable::One(7)) }
    }

    /// The result itself is the value here.
    #[worker(value)]
    pub fn result_as_value(&self, fine: bool) -> Result<u64, Portable> {
        if fine { Ok(42) } else { Err(Portable::One(7)) }
    }

    pub fn anyhow(&self) -> anyhow::Result<u64> {
        Err(plain()).context("while testing").context("at the top")
    }

    pub fn anyhow_of_another(&self) -> anyhow::Result<u64> {
        let inner = Faulty::options().mode(Mode::Thread).init()?;
        inner.anyhow().result().context("asking another")
    }

    pub fn boxed(&self) -> Result<u64, Box<dyn StdError + Send + Sync>> {
        Err(Box::new(plain()))
    }

    pub fn text(&self) -> Result<u64, String> {
        Err("just words".to_owned())
    }

    pub fn letters(&self) -> Result<u64, &'static str> {
        Err("just letters")
    }

    pub fn io(&self) -> io::Result<u64> {
        std::fs::read("/there/is/no/such/file").map(|_| 0)
    }

    #[worker(result)]
    pub fn io_alias(&self) -> IoResult<u64> {
        Err(io::Error::from(io::ErrorKind::TimedOut))
    }

    pub fn own(&self) -> concurry::Result<u64> {
        Err(Error::failed(Portable::One(8)))
    }

    pub fn own_of_another(&mut self) -> concurry::Result<u64> {
        let inner = Faulty::options().mode(Mode::Thread).init()?;
        inner.panics().result()
    }

    pub fn question_mark(&self) -> concurry::Result<u64> {
        Ok(std::fs::metadata("/there/is/no/such/file")?.len())
    }

    pub fn panics(&self) -> u64 {
        panic!("that is all")
    }

    pub fn ok(&mut self) -> Result<u64, Plain> {
        self.calls += 1;
        Ok(self.calls)
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

fn each(mut check: impl FnMut(Mode, &FaultyClient)) {
    for mode in modes() {
        let pool = Faulty::options().mode(mode).init().unwrap();
        check(mode, &pool);
        // An error is no reason to build the worker anew.
        assert_eq!(pool.ok().soon().unwrap(), 1);
        assert_eq!(pool.ok().soon().unwrap(), 2);
        pool.stop().unwrap();
    }
}

/// What the method's own error comes from, which itself is in the text of `error`.
fn causes(error: &Error) -> Vec<String> {
    std::iter::successors(error.source(), |error| (*error).source()).map(ToString::to_string).collect()
}

#[test]
fn a_plain_error_comes_back_as_itself_or_as_its_words() {
    each(|mode, pool| {
        let error = pool.plain().soon().unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{mode}: {error:?}");
        assert_eq!(error.to_string(), "Faulty::plain failed: plain 7", "{mode}");
        assert_eq!(causes(&error), ["invalid digit found in string"], "{mode}");
        assert!(error.is::<Plain>(), "{mode}: {error:?}");
        if mode == Mode::Process {
            let remote = error.downcast_ref::<RemoteError>().unwrap();
            assert_eq!(remote.type_name, std::any::type_name::<Plain>());
            assert_eq!(remote.message, "plain 7");
            assert_eq!(remote.sources, ["invalid digit found in string"]);
            assert!(error.downcast_ref::<Plain>().is_none() && error.downcast_ref::<ParseIntError>().is_none());
        } else {
            assert_eq!(error.downcast_ref::<Plain>().unwrap().number, 7);
            assert_eq!(error.downcast_ref::<ParseIntError>(), Some(&plain().cause));
            assert!(error.downcast_ref::<RemoteError>().is_none());
        }
    });
}

#[test]
fn an_error_that_can_travel_comes_back_as_itself_everywhere() {
    each(|mode, pool| {
        let error = pool.portable(false).soon().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Portable::One(7)), "{mode}");
        assert_eq!(error.to_string(), "Faulty::portable failed: portable 7");
        let error = pool.portable(true).soon().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Portable::Caused { source: Cause }), "{mode}");
        assert_eq!(error.downcast_ref(), Some(&Cause), "{mode}: the cause has a type too");
        assert_eq!(causes(&error), ["the cause"], "{mode}");
        assert!(error.is::<Portable>() && error.is::<Cause>() && !error.is::<Plain>());
        assert!(error.downcast_ref::<RemoteError>().is_none());
    });
}

#[test]
fn results_of_other_names_are_results_where_they_are_marked() {
    each(|mode, pool| {
        assert_eq!(pool.outcome(true).soon().unwrap(), 42);
        let error = pool.outcome(false).soon().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Portable::One(7)), "{mode}");
        assert_eq!(pool.result_as_value(true).soon().unwrap(), Ok(42));
        assert_eq!(pool.result_as_value(false).soon().unwrap(), Err(Portable::One(7)), "{mode}");
        let error = pool.io_alias().soon().unwrap_err();
        assert!(error.is::<io::Error>(), "{mode}: {error:?}");
    });
}

#[test]
fn anyhow_and_boxes_are_looked_through() {
    each(|mode, pool| {
        let error = pool.anyhow().soon().unwrap_err();
        assert_eq!(error.to_string(), "Faulty::anyhow failed: at the top", "{mode}");
        let words = ["while testing", "plain 7", "invalid digit found in string"];
        assert_eq!(causes(&error), words, "{mode}");
        let boxed = pool.boxed().soon().unwrap_err();
        assert_eq!(boxed.to_string(), "Faulty::boxed failed: plain 7", "{mode}");
        assert_eq!(causes(&boxed), &words[2..], "{mode}");
        for error in [error, boxed] {
            if mode == Mode::Process {
                assert!(error.downcast_ref::<RemoteError>().is_some());
            } else {
                assert_eq!(error.downcast_ref::<Plain>().unwrap().number, 7);
                assert!(error.is::<ParseIntError>());
            }
        }
    });
}

#[test]
fn each_cause_is_shown_once() {
    each(|mode, pool| {
        let error = pool.anyhow().soon().unwrap_err();
        let told = "Faulty::anyhow failed: at the top: while testing: plain 7: invalid digit found in string";
        assert_eq!(format!("{error:#}"), told, "{mode}");
        // Also where somebody else goes through the chain.
        assert_eq!(format!("{:#}", anyhow::Error::new(error)), told, "{mode}");
        let error = pool.anyhow_of_another().soon().unwrap_err();
        let told = format!("Faulty::anyhow_of_another failed: asking another: {told}");
        assert_eq!(format!("{error:#}"), told, "{mode}");
        assert_eq!(error.downcast_ref::<Plain>().is_some(), mode != Mode::Process, "{mode}");
        assert_eq!(format!("{:#}", anyhow::Error::new(error)), told, "{mode}");
    });
}

#[test]
fn words_alone_are_an_error_too() {
    each(|mode, pool| {
        let error = pool.text().soon().unwrap_err();
        assert_eq!(error.to_string(), "Faulty::text failed: just words", "{mode}");
        let error = pool.letters().soon().unwrap_err();
        assert_eq!(error.to_string(), "Faulty::letters failed: just letters", "{mode}");
        assert!(matches!(error, Error::Failed { .. }));
    });
}

#[test]
fn io_errors_keep_their_kind_where_memory_is_shared() {
    each(|mode, pool| {
        let error = pool.io().soon().unwrap_err();
        assert!(error.is::<io::Error>(), "{mode}: {error:?}");
        assert!(error.to_string().contains("No such file"), "{error}");
        if mode != Mode::Process {
            assert_eq!(error.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
            assert!(!error.is_transient());
        }
        let error = pool.question_mark().soon().unwrap_err();
        assert!(matches!(error, Error::Failed { .. }) && error.to_string().contains("No such file"), "{error:?}");
    });
}

#[test]
fn concurry_s_own_errors_pass_through_unchanged() {
    each(|mode, pool| {
        let error = pool.own().soon().unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{mode}: {error:?}");
        assert!(error.to_string().contains("portable 8"), "{error}");
        if mode != Mode::Process {
            assert_eq!(error.downcast_ref(), Some(&Portable::One(8)));
        }
        let error = pool.own_of_another().soon().unwrap_err();
        let Error::Panicked { worker, method, message, location, .. } = &error else { panic!("{mode}: {error:?}") };
        assert_eq!((&**worker, &**method, &**message), ("Faulty", "panics", "that is all"), "{mode}");
        assert!(location.contains("errors.rs:"), "{location}");
    });
}

#[test]
fn an_error_is_shared_cheaply_and_everywhere() {
    fn can<T: StdError + Clone + Send + Sync + fmt::Debug + Serialize + for<'de> Deserialize<'de> + 'static>() {}
    can::<Error>();
    can::<RemoteError>();
    let error = Error::failed(plain());
    let clone = error.clone();
    assert!(std::ptr::eq(error.downcast_ref::<Plain>().unwrap(), clone.downcast_ref::<Plain>().unwrap()));
    let boxed: Box<dyn StdError + Send + Sync> = Box::new(clone);
    assert!(boxed.downcast_ref::<Error>().unwrap().is::<Plain>());
    let from_io: Error = io::Error::other("disk on fire").into();
    assert!(matches!(from_io, Error::Failed { .. }) && from_io.is::<io::Error>());
    fn question() -> anyhow::Result<()> {
        Err(Error::failed(plain()))?
    }
    assert!(question().unwrap_err().downcast_ref::<Error>().unwrap().is::<Plain>());
}

/// Every error that a call or an init can come to here and now, with the words that it must have.
#[test]
fn every_message_names_worker_and_method_and_where_there_is_one_the_remedy() {
    let gate = Gate::new();
    let sync = Faulty::options().mode(Mode::Sync).init().unwrap();
    let process = Faulty::options().mode(Mode::Process).max_queued_tasks(1).init().unwrap();
    let mut stay = process.stay(gate.door());
    let visitor = gate.visitor();
    let timed_out = stay.result_within(std::time::Duration::from_millis(1)).unwrap_err();
    let queued = process.ok();
    assert!(queued.cancel());
    let cancelled = queued.soon().unwrap_err();
    drop(visitor);
    stay.soon().unwrap();
    let died = process.end(Way::Kill).soon().unwrap_err();
    let elsewhere = {
        let sync = sync.clone();
        std::thread::spawn(move || sync.plain().soon().unwrap_err()).join().unwrap()
    };
    let stopped = {
        let pool = Faulty::options().mode(Mode::Thread).init().unwrap();
        pool.stop().unwrap();
        pool.text().soon().unwrap_err()
    };
    type Case = (Error, fn(&Error) -> bool, &'static [&'static str]);
    let cases: Vec<Case> = vec![
        (sync.plain().soon().unwrap_err(), |e| matches!(e, Error::Failed { .. }), &["Faulty::plain", "plain 7"]),
        (sync.panics().soon().unwrap_err(), |e| matches!(e, Error::Panicked { .. }), &["Faulty::panics", "errors.rs:"]),
        (died, |e| matches!(e, Error::WorkerDied { .. }), &["Faulty[0]::end", "SIGKILL"]),
        (cancelled, |e| matches!(e, Error::Cancelled { .. }), &["Faulty::ok", "cancelled"]),
        (
            timed_out,
            |e| matches!(e, Error::TimedOut { scope: TimeoutScope::Wait, .. }),
            &["Faulty::stay", "waiting", "1ms"],
        ),
        (stopped, |e| matches!(e, Error::Stopped { .. }), &["Faulty::text", "make a new pool"]),
        (
            sync.worker(3).ok().soon().unwrap_err(),
            |e| matches!(e, Error::Invalid { .. }),
            &["Faulty::ok", "no worker 3", "the last is 0"],
        ),
        (elsewhere, |e| matches!(e, Error::Unsupported { .. }), &["Faulty::plain", "`sync`", "`thread`"]),
        (
            Faulty::options().max_workers(0).init().unwrap_err(),
            |e| matches!(e, Error::Config { .. }),
            &["Faulty", "`max_workers` is 0", "from 1 to"],
        ),
    ];
    for (error, is, words) in cases {
        assert!(is(&error), "{error:?}");
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "no `{word}` in: {text}");
        }
        assert!(!text.ends_with('.') && text.is_ascii(), "{text}");
        // It is the same after a way to another process and back.
        let told = serde_json::to_string(&error).unwrap();
        let back: Error = serde_json::from_str(&told).unwrap();
        assert_eq!(back.to_string(), text);
        assert!(is(&back), "{back:?}");
    }
    process.stop().unwrap();
}

#[test]
fn what_may_go_better_next_time_is_transient() {
    let pool = Faulty::options().mode(Mode::Process).init().unwrap();
    assert!(pool.end(Way::Exit(1)).soon().unwrap_err().is_transient());
    assert!(pool.panics().soon().unwrap_err().is_transient());
    assert!(pool.text().soon().unwrap_err().is_transient());
    assert!(!pool.worker(9).text().soon().unwrap_err().is_transient());
    pool.stop().unwrap();
    assert!(!pool.text().soon().unwrap_err().is_transient());
}
