//! The thread that looks after one worker process: it starts it, reads what it says, and sees it to its end.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::launch::{Launch, new_mark};
use super::link::ProcessLink;
use super::status;
use super::sys::Mark;
use crate::backend::{End, Host, Place};
use crate::call::TimeoutFrom;
use crate::error::{BoxError, Error, Told};
use crate::limits::Desk;
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Arrival, Inbox};
use crate::worker::INIT;

/// The whole life of a worker process, seen from here.
pub(super) fn live(launch: &Launch, link: &ProcessLink, place: Place, host: &dyn Host) -> End {
    let (mark, file) = match new_mark() {
        Ok(mark) => mark,
        Err(error) => return End::Failed(error),
    };
    let (pid, socket) = match launch.spawn() {
        Ok(spawned) => spawned,
        Err(error) => return End::Failed(error),
    };
    let mark = Arc::new(mark);
    if !link.born(pid, mark.clone()) {
        status::end_now(pid);
    }
    let desk = launch.limiting.of(place.index).map(|local| link.desk(local.clone()));
    let mut worker = Worker { desk, link, host, place, pid, mark, socket: Arc::new(socket), up: false, failed: None };
    let described = launch.describe(&worker.socket, &file, place.index);
    // The worker has its own; kept here it would be one descriptor a worker for nothing.
    drop(file);
    match described {
        Ok(()) => worker.listen(),
        Err(error) => worker.failed = Some(Failure::Refused(error)),
    }
    worker.end()
}

/// What a worker said, or did, that ends it.
enum Failure {
    /// It sent what no worker sends.
    Nonsense(String),
    /// It could not be described, or said itself why it does not come up or cannot go on.
    Refused(Error),
}

struct Worker<'a> {
    /// Asks for limits on the worker's behalf; what it holds is given back when this goes.
    desk: Option<Desk>,
    link: &'a ProcessLink,
    host: &'a dyn Host,
    place: Place,
    pid: Pid,
    mark: Arc<Mark>,
    socket: Arc<UnixStream>,
    up: bool,
    failed: Option<Failure>,
}

impl Worker<'_> {
    /// Reads until the socket ends or what comes makes no sense.
    fn listen(&mut self) {
        if let Err(error) = self.socket.set_nonblocking(true) {
            self.failed = Some(Failure::Refused(Error::init_failed(format!("its socket could not be used: {error}"))));
            return;
        }
        self.link.open(self.socket.clone());
        let mut inbox = Inbox::new();
        loop {
            match inbox.read(&self.socket) {
                Ok(Arrival::Some) => {}
                Ok(Arrival::Nothing) => {
                    self.sleep();
                    continue;
                }
                Ok(Arrival::End) | Err(_) => return,
            }
            loop {
                let frame = match inbox.next() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(why) => return self.failed = Some(Failure::Nonsense(why)),
                };
                if let Err(why) = self.take(frame.0, frame.1) {
                    return self.failed = Some(Failure::Nonsense(why));
                }
            }
        }
    }

    /// Waits for something to read, or for room for what is to be written.
    fn sleep(&self) {
        let full = self.link.flush(&mut self.link.state());
        let wanted = if full { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        let mut fds =
            [PollFd::new(self.socket.as_fd(), wanted), PollFd::new(self.link.bell.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            // Without memory for a poll there is nothing to do but to look again.
            Err(_) => std::thread::yield_now(),
        }
        if fds[1].any() == Some(true) {
            // Empty is silent.
            let _ = self.link.bell.read();
        }
    }

    fn take(&mut self, head: Head, bytes: Vec<u8>) -> Result<(), String> {
        match head.kind {
            Kind::Ready if !self.up => {
                self.up = true;
                self.host.up(self.place);
            }
            Kind::Failed => {
                let error = decode_told(&bytes)?.into_error(|bytes| self.rebuild(INIT, bytes));
                self.failed = Some(Failure::Refused(error));
            }
            Kind::Begun => {
                if let Some((call, attempt)) = self.link.call_of(head.id)
                    && call.header().begin(attempt)
                {
                    call.set_clock(TimeoutFrom::Start);
                }
            }
            Kind::Asked => {
                let question =
                    codec::decode(Codec::Bincode, &bytes).map_err(|why| format!("it sent a question that {why}"))?;
                match &self.desk {
                    Some(desk) => desk.asked(question),
                    None => return Err("it asked for limits, of which it has none".to_owned()),
                }
            }
            Kind::Value => {
                let job = self.link.state().sent.take(head.id)?;
                if let Some(job) = job {
                    job.complete_encoded(bytes);
                }
            }
            Kind::Error => {
                let told = decode_told(&bytes)?;
                let job = self.link.state().sent.take(head.id)?;
                if let Some(job) = job {
                    let error = told.into_error(|bytes| self.rebuild(job.header().method, bytes));
                    job.fail(error);
                }
            }
            other => return Err(format!("it sent a frame of kind {other:?}, which only its driver sends")),
        }
        Ok(())
    }

    /// The error of the type that the method returns. Its `Deserialize` is the user's and may do anything; without it
    /// the error is a `RemoteError`.
    fn rebuild(&self, method: usize, bytes: &[u8]) -> Option<BoxError> {
        panics::caught_text(|| (self.link.decode_error)(method, bytes)).ok().flatten()
    }

    /// Sees the process to its end, and says how it came to it.
    fn end(self) -> End {
        let exit = self.link.bury(self.pid);
        drop(self.desk);
        let status = status::describe(exit, self.mark.overflowed());
        let begun = self.mark.begun();
        let running = || self.link.take_running(begun);
        match self.failed {
            Some(Failure::Refused(error)) if !self.up => End::Failed(error),
            Some(Failure::Refused(error)) => End::Died { status: error.to_string(), running: None },
            Some(Failure::Nonsense(why)) if !self.up => End::Failed(Error::init_failed(format!(
                "what its process sent is no message of a worker ({why}); does something write to the socket that was its standard input?"
            ))),
            Some(Failure::Nonsense(why)) => {
                End::Died { status: format!("{why}; its link was closed"), running: running() }
            }
            None if !self.up => {
                End::Failed(Error::init_failed(format!("its process ended before it was ready: {status}")))
            }
            None if self.link.is_over() => End::Finished,
            None if self.link.was_replaced_for(begun) => End::Replaced { running: running() },
            None => End::Died { status, running: running() },
        }
    }
}

fn decode_told(bytes: &[u8]) -> Result<Told, String> {
    codec::decode(Codec::Bincode, bytes).map_err(|why| format!("it sent an error that {why}"))
}
