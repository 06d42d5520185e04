//! Workers that are processes on the nodes of a Ray cluster.
//!
//! Ray places them, gives them their resources and brings them what they need; everything else is as in
//! [`process`](super::process): the same executable, the same frames, the same code that looks after a worker here and
//! that runs it there. Python stands between, in a process of its own, the *bridge*, and passes on bytes:
//!
//! ```text
//!  driver                      bridge (bridge.py)                node
//!  ProcessLink ══ socket ═════> a thread a worker ══ push() ══> Guardian, an actor ══ socket ══> worker process
//!  reader      <═ (its end  ═══                   <═ drain() ══ (bridge.py, too)   <═══════════ (the executable)
//!                 of a pair)
//!  Bridge      <── orders, fates: a socket of frames ──> main thread
//! ```
//!
//! # Who owns what
//!
//! A pool has a [`Cluster`]: what its workers are to be and the bridge of the moment. A bridge is a child process with a
//! thread here that hears it ([`Bridge`]). Each incarnation of a worker has a pair of sockets, of which the bridge is
//! handed one end; the other is the socket of its `ProcessLink`, which knows no difference: frames go into it and come
//! out of it, and its end is the worker's. What a process tells by its number and its exit status, an [`Actor`] tells:
//! how to end it, and its [`Fate`]. On the node, a worker's guardian starts the process, and starts its successor after a
//! death, which keeps the worker's place on the cluster.
//!
//! Frames travel in batches, as many as are there when one is sent, so that what a batch costs is shared by many calls.
//! `push` brings one to the guardian, `drain` waits there for what the worker says. Batches are numbered, and so are
//! incarnations, so that nothing is written out of turn, and what is about one that is gone is not heard.
//!
//! # What the two say to each other
//!
//! The frames are [those of a link](crate::wire::frame). What the driver says in them is names and values, each ended by a
//! zero; what the bridge says is lines of text.
//!
//! | frame | from | what |
//! | --- | --- | --- |
//! | `Start` | driver | where the cluster is, what workers are to be; with the executable's descriptor |
//! | `Ready` | bridge | it is joined; the executable's hash |
//! | `Failed` | bridge | it is not, and why; the bridge ends |
//! | `Fork` | driver | start the worker of this number; with its end of the socket, and of a pipe for its stderr |
//! | `Begun` | bridge | the worker's process was started: its node, its number there |
//! | `Leave` | driver | end the worker of this number at once |
//! | `Value` | bridge | the worker of this number is gone: its fate. Its socket ends after this. |
//! | `Bell` | bridge | it is alive; every two seconds |
//! | `Stop` | driver | end all workers, leave the cluster, end |
//!
//! # What happens when somebody dies
//!
//! | who | seen by | what comes of it |
//! | --- | --- | --- |
//! | worker process | its guardian, at once | [`Fate::Ended`]: all that it had said comes first, so the call that had begun fails, and the rest is run by its successor, which the same guardian starts |
//! | guardian, or its node | an error of `drain`, or 10 s without a beat | [`Fate::Lost`]: what it had said last may be lost, so all calls that were sent fail, which is as many as `max_queued_tasks`; those that wait here do not. The process ends by the end of its socket. |
//! | bridge | the end of its socket, or 20 s without a bell | the same for all workers of the pool; the next one is started by another bridge |
//! | driver | the end of the bridge's socket | the bridge ends its actors; they are ended by Ray where it cannot; the processes by the end of their sockets, or after 20 s during which nobody asked for them |
//!
//! Ray restarts nothing and retries nothing (`max_restarts=0`, `max_task_retries=0`): that is the pool's to decide.
//!
//! # How the executable gets there
//!
//! Its hash is taken by the bridge, from the file that the driver runs. A guardian keeps it in a folder that is its
//! user's alone and hashes it again before it starts it; it asks for the bytes where it has none. It tells the process
//! what it has hashed, which that compares with what the driver says ([`Image`]).

mod actor;
mod bridge;
mod cluster;
mod image;
mod options;

pub(crate) use actor::{Actor, Fate};
pub(crate) use cluster::Cluster;
pub(crate) use image::Image;
pub use options::{RayOptions, RayStrategy};
