//! Where workers are declared: modules, functions, tests, macros; and who sees their stubs.
#![deny(warnings, clippy::all)]

use concurry::prelude::*;
use concurry_ui_tests::MODES;

/// Several in one module, private, with stubs as visible as their methods.
mod inner {
    use concurry::prelude::*;

    pub mod deep {
        #[derive(Default)]
        pub struct Seen;

        #[concurry::worker]
        impl Seen {
            pub fn by_all(&self) -> u8 {
                1
            }
            pub(crate) fn by_crate(&self) -> u8 {
                2
            }
            pub(super) fn by_parent(&self) -> u8 {
                3
            }
            pub(in crate::inner) fn by_inner(&self) -> u8 {
                4
            }
        }
    }

    #[derive(Default)]
    pub(super) struct First;

    #[derive(Default)]
    struct Second;

    #[worker]
    impl First {
        pub fn one(&self) -> u8 {
            1
        }
    }

    #[worker]
    impl Second {
        pub fn one(&self) -> u8 {
            2
        }
        pub(crate) fn two(&self) -> u8 {
            3
        }
    }

    pub fn seen_from_inside() -> concurry::Result<[u8; 6]> {
        let (seen, second) = (deep::Seen::init()?, Second::init()?);
        Ok([
            seen.by_all().result()?,
            seen.by_crate().result()?,
            seen.by_parent().result()?,
            seen.by_inner().result()?,
            second.one().result()?,
            second.two().result()?,
        ])
    }
}

/// A block away from its type.
pub mod types {
    #[derive(Default)]
    pub struct Far;

    #[derive(Default)]
    pub struct Generic<T>(pub Option<T>);
}

#[worker]
impl types::Far {
    pub fn distance(&self) -> u64 {
        10
    }
}

#[worker]
impl<T: Clone + Default> self::types::Generic<T> {
    pub fn held(&self) -> Option<T> {
        self.0.clone()
    }
}

#[test]
fn stubs_are_seen_as_their_methods_are() -> concurry::Result<()> {
    assert_eq!(inner::seen_from_inside()?, [1, 2, 3, 4, 2, 3]);
    assert_eq!(inner::First::init()?.one().result()?, 1);
    let seen = inner::deep::Seen::init()?;
    assert_eq!(seen.by_all().result()? + seen.by_crate().result()?, 3);
    assert_eq!(types::Far::init()?.distance().result()?, 10);
    assert_eq!(types::Generic::<u8>::init()?.held().result()?, None);
    Ok(())
}

#[test]
fn workers_inside_functions() -> concurry::Result<()> {
    #[derive(Default)]
    struct Inside {
        calls: u64,
    }

    #[worker(mode = "thread")]
    impl Inside {
        pub fn call(&mut self, by: u64) -> u64 {
            self.calls += by;
            self.calls
        }
    }

    for mode in MODES {
        let pool = Inside::options().mode(mode).init()?;
        assert_eq!([pool.call(2u64).result()?, pool.call(3u64).result()?], [2, 5]);
        pool.stop()?;
    }
    Ok(())
}

/// The same name in another function is another worker.
fn generic_outside<T: Send + 'static>(_: T) -> concurry::Result<u8> {
    #[derive(Default)]
    struct Inside;

    #[worker]
    impl Inside {
        pub fn call(&self) -> u8 {
            9
        }
    }

    let closure = || {
        struct Deeper(u8);

        #[worker]
        impl Deeper {
            pub fn new(x: u8) -> Self {
                Deeper(x)
            }
            pub fn call(&self) -> u8 {
                self.0
            }
        }

        Deeper::options().mode(Mode::Sync).init(1)
    };
    Ok(Inside::init()?.call().result()? + closure()?.call().result()?)
}

#[test]
fn workers_inside_generic_functions_and_closures() -> concurry::Result<()> {
    assert_eq!(generic_outside("any")?, 10);
    Ok(())
}

macro_rules! workers {
    ($($(#[$meta:meta])* $vis:vis $name:ident($mode:literal): $method:ident($arg:ident: $ty:ty) -> $returns:ty = $body:expr;)*) => {$(
        #[derive(Default)]
        $vis struct $name;

        $(#[$meta])*
        #[worker(mode = $mode, max_workers = 1)]
        impl $name {
            pub fn $method(&self, $arg: $ty, hygienic: u64) -> $returns {
                let _ = hygienic;
                $body
            }

            /// A result by another name.
            #[allow(clippy::ptr_arg, clippy::clone_on_copy)]
            pub fn fallible(&self, value: &$ty) -> Result<$returns, String> {
                let $arg = value.clone();
                Ok($body)
            }
        }
    )*};
}

workers! {
    pub Doubler("sync"): double(x: u64) -> u64 = x * 2;
    Joiner("thread"): join(parts: Vec<String>) -> String = parts.concat();
    #[cfg(any())]
    pub Never("sync"): never(x: Missing) -> Missing = x;
}

macro_rules! with_crate_paths {
    ($name:ident) => {
        #[worker]
        impl $name {
            pub fn held(&self, held: $crate::types::Generic<u8>, more: Option<$crate::Held>) -> $crate::Held {
                let _ = held;
                more.unwrap_or($crate::Held(1))
            }
        }
    };
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Held(u8);

impl serde::Serialize for types::Generic<u8> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for types::Generic<u8> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(types::Generic)
    }
}

#[derive(Default)]
struct Paths;

with_crate_paths!(Paths);

#[test]
fn workers_made_by_macros() -> concurry::Result<()> {
    let (doubler, joiner) = (Doubler::init()?, Joiner::init()?);
    assert_eq!(doubler.double(4u64, 0u64).result()?, 8);
    assert_eq!(doubler.fallible(4u64).result()?, 8);
    assert_eq!((doubler.stats().mode, joiner.stats().mode), (Mode::Sync, Mode::Thread));
    assert_eq!(joiner.join(vec!["a".to_owned(), "b".to_owned()], 0u64).result()?, "ab");
    assert_eq!(Paths::init()?.held(types::Generic(None), Some(Held(3))).result()?.0, 3);
    Ok(())
}
