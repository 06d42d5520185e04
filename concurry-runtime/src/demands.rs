//! What generated code demands of users' types, as traits whose errors say what to write instead.
//!
//! A demand is made once, at the place of the type in the user's source. All other code works through [`Returned`] and
//! [`Wired`], which take a type that falls short as one that stays in this process, so that one mistake is one error.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::future::{Arg, Args, TaskFuture};
use crate::pool::Client;
use crate::task::Decode;
use crate::wire::codec::Codec;
use crate::worker::{Replied, Reply, Wire, Worker};

/// What can go to a worker wherever it lives, and come back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to a worker",
    label = "it must be serializable and `Send`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds",
    note = "or mark the block or the function `local`, as in `#[worker(local)]`: then it need only be `Send`, and runs in the modes that share memory"
)]
pub trait Travels: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Travels for T {}

/// An argument of a method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a worker method or a task",
    label = "it must be serializable and `Send`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds",
    note = "or mark the block or the function `local`, as in `#[worker(local)]`: then it need only be `Send`, and runs in the modes that share memory"
)]
pub trait Argument {}

#[diagnostic::do_not_recommend]
impl<T: Travels> Argument for T {}

/// What a method returns, or holds in the `Ok` of its result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a worker method or a task",
    label = "it must be serializable and `Send`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds",
    note = "or mark the block or the function `local`, as in `#[worker(local)]`: then it need only be `Send`, and runs in the modes that share memory"
)]
pub trait Outcome {}

#[diagnostic::do_not_recommend]
impl<T: Travels> Outcome for T {}

/// An argument or a result of a `local` type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go to a worker's thread or come from it",
    label = "arguments and results of a worker must be `Send` and hold no borrow",
    note = "share with `Arc` instead of `Rc`, change behind a `Mutex` instead of a `RefCell`, and write `Box<dyn Trait + Send>` for `Box<dyn Trait>`"
)]
pub trait Crosses: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Crosses for T {}

/// An argument of a constructor: every worker is built with a copy of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a worker's constructor",
    label = "it must be `Clone`, `Send` and `Sync`",
    note = "every worker of a pool is built by its own call of the constructor, with its own copy of the arguments: derive `Clone`, or take an `Arc` in a block marked `#[worker(local)]`"
)]
pub trait Kept: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Kept for T {}

/// What stands for a constructor in [`Copies`].
pub struct Constructor;

/// [`Kept`], asked of an argument beside and not of itself: else the compiler, which sees that a borrow of it would do,
/// tells people to write one.
#[diagnostic::on_unimplemented(
    message = "`{T}` cannot be an argument of a worker's constructor",
    label = "it must be `Clone`, `Send` and `Sync`",
    note = "every worker of a pool is built by its own call of the constructor, with its own copy of the arguments: derive `Clone`, or take an `Arc` in a block marked `#[worker(local)]`"
)]
pub trait Copies<T> {}

#[diagnostic::do_not_recommend]
impl<T: Kept> Copies<T> for Constructor {}

/// A type that can be built without arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no constructor",
    label = "no `new`, no function marked `#[worker(init)]`, and no `Default`",
    note = "write `pub fn new(..) -> Self` in this block, mark another of its functions with `#[worker(init)]`, or derive `Default` for the type"
)]
pub trait Startable {
    #[doc(hidden)]
    fn start() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> Startable for T {
    fn start() -> T {
        T::default()
    }
}

/// Demands an argument that travels.
pub const fn argument<T: Argument>() {}

/// Demands a result that travels.
pub const fn outcome<T: Outcome>() {}

/// Demands an argument of a constructor that travels.
pub const fn travels<T: Travels>() {}

/// Demands what a `local` type's arguments and results must be.
pub const fn crosses<T: Crosses>() {}

/// Demands a constructor's argument of which every worker can have a copy.
pub const fn kept<T>()
where
    Constructor: Copies<T>,
{
}

/// The copy of a constructor's argument. That there is one was demanded.
pub fn copy<T>(copied: Option<T>) -> T {
    match copied {
        Some(copy) => copy,
        None => unreachable!("a constructor's argument is `Clone`"),
    }
}

/// What a parameter of type `&B` is in the message.
pub type Owned<B> = <B as ToOwned>::Owned;

/// Stands for the type of a method's value in the traits of [`probes`].
pub struct Returned<T>(PhantomData<fn() -> T>);

impl<T> Returned<T> {
    /// A probe of the type that is named.
    #[allow(clippy::new_without_default, reason = "generated code alone makes these")]
    pub const fn new() -> Self {
        Returned(PhantomData)
    }
}

/// Stands for a worker in the traits of [`probes`].
pub struct Wired<W>(PhantomData<fn() -> W>);

impl<W> Wired<W> {
    /// A probe of the type that is named.
    #[allow(clippy::new_without_default, reason = "generated code alone makes these")]
    pub const fn new() -> Self {
        Wired(PhantomData)
    }
}

/// Stands for the type of an argument in the traits of [`probes`].
pub struct Repeated<T>(PhantomData<fn() -> T>);

impl<T> Repeated<T> {
    /// A probe of the type that is named.
    #[allow(clippy::new_without_default, reason = "generated code alone makes these")]
    pub const fn new() -> Self {
        Repeated(PhantomData)
    }
}

/// The traits that generated code brings into scope; a call on `&&probe` takes the first that the type has.
pub mod probes {
    use super::*;

