//! What users write: expansions that must compile, and mistakes with the errors that they get.
//!
//! The cases are programs in `pass/` and `fail/`; `tests/ui.rs` runs them. This library holds what they share: the
//! facade as another crate may re-export it.

/// The facade, re-exported.
pub mod reexport {
    pub use ::concurry;
}
