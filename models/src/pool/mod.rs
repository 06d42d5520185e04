//! The figures of a pool: who is still on the way when it stops, and how many calls are with a worker.

#[path = "../../../concurry-runtime/src/pool/flight.rs"]
mod flight;
#[path = "../../../concurry-runtime/src/pool/tally.rs"]
mod tally;

mod models;
mod sync;
