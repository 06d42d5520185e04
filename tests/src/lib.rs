//! What the tests of promises share.

mod events;

use std::time::Duration;

pub use events::next;

/// How long a test waits for what should come at once. Only a test that fails waits this long.
pub const LONG: Duration = Duration::from_secs(60);
