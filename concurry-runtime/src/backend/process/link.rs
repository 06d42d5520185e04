//! The way to one worker process: what was sent and not answered, and what the socket did not take yet.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;

use super::launch::DecodeError;
use super::life::Life;
use super::mark::Mark;
use super::nursery::Nursery;
use super::sent::Sent;
use super::status;
use crate::backend::{End, Link, broken};
use crate::call::{Call, Header, Interrupt, Job, later};
use crate::error::{Death, Error, Result};
#[cfg(feature = "ray")]
use crate::far::Stored;
use crate::fault::{Faults, Point};
use crate::fork::is_fork;
use crate::timer::{self, Alarm};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Down, Outbox, Reading};

#[derive(Default)]
pub(super) struct State {
    pub(super) sent: Sent,
    pub(super) outbox: Outbox,
    /// Among what is in the outbox is something that must not wait until the worker has time.
    urgent: bool,
    down: Option<Down>,
    /// What the worker says, for whoever waits for it.
    pub(super) reading: Option<Arc<Reading>>,
    /// What the worker lives in, until that is about to be reaped.
    pub(super) life: Option<Life>,
    /// Ended or killed: nothing is written any more.
    closed: bool,
    /// The worker was told to end.
    finishing: bool,
    /// The worker was told to end and to leave what it has not begun.
    retiring: bool,
    /// Where the kernel tells how much memory the worker has, once that was asked for.
    memory: Option<File>,
    killed: bool,
    /// What the worker did to the memory that no worker does.
    pub(super) nonsense: Option<String>,
    /// The jobs that the worker was told to leave, by their numbers, each with what ends a worker that does not. Several
    /// may be over at once, of which it is busy with one.
    left: Vec<(u64, Option<Alarm>)>,
    mark: Option<Arc<Mark>>,
    /// The value that the worker was told to leave on its node.
    #[cfg(feature = "ray")]
    pub(super) promised: Option<Arc<Stored>>,
}

impl State {
    /// Nothing can be written any more: the worker is gone, or mad, in which case it is to be gone. Its reader sees that
    /// by the end of the socket.
    fn close(&mut self, error: &std::io::Error) {
        self.closed = true;
        // Whoever reads may only see an end now.
        self.life.iter().for_each(Life::torn);
        if error.kind() == std::io::ErrorKind::Other {
            self.refuse(error.to_string());
        }
    }

    /// The worker is not to be believed any more, and to be gone.
    pub(super) fn refuse(&mut self, why: String) {
        self.closed = true;
        self.nonsense.get_or_insert(why);
        if let Some(life) = &self.life {
            life.end_now();
        }
    }

    /// Sends a call right away, where there is a ring with room for it; whether that is done.
    fn put(&mut self, head: Head, message: &[u8]) -> bool {
        let State { down: Some(down), closed: false, .. } = self else { return false };
        match down.put_frame(head, message) {
            Ok(true) => {
                down.tell(false);
                true
            }
            Ok(false) => false,
            Err(error) => {
                self.close(&error);
                false
            }
        }
    }
}

/// How long a worker may take to leave when it is told to; one that is stopped or starved never would.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct ProcessLink {
    pub(super) me: Weak<ProcessLink>,
    /// Where its process comes from, if it is not started.
    nursery: Option<Arc<Nursery>>,
    state: Mutex<State>,
    /// Wakes the reader, to write what the socket did not take.
    pub(super) bell: EventFd,
    pub(super) decode_error: DecodeError,
    pub(super) faults: Faults,
}

