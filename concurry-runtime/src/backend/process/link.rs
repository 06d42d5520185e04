//! The way to one worker process: what was sent and not answered, and what the socket did not take yet.
//!
//! Jobs are numbered by the link, not by their own ids: an id comes again with every attempt, a number never, so the
//! worker's mark says exactly which sending had begun. Numbers are given in order, which is why the jobs that are out
//! there stand in a plain queue, and why a number that was never given is known at once.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;

use super::launch::DecodeError;
use super::status;
use super::sys::Mark;
use crate::backend::Link;
use crate::call::{Call, Header, Interrupt, Job, later};
use crate::error::{Error, Result};
use crate::limits::{Desk, Holder, Local};
use crate::timer::{self, Alarm};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::Outbox;

/// The jobs that were sent and not answered.
#[derive(Default)]
pub(super) struct Sent {
    /// The number of the first of them.
    first: u64,
    jobs: VecDeque<Option<Job>>,
}

impl Sent {
    fn push(&mut self, job: Job) -> u64 {
        if self.first == 0 {
            // 0 is the mark of a worker that has begun nothing.
            self.first = 1;
        }
        self.jobs.push_back(Some(job));
        self.first + self.jobs.len() as u64 - 1
    }

    /// Takes the job of this number; `None` where it has been answered or taken, an error where it never was.
    pub(super) fn take(&mut self, number: u64) -> std::result::Result<Option<Job>, String> {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let taken = match at {
            // Long since answered.
            None if number > 0 => return Ok(None),
            Some(at) if at < self.jobs.len() => self.jobs[at].take(),
            _ => return Err(format!("it answered call {number}, which it was never sent")),
        };
        while let Some(None) = self.jobs.front() {
            self.jobs.pop_front();
            self.first += 1;
        }
        Ok(taken)
    }

    fn has(&self, number: u64) -> bool {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.jobs.get(at)).is_some_and(Option::is_some)
    }

    fn number_of(&self, id: u64, attempt: u32) -> Option<u64> {
        let is = |job: &Job| job.header().id == id && job.attempt() == attempt;
        let at = self.jobs.iter().position(|job| job.as_ref().is_some_and(is))?;
        Some(self.first + at as u64)
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
    /// The jobs that the worker was told to leave, by their numbers, each with what ends a worker that does not. Several
    /// may be over at once, of which it is busy with one.
    left: Vec<(u64, Option<Alarm>)>,
    mark: Option<Arc<Mark>>,
}

/// How long a worker may take to leave when it is told to; one that is stopped or starved never would.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct ProcessLink {
    me: Weak<ProcessLink>,
    state: Mutex<State>,
    /// Wakes the reader, to write what the socket did not take.
    pub(super) bell: EventFd,
    pub(super) decode_error: DecodeError,
}

