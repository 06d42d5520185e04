//! For tests of one's own: chance that is known beforehand, and time that goes by when the test says so.
//!
//! A client without workers is made by `fake` of its own type; see [`Answer`](crate::Answer).

pub use crate::draw::{Seeded, seed};
pub use crate::limits::TestClock as Clock;
