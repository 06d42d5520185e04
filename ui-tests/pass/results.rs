//! What methods and constructors return: results by every name, plain values that look like results, errors of any kind.
#![deny(warnings, clippy::all)]

use std::error::Error as StdError;
use std::fmt;
use std::io;

use concurry::prelude::*;
use concurry_ui_tests::MODES;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub code: u32,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}", self.code)
    }
}

impl StdError for Refused {}

pub type Fixed = &'static str;
pub type Answer = Result<u64, Refused>;
pub type Fallible<T = u64, E = Refused> = std::result::Result<T, E>;

/// A type of the user's own that is called so and is none.
pub mod game {
    #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
    pub enum Result {
        Win,
        Lose,
    }
}

pub struct Returns {
    started: u64,
}

#[worker]
impl Returns {
    pub fn new(start: u64) -> Result<Self, Refused> {
        if start == 0 { Err(Refused { code: 0 }) } else { Ok(Returns { started: start }) }
    }

    pub fn io(&self, ok: bool) -> io::Result<u64> {
        if ok { Ok(self.started) } else { Err(io::Error::new(io::ErrorKind::NotFound, "no such thing")) }
    }

    pub fn anyhow(&self, ok: bool) -> anyhow::Result<u64> {
        if ok { Ok(2) } else { Err(anyhow::Error::new(Refused { code: 2 }).context("at the door")) }
    }

    pub fn concurry(&self, ok: bool) -> concurry::Result<u64> {
        if ok { Ok(3) } else { Err(io::Error::other("passed through").into()) }
    }

    pub fn text(&self, ok: bool) -> Result<u64, String> {
        if ok { Ok(4) } else { Err("only text".to_owned()) }
    }

    pub fn fixed(&self, ok: bool) -> Result<u64, &'static str> {
        if ok { Ok(5) } else { Err("fixed text") }
    }

    pub fn fixed_alias(&self) -> Result<(), Fixed> {
        Err("fixed by another name")
    }

    pub fn boxed(&self, ok: bool) -> Result<u64, Box<dyn StdError + Send + Sync>> {
        if ok { Ok(6) } else { Err(Box::new(Refused { code: 6 })) }
    }

    pub fn own(&self, ok: bool) -> std::result::Result<u64, Refused> {
        if ok { Ok(7) } else { Err(Refused { code: 7 }) }
    }

    #[worker(result)]
    pub fn alias(&self, ok: bool) -> Answer {
        if ok { Ok(8) } else { Err(Refused { code: 8 }) }
    }

    #[worker(result)]
    pub fn generic_alias(&self, ok: bool) -> Fallible {
        if ok { Ok(9) } else { Err(Refused { code: 9 }) }
    }

    #[worker(value)]
    pub fn value(&self, ok: bool) -> Result<u64, Refused> {
        if ok { Ok(10) } else { Err(Refused { code: 10 }) }
    }

    #[worker(value)]
    pub fn won(&self, ok: bool) -> game::Result {
        if ok { game::Result::Win } else { game::Result::Lose }
    }

    pub fn nested(&self) -> Result<Result<u64, String>, String> {
        Ok(Err("inside".to_owned()))
    }

    pub async fn later(&self, ok: bool) -> Result<(), Refused> {
        std::future::ready(if ok { Ok(()) } else { Err(Refused { code: 12 }) }).await
    }

    pub fn unit(&self) -> Result<(), fmt::Error> {
        Err(fmt::Error)
    }
}

type Call = fn(&ReturnsClient, bool) -> TaskFuture<u64>;

#[test]
fn every_result_is_projected() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Returns::options().mode(mode).init(1)?;
        let calls: [(Call, &str); 9] = [
            (|pool, ok| pool.io(ok), "no such thing"),
            (|pool, ok| pool.anyhow(ok), "at the door"),
            (|pool, ok| pool.concurry(ok), "passed through"),
            (|pool, ok| pool.text(ok), "only text"),
            (|pool, ok| pool.fixed(ok), "fixed text"),
            (|pool, ok| pool.boxed(ok), "refused with 6"),
            (|pool, ok| pool.own(ok), "refused with 7"),
            (|pool, ok| pool.alias(ok), "refused with 8"),
            (|pool, ok| pool.generic_alias(ok), "refused with 9"),
        ];
        for (number, (call, error)) in (1..).zip(calls) {
            assert_eq!(call(&pool, true).result()?, number, "{mode}");
            let failed = call(&pool, false).result().err().map(|error| error.to_string());
            assert!(failed.as_ref().is_some_and(|text| text.contains(error)), "{mode}: {failed:?} is not {error}");
        }
        assert_eq!(pool.value(true).result()?, Ok(10));
        assert_eq!(pool.value(false).result()?, Err(Refused { code: 10 }));
        assert_eq!(pool.won(false).result()?, game::Result::Lose);
        assert_eq!(pool.nested().result()?, Err("inside".to_owned()));
        pool.later(true).result()?;
        assert!(pool.later(false).result().is_err_and(|error| error.is::<Refused>()));
        assert!(pool.fixed_alias().result().is_err_and(|error| error.to_string().contains("fixed by another name")));
        assert!(pool.unit().result().is_err_and(|error| error.is::<fmt::Error>()));
        pool.stop()?;
    }
    Ok(())
}

#[test]
fn the_methods_own_error_comes_back() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Returns::options().mode(mode).init(1)?;
        let own = pool.own(false).result().err();
        let code = |error: Option<concurry::Error>| {
            error.as_ref().and_then(|error| error.downcast_ref::<Refused>().map(|refused| refused.code))
        };
        assert_eq!(code(own), Some(7));
        assert_eq!(code(pool.alias(false).result().err()), Some(8));
        pool.stop()?;
    }
    Ok(())
}

#[test]
fn a_constructor_that_fails_is_an_error_of_init() {
    for mode in MODES {
        let error = Returns::options().mode(mode).init(0).err();
        let text = error.map(|error| error.to_string());
        assert!(
            text.as_ref().is_some_and(|text| text.contains("refused with 0") && text.contains("Returns")),
            "{text:?}"
        );
    }
}
