//! Faults on purpose, for the tests of what happens then: feature `fault-injection`. Without it every point is nothing
//! (`off.rs`).
//!
//! A [`Plan`] says what is done at which [`Point`] of a call's way, the how manieth time that the point is come to, and in
//! which incarnation of the worker. Who holds a plan has it followed by the pools that this thread makes meanwhile. Points
//! of the driver are counted by pool; those of a worker process by process, which gets its part of the plan by the
//! variable `CONCURRY_FAULTS`. So tests that run side by side do not get into each other's way.
//!
//! What a fault does is done when it returns: a process that is to be killed is dead by then, one that is to be stopped
//! has stopped, and may have been continued since. What waits does so at a socket until the test lets it go on. Nothing
//! here takes time into account.

mod point;
mod text;

pub use point::Point;

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::wire::frame::{HEAD, Head, seal};

/// The variable by which a worker gets its part of a plan.
const VARIABLE: &str = "CONCURRY_FAULTS";

/// What is done at a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The worker's process is killed.
    Kill,
    /// The worker's process is stopped (SIGSTOP).
    Stop,
    /// The process that comes to the point is killed, be it the driver.
    Die,
    /// The thread that comes to the point panics.
    Panic,
    /// It connects to this socket, says which process comes to which point, and waits for the other end to close.
    Wait(PathBuf),
    /// The system refuses with this error number.
    Refuse(i32),
    /// So many bytes of a frame are written; then something is done; then the rest is written.
    Cut(usize, Box<Action>),
    /// Something else is written instead of a frame.
    Spoil(Spoil),
}

/// What is written instead of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// This byte of it, counted from its head on, has all its bits turned.
    Byte(usize),
    /// It says that it is so long, and has the bytes that it had.
    Length(u32),
    /// It is about the call of this number.
    Id(u64),
    /// It is about the call before the one that it should be about.
    Before,
    /// It is of another kind, by number.
    Kind(u8),
    /// It is written twice.
    Twice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    point: Point,
    action: Action,
    /// Which time, from 1.
    time: u32,
    /// In which incarnation, from 1, counted by pool.
    incarnation: u32,
}

/// What is done where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(Vec<Entry>);

impl Plan {
    /// Nothing, anywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first time that the first incarnation comes to `point`, `action` is done.
    #[must_use]
    pub fn at(mut self, point: Point, action: Action) -> Self {
        self.0.push(Entry { point, action, time: 1, incarnation: 1 });
        self
    }

    /// What was added last is done the how manieth time, from 1.
    #[must_use]
    pub fn time(mut self, time: u32) -> Self {
        self.0.iter_mut().next_back().into_iter().for_each(|last| last.time = time);
        self
    }

    /// What was added last is done in this incarnation of the pool's workers, from 1; says nothing at points of the driver.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u32) -> Self {
        self.0.iter_mut().next_back().into_iter().for_each(|last| last.incarnation = incarnation);
        self
    }

    /// Has the pools follow it that this thread makes until the guard goes.
    pub fn hold(self) -> Guard {
        let shared = Arc::new(Counted::new(self));
        HELD.set(Some(shared.clone()));
        Guard(shared)
    }
}

thread_local! {
    static HELD: RefCell<Option<Arc<Counted>>> = const { RefCell::new(None) };
}

/// Holds a plan.
#[derive(Debug)]
pub struct Guard(Arc<Counted>);

impl Guard {
    /// Tells, at any time, how many faults the driver's side has had.
    pub fn count(&self) -> impl Fn() -> u32 + use<> {
        let counted = self.0.clone();
        move || counted.fired.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        HELD.set(None);
    }
}

/// A plan that is followed.
#[derive(Debug)]
struct Counted {
    plan: Plan,
    times: Vec<AtomicU32>,
    incarnations: AtomicU32,
    fired: AtomicU32,
}

impl Counted {
    fn new(plan: Plan) -> Self {
        let times = Point::ALL.iter().map(|_| AtomicU32::new(0)).collect();
        Counted { plan, times, incarnations: AtomicU32::new(0), fired: AtomicU32::new(0) }
    }

    /// What is to be done now that somebody comes to `point`.
    fn due(&self, point: Point) -> Option<&Action> {
        let time = self.times.get(point as usize)?.fetch_add(1, Ordering::SeqCst) + 1;
        let entry = self.plan.0.iter().find(|entry| entry.point == point && entry.time == time)?;
        self.fired.fetch_add(1, Ordering::SeqCst);
        Some(&entry.action)
    }
}

/// The plan of a pool, in its driver.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Option<Arc<Counted>>);

impl Faults {
    /// The plan that this thread holds.
    pub(crate) fn of_this_thread() -> Self {
        Faults(HELD.with_borrow(Clone::clone))
    }

    /// No plan.
    pub(crate) fn none() -> Self {
        Faults(None)
    }

    fn due(&self, point: Point) -> Option<&Action> {
        self.0.as_ref()?.due(point)
    }

    /// Somebody comes to `point` on behalf of a worker.
    pub(crate) fn at(&self, point: Point, worker: impl FnOnce() -> Option<Pid>) {
        if let Some(action) = self.due(point) {
            run(point, action, worker());
        }
    }

