//! concurry
