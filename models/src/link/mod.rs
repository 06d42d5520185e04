//! The link to a worker process: rings, flags, attention, who looks out.

#[path = "../../../concurry-runtime/src/wire/link/attention.rs"]
mod attention;
#[path = "../../../concurry-runtime/src/wire/link/flag.rs"]
mod flag;
#[path = "../../../concurry-runtime/src/wire/link/lookout.rs"]
#[expect(dead_code, reason = "the reader's spinning is not modelled")]
mod lookout;
#[path = "../../../concurry-runtime/src/wire/link/ring.rs"]
mod ring;

mod futex;
mod memory;
mod models;
mod sync;
