//! A zygote from the inside: a process with one thread, from which workers are forked.
//!
//! ```text
//! told what it is ──> builds a worker, where it is to ──> looks that it is alone ──> Ready ──> takes orders ──> forks
//!                                └─ an error               └─ other threads: Failed      └─ the driver is gone: leaves
//! ```
//!
//! An order brings the worker's end of its socket, and of its stderr where that is captured. The new process is the
//! driver's own child, takes these, closes the zygote's own socket, and says a bell, so that its driver looks for its
//! number; the zygote closes what came with the order. So neither it nor any other worker has a worker's socket open, and
//! the end of it is the end of that worker.
//!
//! While it builds, which may take long, a second thread ends it when the driver is gone. That one has ended before it is
//! looked whether the zygote is alone. What the constructor printed is written out before the first fork, once.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use serde::{Deserialize, Serialize};

use super::{Start, check_build, leave, leave_for, refuse, watcher};
use crate::backend::process::sys::{self, Alone, Offset, Register, Side};
use crate::backend::process::talk::{self, Message};
use crate::error::Error;
use crate::spin;
use crate::wire::frame::{Head, Kind};
use crate::wire::link::write_frame;

/// What a zygote is, as the driver tells it first.
#[derive(Serialize, Deserialize)]
pub(in crate::backend::process) struct Description {
    pub(in crate::backend::process) build: sys::Build,
    pub(in crate::backend::process) pool_name: String,
    /// What is to be built before workers are forked, and its entry.
    pub(in crate::backend::process) preload: Option<(Offset, Start)>,
}

pub(in crate::backend::process) struct Zygote {
    control: Arc<UnixStream>,
    register: Register,
}

/// The whole life of a zygote.
pub(super) fn main(control: UnixStream, mut first: Message) -> ! {
    let description: Description = match first.read() {
        Ok(description) => description,
        Err(why) => refuse(&control, &Error::init_failed(format!("its description {why}"))),
    };
    check_build(&control, description.build);
    let register = match first.files.pop_front().map(|file| Register::open(&file)) {
        Some(Ok(register)) => register,
        Some(Err(error)) => {
            refuse(&control, &Error::init_failed(format!("the memory that it shares could not be used: {error}")));
        }
        None => refuse(&control, &Error::init_failed("the memory that it shares did not arrive")),
    };
    drop(first);
    let zygote = Zygote { control: Arc::new(control), register };
    match description.preload {
        Some((entry, start)) => sys::preload_at(entry)(start, zygote),
        None => match zygote.fork_workers() {
            Ok(socket) => super::main_of_spare(socket, &description.pool_name),
            Err(refusal) => refusal.0.refuse(&refusal.1),
        },
    }
}

/// A thread that ends the process when the driver is gone; it ends when this is dropped.
pub(super) struct Watch {
    done: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.done.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Zygote {
    /// Ends, and tells the driver why.
    pub(super) fn refuse(&self, error: &Error) -> ! {
        refuse(&self.control, error)
    }

    /// Watches for the end of the driver until what this returns is dropped. Where that cannot be, it is not watched for:
    /// the end of the driver is noticed later then.
    pub(super) fn watch(&self) -> Option<Watch> {
        let done = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).ok()?);
        let (control, bell) = (self.control.clone(), done.clone());
        let watch = move || {
            loop {
                // A hangup is told without being asked for.
                let mut fds =
                    [PollFd::new(control.as_fd(), PollFlags::empty()), PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut fds, PollTimeout::NONE);
                if fds[0].any() == Some(true) {
                    leave();
                }
                if fds[1].any() == Some(true) {
                    return;
                }
            }
        };
        Some(Watch { done, thread: Some(watcher().spawn(watch).ok()?) })
    }

    /// Forks workers for as long as the driver wants some. Returns in each of them, with its socket; an error where no
    /// process can be forked from this one.
    pub(super) fn fork_workers(self) -> Result<UnixStream, Box<(Zygote, Error)>> {
        // What stands in a buffer now would stand in each worker's.
        let _ = io::stdout().flush();
        sys::flush_c();
        rehearse();
        let alone = match Alone::look() {
            Ok(alone) => alone,
            Err(others) => return Err(Box::new((self, crowded(&others)))),
        };
        if write_frame(&self.control, Head::plain(Kind::Ready, 0), &[], &[]).is_err() {
            leave();
        }
        loop {
            match talk::receive(&self.control) {
                Ok(Some(order)) if order.head.kind == Kind::Fork => {
                    if let Some((socket, stderr)) = self.obey(&alone, order) {
                        return Ok(self.born(socket, stderr));
                    }
                }
                Ok(Some(order)) => leave_for(&format!("a frame of kind {:?} is not for zygotes", order.head.kind)),
                Ok(None) => leave(),
                Err(why) => leave_for(&why),
            }
        }
    }

    /// Forks a worker. Returns in that one, with what came for it.
    fn obey(&self, alone: &Alone, mut order: Message) -> Option<(OwnedFd, Option<OwnedFd>)> {
        let slot = usize::try_from(order.head.id).ok().and_then(|number| self.register.slot(number));
        let Some(slot) = slot else { leave_for("a worker was ordered in a place that is not there") };
        let (socket, stderr) = (order.files.pop_front(), order.files.pop_front());
        let Some(socket) = socket else {
            // There was no descriptor left for it, or none came; the driver sees the end of it.
            slot.store(-(Errno::EMFILE as i32), Ordering::Release);
            return None;
        };
        match sys::fork_sibling(alone, slot) {
            Ok(Side::New) => Some((socket, stderr)),
            Ok(Side::Old) => None,
            Err(error) => {
                // Before the socket is closed, by which the driver is told to look.
                slot.store(-error.raw_os_error().unwrap_or(Errno::EAGAIN as i32), Ordering::Release);
                None
            }
        }
    }

    /// In the new process: lets go of what is the zygote's, and takes its place.
    fn born(self, socket: OwnedFd, stderr: Option<OwnedFd>) -> UnixStream {
        let Zygote { control, register } = self;
        drop(control);
        // It is not mapped here any more; something else may be at its address.
        std::mem::forget(register);
        if let Some(stderr) = stderr
            && let Err(error) = nix::unistd::dup2_stderr(&stderr)
        {
            leave_for(&format!("its stderr could not be put in place: {error}"));
        }
        let socket = UnixStream::from(socket);
        // Were the driver gone, the next thing that is read tells.
        let _ = write_frame(&socket, Head::plain(Kind::Bell, 0), &[], &[]);
        socket
    }
}

/// Does once what each worker would do by itself while its first call waits: it finds out how many processors there are, and
/// starts a thread, for which functions are looked up and memory is set up that it inherits.
fn rehearse() {
    spin::prepare();
    let thread = std::thread::Builder::new().name("concurry-rehearsal".to_owned()).spawn(|| drop(vec![1u8; 1000]));
    if let Ok(thread) = thread {
        let _ = thread.join();
    }
}

/// What is said where other threads are in the way.
fn crowded(others: &[String]) -> Error {
    let few = others.iter().take(4).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if others.len() > 4 { ", …" } else { "" };
    let threads = if others.len() == 1 { "a thread" } else { "threads" };
    Error::init_failed(format!(
        "its constructor left {threads} behind ({few}{more}), and with `preload` workers are forked from the process that it ran in, which must have none but its own; end what it started before it returns, start that in `on_worker_start` or by the first call instead, or leave out `preload`"
    ))
}
