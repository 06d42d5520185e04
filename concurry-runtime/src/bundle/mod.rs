//! Maps whose calls are small: they travel in chunks, and each is what a call by itself would be.
//!
//! Sending one call costs half a microsecond; running it may take a hundredth of that. So a map in mode `thread` does not
//! send its calls. It puts their inputs into a [`feed`], from which workers take some at a time, and brings workers there
//! with runners: jobs that wait among the other jobs of a worker, one for each worker at most.
//!
//! ```text
//! the input ──> feed ──> a worker's chunk: what is left of it, and what is done ──> done ──> the reader
//!                            └──> a worker that has nothing else takes half of what is left
//! ```
//!
//! Nothing that is drawn is held back, whatever the input, the reader or another call of the map waits for:
//!
//! - An input is in the feed before the next is drawn. While there are more of them than runners on their way, and fewer
//!   runners than workers, another is sent; and so it is when a worker takes several while nobody is on the way, or who
//!   was on the way to what others have not begun takes something else. A runner is over only when nothing is left, neither
//!   in the feed nor in a chunk of another worker. So a call that blocks holds up no other.
//! - What is done is in the worker's chunk, behind a lock, before its next call begins. It goes to the reader with the
//!   whole chunk. A reader that has waited for that longer than chunks take gets each result as it comes.
//!
//! The next chunk is as large as fits into a fraction of a millisecond by what the last one took, so calls that are not
//! small go one by one, and are balanced as any others. A runner whose worker has other jobs goes behind them when its
//! time is up. What it leaves can be taken by the others.
//!
//! Who owns what: the [`reader`] owns the feed and the function, and is the iterator's. A runner knows the function weakly,
//! so one that comes late finds nobody. The pool knows the feed weakly, to count and to abort. Accepted calls hold their
//! pool's stop up together, as one. Locks are taken in the order feed, chunk; no code of the user's runs under either.

mod chunk;
mod context;
mod feed;
mod feeder;
mod inputs;
mod map;
mod reader;
mod runner;

pub(crate) use feeder::open;
pub(crate) use map::{Results, ResultsUnordered, Way};
pub(crate) use reader::Reader;
