//! What the tests of promises share.

use std::time::Duration;

/// How long a test waits for what must happen before it says that it did not. Long, since the machine may be busy;
/// nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);
