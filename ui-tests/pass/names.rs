//! Names: given ones, taken ones, raw ones, and those of everybody's prelude.
#![deny(warnings, clippy::all)]

use concurry_ui_tests::MODES;

/// Generated types under names of the user's choice.
mod renamed {
    use concurry::prelude::*;

    pub struct Service {
        greeting: String,
    }

    #[worker(client = "Greeter", options = "Greeting", message = "Said", name = "greeter")]
    impl Service {
        pub fn new(greeting: &str) -> Self {
            Service { greeting: greeting.to_owned() }
        }

        pub fn greet(&self, name: &str) -> String {
            format!("{}, {name}", self.greeting)
        }
    }
}

#[test]
fn generated_types_can_be_renamed() -> concurry::Result<()> {
    let options: renamed::Greeting = renamed::Service::options();
    let pool: renamed::Greeter = options.init("Hello")?;
    assert_eq!(pool.greet("you").result()?, "Hello, you");
    assert_eq!(pool.name(), "greeter");
    let said = renamed::Said::Greet { name: "me".to_owned() };
    let renamed::Said::Greet { name } = said;
    assert_eq!(name, "me");
    pool.stop()
}

/// Methods that are called as the pool's are.
mod hiding {
    use concurry::prelude::*;

    #[derive(Default)]
    pub struct Machine {
        stopped: bool,
    }

    #[worker]
    impl Machine {
        pub fn stop(&mut self) -> bool {
            std::mem::replace(&mut self.stopped, true)
        }
        pub fn stats(&self) -> u8 {
            1
        }
        pub fn name(&self) -> String {
            "machine".to_owned()
        }
        pub fn is_stopped(&self) -> bool {
            self.stopped
        }
        pub fn max_workers(&self) -> u8 {
            2
        }
        pub fn abort(&self, why: &str) -> String {
            why.to_owned()
        }
        pub fn wait_idle(&self) -> u8 {
            3
        }
        pub fn worker(&self) -> u8 {
            4
        }
        pub fn broadcast(&self) -> u8 {
            5
        }
        pub fn pool(&self) -> u8 {
            6
        }
        pub fn mode(&self) -> u8 {
            7
        }
        pub fn call(&self) -> u8 {
            8
        }
        pub fn construct(&self) -> u8 {
            9
        }
        pub fn fake(&self) -> u8 {
            10
        }
    }
}

#[test]
fn a_workers_method_hides_the_pools() -> concurry::Result<()> {
    use concurry::WorkerClient;
    for mode in MODES {
        let pool = hiding::Machine::options().mode(mode).init()?;
        assert_eq!((pool.stop().result()?, pool.stop().result()?, pool.is_stopped().result()?), (false, true, true));
        assert_eq!((pool.stats().result()?, pool.max_workers().result()?), (1, 2));
        assert_eq!((pool.name().result()?, pool.abort("it").result()?), ("machine".to_owned(), "it".to_owned()));
        let numbers = [
            pool.wait_idle(),
            pool.worker(),
            pool.broadcast(),
            pool.pool(),
            pool.mode(),
            pool.call(),
            pool.construct(),
            pool.fake(),
        ];
        assert_eq!(concurry::gather(numbers).results()?, [3, 4, 5, 6, 7, 8, 9, 10]);
        let whole = WorkerClient::pool(&pool);
        assert_eq!((whole.stats().completed, whole.stats().failed), (15, 0));
        assert!(!whole.is_stopped());
        whole.stop()?;
        assert!(WorkerClient::pool(&pool).is_stopped());
    }
    Ok(())
}

/// `new` is no constructor where another function is marked.
mod marked {
    use concurry::prelude::*;

    pub struct Counter(pub u64);

    #[worker]
    impl Counter {
        #[allow(clippy::wrong_self_convention, clippy::new_ret_no_self)]
        pub fn new(&self, by: u64) -> u64 {
            self.0 + by
        }

        #[worker(init)]
        fn start(at: u64) -> Self {
            Counter(at)
        }
    }

    pub struct Other(u64);

    #[worker]
    impl Other {
        pub fn new(a: u64, b: u64) -> Option<Self> {
            a.checked_add(b).map(Other)
        }

        #[worker(init)]
        pub async fn build(at: u64) -> Result<Other, String> {
            Self::new(at, 1).ok_or_else(|| "too much".to_owned())
        }

        pub fn get(&self) -> u64 {
            self.0
        }

        #[worker(skip)]
        pub fn generic<T: Default>(self) -> T {
            T::default()
        }

        #[worker(skip)]
        #[allow(dead_code)]
        pub unsafe fn skipped(&mut self) {}
    }
}

