//! What becomes of a call for which a pool has no room: [`OnFull`].

use serde::{Deserialize, Serialize};

use crate::words::{self, Words};

/// What becomes of a call while `max_pending` calls of its pool are unresolved.
///
/// ```
/// use concurry::OnFull;
/// assert_eq!("block".parse::<OnFull>().unwrap(), OnFull::Block);
/// assert_eq!(OnFull::default().to_string(), "reject");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OnFull {
    /// Its future resolves at once, to [`Error::Full`](crate::Error::Full). Submitting never blocks.
    #[default]
    Reject,
    /// Whoever submits it waits, in line with others, until there is room. A thread that would wait for itself, such as a
    /// worker of the pool that calls its own pool, is told so by [`Error::Unsupported`](crate::Error::Unsupported) instead. In async code, which must
    /// not block its thread, `.await` [`reserve`](crate::WorkerClient::reserve) before the call.
    Block,
}

impl Words for OnFull {
    const WHAT: &'static str = "way to meet a full pool";
    const TABLE: &'static [(Self, &'static [&'static str])] = concurry_options::full!([words::table] OnFull);
}

words::in_words!(OnFull);
