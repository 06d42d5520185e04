//! [`Driver`]: the driver as a worker process sees it, and the calls that it has sent.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

#[cfg(feature = "ray")]
use super::values::Values;
use super::{leave, leave_for};
use crate::bell::Bell;
use crate::call::later;
use crate::error::Error;
use crate::fault::{self, Point};
use crate::fork::is_fork;
use crate::limits::{Plan, Remote};
use crate::timer::{self, Alarm};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Memory, WorkerEnd};

/// A call that is to be run.
pub(super) struct Task {
    pub(super) head: Head,
    pub(super) message: Vec<u8>,
    /// What the message lacks, encoded.
    #[cfg(feature = "ray")]
    pub(super) holes: Option<Vec<u8>>,
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) arrived: Instant,
}

/// A call that the worker has taken.
struct Running {
    id: u64,
    /// How it is told of its cancellation.
    cancelled: Arc<AtomicBool>,
    /// The driver knows that it runs, or can know. Until then nobody may end the process for it: that would be a death.
    begun: bool,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    /// The call that the worker has taken.
    running: Option<Running>,
    /// The number of the last call that came.
    last: u64,
    /// What the next call lacks.
    #[cfg(feature = "ray")]
    holes: Option<Vec<u8>>,
    stop: bool,
}

impl Queue {
    fn has_news(&self) -> bool {
        self.stop || !self.tasks.is_empty()
    }
}

/// The way to the driver.
pub(in crate::backend::process) struct Driver {
    pub(super) end: WorkerEnd,
    queue: Mutex<Queue>,
    memory: Option<Arc<Memory>>,
    /// How many bytes an answer may take.
    most: usize,
    /// Rung when a call is cancelled.
    pub(super) bell: Arc<Bell>,
    /// The limits that the driver keeps.
    limits: OnceLock<Arc<Remote>>,
    /// The way to what is on the cluster, where the worker is on one.
    #[cfg(feature = "ray")]
    values: OnceLock<Arc<Values>>,
}

impl Driver {
    pub(super) fn new(end: WorkerEnd, memory: Option<Arc<Memory>>, most: usize) -> Self {
        Driver {
            end,
            queue: Mutex::default(),
            memory,
            most,
            bell: Arc::default(),
            limits: OnceLock::new(),
            #[cfg(feature = "ray")]
            values: OnceLock::new(),
        }
    }

