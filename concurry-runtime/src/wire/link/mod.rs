//! What carries frames between a driver and a worker process.
//!
//! ```text
//!                      ┌──────────── shared memory ───────────┐
//!  submitters, Outbox ─┼─> Down ══════ ring ══════> WorkerEnd ┼─> the worker's threads
//!  a reader a worker <─┼── Up <═══════ ring ═══════ WorkerEnd <┼── the worker's threads
//!  who waits       <───┼── Reading <──┘                         │
//!                      └──────────────────────────────────────┘
//!                            <───── socket: the first frame, bells, the end ─────>
//! ```
//!
//! A frame is a store away from being seen. Whoever waits for one looks at memory for a moment and then says that it
//! sleeps ([`flag`]): the driver's reader on the socket, for a bell; the worker by a futex; a thread that guards the
//! worker while it is busy on the socket again, for what must not wait. The driver never waits for room: what finds
//! none goes to the [`Outbox`], and the reader writes it when the worker tells of room. The worker waits for room,
//! because its driver's reader waits for nobody.
//!
//! The end of the socket is the end of the peer, on both sides. What it had published before is still read.
//!
//! Where no memory can be shared, all frames go over the socket, and everything else stays as it is.
//!
//! Whoever waits for a value looks into the ring by itself for a moment ([`reading`]), and nobody rings meanwhile.
//!
//! The rings and who sleeps or looks ([`ring`], [`flag`], [`attention`], [`lookout`]) are model-checked; what a peer that
//! has gone mad could put into the memory is checked where it is read.

mod attention;
mod down;
mod flag;
mod frames;
mod futex;
mod lookout;
mod memory;
mod outbox;
mod reading;
mod ring;
pub(crate) mod room;
mod socket;
mod sync;
mod up;
mod worker_end;

pub(crate) use down::Down;
pub(crate) use memory::Memory;
pub(crate) use outbox::Outbox;
pub(crate) use reading::{Frame, Help, Reading};
pub(crate) use socket::{Arrival, write_frame};
pub(crate) use up::Up;
pub(crate) use worker_end::WorkerEnd;

/// Does to what the driver reads what only a worker that has gone mad does.
#[cfg(test)]
pub(crate) fn scribble(memory: &Memory, bytes: &[u8], head: u64) {
    use std::sync::atomic::Ordering;

    memory.put(memory::Way::Up, 0, bytes);
    memory.tail(memory::Way::Up).store(0, Ordering::Relaxed);
    memory.head(memory::Way::Up).store(head, Ordering::Relaxed);
}

#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod ring_tests;
#[cfg(test)]
mod tests;
