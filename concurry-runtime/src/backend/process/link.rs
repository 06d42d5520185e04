//! The way to one worker process: what was sent and not answered, and what the socket did not take yet.
//!
//! Calls are numbered by the link, not by their own ids: an id comes again with every attempt, a number never, so the
//! worker's mark says exactly which sending had begun. Numbers are given in order, which is why the calls that are out
//! there stand in a plain queue, and why a number that was never given is known at once.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;

use super::launch::DecodeError;
use super::status;
use crate::backend::Link;
use crate::call::{Call, Header};
use crate::error::{Error, Result};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::Outbox;

/// The calls that were sent and not answered.
#[derive(Default)]
pub(super) struct Sent {
    /// The number of the first of them.
    first: u64,
    calls: VecDeque<Option<Call>>,
}

impl Sent {
    fn push(&mut self, call: Call) -> u64 {
        if self.first == 0 {
            // 0 is the mark of a worker that has begun nothing.
            self.first = 1;
        }
        self.calls.push_back(Some(call));
        self.first + self.calls.len() as u64 - 1
    }

    /// Takes the call of this number; `None` where it has been answered or taken, an error where it never was.
    pub(super) fn take(&mut self, number: u64) -> std::result::Result<Option<Call>, String> {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let taken = match at {
            // Long since answered.
            None if number > 0 => return Ok(None),
            Some(at) if at < self.calls.len() => self.calls[at].take(),
            _ => return Err(format!("it answered call {number}, which it was never sent")),
        };
        while let Some(None) = self.calls.front() {
            self.calls.pop_front();
            self.first += 1;
        }
        Ok(taken)
    }

    fn number_of(&self, id: u64) -> Option<u64> {
        let at = self.calls.iter().position(|call| call.as_ref().is_some_and(|call| call.header().id == id))?;
        Some(self.first + at as u64)
    }

    fn id_of(&self, number: u64) -> Option<u64> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.calls.get(at)?.as_ref().map(|call| call.header().id)
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) sent: Sent,
    outbox: Outbox,
    socket: Option<Arc<UnixStream>>,
    /// The process, until it is about to be reaped.
    pid: Option<Pid>,
    /// Ended or killed: nothing is written any more.
    closed: bool,
    /// The worker was told to end.
    finishing: bool,
    killed: bool,
}

pub(super) struct ProcessLink {
    state: Mutex<State>,
    /// Wakes the reader, to write what the socket did not take.
    pub(super) bell: EventFd,
    pub(super) decode_error: DecodeError,
}

impl ProcessLink {
    pub(super) fn new(decode_error: DecodeError) -> Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|error| {
            Error::init_failed(format!(
                "no event descriptor could be made (`ulimit -n` bounds how many there can be): {error}"
            ))
        })?;
        Ok(ProcessLink { state: Mutex::default(), bell, decode_error })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is there. `false` where it has been killed before it was.
    pub(super) fn born(&self, pid: Pid) -> bool {
        let mut state = self.state();
        state.pid = Some(pid);
        !state.killed
    }

    /// The socket takes frames from now on.
    pub(super) fn open(&self, socket: Arc<UnixStream>) {
        let mut state = self.state();
        state.socket = Some(socket);
        self.flush(&mut state);
    }

    /// Writes what the socket takes; whether something is left that the reader is to write.
    pub(super) fn flush(&self, state: &mut State) -> bool {
        let State { outbox, socket: Some(socket), closed: false, .. } = state else { return false };
        match outbox.flush(socket) {
            Ok(done) => !done,
            // The worker is gone; its reader is about to see that too.
            Err(_) => {
                state.closed = true;
                false
            }
        }
    }

    fn write(&self, mut state: MutexGuard<'_, State>) {
        let left = self.flush(&mut state);
        drop(state);
        if left {
            // Full is rung.
            let _ = self.bell.write(1);
        }
    }

    /// Whether the worker was told to end and has answered everything.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.finishing && state.sent.calls.is_empty()
    }

    /// Sees the process to its end and reaps it.
    pub(super) fn bury(&self, pid: Pid) -> status::Exit {
        self.state().closed = true;
        // It has let go of its socket, so whatever it still does, it does for nobody.
        status::end_now(pid);
        status::await_end(pid);
        let mut state = self.state();
        // From here on its number may be another process's.
        state.pid = None;
        state.socket = None;
        status::reap(pid)
    }

    /// Sees the process to its end where its reader did not get that far.
    pub(super) fn abandon(&self) {
        let pid = self.state().pid;
        if let Some(pid) = pid {
            self.bury(pid);
        }
    }

    /// The id of the call that has this number.
    pub(super) fn id_of(&self, number: u64) -> Option<u64> {
        self.state().sent.id_of(number)
    }
}

impl Link for ProcessLink {
    fn send(&self, call: Call) {
        let header = call.header();
        let (method, attempt, left_ms) = (header.method, header.attempt(), left(header));
        let mut length = 0;
        call.with_encoded(&mut |bytes| length = bytes.len());
        let mut state = self.state();
        let was_empty = state.outbox.is_empty();
        let id = state.sent.push(call.clone());
        let head = Head {
            length,
            kind: Kind::Call,
            attempt: u16::try_from(attempt).unwrap_or(u16::MAX),
            method: u32::try_from(method).unwrap_or(u32::MAX),
            id,
            left_ms,
        };
        state.outbox.message(head, &call);
        // Where something is before it, the reader is writing already and takes this along.
        if was_empty {
            self.write(state);
        }
    }

    fn cancelled(&self, call: &Header) {
        let mut state = self.state();
        if let Some(number) = state.sent.number_of(call.id) {
            state.outbox.frame(Head::about(Kind::Cancel, number, 0), &[]);
            self.write(state);
        }
    }

    fn finish(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.finishing, true) {
            state.outbox.frame(Head::plain(Kind::Stop, 0), &[]);
            self.write(state);
        }
    }

    fn kill(&self) -> bool {
        let mut state = self.state();
        state.killed = true;
        state.closed = true;
        if let Some(pid) = state.pid {
            status::end_now(pid);
        }
        false
    }

    fn drain(&self) -> Vec<Call> {
        let mut state = self.state();
        state.outbox = Outbox::default();
        state.closed = true;
        let calls = state.sent.calls.iter_mut().filter_map(Option::take).collect();
        let count = state.sent.calls.len() as u64;
        state.sent.calls.clear();
        state.sent.first += count;
        calls
    }

    fn pid(&self) -> Option<u32> {
        self.state().pid.map(|pid| pid.as_raw().cast_unsigned())
    }
}

/// How many milliseconds a call has left, at least 1; 0 where it has no deadline.
fn left(header: &Header) -> u32 {
    header.deadline().map_or(0, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        u32::try_from(left).unwrap_or(u32::MAX).max(1)
    })
}
