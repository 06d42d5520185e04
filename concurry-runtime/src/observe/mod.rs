//! What a program can see of its calls: a timeline, spans and figures, which are three sinks of one stream.
//!
//! ```text
//! submitted ──> ready ──> sent ──> begun ──> ended        a call, by its `Seen`
//!                 ^                  └─────> retried ─┐
//!                 └──────────────────────────────────┘
//! up ──> died, replaced or finished ──> restarted | given up        a worker, by its pool's `Scene`
//! ```
//!
//! Whether anybody listens is asked once a call, when it is submitted: that is one relaxed load (and one more with the
//! feature `tracing`, of the level that its subscriber wants). Where somebody does, the call gets a [`Seen`], beside its
//! retries and timeouts, so that one to which nobody listens is not a byte larger; what happens to it later is told to
//! that. So a call is seen from its beginning or not at all, and what is counted of it adds up.
//!
//! What listens may be code of the user's, so it is told nothing under a lock, and a panic of its own is its own matter: the
//! call goes on ([`told`]). What happens there is noted in the
//! [`Scene`], and told by whoever has given the lock back ([`Scene::tell`]). The [`timeline`] is ours and only remembers, so
//! it is told at once.
//!
//! A worker process is asked by a call's frame to say in its answer when the method began and how long it took, by a
//! clock that both sides share ([`clock`]). What it says is believed only as far as it can be.

pub(crate) mod clock;
#[cfg(feature = "metrics")]
pub(crate) mod figures;
#[cfg(not(feature = "metrics"))]
#[path = "figures_off.rs"]
pub(crate) mod figures;
#[cfg(feature = "tracing")]
mod lines;
#[cfg(not(feature = "tracing"))]
#[path = "lines_off.rs"]
mod lines;
mod outcome;
mod scene;
mod seen;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
#[cfg(not(feature = "tracing"))]
#[path = "spans_off.rs"]
pub(crate) mod spans;
pub mod timeline;

use std::sync::atomic::{AtomicU8, Ordering};

pub(crate) use lines::Lines;
pub(crate) use outcome::{Outcome, Outcomes};
pub(crate) use scene::{News, Scene};
pub(crate) use seen::{Bundled, Seen};

use crate::panics;

/// Who listens, but for spans.
static SINKS: AtomicU8 = AtomicU8::new(0);

/// There is a recording.
const TIMELINE: u8 = 1;
/// Figures were asked for.
#[cfg(feature = "metrics")]
const FIGURES: u8 = 2;

/// Whether anybody listens.
#[inline]
pub(crate) fn is_on() -> bool {
    SINKS.load(Ordering::Relaxed) != 0 || spans::is_on()
}

/// Whether this sink listens.
fn listens(sink: u8) -> bool {
    SINKS.load(Ordering::Relaxed) & sink != 0
}

/// Runs what may be code of a subscriber's or a recorder's. Where it panics, which the panic hook has told, there is nothing.
fn told<T>(tell: impl FnOnce() -> T) -> Option<T> {
    panics::caught_text(tell).ok()
}

fn set(sink: u8, on: bool) {
    if on {
        SINKS.fetch_or(sink, Ordering::SeqCst);
    } else {
        SINKS.fetch_and(!sink, Ordering::SeqCst);
    }
}
