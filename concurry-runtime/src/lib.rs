//! concurry-runtime
