//! The thread that looks after one worker process: it starts it, reads what it says, and sees it to its end.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::answers::{Said, decode_told};
use super::kills::Watch;
use super::launch::{Launch, Shared, Spawned};
use super::life::Life;
use super::link::ProcessLink;
use super::mark::Mark;
use super::nursery::{Delivered, Nursery};
use super::status;
use super::stderr::Tap;
use super::sys::{Kept, OVERFLOWED};
use crate::backend::{End, Host, Place};
use crate::call::TimeoutFrom;
use crate::error::{BoxError, Death, Error, Indented};
use crate::fault::Point;
use crate::limits::Desk;
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Arrival, Down, Memory, Up};
use crate::worker::INIT;

/// The whole life of a worker process, seen from here.
pub(super) fn live(
    launch: &Launch,
    nursery: Option<&Arc<Nursery>>,
    link: &ProcessLink,
    place: Place,
    host: &dyn Host,
) -> (End, Option<Tap>) {
    // What is forked takes no memory before it is described, and comes up while this looks.
    let early = nursery.is_none().then(Watch::begin);
    let mark_in = |memory: &Option<Shared>| Arc::new(Mark::new(memory.as_ref().map(|(memory, _)| memory.clone())));
    let born = |life: &Life, mark: &Arc<Mark>| {
        if !link.born(life.clone(), mark.clone()) {
            life.end_now();
        }
    };
    let describe = |socket: &UnixStream, file: Option<&OwnedFd>| launch.describe(socket, file, place.index);
    let forked = nursery.map(|nursery| nursery.deliver(link, describe)).transpose();
    let (spawned, memory, mark, origin) = match forked.map(Option::flatten) {
        Ok(Some(Delivered { process, memory, spare })) => {
            let mark = mark_in(&memory);
            born(&process.life, &mark);
            (process, memory, mark, if spare { Origin::Spare } else { Origin::Forked })
        }
        Ok(None) => {
            let memory = launch.memory();
            let mark = mark_in(&memory);
            match launch.spawn(place.index, &|life| born(life, &mark)) {
                Ok(process) => (process, memory, mark, Origin::Started),
                Err(error) => return (End::Failed(error), None),
            }
        }
        Err(error) => return (End::Failed(error), None),
    };
    let (memory, file) = memory.unzip();
    let Spawned { life, kept, socket, stderr } = spawned;
    let watch = early.unwrap_or_else(Watch::begin);
    link.fault(Point::Spawned);
    let desk = launch.limiting.of(place.index).map(|local| link.desk(local.clone()));
    // What is not an answer is small, and not bounded by what answers are.
    let most = launch.choices.max_message_size.max(SMALL);
    let up = Up::new(socket.clone(), memory.clone(), most);
    let (tap, failed) = (None, None);
    let mut worker = Worker {
        desk,
        nursery,
        origin,
        link,
        host,
        place,
        life,
        mark,
        kept,
        watch,
        tap,
        up,
        ready: false,
        missed: false,
        spent: false,
        failed,
    };
    let described = match stderr.map(|pipe| Tap::open(pipe, launch.lines(Some(place.index)))).transpose() {
        Ok(tap) => {
            worker.tap = tap;
            if origin == Origin::Started { describe(&socket, file.as_ref()) } else { Ok(true) }
        }
        Err(error) => Err(Launch::no_stderr(&error)),
    };
    // The worker has its own; kept here it would be one descriptor a worker for nothing.
    drop(file);
    link.fault(Point::Described);
    match described {
        Ok(true) => worker.listen(socket, memory),
        // How it ended tells why.
        Ok(false) => {}
        Err(error) => worker.failed = Some(Failure::Refused(error)),
    }
    worker.end()
}

/// How many bytes a frame may have in any case.
const SMALL: usize = 1 << 20;

/// What a worker said, or did, that ends it.
enum Failure {
    /// It sent what no worker sends.
    Nonsense(String),
    /// It could not be described, or said itself why it does not come up or cannot go on.
    Refused(Error),
}

/// Where a worker's process comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Started,
    /// It knows what it is.
    Forked,
    /// The same, and it was there before it was wanted.
    Spare,
}

struct Worker<'a> {
    /// Asks for limits on the worker's behalf; what it holds is given back when this goes.
    desk: Option<Desk>,
    nursery: Option<&'a Arc<Nursery>>,
    origin: Origin,
    link: &'a ProcessLink,
    host: &'a dyn Host,
    place: Place,
    life: Life,
    mark: Arc<Mark>,
    /// Before the socket, which `up` has.
    kept: Kept,
    up: Up,
    /// Whether memory runs out while it lives.
    watch: Watch,
    /// What it writes to its stderr, where that is captured.
    tap: Option<Tap>,
    /// It takes calls.
    ready: bool,
    /// There is one spare less for it, which nobody has ordered yet.
    missed: bool,
    /// It has panicked, and ends to be replaced.
    spent: bool,
    failed: Option<Failure>,
}