impl ProcessLink {
    pub(super) fn new(decode_error: DecodeError) -> Result<Arc<Self>> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|error| {
            Error::init_failed(format!(
                "no event descriptor could be made (`ulimit -n` bounds how many there can be): {error}"
            ))
        })?;
        Ok(Arc::new_cyclic(|me| ProcessLink { me: me.clone(), state: Mutex::default(), bell, decode_error }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is there. `false` where it has been killed before it was.
    pub(super) fn born(&self, pid: Pid, mark: Arc<Mark>) -> bool {
        let mut state = self.state();
        state.mark = Some(mark);
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
        state.finishing && state.sent.jobs.is_empty()
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
        let patience: Vec<_> = state.left.iter_mut().map(|(_, alarm)| alarm.take()).collect();
        let exit = status::reap(pid);
        drop(state);
        drop(patience);
        exit
    }

    /// Sees the process to its end where its reader did not get that far.
    pub(super) fn abandon(&self) {
        let pid = self.state().pid;
        if let Some(pid) = pid {
            self.bury(pid);
        }
    }

    /// Ends the process, if the job of this number is what it is busy with.
    fn lose_patience(&self, number: u64) {
        let state = self.state();
        let busy = state.mark.as_ref().is_some_and(|mark| mark.begun() == number);
        let waiting = state.sent.has(number);
        if let (true, true, Some(pid)) = (busy, waiting, state.pid) {
            status::end_now(pid);
        }
    }

    /// Asks for limits on behalf of this worker.
    pub(super) fn desk(&self, local: Arc<Local>) -> Desk {
        let me = self.me.clone();
        Desk::new(local, Holder::worker().worker, move |answer| {
            let Some(link) = me.upgrade() else { return };
            match codec::encode(Codec::Bincode, &answer) {
                Ok(bytes) => {
                    let mut state = link.state();
                    state.outbox.frame(Head::plain(Kind::Granted, bytes.len()), &bytes);
                    link.write(state);
                }
                // It is ours and small; a worker that gets no answer would wait for ever.
                Err(_) => {
                    link.kill();
                }
            }
        })
    }

    /// The call that was sent under this number, and which attempt of it.
    pub(super) fn call_of(&self, number: u64) -> Option<(Call, u32)> {
        let state = self.state();
        let at = usize::try_from(number.checked_sub(state.sent.first)?).ok()?;
        state.sent.jobs.get(at)?.as_ref().map(|job| (job.call().clone(), job.attempt()))
    }

    /// Takes the job that the worker had begun and not answered.
    pub(super) fn take_running(&self, number: u64) -> Option<Job> {
        if number == 0 { None } else { self.state().sent.take(number).ok().flatten() }
    }

    /// Whether the worker has ended because it was told to leave the job of this number.
    pub(super) fn was_replaced_for(&self, number: u64) -> bool {
        self.state().left.iter().any(|(left, _)| *left == number)
    }
}

impl Link for ProcessLink {
    fn send(&self, job: Job) {
        let call = job.call().clone();
        let header = call.header();
        let (method, attempt, left_ms) = (header.method, job.attempt(), left(header));
        let mut length = 0;
        call.with_encoded(&mut |bytes| length = bytes.len());
        let mut state = self.state();
        let was_empty = state.outbox.is_empty();
        let id = state.sent.push(job);
        let head = Head {
            length,
            kind: Kind::Call,
            attempt: u16::try_from(attempt).unwrap_or(u16::MAX),
            method: u32::try_from(method).unwrap_or(u32::MAX),
            id,
            left_ms,
            set: header.limit_set().map_or(0, |set| set.saturating_add(1)),
            run_ms: header.run_timeout().map_or(0, millis),
        };
        state.outbox.message(head, &call);
        // Where something is before it, the reader is writing already and takes this along.
        if was_empty {
            self.write(state);
        }
    }

    fn interrupt(&self, id: u64, attempt: u32, how: Interrupt) {
        let mut state = self.state();
        let Some(number) = state.sent.number_of(id, attempt) else { return };
        let kind = match how {
            Interrupt::Tell => Kind::Cancel,
            Interrupt::Replace => Kind::Leave,
        };
        state.outbox.frame(Head::about(kind, number, 0), &[]);
        let mut over = Vec::new();
        if how == Interrupt::Replace {
            let me = self.me.clone();
            // Without a timer a worker that does not answer stays; one that does leaves all the same.
            let alarm = timer::at(later(PATIENCE), move || {
                if let Some(link) = me.upgrade() {
                    link.lose_patience(number);
                }
            });
            // What it has answered since, it needs not be ended for.
            let State { sent, left, .. } = &mut *state;
            over = left.extract_if(.., |(number, _)| !sent.has(*number)).collect();
            left.push((number, alarm.ok()));
        }
        self.write(state);
        drop(over);
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

    fn drain(&self) -> Vec<Job> {
        let mut state = self.state();
        let outbox = std::mem::take(&mut state.outbox);
        state.closed = true;
        let jobs = state.sent.jobs.iter_mut().filter_map(Option::take).collect();
        let count = state.sent.jobs.len() as u64;
        state.sent.jobs.clear();
        state.sent.first += count;
        drop(state);
        drop(outbox);
        jobs
    }

    fn pid(&self) -> Option<u32> {
        self.state().pid.map(|pid| pid.as_raw().cast_unsigned())
    }
}

/// How many milliseconds a call has left, at least 1; 0 where it has no deadline.
fn left(header: &Header) -> u32 {
    header.deadline().map_or(0, |deadline| millis(deadline.saturating_duration_since(Instant::now())))
}

/// A time in whole milliseconds, at least 1. It is rounded up, so that a worker does not think that a call's time is up
/// before its driver does.
fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}
