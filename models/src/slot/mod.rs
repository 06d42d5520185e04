//! The cell in which a call's answer is handed over.

#[path = "../../../concurry-runtime/src/future/slot/cell.rs"]
#[expect(dead_code, reason = "whether it is watched is asked for by who only guesses")]
mod cell;

mod models;
mod sync;