impl Worker<'_> {
    /// Reads until the socket ends or what comes makes no sense.
    fn listen(&mut self, socket: Arc<UnixStream>, memory: Option<Arc<Memory>>) {
        if let Err(error) = socket.set_nonblocking(true) {
            self.failed = Some(Failure::Refused(Error::init_failed(format!("its socket could not be used: {error}"))));
            return;
        }
        self.link.open(Down::new(socket, memory), self.up.reading());
        loop {
            if !self.take_all() {
                return;
            }
            let full = self.link.flush(&mut self.link.state());
            if self.up.spin(|| full && self.link.has_room()) {
                continue;
            }
            // A first answer that comes at once does not wait for the next worker.
            if std::mem::take(&mut self.missed)
                && let Some(nursery) = self.nursery
            {
                nursery.refill();
                continue;
            }
            match self.up.wait(self.link.bell.as_fd(), full) {
                // Empty is silent.
                Ok(Arrival::Some | Arrival::Nothing) => drop(self.link.bell.read()),
                Ok(Arrival::End) => return,
                Ok(Arrival::Torn) | Err(_) => return self.life.torn(),
            }
        }
    }

    /// Takes what has come; whether to go on.
    fn take_all(&mut self) -> bool {
        loop {
            let link = self.link;
            let taken = match self.up.next(|frame| link.claim(frame)) {
                Ok(Some(said)) => self.take(said),
                Ok(None) => return true,
                Err(why) => Err(why),
            };
            if let Err(why) = taken {
                self.up.shut();
                self.failed.get_or_insert(Failure::Nonsense(why));
                return false;
            }
        }
    }

    fn take(&mut self, said: Said) -> Result<(), String> {
        match said {
            Said::Value(job, bytes) => self.link.settle(job, bytes),
            Said::Error(job, told) => {
                if let Some(job) = job {
                    let error = told.into_error(|bytes| self.rebuild(job.header().number(), bytes));
                    job.fail(error);
                }
                self.link.fault(Point::Answered);
            }
            #[cfg(feature = "ray")]
            Said::Kept(job, stored) => {
                if let Some(job) = job {
                    job.complete_far(stored);
                }
                self.link.fault(Point::Answered);
            }
            Said::Other((head, bytes)) => return self.take_other(head, bytes),
        }
        Ok(())
    }

    fn take_other(&mut self, head: Head, bytes: Vec<u8>) -> Result<(), String> {
        match head.kind {
            Kind::Ready if !self.ready => {
                self.ready = true;
                self.host.up(self.place);
                self.missed = self.nursery.is_some();
            }
            Kind::Spent => self.spent = true,
            #[cfg(feature = "ray")]
            Kind::Large => self.link.place_value(head.id, &bytes)?,
            Kind::Failed => {
                let error = decode_told(&bytes)?.into_error(|bytes| self.rebuild(INIT, bytes));
                self.failed = Some(Failure::Refused(error));
            }
            Kind::Begun => {
                self.mark.told(head.id);
                if let Some((call, attempt)) = self.link.call_of(head.id)
                    && call.header().begin(attempt)
                {
                    call.set_clock(TimeoutFrom::Start, attempt);
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
    fn end(mut self) -> (End, Option<Tap>) {
        self.link.fault(Point::Bury);
        let exit = self.link.bury(&self.life);
        if let Some(why) = self.link.state().nonsense.take() {
            self.failed.get_or_insert(Failure::Nonsense(why));
        }
        // What it had said before its end lies in its ring.
        if self.failed.is_none() {
            self.take_all();
        }
        if self.failed.is_none() {
            self.failed = exit.refusal().map(Failure::Refused);
        }
        let lost = exit.is_lost();
        drop(self.desk);
        drop(self.kept);
        let overflowed = self.mark.overflowed();
        let status = status::describe(exit, overflowed, self.watch);
        // What we wrote ourselves when its stack overflowed is said otherwise.
        let ours = overflowed.then_some(OVERFLOWED);
        let stderr = self.tap.as_ref().map(|tap| tap.last_words(ours)).unwrap_or_default();
        let begun = self.mark.begun();
        let running = || self.link.take_running(begun);
        let died =
            |status: String, running| End::Died { death: Death { status, stderr: stderr.as_str().into() }, running };
        let end = match self.failed {
            Some(Failure::Refused(error)) if !self.ready => End::Failed(error),
            Some(Failure::Refused(error)) => died(error.to_string(), None),
            Some(Failure::Nonsense(why)) if !self.ready => End::Failed(Error::init_failed(format!(
                "what its process sent is no message of a worker ({why}); does something write to the socket that was its standard input?"
            ))),
            Some(Failure::Nonsense(why)) => {
                let status = format!("{why}; its link was closed");
                // What it said between the last answer and the nonsense is lost, so these may have run.
                let death = Death { status: status.clone(), stderr: stderr.as_str().into() };
                self.link.lose_begun_before(self.mark.begun_at_most(), &death, self.place.index);
                died(status, running())
            }
            // It was killed as a spare: no code of the user's has run in it, and it is nobody's loss.
            None if self.origin == Origin::Spare && !self.mark.arrived() => End::Replaced { running: None },
            None if !self.ready => {
                let said = if stderr.is_empty() { "" } else { "; it wrote to stderr:" };
                let said = format!("{said}{}", Indented(&stderr));
                End::Failed(Error::init_failed(format!("its process ended before it was ready: {status}{said}")))
            }
            None if lost => {
                let death = Death { status: status.clone(), stderr: stderr.as_str().into() };
                self.link.lose_begun_before(u64::MAX, &death, self.place.index);
                if self.link.is_over(begun) { End::Finished } else { died(status, None) }
            }
            None if self.link.is_over(begun) => End::Finished,
            None if self.spent => End::Replaced { running: running() },
            None if self.link.was_replaced_for(begun) => End::Replaced { running: running() },
            None => died(status, running()),
        };
        (end, self.tap)
    }
}