    /// Values that travel.
    pub trait Far<T> {
        #[doc(hidden)]
        fn argument(&self, argument: Arg<T>) -> Arg<T>;
        #[doc(hidden)]
        fn decode(&self) -> Decode<T>;
        #[doc(hidden)]
        fn reply(&self, reply: Reply<'_>, value: T) -> Replied;
        #[doc(hidden)]
        fn call<W: Worker, A: Args>(
            &self,
            client: &Client<W>,
            method: usize,
            args: A,
            build: fn(A::Values) -> W::Message,
        ) -> TaskFuture<T>;
    }

    impl<T: Serialize + DeserializeOwned + Send + 'static> Far<T> for &Returned<T> {
        fn argument(&self, argument: Arg<T>) -> Arg<T> {
            argument.encodable()
        }
        fn decode(&self) -> Decode<T> {
            Decode::result()
        }
        fn reply(&self, reply: Reply<'_>, value: T) -> Replied {
            reply.value(value)
        }
        fn call<W: Worker, A: Args>(
            &self,
            client: &Client<W>,
            method: usize,
            args: A,
            build: fn(A::Values) -> W::Message,
        ) -> TaskFuture<T> {
            client.call(method, args, build)
        }
    }

    /// Values that do not; their type has been complained of.
    pub trait Near<T> {
        #[doc(hidden)]
        fn argument(&self, argument: Arg<T>) -> Arg<T>;
        #[doc(hidden)]
        fn decode(&self) -> Decode<T>;
        #[doc(hidden)]
        fn reply(&self, reply: Reply<'_>, value: T) -> Replied
        where
            T: Send + 'static;
        #[doc(hidden)]
        fn call<W: Worker, A: Args>(
            &self,
            client: &Client<W>,
            method: usize,
            args: A,
            build: fn(A::Values) -> W::Message,
        ) -> TaskFuture<T>
        where
            T: Send + 'static;
    }

    impl<T> Near<T> for Returned<T> {
        fn argument(&self, argument: Arg<T>) -> Arg<T> {
            argument
        }
        fn decode(&self) -> Decode<T> {
            Decode::never()
        }
        fn reply(&self, reply: Reply<'_>, value: T) -> Replied
        where
            T: Send + 'static,
        {
            reply.local_value(value)
        }
        fn call<W: Worker, A: Args>(
            &self,
            client: &Client<W>,
            method: usize,
            args: A,
            build: fn(A::Values) -> W::Message,
        ) -> TaskFuture<T>
        where
            T: Send + 'static,
        {
            client.call_local(method, args, build)
        }
    }

    /// Arguments that can be given to more than one attempt.
    pub trait Many<T> {
        #[doc(hidden)]
        fn repeat(&self, argument: &T) -> Option<T>;
    }

    impl<T: Clone> Many<T> for &Repeated<T> {
        fn repeat(&self, argument: &T) -> Option<T> {
            Some(argument.clone())
        }
    }

    /// Arguments that are given away.
    pub trait Once<T> {
        #[doc(hidden)]
        fn repeat(&self, _argument: &T) -> Option<T> {
            None
        }
    }

    impl<T> Once<T> for Repeated<T> {}

    /// Workers whose messages travel.
    pub trait FarWorker<W: Worker> {
        #[doc(hidden)]
        fn wire(&self, codec: Codec) -> Option<Wire<W>>;
    }

    impl<W: Worker> FarWorker<W> for &Wired<W>
    where
        W::Message: Serialize + DeserializeOwned,
        W::Init: Serialize + DeserializeOwned,
    {
        fn wire(&self, codec: Codec) -> Option<Wire<W>> {
            Some(crate::worker::wire(codec))
        }
    }

    /// Workers whose messages do not.
    pub trait NearWorker<W: Worker> {
        #[doc(hidden)]
        fn wire(&self, codec: Codec) -> Option<Wire<W>>;
    }

    impl<W: Worker> NearWorker<W> for Wired<W> {
        fn wire(&self, _: Codec) -> Option<Wire<W>> {
            None
        }
    }
}
