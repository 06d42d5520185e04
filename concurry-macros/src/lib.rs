//! concurry-macros
