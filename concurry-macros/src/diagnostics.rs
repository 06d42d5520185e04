//! Every message of the macros, in one table, and the list in which a block's errors are gathered.

use std::fmt;

use proc_macro2::Span;
use quote::ToTokens;

/// What can be wrong. `Display` is the table of messages: each says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    // Options.
    Unknown { what: &'static str, name: String, nearest: Option<String>, known: Vec<&'static str> },
    ForTheBuilder { name: String, call: &'static str, instead: &'static str },
    Doubled { name: String },
    Misplaced { name: String, place: &'static str, remedy: &'static str },
    NoValue { name: String, example: &'static str },
    NeedlessValue { name: String },
    BadValue { name: String, value: String, allowed: String },
    Contradiction { first: &'static str, second: &'static str, why: &'static str },
    Syntax,
    Equals { name: String, value: String },
    SaysNothing,
    SameName { option: &'static str, name: String, owner: String },
    // The item.
    NotABlock { found: &'static str },
    Twice { name: &'static str },
    SecondBlock { name: String },
    FunctionIsATask,
    LoneMethod,
    NotAFunction { found: &'static str, remedy: &'static str },
    TraitBlock,
    Lifetimes,
    NotAPath,
    NoMethods,
    // Functions of the block.
    Reserved { name: String },
    Hides { name: String },
    SameVariant { name: String, other: String, variant: String },
    SelfByValue,
    Generic { what: &'static str },
    Unsafe { what: &'static str },
    Extern { what: &'static str },
    NotAMethod { option: String },
    PrivateMethod { option: String },
    NotAFunctionOfTheBlock,
    TaskInABlock,
    // Types.
    ImplArgument,
    FunctionArgument,
    MutArgument,
    DynArgument,
    StaticArgument,
    InnerBorrow,
    OwnThread { what: &'static str, remedy: &'static str },
    BorrowedReturn,
    StaticReturn,
    ImplReturn,
    NeverReturn,
    ParamCfg,
    TwoContexts,
    LentContext,
    // Constructors.
    TwoConstructors,
    ConstructorReturn { name: String },
    ConstructorSelf,
    ConstructorContext,
    ConstructorCfg,
    // Tasks.
    TaskSelf,
    TaskMain,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unknown { what, name, nearest, known } => {
                write!(f, "unknown {what} `{name}`")?;
                if let Some(nearest) = nearest {
                    write!(f, "; did you mean `{nearest}`?")?;
                }
                write!(f, "\nallowed here: `{}`", known.join("`, `"))
            }
            Problem::ForTheBuilder { name, call, instead } => {
                write!(f, "`{name}` is for the builder: write `{call}` after `options()`{instead}")
            }
            Problem::Doubled { name } => write!(f, "`{name}` is given twice; keep one of them"),
            Problem::Misplaced { name, place, remedy } => write!(f, "`{name}` has no meaning on {place}; {remedy}"),
            Problem::NoValue { name, example } => write!(f, "`{name}` needs a value: `{name} = {example}`"),
            Problem::NeedlessValue { name } => write!(f, "`{name}` takes no value; write only `{name}`"),
            Problem::BadValue { name, value, allowed } => write!(f, "`{name} = {value}` cannot be; {name} is {allowed}"),
            Problem::Contradiction { first, second, why } => {
                write!(f, "`{first}` and `{second}` contradict each other: {why}")
            }
            Problem::Syntax => f.write_str(
                "expected options as `name = value`, separated by commas, as in `mode = \"process\", max_workers = 4`",
            ),
            Problem::Equals { name, value } => write!(f, "an option and its value are joined by `=`: write `{name} = {value}`"),
            Problem::SaysNothing => f.write_str(
                "this attribute says nothing: every method with `self` that is not private is a worker method by itself; name an option, such as `#[worker(skip)]`, or drop it",
            ),
            Problem::SameName { option, name, owner } => {
                write!(f, "`{option}` cannot be called `{name}`, which is taken by {owner}; choose another name")
            }
            Problem::NotABlock { found } => write!(
                f,
                "`#[worker]` stands on the inherent `impl` block that holds the worker's methods (or on its `struct`, for default options), not on {found}"
            ),
            Problem::Twice { name } => {
                write!(f, "`#[{name}]` stands here twice; write one, with the options of both")
            }
            Problem::SecondBlock { name } => write!(
                f,
                "`{name}` has a `#[worker]` block already, above, and a type has one: put these functions into it, or drop `#[worker]` here if they are not to be called through a client"
            ),
            Problem::FunctionIsATask => f.write_str("`#[worker]` stands on an `impl` block; for a function, write `#[task]`"),
            Problem::LoneMethod => f.write_str(
                "this attribute marks a function of an `impl` block that bears `#[worker]` itself; put `#[worker]` on the whole block",
            ),
            Problem::NotAFunction { found, remedy } => {
                write!(f, "`#[task]` stands on a function, not on {found}; {remedy}")
            }
            Problem::TraitBlock => f.write_str(
                "a trait's methods cannot be worker methods; put `#[worker]` on the inherent block `impl Type { .. }`, with methods that call the trait's",
            ),
            Problem::Lifetimes => f.write_str(
                "a worker lives in its own thread or process and cannot borrow, so its block has no lifetime parameters; let the type own its data (`String`, `Vec`, `Arc`)",
            ),
            Problem::NotAPath => f.write_str("a worker is a named type of this crate, as in `impl Counter { .. }`"),
            Problem::NoMethods => f.write_str(
                "this block has no worker methods: write at least one method with `&self` or `&mut self` that is `pub` or `pub(crate)`",
            ),
            Problem::Reserved { name } => write!(
                f,
                "`#[worker]` itself generates a function `{name}` on this type; call yours otherwise{}",
                if name == "init" { " (`#[worker(init)]` marks a constructor of any name)" } else { "" }
            ),
            Problem::Hides { name } => write!(
                f,
                "a worker method cannot be called `{name}`, which would hide what every client can do; rename it, or leave it out with `#[worker(skip)]`"
            ),
            Problem::SameVariant { name, other, variant } => write!(
                f,
                "`{name}` and `{other}` would both be the message variant `{variant}`; rename one, or leave it out with `#[worker(skip)]`"
            ),
            Problem::SelfByValue => f.write_str(
                "a worker outlives its calls, so a method cannot take it by value or in a box of its own; take `&self` or `&mut self`, or leave the method out with `#[worker(skip)]`",
            ),
            Problem::Generic { what } => write!(
                f,
                "{what} cannot be generic: its calls travel as messages of one type; write the types out{}",
                if *what == "a worker method" { ", put the parameter on the `impl` block, or leave the method out with `#[worker(skip)]`" } else { "" }
            ),
            Problem::Unsafe { what } => write!(
                f,
                "{what} cannot be `unsafe`: nobody could keep its promises for the caller; write a safe function around it{}",
                skip(what)
            ),
            Problem::Extern { what } => {
                write!(f, "{what} cannot be `extern`: write a plain function around it{}", skip(what))
            }
            Problem::NotAMethod { option } => write!(
                f,
                "`{option}` is for worker methods, and a function without `self` is none; let it take `&self`, or drop the attribute"
            ),
            Problem::PrivateMethod { option } => write!(
                f,
                "`{option}` is for worker methods, and a private method is none; make it `pub` or `pub(crate)`, or drop the attribute"
            ),
            Problem::NotAFunctionOfTheBlock => {
                f.write_str("`#[worker(..)]` inside a block marks its functions and their parameters; drop it here")
            }
            Problem::TaskInABlock => f.write_str(
                "a task is a free function; here, `#[worker]` on the block makes every method a call to a pool, and `#[worker(..)]` sets a method's own options",
            ),
            Problem::ImplArgument => f.write_str(
                "`impl Trait` cannot travel as an argument; write the type out, as in `Vec<u64>` for `impl IntoIterator<Item = u64>`",
            ),
            Problem::FunctionArgument => f.write_str(
                "an `impl Fn` cannot travel as an argument; in a block or function marked `local` an argument can be `Box<dyn Fn() + Send>`, `Box<dyn FnOnce() + Send>` or the like, or a `fn` pointer",
            ),
            Problem::MutArgument => f.write_str(
                "an argument cannot be `&mut`, since a worker does not share its caller's memory: take the value itself, and return it changed",
            ),
            Problem::DynArgument => f.write_str(
                "a borrowed trait object cannot travel; take a type that can be owned (with `#[worker(local)]`, `Box<dyn ..>` or `Arc<dyn ..>`)",
            ),
            Problem::StaticArgument => f.write_str(
                "a `'static` borrow cannot travel; take `&str` or `String` (or the like), or mark the block `#[worker(local)]`",
            ),
            Problem::InnerBorrow => f.write_str(
                "an argument cannot hold a borrow inside: take an owned type, as in `Option<String>` for `Option<&str>`; `&str`, `&[T]` and `&T` by themselves are fine",
            ),
            Problem::OwnThread { what, remedy } => {
                write!(f, "{what} cannot go to another thread or process, where the worker is; {remedy}")
            }
            Problem::BorrowedReturn => f.write_str(
                "a result cannot borrow from the worker: return an owned type, as in `String` for `&str` or `Vec<T>` for `&[T]`",
            ),
            Problem::StaticReturn => f.write_str(
                "a `'static` borrow cannot travel as a result: return an owned type, as in `String` for `&'static str`, or mark the block `#[worker(local)]`",
            ),
            Problem::ImplReturn => f.write_str(
                "a result cannot be an `impl Trait`; write the type out, as in `Vec<u64>` for `impl Iterator<Item = u64>`; for an `impl Future`, write an `async fn`",
            ),
            Problem::NeverReturn => f.write_str("a call that never returns has no result to wait for; return `()`"),
            Problem::ParamCfg => f.write_str("an argument cannot stand under a condition; put the `#[cfg(..)]` on two versions of the function"),
            Problem::TwoContexts => f.write_str("a call has one context; keep one of these parameters"),
            Problem::LentContext => f.write_str(
                "the context of a call is lent to the method: write `&CallContext`, or mark the parameter `#[worker(context)]` to have it by value",
            ),
            Problem::TwoConstructors => f.write_str("a worker has one constructor; mark one function with `#[worker(init)]`"),
            Problem::ConstructorReturn { name } => write!(
                f,
                "the constructor `{name}` must return `Self` or `Result<Self, E>`{}",
                if name == "new" { "; if it is none, mark the constructor with `#[worker(init)]`, or this one with `#[worker(skip)]`" } else { "" }
            ),
            Problem::ConstructorSelf => f.write_str("a constructor makes the worker and takes no `self`"),
            Problem::ConstructorContext => f.write_str("a constructor runs outside any call, so it has no `CallContext`"),
            Problem::ConstructorCfg => f.write_str("the constructor cannot stand under a condition; put the `#[cfg(..)]` inside its body"),
            Problem::TaskSelf => f.write_str("a task is a free function and takes no `self`; put `#[worker]` on the whole `impl` block instead"),
            Problem::TaskMain => f.write_str(
                "`main` begins the program, which has no pool then; put `#[task]` on the functions that it calls",
            ),
        }
    }
}

fn skip(what: &str) -> &'static str {
    if what == "a worker method" { ", or leave it out with `#[worker(skip)]`" } else { "" }
}

/// The errors of one item.
#[derive(Default)]
pub(crate) struct Diagnostics(Option<syn::Error>);

impl Diagnostics {
    /// Adds a problem at the tokens that cause it.
    pub(crate) fn at(&mut self, cause: impl ToTokens, problem: Problem) {
        self.add(syn::Error::new_spanned(cause, problem));
    }

    /// Adds a problem at a span.
    pub(crate) fn span(&mut self, span: Span, problem: Problem) {
        self.add(syn::Error::new(span, problem));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |errors| errors.into_iter().count())
    }

    pub(crate) fn into_error(self) -> Option<syn::Error> {
        self.0
    }
}
