//! What users write: expansions that must compile and run, and mistakes with the errors that they get.
//!
//! Each file of `pass/` is a test of its own, and clippy reads it as it reads a user's crate. Those of `fail/` are compiled
//! by `tests/ui.rs`, and their errors are compared with what stands beside them. This library holds what they share.

use concurry::Mode;

/// The facade, as another crate may re-export it.
pub mod reexport {
    pub use ::concurry;
}

/// The modes that every expansion is run in.
pub const MODES: [Mode; 4] = [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process];
