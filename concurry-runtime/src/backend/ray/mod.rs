//! Workers that are processes on the nodes of a Ray cluster.
//!
//! Ray places them, gives them their resources and brings them what they need; everything else is as in
//! [`process`](super::process): the same executable, the same frames, the same code that looks after a worker here and
//! that runs it there. Python stands between, in a process of its own, the *bridge*, and passes on bytes, which is called to
//! *relay*:
//!
//! ```text
//!  driver                      bridge (bridge.py)                node
//!  ProcessLink ══ socket ═════> a thread a worker ══ push() ══> Guardian, an actor ══ socket ══> worker process
//!  reader      <═ (its end  ═══                   <═ drain() ══ (bridge.py, too)   <═══════════ (the executable)
//!                 of a pair)
//!  Bridge      <── orders, fates: a socket of frames ──> main thread
//! ```
//!
//! Where the driver can connect to the node by itself, which is called *direct*, frames go without Python, and all else
//! stays as it is:
//!
//! ```text
//!  driver                      bridge (bridge.py)                node
//!  ProcessLink ══════════════════════════ TCP ════════════════════════════════════════════════> worker process
//!  reader      <══════════════════════════════════════════════════════════════════════════════  (the executable)
//!  Bridge      <── orders, fates ──> main thread <── drain() ──> Guardian <── its prints, its end ──┘
//! ```
//!
//! # Who owns what
//!
//! A pool has a [`Cluster`]: what its workers are to be and the bridge of the moment. All pools of this process on one cluster
//! share a bridge, which knows each by a number. It is a child process with a thread here that hears it ([`Bridge`]), and ends
//! when the last pool is gone, and the last value that was left on the cluster. Each incarnation of a worker has a pair of sockets, of which the bridge is
//! handed one end; the other is the socket of its `ProcessLink`, which knows no difference: frames go into it and come
//! out of it, and its end is the worker's. What a process tells by its number and its exit status, an [`Actor`] tells:
//! how to end it, and its [`Fate`]. On the node, a worker's guardian starts the process, and starts its successor after a
//! death, which keeps the worker's place on the cluster.
//!
//! Frames travel in batches, as many as are there when one is sent, so that what a batch costs is shared by many calls.
//! `push` brings one to the guardian, `drain` waits there for what the worker says. Batches are numbered, and so are
//! incarnations, so that nothing is written out of turn, and what is about one that is gone is not heard.
//!
//! # How the two get connected
//!
//! ```text
//!  driver                bridge              guardian
//!     ── Fork ────────────> ── begin() ────────>   listens at the node's address, or, where that is not its machine's own
//!                                                  as behind NAT, at all of them; the port is the system's choice
//!     <── Offer ─────────── <── address, secret ─   the secret is 256 bits of the system's, new for each incarnation
//!     ── connects; the first half of the secret ─>  anybody who says something else is hung up on
//!     <─ the second half ────────────────────────   (the transport `Auto` waits 2 s for that, `Direct` 10 s)
//!     ── one byte ───────────────────────────────>  listens no more, and starts the process, whose standard input it is
//!     <── Begun ─────────── <── started() ───────
//! ```
//!
//! The thread that looks after the worker does it, so that nobody else waits for a place on the cluster; it can be ended
//! meanwhile as at any other time. Until the one byte either side may give up, and then the driver says so (`Relay`, or
//! `Leave` with a reason); after it neither does, so that there are never two ways to one worker.
//!
//! The guardian keeps the connection open too, and ends it when the process is dead: a kernel breaks off one whose only
//! owner dies with something unread, and what is on its way the other way is lost then. If it ends in good order, all has
//! come. If it breaks off all the same, or does not end within 10 s of the process, the worker counts as lost. And where the
//! worker is lost by what the bridge says, the driver ends the connection, by which the process ends.
//!
//! # What the two say to each other
//!
//! The frames are [those of a link](crate::wire::frame). What the driver says in them is names and values, each ended by a
//! zero; what the bridge says is lines of text.
//!
//! | frame | from | what |
//! | --- | --- | --- |
//! | `Start` | driver | where the cluster is; with the executable's descriptor |
//! | `Ready` | bridge | it is joined; the executable's hash |
//! | `Failed` | bridge | it is not, and why; the bridge ends |
//! | `Pool` | driver | what the workers of the pool of this number are to be |
//! | `Fork` | driver | start the worker of this number; with its end of the socket, and of a pipe for its stderr |
//! | `Offer` | bridge | where one may connect to the worker of this number, and the secret |
//! | `Relay` | driver | it does not connect to the worker of this number, which is to be started all the same |
//! | `Begun` | bridge | the worker's process was started: its number on its node |
//! | `Leave` | driver | end the worker of this number at once; with a reason where it was not to be started |
//! | `Value` | bridge | the worker of this number is gone: its fate. Its socket ends after this. |
//! | `Bell` | bridge | it is alive; every two seconds |
//! | `Stop` | driver | end the workers of the pool of this number; without one end all, leave the cluster, end |
//! | `Spent` | bridge | the workers of the pool of this number are gone |
//! | `Give` | driver | bring the worker of this number a value that is on the cluster, once |
//! | `Fetch` | driver | bring a value here; under this number |
//! | `Fetched` | bridge | the value with that number, in a file without a name, or why there is none |
//! | `Put` | driver | put the value there that is in the file which comes with this; under this number |
//! | `Forget` | driver | a value is not needed any more |
//!
//! # Values that stay there
//!
//! What they are to who makes and takes them, [`far`](crate::far) has. On the node, a worker and its guardian share a socket by
//! which files without a name go, with a value in each. What the worker leaves, its guardian keeps, and says so with a record
//! (`K`); for a moment it is the guardian's, from whom workers of the same machine have it without a copy (`pass_on`: they
//! open the guardian's descriptor). It becomes Ray's (`take`), which stores it and brings it to whichever node, when it is wanted
//! elsewhere, before the guardian ends, and after two seconds in any case. To a worker, it is brought by its own guardian (`give`),
//! in a file again, once; a call that needs it waits for it before it begins, so that a death meanwhile costs nothing.
//!
//! A value is lost with its node, with its guardian while it is that one's, and with the bridge, whose it is. Whoever waits for
//! one that is lost is told so (`lose`), and its call comes to [`Error::Ray`](crate::Error::Ray).
//!
//! # What happens when somebody dies
//!
//! | who | seen by | what comes of it |
//! | --- | --- | --- |
//! | worker process | its guardian, at once | [`Fate::Ended`]: all that it had said comes first, so the call that had begun fails, and the rest is run by its successor, which the same guardian starts |
//! | guardian, or its node | an error of `drain`, or 10 s without a beat | [`Fate::Lost`]: what it had said last may be lost, so all calls that were sent fail, which is as many as `max_queued_tasks`; those that wait here do not. The process ends by the end of its socket. |
//! | bridge | the end of its socket, or 20 s without a bell | the same for all workers of the pool; the next one is started by another bridge |
//! | connection | its breaking off, or 25 s in which the other end's kernel did not answer or took nothing of what waits for it | the worker is ended, and it is as with the guardian |
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
mod direct;
mod image;
mod options;
mod values;

pub(crate) use actor::{Actor, Fate};
pub(crate) use cluster::{Away, Cluster};
pub(crate) use image::Image;
pub use options::{RayOptions, RayStrategy, RayTransport};
