//! A crate without prelude that denies and forbids what it can: generated code is as quiet as none.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
#![deny(unused_qualifications, single_use_lifetimes, elided_lifetimes_in_paths, trivial_casts, unused_results)]

/// Counts.
#[derive(Debug)]
pub struct Counter {
    count: u64,
}

/// Has no words of its own.
#[derive(::std::default::Default)]
struct Quiet {
    calls: u64,
}

#[::concurry::worker(mode = "sync", timeout = "30s", name = "count")]
impl Counter {
    /// Starts somewhere.
    ///
    /// # Errors
    /// At nothing.
    pub fn new(start: u64, _label: &str) -> ::std::result::Result<Self, ::std::string::String> {
        if start == 0 { ::std::result::Result::Err(::std::string::ToString::to_string("zero")) } else { ::std::result::Result::Ok(Self { count: start }) }
    }

    /// Adds.
    pub fn add(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn fail(&self, text: &str) -> ::std::result::Result<(), ::std::string::String> {
        ::std::result::Result::Err(::std::borrow::ToOwned::to_owned(text))
    }

    pub(crate) async fn later(&self, context: &::concurry::CallContext, bytes: &[u8], more: ::std::vec::Vec<u8>) -> usize {
        ::std::future::ready(()).await;
        bytes.len() + more.len() + <usize as ::std::convert::From<bool>>::from(context.is_cancelled())
    }
}

#[::concurry::worker]
impl Quiet {
    pub(crate) fn nothing(&mut self) {
        self.calls += 1;
    }
}

/// Stores.
pub struct Store<T> {
    held: ::std::option::Option<T>,
}

#[::concurry::worker(mode = "sync")]
impl<T: ::std::clone::Clone> Store<T> {
    /// Holds one.
    pub fn new(first: T) -> Self {
        Self { held: ::std::option::Option::Some(first) }
    }

    /// What is held.
    pub fn held(&mut self, next: ::std::option::Option<T>) -> ::std::option::Option<T> {
        ::std::mem::replace(&mut self.held, next)
    }
}

fn main() {
    use ::std::string::ToString as _;
    use ::std::{assert, assert_eq, vec};
    let pool = Counter::options().init(1, "one").unwrap();
    assert_eq!(pool.add(2u64).result().unwrap(), 3);
    assert!(pool.fail("because").result().unwrap_err().to_string().contains("because"));
    assert_eq!(pool.later(vec![1u8], &[2u8, 3][..]).result().unwrap(), 3);
    assert!(Counter::init(0, "none").is_err());
    Quiet::init().unwrap().nothing().result().unwrap();
    let store = Store::<u8>::init(7).unwrap();
    assert_eq!(store.held(::std::option::Option::None).result().unwrap(), ::std::option::Option::Some(7));
}
