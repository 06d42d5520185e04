//! What workers write to their stderr: shown on the driver's at once, and the last of it kept for the error of a death.
//!
//! A worker's stderr is a pipe whose other end is here. One thread serves the pipes of all workers: it takes what comes,
//! keeps the last of it ([`Tail`]) and writes it to the driver's own stderr. What is in the pipe survives its writer, so
//! nothing is lost when a worker dies, whatever it dies of; and a worker waits only where the driver's stderr is not read
//! by anyone, as it would if it wrote there itself. (It is a pipe all the same: `isatty` says no. `capture_stderr` set to
//! `false` gives workers the driver's stderr itself; with `forward_logs` lines are shown as events.)
//!
//! ```text
//! worker ──> pipe ──> drawn, under the lock: into the tail, and into what is to be shown ──> shown, without the lock
//! ```
//!
//! Who owns what: the hub owns the pipes, and lives with its thread for as long as there are any. Who looks after a worker
//! has a [`Tap`]: the right to draw from its pipe, and to ask for the tail once the worker is dead. Nobody waits for the
//! end of a pipe, since programs that the worker has started may keep it open for as long as they like; until they end,
//! what they write is shown too. Nobody but the hub's own thread waits for the driver's stderr, or only for
//! [`PATIENCE`]. When the driver exits, what was written by then is shown first.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::sys;
use super::tail::Tail;
use crate::observe::Lines;
use crate::panics;

/// How much is taken from a pipe at a time.
const MOUTHFUL: usize = 64 << 10;

/// How much is taken from the pipe of a worker that is dead: what was in it then, unless somebody still writes.
const REST: usize = 1 << 20;

/// How long anybody waits for the driver's stderr to take what there is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of the bell among those of the pipes.
const BELL: u64 = 0;

static HUB: Mutex<Option<Arc<Hub>>> = Mutex::new(None);

/// The process that shows things when it exits; a fork of it does not.
static DRIVER: AtomicU32 = AtomicU32::new(0);

struct Hub {
    epoll: Epoll,
    /// Has the thread look for what is to be shown or closed.
    bell: EventFd,
    state: Mutex<State>,
    /// Told after each round of the thread.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pipes: HashMap<u64, Pipe>,
    last: u64,
    /// Those that the thread is to look at: something is to be shown, or they are at their end.
    due: Vec<u64>,
    /// No pipe is left, and the thread is about to be gone.
    ended: bool,
    thread: Option<JoinHandle<()>>,
}

struct Pipe {
    file: File,
    /// Shared with the tap, which asks for it when the pipe may have come to its end already.
    tail: Arc<Mutex<Tail>>,
    /// What is to be shown.
    coming: Vec<u8>,
    /// Shows it, where it is asked for as events. Out while that is done.
    lines: Option<Lines>,
    /// The thread is showing something of it.
    showing: bool,
    /// Nobody has it open any more.
    over: bool,
}

impl Pipe {
    /// Takes what is there, at most so much. `true` where the thread is to look at it for the first time since it did.
    fn draw(&mut self, most: usize) -> bool {
        let was_due = self.over || !self.coming.is_empty();
        let mut taken = 0;
        let mut buffer = vec![0; MOUTHFUL.min(most)];
        while taken < most && !self.over {
            match self.file.read(&mut buffer) {
                Ok(0) => self.over = true,
                Ok(read) => {
                    let new = buffer.get(..read).unwrap_or_default();
                    self.tail.lock().unwrap_or_else(PoisonError::into_inner).push(new);
                    self.coming.extend_from_slice(new);
                    taken += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.over = true,
            }
        }
        !was_due && (self.over || !self.coming.is_empty())
    }
}

/// The way to one worker's pipe.
pub(super) struct Tap {
    hub: Arc<Hub>,
    number: u64,
    tail: Arc<Mutex<Tail>>,
}

impl Tap {
    /// Shows what comes out of `pipe` from now on.
    pub(super) fn open(pipe: OwnedFd, lines: Option<Lines>) -> io::Result<Self> {
        let flags = OFlag::from_bits_retain(fcntl(&pipe, FcntlArg::F_GETFL)?);
        fcntl(&pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        // Held until the pipe is there, so that the hub does not end meanwhile.
        let mut here = HUB.lock().unwrap_or_else(PoisonError::into_inner);
        let hub = match &*here {
            Some(hub) => hub.clone(),
            None => here.insert(Hub::start()?).clone(),
        };
        let mut state = hub.state();
        state.last += 1;
        let number = state.last;
        let tail = Arc::<Mutex<Tail>>::default();
        let (file, own) = (File::from(pipe), tail.clone());
        let pipe = Pipe { file, tail: own, coming: Vec::new(), lines, showing: false, over: false };
        let added = hub.epoll.add(&pipe.file, EpollEvent::new(EpollFlags::EPOLLIN, number));
        if added.is_ok() {
            state.pipes.insert(number, pipe);
        }
        drop(state);
        drop(here);
        match added {
            Ok(()) => Ok(Tap { hub, number, tail }),
            Err(error) => {
                // Where this was to be its first pipe, it ends again.
                hub.ring();
                Err(error.into())
            }
        }
    }

    /// The last that was written, by a worker that is dead, without a last line that is `ours`.
    pub(super) fn last_words(&self, ours: Option<&str>) -> String {
        let mut state = self.hub.state();
        self.hub.draw(&mut state, self.number, REST);
        drop(state);
        self.hub.ring();
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).text(ours)
    }