impl ProcessLink {
    pub(super) fn new(decode_error: DecodeError, nursery: Option<Arc<Nursery>>, faults: Faults) -> Result<Arc<Self>> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|error| Error::refused("no event descriptor could be made", &error.into()))?;
        let state = Mutex::default();
        Ok(Arc::new_cyclic(|me| ProcessLink { me: me.clone(), nursery, state, bell, decode_error, faults }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is to be a process: it was not killed before it was.
    pub(super) fn is_wanted(&self) -> bool {
        !self.state().killed
    }

    /// The process is there, and has yet to be told what it is.
    pub(super) fn adopt(&self, pid: Pid) {
        let mut state = self.state();
        state.life = Some(Life::Process(pid));
        if state.killed {
            status::end_now(pid);
        }
    }

    /// That process will not do: ends and reaps it.
    pub(super) fn disown(&self, pid: Pid) {
        status::end_now(pid);
        status::await_end(pid);
        // From here on its number may be another process's.
        let mut state = self.state();
        state.life = None;
        let _ = status::reap(pid);
    }

    /// The process is there. `false` where it has been killed before it was.
    pub(super) fn born(&self, life: Life, mark: Arc<Mark>) -> bool {
        let mut state = self.state();
        state.mark = Some(mark);
        #[cfg(feature = "ray")]
        state.give_all(&life);
        state.life = Some(life);
        !state.killed
    }

    /// There is a way for frames from now on; and one for those who help to read, where there is memory.
    pub(super) fn open(&self, down: Down, reading: Option<Arc<Reading>>) {
        let mut state = self.state();
        state.down = Some(down);
        state.reading = reading;
        self.flush(&mut state);
    }

    /// Writes what there is room for; whether something is left that the reader is to write.
    pub(super) fn flush(&self, state: &mut State) -> bool {
        let State { outbox, down: Some(down), closed: false, urgent, .. } = state else { return false };
        if outbox.is_empty() {
            return false;
        }
        match outbox.flush(down) {
            Ok(done) => {
                down.tell(*urgent || !done);
                *urgent &= !done;
                !done
            }
            Err(error) => {
                state.close(&error);
                false
            }
        }
    }

    /// Sends a frame that the worker is to see even while it is busy.
    pub(super) fn write(&self, mut state: MutexGuard<'_, State>, head: Head, bytes: &[u8]) {
        if is_fork() {
            // The ring is its parent's as well.
            return;
        }
        state.outbox.frame(head, bytes);
        state.urgent = true;
        let left = self.flush(&mut state);
        drop(state);
        self.wake_reader(left);
    }

    /// Has the reader write what is left, or look at what came.
    pub(super) fn wake_reader(&self, left: bool) {
        if left {
            // Full is rung.
            let _ = self.bell.write(1);
        }
    }

    /// Whether there may be room for what was left.
    pub(super) fn has_room(&self) -> bool {
        self.state().down.as_mut().is_some_and(Down::has_room)
    }

    /// Whether the worker was told to end and has answered everything, or all that it had begun: the job of this number
    /// was the last.
    pub(super) fn is_over(&self, begun: u64) -> bool {
        let state = self.state();
        state.finishing && state.sent.is_empty() || state.retiring && !state.sent.has(begun)
    }

    /// A place where a test may have put a fault.
    pub(super) fn fault(&self, point: Point) {
        self.faults.at(point, || self.state().life.as_ref().and_then(Life::pid));
    }

    /// Sees the process to its end and reaps it.
    pub(super) fn bury(&self, life: &Life) -> status::Exit {
        self.state().closed = true;
        // It has let go of its socket, so whatever it still does, it does for nobody.
        life.end_now();
        life.await_end();
        let mut state = self.state();
        // From here on its number may be another process's.
        state.life = None;
        state.memory = None;
        state.down = None;
        state.reading = None;
        #[cfg(feature = "ray")]
        let promised = state.promised.take();
        let patience: Vec<_> = state.left.iter_mut().map(|(_, alarm)| alarm.take()).collect();
        let exit = life.reap();
        drop(state);
        drop(patience);
        #[cfg(feature = "ray")]
        drop(promised);
        exit
    }

    /// Sees the process to its end where its reader panicked. What it has begun may have been answered, which nobody knows
    /// any more: so that nothing is run twice, all of it comes to an error.
    pub(super) fn abandon(&self, why: String, index: usize) -> End {
        let (life, mark) = {
            let state = self.state();
            (state.life.clone(), state.mark.clone())
        };
        if let Some(life) = life {
            self.bury(&life);
        }
        let death = broken(why);
        let (begun, most) = mark.map_or((0, 0), |mark| (mark.begun(), mark.begun_at_most()));
        self.lose_begun_before(most, &death, index);
        End::Died { death, running: self.take_running(begun) }
    }

    /// Ends the process, if the job of this number is what it is busy with.
    fn lose_patience(&self, number: u64) {
        let state = self.state();
        let busy = state.mark.as_ref().is_some_and(|mark| mark.begun() == number);
        let waiting = state.sent.has(number);
        if let (true, true, Some(life)) = (busy, waiting, &state.life) {
            life.end_now();
        }
    }

    /// The call that was sent under this number, and which attempt of it.
    pub(super) fn call_of(&self, number: u64) -> Option<(Call, u32)> {
        let state = self.state();
        state.sent.get(number).map(|job| (job.call().clone(), job.attempt()))
    }

    /// The worker had begun the jobs before the one of this number, and how it answered is not known, so that they may have
    /// run: all of them come to its death. `index` is the worker's.
    pub(super) fn lose_begun_before(&self, number: u64, death: &Death, index: usize) {
        let jobs = self.state().sent.take_before(number);
        for job in jobs {
            let header = job.header();
            let error = Error::worker_died(death.clone());
            job.fail(error.at(format!("{}[{index}]", header.worker()), header.method_name()));
        }
    }

    /// Takes the job that the worker had begun and not answered.
    pub(super) fn take_running(&self, number: u64) -> Option<Job> {
        self.state().sent.take(number)
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
        let (method, attempt, left_ms) = (header.number(), job.attempt(), left(header));
        // Where the call is over by now, the worker only says that it has come to it.
        let message = call.encoded();
        let kind = match &message {
            Some(_) if header.seen().is_some() => Kind::Timed,
            Some(_) => Kind::Call,
            None => Kind::Void,
        };
        let message = message.unwrap_or_default();
        #[cfg(feature = "ray")]
        let composition = call.composition();
        self.fault(Point::Send);
        let mut state = self.state();
        let id = state.sent.push(job);
        let head = Head {
            length: message.len(),
            kind,
            attempt: u16::try_from(attempt).unwrap_or(u16::MAX),
            method: u32::try_from(method).unwrap_or(u32::MAX),
            id,
            left_ms,
            set: header.limit_set().map_or(0, |set| set.saturating_add(1)),
            run_ms: header.run_timeout().map_or(0, millis),
        };
        #[cfg(feature = "ray")]
        if let Some(composition) = composition {
            return self.send_composed(state, head, message, &composition);
        }
        let pid = state.life.as_ref().and_then(Life::pid);
        let mut raw = |piece: &[u8]| {
            state.outbox.raw(piece);
            self.flush(&mut state);
            Ok(())
        };
        if self.faults.in_pieces(Point::Sending, pid, (&head, &message), &mut raw).is_some() {
            drop(state);
            return self.wake_reader(true);
        }
        // Where something is before it, the reader is writing already and takes this along.
        if !state.outbox.is_empty() {
            return state.outbox.message(head, message);
        }
        let mut left = false;
        if !state.put(head, &message) {
            state.outbox.message(head, message);
            left = self.flush(&mut state);
        }
        drop(state);
        self.wake_reader(left);
        self.fault(Point::Sent);
    }

    fn help(&self, done: &dyn Fn() -> bool) {
        self.look_for_answers(done);
    }

    fn interrupt(&self, id: u64, attempt: u32, how: Interrupt) {
        let mut state = self.state();
        let Some(number) = state.sent.number_of(id, attempt) else { return };
        let kind = match how {
            Interrupt::Tell => Kind::Cancel,
            Interrupt::Replace => Kind::Leave,
        };
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
        self.write(state, Head::about(kind, number, 0), &[]);
        drop(over);
    }

    fn finish(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.finishing, true) {
            self.write(state, Head::plain(Kind::Stop, 0), &[]);
        }
    }

    fn retire(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.retiring, true) {
            self.write(state, Head::plain(Kind::Retire, 0), &[]);
        }
    }

    fn memory(&self) -> Option<u64> {
        let mut state = self.state();
        // Until it is reaped, its number is nobody else's; and the file is about this process whatever comes later.
        let pid = state.life.as_ref()?.pid()?;
        if state.memory.is_none() {
            state.memory = status::memory_file(pid);
        }
        state.memory.as_ref().and_then(status::memory)
    }

    fn kill(&self) -> bool {
        if is_fork() {
            return false;
        }
        let mut state = self.state();
        state.killed = true;
        state.closed = true;
        if let Some(life) = &state.life {
            life.end_now();
        } else if let (None, Some(nursery)) = (&state.mark, self.nursery.clone()) {
            // It waits for its process, perhaps in vain.
            drop(state);
            nursery.disturb();
        }
        false
    }

    fn drain(&self) -> Vec<Job> {
        let mut state = self.state();
        let outbox = std::mem::take(&mut state.outbox);
        state.closed = true;
        let jobs = state.sent.take_back();
        drop(state);
        drop(outbox);
        jobs
    }

    fn pid(&self) -> Option<u32> {
        self.state().life.as_ref().and_then(Life::number)
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
