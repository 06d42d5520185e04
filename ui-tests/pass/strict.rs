//! A crate without prelude that denies and forbids what it can: generated code is as quiet as none.
#![no_implicit_prelude]
#![forbid(unsafe_code, unused_must_use)]
#![deny(warnings, missing_docs, unreachable_pub, future_incompatible, nonstandard_style, rust_2018_idioms, unused)]
#![deny(
    single_use_lifetimes,
    unused_lifetimes,
    redundant_lifetimes,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements
)]
#![deny(unused_qualifications, unused_results, unused_import_braces, meta_variable_misuse, let_underscore_drop)]
#![deny(trivial_casts, trivial_numeric_casts, missing_debug_implementations, missing_copy_implementations)]
#![deny(non_local_definitions, private_interfaces, private_bounds, unnameable_types, variant_size_differences)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::missing_docs_in_private_items)]

/// Counts.
#[derive(Debug)]
pub struct Counter {
    /// How far it is.
    count: u64,
    /// What it is called.
    label: ::std::string::String,
}

/// Has no words of its own.
#[derive(Debug, ::std::default::Default)]
struct Quiet {
    /// How often it was called.
    calls: u64,
}

#[::concurry::worker(mode = "sync", timeout = "30s", name = "count")]
impl Counter {
    /// Starts somewhere.
    ///
    /// # Errors
    /// At nothing.
    pub fn new(start: u64, label: &str) -> ::std::result::Result<Self, ::std::string::String> {
        if start == 0 {
            return ::std::result::Result::Err(::std::borrow::ToOwned::to_owned(label));
        }
        ::std::result::Result::Ok(Self { count: start, label: ::std::borrow::ToOwned::to_owned(label) })
    }

    /// Adds.
    pub const fn add(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn fail(&self, text: &str) -> ::std::result::Result<(), ::std::string::String> {
        ::std::result::Result::Err(::std::format!("{text} {}", self.label))
    }

    /// Takes its time.
    pub(crate) async fn later(
        &self,
        context: &::concurry::CallContext,
        bytes: &[u8],
        more: ::std::vec::Vec<u8>,
    ) -> usize {
        ::std::future::ready(()).await;
        bytes.len() + more.len() + <usize as ::std::convert::From<bool>>::from(context.is_cancelled())
    }
}

#[::concurry::worker]
impl Quiet {
    #[allow(clippy::missing_docs_in_private_items)]
    pub(crate) const fn nothing(&mut self) {
        self.calls += 1;
    }
}

/// Stores.
#[derive(Debug)]
pub struct Store<T> {
    /// What is stored.
    held: ::std::option::Option<T>,
}

#[::concurry::worker(mode = "sync")]
impl<T: ::std::clone::Clone> Store<T> {
    /// Holds one.
    pub const fn new(first: T) -> Self {
        Self { held: ::std::option::Option::Some(first) }
    }

    /// What is held.
    pub const fn held(&mut self, next: ::std::option::Option<T>) -> ::std::option::Option<T> {
        ::std::mem::replace(&mut self.held, next)
    }

    /// Whether nothing is held.
    ///
    /// # Errors
    /// Where something is.
    pub fn empty(&self) -> ::std::result::Result<(), Held<T>> {
        self.held.as_ref().map_or(::std::result::Result::Ok(()), |held| {
            ::std::result::Result::Err(Held(::std::clone::Clone::clone(held)))
        })
    }
}

/// Something is held.
#[derive(Debug)]
pub struct Held<T>(T);

impl<T> ::std::convert::From<Held<T>>
    for ::std::boxed::Box<dyn ::std::error::Error + ::std::marker::Send + ::std::marker::Sync>
{
    fn from(_: Held<T>) -> Self {
        ::std::convert::From::from("something is held")
    }
}

/// Doubles.
#[::concurry::task(mode = "sync")]
pub const fn double(x: u64) -> u64 {
    x * 2
}

/// Is called with a context, and calls itself.
#[::concurry::task(mode = "sync")]
fn alone(context: &::concurry::CallContext, x: u64, text: &str) -> ::std::result::Result<u64, ::std::string::String> {
    if text.len() > 1 {
        return alone(context, x + 1, "");
    }
    ::std::result::Result::Ok(x + <u64 as ::std::convert::From<u32>>::from(context.attempt()))
}

#[::std::prelude::v1::test]
fn workers() {
    use ::std::string::ToString as _;
    use ::std::{assert, assert_eq, vec};
    let pool = Counter::options().init(1, "one").unwrap();
    assert_eq!(pool.add(2u64).result().unwrap(), 3);
    assert!(pool.fail("because").result().unwrap_err().to_string().contains("because"));
    assert_eq!(pool.later(vec![1u8], &[2u8, 3][..]).result().unwrap(), 3);
    assert!(Counter::init(0, "none").is_err());
    Quiet::init().unwrap().nothing().result().unwrap();
    let store = Store::<u8>::init(7).unwrap();
    assert!(store.empty().result().is_err());
    assert_eq!(store.held(::std::option::Option::None).result().unwrap(), ::std::option::Option::Some(7));
}

#[::std::prelude::v1::test]
fn tasks() {
    use ::std::assert_eq;
    assert_eq!(double(4).result().unwrap(), 8);
    assert_eq!(alone(4, "abc").result().unwrap(), 6);
    assert_eq!(alone::call(4, "a"), ::std::result::Result::Ok(5));
}
