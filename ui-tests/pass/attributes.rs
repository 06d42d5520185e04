//! What stands on a block and its functions: docs, conditions, deprecation, lints, options, and which of two options wins.
#![deny(warnings, missing_docs, clippy::all)]

use std::time::Duration;

use concurry::prelude::*;
use concurry_ui_tests::MODES;

/// Options on the type, of which the block overrules some.
#[derive(Default)]
#[worker(mode = "thread", max_workers = 3, name = "from the type", load_balancing = "shared")]
pub struct Defaults {
    calls: u64,
}

/// A block with everything on it.
#[worker(
    max_workers = 2,
    stop_timeout = "20s",
    timeout = "1m",
    max_restarts = 0,
    num_retries = 0,
    max_queued_tasks = 7
)]
#[allow(clippy::needless_pass_by_value, dead_code)]
#[cfg(any(unix, windows))]
impl Defaults {
    /// Has docs of several lines,
    ///
    /// # Errors
    /// and parts.
    #[worker(timeout = "2s", num_retries = 1)]
    #[must_use = "it is a count"]
    #[inline]
    pub fn count(&mut self, text: String) -> Result<u64, String> {
        self.calls += 1;
        if text.is_empty() { Err("empty".to_owned()) } else { Ok(self.calls) }
    }

    #[deprecated(since = "0.1.0", note = "use count")]
    #[doc = "Old."]
    pub fn old(&self) -> u64 {
        self.calls
    }

    #[cfg_attr(all(), doc = "Docs under a condition.")]
    #[cfg(any(unix, windows))]
    #[cfg(not(any()))]
    pub fn conditional(&self) -> u64 {
        1
    }

    /// Is not there.
    #[cfg(any())]
    pub fn conditional(&self) -> Missing {
        Missing
    }

    /// Is not there either.
    #[cfg(any())]
    pub fn missing(&self, x: Missing) -> Result<Missing, Missing> {
        x
    }

    /// Two attributes, of which one is given by its path.
    #[::concurry::worker(skip)]
    #[allow(clippy::unused_self)]
    pub fn skipped<T>(&self, value: T) -> T {
        value
    }

    #[doc(hidden)]
    pub fn hidden(&self) {}

    /// What the method is allowed, its stub and its message are.
    #[allow(deprecated, non_snake_case, reason = "it is old")]
    pub fn oldStyle(&self, old: Old, #[expect(non_snake_case)] Number: u64) -> Old {
        Old(old.0 + Number)
    }
}

/// A type that is not to be used any more.
#[deprecated]
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Old(pub u64);

/// A type of the platform that is not this one.
#[cfg(any())]
pub struct Elsewhere;

#[worker]
#[cfg(any())]
impl Elsewhere {
    pub fn missing(&self, x: Missing) -> Missing {
        x
    }
}

#[cfg(any())]
#[worker(nonsense)]
impl Elsewhere {}

/// An enum can be a worker, and so can a union.
#[derive(Default)]
#[worker(mode = "sync")]
pub enum Switch {
    /// Not on.
    #[default]
    Off,
    /// Not off.
    On,
}

#[worker]
impl Switch {
    /// Turns it, and tells whether it was on.
    pub fn turn(&mut self) -> bool {
        match std::mem::replace(self, Switch::On) {
            Switch::Off => false,
            Switch::On => true,
        }
    }
}

#[test]
fn the_block_overrules_the_type_and_the_builder_both() -> concurry::Result<()> {
    let pool = Defaults::init()?;
    let stats = pool.stats();
    assert_eq!((stats.mode, stats.max_workers, stats.name.as_str()), (Mode::Thread, 2, "from the type"));
    pool.stop()?;
    let pool =
        Defaults::options().mode(Mode::Sync).max_workers(1).name("mine").stop_timeout(Duration::from_secs(1)).init()?;
    let stats = pool.stats();
    assert_eq!((stats.mode, stats.max_workers, stats.name.as_str()), (Mode::Sync, 1, "mine"));
    assert_eq!(Switch::init()?.stats().mode, Mode::Sync);
    pool.stop()
}

#[test]
fn stubs_bear_what_their_methods_do() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Defaults::options().mode(mode).max_workers(1).init()?;
        assert_eq!(pool.count("a").result()?, 1);
        assert!(pool.count("").result().is_err());
        #[expect(deprecated, reason = "the stub is deprecated as its method is")]
        let old = pool.old();
        assert!(old.result()? >= 2);
        assert_eq!(pool.conditional().result()?, 1);
        pool.hidden().result()?;
        #[expect(deprecated, reason = "the type is")]
        let old = pool.oldStyle(Old(1), 2u64).result()?.0;
        assert_eq!(old, 3);
        pool.stop()?;
        let switch = Switch::options().mode(mode).init()?;
        assert_eq!((switch.turn().result()?, switch.turn().result()?), (false, true));
        switch.stop()?;
    }
    assert_eq!(Defaults::default().skipped(3), 3);
    Ok(())
}

#[test]
fn options_can_be_kept_copied_and_shown() -> concurry::Result<()> {
    let options: DefaultsOptions = Defaults::options().mode(Mode::Sync).max_workers(1);
    let (first, second) = (options.clone().init()?, options.clone().name("second").init()?);
    assert_eq!((first.name(), second.name()), ("from the type", "second"));
    assert!(format!("{options:?} {first:?}").contains("Defaults"));
    Ok(())
}

/// What bincode cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Untagged {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// Says everything by name.
#[derive(Default)]
pub struct Described;

#[worker(codec = "msgpack")]
impl Described {
    /// Gives back what it was given.
    pub fn same(&self, value: Untagged, bytes: &[u8]) -> (Untagged, Vec<u8>) {
        (value, bytes.to_vec())
    }
}

/// The same as a task.
#[task(codec = "msgpack", mode = "process")]
fn same(value: Untagged) -> Untagged {
    value
}

#[test]
fn the_codec_is_chosen() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Described::options().mode(mode).init()?;
        for value in [Untagged::Number(7), Untagged::Text("seven".to_owned())] {
            assert_eq!(pool.same(&value, [1, 2]).result()?, (value.clone(), vec![1, 2]));
            assert_eq!(same(&value).result()?, value);
        }
        pool.stop()?;
    }
    same::stop()
}
