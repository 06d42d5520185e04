//! The table of concurry's options. Depend on the crate `concurry`; this one is its inside and has no stable interface.
//!
//! Macros and runtime are crates of their own and neither can name the other, but both must know what options there
//! are: the attribute to read them, the builder to have a setter for each, `concurry::config` and the environment to
//! have a place for each. So they stand here, once: [`options!`] hands the table to a macro of whoever asks, and
//! [`TABLE`] is the same as data. To add an option is to add an entry; what it *does* is then read from the pool's
//! settings.
//!
//! Beside the table are the [kinds](Kind) of values, the [words](modes!) that some are written as, how their
//! [texts](text) are read, and the names that a misspelt one is [near](names).

mod kind;
pub mod names;
mod table;
pub mod text;
mod words;

pub use kind::Kind;
pub use table::{Entry, TABLE, entry};
pub use words::{BALANCING, FULL, MODES, Word, lookup};