    pub(super) fn memory(&self) -> Option<&Arc<Memory>> {
        self.memory.as_ref()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame; a driver that does not take it is gone, and so are we. A fork of the worker, which came here by going
    /// on where the method returned, has nobody to tell.
    pub(super) fn tell(&self, head: Head, bytes: &[u8]) {
        if is_fork() || self.end.tell(head, bytes).is_err() {
            leave();
        }
    }

    pub(super) fn tell_error(&self, kind: Kind, id: u64, error: &Error) {
        self.tell_error_of(Head::about(kind, id, 0), error);
    }

    /// The same, with a head that says more.
    pub(super) fn tell_error_of(&self, head: Head, error: &Error) {
        let encoded = codec::encode_within(Codec::Bincode, error, self.most);
        // What is said instead is small.
        let instead = |why| codec::encode(Codec::Bincode, &Error::codec(format!("the error {why}")));
        let bytes = encoded.or_else(instead).unwrap_or_default();
        self.tell(Head { length: bytes.len(), ..head }, &bytes);
    }

    /// What this process is has been understood, and code of the user's may run from now on.
    pub(super) fn arrive(&self) {
        match &self.memory {
            Some(memory) => memory.arrived().store(1, Ordering::Release),
            None => self.tell(Head::about(Kind::Begun, 0, 0), &[]),
        }
    }

    /// This call is about to run; `false` where it was cancelled before that, and is not to.
    pub(super) fn begin(&self, head: &Head) -> bool {
        if let Some(memory) = &self.memory {
            memory.begun().store(head.id, Ordering::Release);
        }
        if head.run_ms > 0 || self.memory.is_none() {
            self.tell(Head::about(Kind::Begun, head.id, 0), &[]);
        }
        let mut queue = self.queue();
        let Some(running) = &mut queue.running else { return true };
        running.begun = true;
        !running.cancelled.load(Ordering::Acquire)
    }

    /// Ends the process unless what this returns is dropped within `limit`: the worker is built anew meanwhile, which
    /// the driver does not see. Without a clock it may take as long as it does.
    pub(super) fn bound_rebuild(self: &Arc<Self>, worker: &'static str, limit: Duration) -> Option<Alarm> {
        let me = self.clone();
        let alarm = timer::at(later(limit), move || {
            let error = Error::init_failed(format!(
                "it could not be built anew after a panic: it took longer than {limit:?} (`init_timeout`), and its process has ended; raise `init_timeout`, or let the constructor do less"
            ));
            me.tell_error(Kind::Failed, 0, &error.at(worker, "new"));
            leave();
        });
        alarm.ok()
    }

    /// Asks the driver for limits from now on.
    pub(super) fn take_limits(self: &Arc<Self>, plan: Plan) {
        let (me, attending) = (Arc::downgrade(self), Arc::downgrade(self));
        let send = move |question| {
            let Some(driver) = me.upgrade() else { return };
            match codec::encode(Codec::Bincode, &question) {
                Ok(bytes) => driver.tell(Head::plain(Kind::Asked, bytes.len()), &bytes),
                Err(_) => leave(),
            }
        };
        let attend = move |done: &mut dyn FnMut() -> bool| {
            if let Some(driver) = attending.upgrade() {
                driver.attend(done);
            }
        };
        let _ = self.limits.set(Arc::new(Remote::new(plan, send, attend)));
    }

    pub(super) fn limits(&self) -> Option<&Arc<Remote>> {
        self.limits.get()
    }

    /// Opens the way to what is on the cluster, where there is one.
    #[cfg(feature = "ray")]
    pub(super) fn take_values(&self) -> std::io::Result<()> {
        if let Some(values) = Values::open()? {
            let _ = self.values.set(values);
        }
        Ok(())
    }

    /// Puts in what the message of a call lacks, once that is here.
    #[cfg(feature = "ray")]
    pub(super) fn compose(&self, task: &mut Task) -> Result<(), Error> {
        let Some(holes) = task.holes.take() else { return Ok(()) };
        let holes = codec::decode(Codec::Bincode, &holes)
            .map_err(|why| Error::codec(format!("what an argument is to be put together of {why}")))?;
        let values = self.values.get().ok_or_else(|| Error::ray("there is no way to values on the cluster"))?;
        task.message = values.compose(&std::mem::take(&mut task.message), holes, &task.cancelled)?;
        Ok(())
    }

    /// Asks where a large value is to go, and leaves it on the node where that is the answer; whether it did.
    #[cfg(feature = "ray")]
    pub(super) fn leaves(&self, id: u64, bytes: &[u8]) -> bool {
        let Some(values) = self.values.get() else { return false };
        let size = (bytes.len() as u64).to_le_bytes();
        self.tell(Head::about(Kind::Large, id, size.len()), &size);
        values.is_to_stay(id) && values.leave(id, bytes).is_ok()
    }

    /// Deals with what comes for a moment, or until `done`.
    fn attend(&self, done: impl FnMut() -> bool) {
        if let Err(why) = self.end.attend(&mut |head, message| self.deal(head, message), done) {
            leave_for(&why);
        }
    }

    /// The next call; `None` when the worker is to end.
    pub(super) fn next(&self) -> Option<Task> {
        self.queue().running = None;
        loop {
            let mut queue = self.queue();
            if let Some(task) = queue.tasks.pop_front() {
                let (id, cancelled) = (task.head.id, task.cancelled.clone());
                queue.running = Some(Running { id, cancelled, begun: false });
                return Some(task);
            }
            if queue.stop {
                return None;
            }
            drop(queue);
            let ready = || self.queue().has_news();
            self.attend(ready);
            self.end.sleep(ready);
        }
    }

    fn cancel(&self, id: u64, hard: bool) {
        let mut queue = self.queue();
        if let Some(at) = queue.tasks.iter().position(|task| task.head.id == id) {
            queue.tasks.remove(at);
            drop(queue);
            self.tell_error(Kind::Error, id, &Error::cancelled());
        } else if let Some(running) = &queue.running
            && running.id == id
        {
            if hard && running.begun {
                // The lock is held, so the worker cannot have gone on to another call: this one alone is lost.
                leave();
            }
            running.cancelled.store(true, Ordering::Release);
            drop(queue);
            #[cfg(feature = "ray")]
            if let Some(values) = self.values.get() {
                values.look();
            }
            self.bell.ring();
        }
    }

    /// Sees to what must not wait while the worker is busy, until the driver is gone.
    pub(super) fn guard(&self) -> ! {
        let woken = |head: Head, message| {
            self.deal(head, message);
            self.end.wake();
        };
        match self.end.guard(&mut { woken }) {
            Ok(()) => leave(),
            Err(why) => leave_for(&why),
        }
    }

    /// Ends the process when the driver is gone, also while every other thread waits for it to take something.
    pub(super) fn watch(&self) -> ! {
        self.end.await_end();
        leave()
    }

    fn deal(&self, head: Head, message: Vec<u8>) {
        if matches!(head.kind, Kind::Stop | Kind::Retire) {
            fault::here(Point::Stopping);
        }
        if matches!(head.kind, Kind::Call | Kind::Timed | Kind::Void) {
            // One that ran under the number of another would be taken for that.
            let before = std::mem::replace(&mut self.queue().last, head.id);
            if head.id != before.wrapping_add(1) {
                leave_for(&format!("call {} came after call {before}", head.id));
            }
        }
        match head.kind {
            Kind::Call | Kind::Timed => {
                let (cancelled, arrived) = (Arc::default(), Instant::now());
                let mut queue = self.queue();
                let task = Task {
                    head,
                    message,
                    #[cfg(feature = "ray")]
                    holes: queue.holes.take(),
                    cancelled,
                    arrived,
                };
                queue.tasks.push_back(task);
            }
            #[cfg(feature = "ray")]
            Kind::With => self.queue().holes = Some(message),
            #[cfg(feature = "ray")]
            Kind::Send | Kind::Keep => {
                if let Some(values) = self.values.get() {
                    values.told(head.id, head.kind == Kind::Keep);
                }
            }
            Kind::Void => self.tell_error(Kind::Error, head.id, &Error::cancelled()),
            Kind::Cancel => self.cancel(head.id, false),
            Kind::Leave => self.cancel(head.id, true),
            Kind::Granted => match (self.limits.get(), codec::decode(Codec::Bincode, &message)) {
                (Some(limits), Ok(answer)) => limits.answered(answer),
                _ => leave_for("an answer about limits arrived that makes no sense"),
            },
            Kind::Retire => {
                let mut queue = self.queue();
                queue.stop = true;
                let left = std::mem::take(&mut queue.tasks);
                drop(queue);
                drop(left);
            }
            Kind::Stop => self.queue().stop = true,
            other => leave_for(&format!("a frame of kind {other:?} is not for workers")),
        }
    }
}
