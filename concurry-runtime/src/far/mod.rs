//! Values that stay where they came to be, on a cluster, until somebody wants to have them here.
//!
//! The result of a call is encoded by the worker that it comes of. Where it is large the worker asks first where it is to
//! go, and what it is told depends on who waits for it here. If that is a call to another worker behind the same [`Site`], or a
//! [`RemoteRef`], and nobody else, it stays on its node, and this process has a handle ([`Stored`]). Given as an argument, the
//! handle stands in the message as a [`Hole`], which the worker fills with the value that it is brought.
//!
//! ```text
//! worker                      driver                                another worker
//!  Large ────────────────────>  who waits for it?
//!  <──────────────────── Keep   a call to another worker
//!  Kept ─────────────────────>  Stored ── With, Call ─────────────>  waits for what it lacks,
//!  (its node has the value) ══════════════ Give ═════════════════>  and runs
//!                               the last handle goes ── Forget ──>  (both nodes let go of it)
//! ```
//!
//! What the cluster does is behind the trait, so that nobody here has to know of it.

mod pieces;
mod remote;
mod stored;

pub(crate) use pieces::{Behind, Composition, Pieces};
pub use remote::RemoteRef;
pub(crate) use remote::{Far, Way};
pub(crate) use stored::{Hole, Key, Site, Stored, Then, file_of, is_same, read_file};