    /// Waits until all that has come is shown and the pipe is closed, unless somebody else has it open; but not for long.
    pub(super) fn settle(self) {
        let hub = &self.hub;
        let thread = hub.wait(|state| match state.pipes.get(&self.number) {
            Some(pipe) => !pipe.over && !pipe.showing && pipe.coming.is_empty(),
            None => state.ended || !state.pipes.is_empty(),
        });
        if let Some(thread) = thread {
            // All that is left of it is its last instructions.
            let _ = thread.join();
        }
    }
}

impl Hub {
    fn start() -> io::Result<Arc<Self>> {
        let hub = Arc::new(Hub {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            bell: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        hub.epoll.add(&hub.bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        let own = hub.clone();
        let thread = thread::Builder::new().name("concurry-stderr".to_owned()).spawn(move || own.serve())?;
        hub.state().thread = Some(thread);
        if DRIVER.swap(std::process::id(), Ordering::SeqCst) == 0 {
            sys::at_exit(show_all);
        }
        Ok(hub)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Full is rung.
        let _ = self.bell.write(1);
    }

    fn draw(&self, state: &mut State, number: u64, most: usize) {
        let State { pipes, due, .. } = state;
        let Some(pipe) = pipes.get_mut(&number) else { return };
        let was_over = pipe.over;
        if pipe.draw(most) {
            due.push(number);
        }
        if pipe.over && !was_over {
            // An end that nobody takes note of would be told again and again.
            let _ = self.epoll.delete(&pipe.file);
        }
    }

    /// Waits until `done`, but not for long. The thread, where it has ended and nobody has joined it.
    fn wait(&self, done: impl Fn(&State) -> bool) -> Option<JoinHandle<()>> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.ended { state.thread.take() } else { None }
    }

    /// The thread.
    fn serve(&self) {
        // Code of ours that panics here would leave workers at a pipe that nobody reads.
        while panics::caught_text(|| self.round()).unwrap_or(true) {}
    }

    /// Waits for something to come, and shows it. `false` where no pipe is left.
    fn round(&self) -> bool {
        let mut events = [EpollEvent::empty(); 64];
        let came = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(came) => came,
            Err(Errno::EINTR) => 0,
            // Without memory for it there is nothing to do but to look again.
            Err(_) => return thread_yields(),
        };
        let mut shown = Vec::new();
        let mut texts = Vec::new();
        let mut state = self.state();
        for event in events.iter().take(came) {
            match event.data() {
                // Empty is silent.
                BELL => drop(self.bell.read()),
                number => self.draw(&mut state, number, MOUTHFUL),
            }
        }
        let State { pipes, due, .. } = &mut *state;
        for number in due.drain(..) {
            if let Some(pipe) = pipes.get_mut(&number) {
                pipe.showing = true;
                texts.push(std::mem::take(&mut pipe.coming));
                shown.push((number, pipe.lines.take(), pipe.over));
            }
        }
        drop(state);
        for (text, (_, lines, over)) in texts.iter().zip(&mut shown) {
            match lines {
                Some(lines) if Lines::are_wanted() => tell(lines, text, *over),
                _ => show(text),
            }
        }
        // In this order: a pipe is opened with both held.
        let mut here = HUB.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state();
        let State { pipes, due, .. } = &mut *state;
        for (number, lines, ended) in shown {
            if let Some(pipe) = pipes.get_mut(&number) {
                pipe.showing = false;
                pipe.lines = lines;
                if !pipe.coming.is_empty() {
                    // More came while it was shown.
                    continue;
                }
                if pipe.over && !ended && pipe.lines.is_some() {
                    // It came to its end while it was shown: its last line is yet to be told, since that may have none.
                    if !due.contains(&number) {
                        due.push(number);
                    }
                    continue;
                }
                if pipe.over {
                    pipes.remove(&number);
                    due.retain(|other| *other != number);
                }
            }
        }
        let more = !state.due.is_empty();
        state.ended = state.pipes.is_empty();
        let goes_on = !state.ended;
        if state.ended {
            *here = None;
        }
        drop(state);
        drop(here);
        self.changed.notify_all();
        if more {
            self.ring();
        }
        goes_on
    }
}

fn thread_yields() -> bool {
    thread::yield_now();
    true
}

/// Makes events of it. The subscriber is the user's, and may panic, which the panic hook has told then.
fn tell(lines: &mut Lines, text: &[u8], over: bool) {
    let _ = panics::caught_text(|| {
        lines.take(text);
        if over {
            lines.end();
        }
    });
}

/// Writes to the driver's stderr. What cannot be written there is lost, as it would be to anyone.
fn show(text: &[u8]) {
    let mut left = text;
    while !left.is_empty() {
        match nix::unistd::write(io::stderr().as_fd(), left) {
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                // Somebody has made it one that does not block.
                let stderr = io::stderr();
                let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
                if !matches!(poll(&mut fds, PollTimeout::NONE), Ok(_) | Err(Errno::EINTR)) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// The driver exits: what workers have written by now is shown first.
extern "C" fn show_all() {
    if DRIVER.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    let hub = HUB.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(hub) = hub else { return };
    let mut state = hub.state();
    let numbers: Vec<u64> = state.pipes.keys().copied().collect();
    for number in numbers {
        hub.draw(&mut state, number, REST);
    }
    drop(state);
    hub.ring();
    hub.wait(|state| state.pipes.values().all(|pipe| !pipe.showing && pipe.coming.is_empty()));
}