#[test]
fn the_marked_function_is_the_constructor() -> concurry::Result<()> {
    for mode in MODES {
        assert_eq!(marked::Counter::options().mode(mode).init(1)?.new(2u64).result()?, 3);
        assert_eq!(marked::Other::options().mode(mode).init(4)?.get().result()?, 5);
        let error = marked::Other::options().mode(mode).init(u64::MAX).err();
        assert!(error.is_some_and(|error| error.to_string().contains("too much")));
    }
    assert_eq!(marked::Counter(5).new(1), 6);
    assert_eq!(marked::Other::new(1, 1).map(|other| other.generic::<u8>()), Some(0));
    Ok(())
}

/// Raw identifiers, and names that the macro might have used itself.
mod raw {
    use concurry::prelude::*;

    #[derive(Default)]
    #[allow(non_camel_case_types)]
    pub struct r#struct;

    #[worker]
    #[allow(non_snake_case)]
    impl r#struct {
        pub fn r#async(&self, r#type: u8) -> u8 {
            r#type
        }
        #[allow(clippy::too_many_arguments)]
        pub fn self_(&self, message: u8, reply: u8, context: u8, value: u8, error: u8, init: u8, method: u8) -> u8 {
            message + reply + context + value + error + init + method
        }
        pub fn _hidden(&self, _x: u8, args: u8, arg0: u8, _: u8) -> u8 {
            args + arg0
        }
        pub fn shoutURL(&self, codec: u8, bytes: u8, client: u8, options: u8) -> u8 {
            codec + bytes + client + options
        }
        pub fn phantom(&self, Self_: u8, __concurry_value: u8) -> u8 {
            Self_ + __concurry_value
        }
    }
}

#[test]
fn raw_and_unusual_names() -> concurry::Result<()> {
    for mode in MODES {
        let pool = raw::r#struct::options().mode(mode).init()?;
        assert_eq!(pool.r#async(1).result()?, 1);
        assert_eq!(pool.self_(1, 2, 3, 4, 5, 6, 7).result()?, 28);
        assert_eq!(pool._hidden(0, 1, 2, 0).result()?, 3);
        assert_eq!(pool.shoutURL(1, 2, 3, 4).result()?, 10);
        assert_eq!(pool.phantom(1, 2).result()?, 3);
        pool.stop()?;
    }
    Ok(())
}

/// A module in which nothing is what it seems.
#[allow(dead_code)]
mod shadowed {
    pub mod std {}
    pub mod core {}
    pub mod serde {}
    pub mod concurry {}

    #[derive(::serde::Serialize, ::serde::Deserialize, Clone)]
    pub struct Vec<T>(pub T);
    #[derive(::serde::Serialize, ::serde::Deserialize, Clone)]
    pub struct String;
    #[derive(::serde::Serialize, ::serde::Deserialize, Clone)]
    pub struct Path(pub u8);
    pub struct Result;
    pub struct Box;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Mode;
    pub struct Duration;
    pub struct PhantomData;
    pub trait Clone {}
    pub trait Send {}
    pub trait Sync {}
    pub trait Default {}
    pub trait Into {}
    pub trait Sized {}
    pub trait Drop {}

    pub struct Option {
        pub sum: u64,
    }

    impl ::std::default::Default for Option {
        fn default() -> Self {
            Option { sum: 1 }
        }
    }

    #[::concurry::worker(timeout = "5s", num_retries = 0, mode = "thread")]
    impl Option {
        pub fn bytes(&self, bytes: Vec<u8>, path: &Path, text: &str, list: &[u8]) -> u64 {
            self.sum + u64::from(bytes.0) + u64::from(path.0) + text.len() as u64 + list.len() as u64
        }

        pub fn result(&self, ok: bool) -> ::std::result::Result<u64, ::std::string::String> {
            if ok { ::std::result::Result::Ok(1) } else { ::std::result::Result::Err("no".into()) }
        }

        pub fn nothing(&mut self) {
            self.sum += 1;
        }
    }
}

#[test]
fn nothing_of_the_users_gets_in_the_way() -> concurry::Result<()> {
    for mode in MODES {
        let pool: shadowed::OptionClient = shadowed::Option::options().mode(mode).init()?;
        assert_eq!(pool.bytes(shadowed::Vec(1), shadowed::Path(2), "abc", [0, 0]).result()?, 9);
        pool.nothing().result()?;
        assert_eq!(pool.result(true).result()?, 1);
        assert!(pool.result(false).result().is_err());
        pool.stop()?;
    }
    Ok(())
}