    /// As [`at`](Self::at), where the system may refuse something.
    pub(crate) fn allows(&self, point: Point) -> io::Result<()> {
        match self.due(point) {
            Some(Action::Refuse(number)) => Err(io::Error::from_raw_os_error(*number)),
            Some(action) => {
                run(point, action, None);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// As [`at`](Self::at), where a frame is to be written, which `write` does, any bytes at a time. `None` where it is
    /// not touched.
    pub(crate) fn in_pieces(
        &self,
        point: Point,
        worker: Option<Pid>,
        (head, bytes): (&Head, &[u8]),
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Option<io::Result<()>> {
        let action = self.due(point)?;
        Some(write_in_pieces(point, action, worker, head, bytes, write))
    }

    /// What the next process of the pool is told by its environment.
    pub(crate) fn variable(&self) -> Option<(&'static str, String)> {
        let counted = self.0.as_ref()?;
        let incarnation = counted.incarnations.fetch_add(1, Ordering::SeqCst) + 1;
        let theirs = counted.plan.0.iter().filter(|entry| entry.incarnation == incarnation).cloned();
        Some((VARIABLE, Plan(theirs.collect()).to_string()))
    }
}

/// The plan of this process, where it is a worker.
fn own() -> &'static Faults {
    static OWN: OnceLock<Faults> = OnceLock::new();
    OWN.get_or_init(|| {
        let plan = std::env::var(VARIABLE).ok().and_then(|text| text.parse::<Plan>().ok());
        Faults(plan.map(|plan| Arc::new(Counted::new(plan))))
    })
}

/// This worker process comes to `point`.
pub(crate) fn here(point: Point) {
    own().at(point, || Some(Pid::this()));
}

/// As [`Faults::in_pieces`], in a worker process, for its answers.
pub(crate) fn in_pieces(
    point: Point,
    frame: (&Head, &[u8]),
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Option<io::Result<()>> {
    if !frame.0.kind.is_answer() {
        return None;
    }
    own().in_pieces(point, Some(Pid::this()), frame, write)
}

/// Forks this process: the child's number, or nothing in the child.
///
/// # Errors
/// The system's.
pub fn fork() -> io::Result<Option<u32>> {
    crate::backend::process::fork()
}

fn run(point: Point, action: &Action, worker: Option<Pid>) {
    match action {
        Action::Kill => signal(worker, Signal::SIGKILL, WaitPidFlag::WEXITED),
        // The test may have seen it stop, and had it go on or ended it, before this looks.
        Action::Stop => {
            let done = WaitPidFlag::WSTOPPED | WaitPidFlag::WCONTINUED | WaitPidFlag::WEXITED;
            signal(worker, Signal::SIGSTOP, done);
        }
        Action::Die => signal(Some(Pid::this()), Signal::SIGKILL, WaitPidFlag::WEXITED),
        Action::Panic => std::panic::panic_any(format!("a fault at {}", point.text())),
        Action::Wait(socket) => wait(point, socket),
        // For other points than this one.
        Action::Refuse(_) | Action::Cut(..) | Action::Spoil(_) => {}
    }
}

/// Sends a signal to a worker, and waits until it has done what it does.
fn signal(worker: Option<Pid>, signal: Signal, done: WaitPidFlag) {
    match worker {
        Some(own) if own == Pid::this() => {
            let _ = raise(signal);
            if signal == Signal::SIGKILL {
                // It is on its way to this very process.
                loop {
                    std::thread::park();
                }
            }
        }
        Some(worker) => {
            let _ = kill(worker, signal);
            while waitid(Id::Pid(worker), done | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
        }
        None => {}
    }
}

/// Waits at a socket. Where nobody listens the way is free.
fn wait(point: Point, socket: &PathBuf) {
    let Ok(mut stream) = UnixStream::connect(socket) else { return };
    if writeln!(stream, "{} {}", std::process::id(), point.text()).is_ok() {
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

fn write_in_pieces(
    point: Point,
    action: &Action,
    worker: Option<Pid>,
    head: &Head,
    bytes: &[u8],
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut frame = [&head.to_bytes()[..], bytes].concat();
    match action {
        Action::Cut(length, then) => {
            let (first, rest) = frame.split_at((*length).min(frame.len()));
            write(first)?;
            run(point, then, worker);
            write(rest)
        }
        Action::Spoil(spoil) => {
            // What has a place of its own in the head is as it would be if it were meant.
            let mut sealed = *head;
            match *spoil {
                Spoil::Byte(at) => {
                    frame.iter_mut().skip(at).take(1).for_each(|byte| *byte = !*byte);
                    return write(&frame);
                }
                Spoil::Twice => {
                    write(&frame)?;
                    return write(&frame);
                }
                Spoil::Kind(kind) => {
                    let mut raw = head.to_bytes();
                    raw[4] = kind;
                    seal(&mut raw);
                    return write(&[&raw[..], bytes].concat());
                }
                Spoil::Length(length) => sealed.length = length as usize,
                Spoil::Id(id) => sealed.id = id,
                Spoil::Before => sealed.id = head.id.saturating_sub(1),
            }
            frame.splice(..HEAD, sealed.to_bytes());
            write(&frame)
        }
        other => {
            run(point, other, worker);
            write(&frame)
        }
    }
}
