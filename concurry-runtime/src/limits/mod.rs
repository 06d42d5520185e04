//! Limits: how much of what may be used, and how fast; by whoever shares them.
//!
//! A [`LimitSet`] is a [`definition`](definition::Definition), plain data, and a state. The [`state`] of a set counts
//! (one [meter](rate) a rate), knows who holds what and who waits, and serves in order; nothing in it waits or polls.
//! Around it, everything that asks is written against the trait [`Keeper`](keeper::Keeper): [`Local`](local::Local) for
//! state in this process, [`remote::Remote`] in a worker process whose driver keeps it. A [`plan`](plan::Plan) is what
//! both sides know of it.
//!
//! | who | owns what |
//! | --- | --- |
//! | `state::Shared` | what is granted (its ledger) and who waits (its line) |
//! | `Acquisition`, `Permit` | one grant each, which is given back when it is dropped |
//! | `Ticket`, `AcquireFuture` | a place in line, which is left when it is dropped |
//! | `remote::Desk`, in the driver | everything that a worker process was granted and waits for; when the link ends, so does that |
//!
//! Nothing here knows of pools, workers or wires. A pool takes the [`Local`](local::Local) of its
//! [`LimitSource`], gets a turn from it for each call if it throttles, and puts [`Limits`] into the context of calls.

mod acquisition;
mod asking;
mod call;
mod clock;
mod definition;
mod handle;
mod keeper;
mod limiting;
mod local;
mod manual;
mod plan;
mod pool;
mod rate;
mod remote;
mod request;
mod set;
mod source;
mod state;
mod stats;
mod waiting;
mod window;

pub use acquisition::Acquisition;
pub use handle::Limits;
pub use manual::TestClock;
pub use pool::LimitPool;
pub use rate::RateAlgorithm;
pub use request::{IntoRequest, Wanted};
pub use set::LimitSet;
pub use source::LimitSource;
pub use stats::{LimitSetStats, LimitStats};
pub use waiting::AcquireFuture;
pub use window::Window;

#[cfg(test)]
pub(crate) use remote::{Answer, Question};
pub(crate) use {
    call::{Permit, Turn},
    keeper::{Holder, Keeper},
    limiting::Limiting,
    local::Local,
    plan::Plan,
    remote::{Desk, Remote},
    waiting::Ticket,
};

#[cfg(test)]
mod tests;
