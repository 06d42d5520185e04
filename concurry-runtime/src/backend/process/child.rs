//! A worker process from the inside.
//!
//! The main thread, which never gets to `main`, reads frames: calls go into a queue in memory, a cancellation is
//! answered at once where its call has not begun, and the end of the stream, which means that the driver is gone, ends
//! the process wherever it is. The worker itself lives on a thread of its own that takes calls in order: it marks each
//! in shared memory before it runs it, and its answer is out before the next is begun, so after a death the driver
//! knows exactly which call was running.

use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::sys::{self, Mark, Offset};
use crate::backend::{Facts, Post, Recipe, dismiss};
use crate::context::{self, Cancel};
use crate::error::{Error, TimeoutScope};
use crate::limits::{Holder, Limiting, Limits, Plan, Remote};
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{HEAD, Head, Kind};
use crate::wire::link::{Arrival, Inbox, write_frame};
use crate::worker::{RemoteReply, Reply, Worker};

/// What a worker is, as the driver tells it first.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) build: sys::Build,
    pub(super) serve: Offset,
    pub(super) hook: Option<Offset>,
    pub(super) msgpack: bool,
    pub(super) init: Vec<u8>,
    pub(super) pool_name: String,
    pub(super) index: usize,
    pub(super) limits: Option<Plan>,
}

/// The loop of a worker of one type.
pub(super) type Serve = fn(Start, Arc<Driver>);

struct Task {
    head: Head,
    message: Vec<u8>,
    cancelled: Arc<AtomicBool>,
    arrived: Instant,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    /// The call that runs, and how it is told of its cancellation.
    running: Option<(u64, Arc<AtomicBool>)>,
    stop: bool,
}

/// The way back to the driver.
pub(super) struct Driver {
    socket: UnixStream,
    /// Held while a frame is written.
    writing: Mutex<()>,
    queue: Mutex<Queue>,
    arrived: Condvar,
    mark: Arc<Mark>,
    /// The limits that the driver keeps.
    limits: OnceLock<Arc<Remote>>,
}

impl Driver {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame; a driver that does not take it is gone, and so are we.
    fn tell(&self, head: Head, bytes: &[u8]) {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = write_frame(&self.socket, head, bytes, &[]);
        drop(writing);
        if written.is_err() {
            leave();
        }
    }

    fn tell_error(&self, kind: Kind, id: u64, error: &Error) {
        let bytes = codec::encode(Codec::Bincode, error).unwrap_or_default();
        self.tell(Head::about(kind, id, bytes.len()), &bytes);
    }

    /// Asks the driver for limits from now on.
    fn take_limits(self: &Arc<Self>, plan: Plan) {
        let me = Arc::downgrade(self);
        let remote = Remote::new(plan, move |question| {
            let Some(driver) = me.upgrade() else { return };
            match codec::encode(Codec::Bincode, &question) {
                Ok(bytes) => driver.tell(Head::plain(Kind::Asked, bytes.len()), &bytes),
                Err(_) => leave(),
            }
        });
        let _ = self.limits.set(Arc::new(remote));
    }

    /// The next call; `None` when the worker is to end.
    fn next(&self) -> Option<Task> {
        let mut queue = self.queue();
        queue.running = None;
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                queue.running = Some((task.head.id, task.cancelled.clone()));
                return Some(task);
            }
            if queue.stop {
                return None;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn cancel(&self, id: u64, hard: bool) {
        let mut queue = self.queue();
        if let Some(at) = queue.tasks.iter().position(|task| task.head.id == id) {
            queue.tasks.remove(at);
            drop(queue);
            self.tell_error(Kind::Error, id, &Error::cancelled());
        } else if let Some((running, flag)) = &queue.running
            && *running == id
        {
            if hard {
                // The lock is held, so the worker cannot have gone on to another call: this one alone is lost.
                leave();
            }
            flag.store(true, Ordering::Release);
        }
    }
}

/// Ends the process at once: no destructors, no exit handlers, which may be anything.
pub(super) fn leave() -> ! {
    sys::exit_now(1)
}

/// Ends the process in good order.
fn end(code: i32) -> ! {
    let _ = std::io::stdout().flush();
    std::process::exit(code)
}

/// The whole life of the process.
pub(super) fn main(socket: UnixStream) -> ! {
    panics::install();
    let refuse = |socket: &UnixStream, why: String| -> ! {
        let error = Error::init_failed(why);
        let bytes = codec::encode(Codec::Bincode, &error).unwrap_or_default();
        let _ = write_frame(socket, Head::plain(Kind::Failed, bytes.len()), &bytes, &[]);
        end(1)
    };
    let (start, file) = match receive_start(&socket) {
        Ok(Some(start)) => start,
        Ok(None) => leave(),
        Err(why) => refuse(&socket, why),
    };
    let mark = match file
        .ok_or_else(|| "the shared memory did not arrive".to_owned())
        .and_then(|file| Mark::open(file).map_err(|error| format!("the shared memory could not be used: {error}")))
    {
        Ok(mark) => Arc::new(mark),
        Err(why) => refuse(&socket, why),
    };
    match sys::build_of_this_process() {
        Ok(build) if build == start.build => {}
        Ok(_) => refuse(
            &socket,
            "its process runs another executable than this one; was `/proc/self/exe` wrapped or replaced?".to_owned(),
        ),
        Err(error) => refuse(&socket, format!("its executable could not be looked at: {error}")),
    }
    let serve = sys::entry_at(start.serve);
    let driver = Arc::new(Driver {
        socket,
        writing: Mutex::new(()),
        queue: Mutex::default(),
        arrived: Condvar::new(),
        mark,
        limits: OnceLock::new(),
    });
    if let Some(plan) = start.limits.clone() {
        driver.take_limits(plan);
    }
    let name = format!("{}-{}", start.pool_name, start.index).replace('\0', "?");
    let theirs = driver.clone();
    let spawned = std::thread::Builder::new().name(name).spawn(move || {
        sys::watch_stack(theirs.mark.overflow_word());
        // Panics of the user's code are caught where it is run. If one gets here all the same, the process is to end:
        // its driver waits for it, not for this thread.
        match panics::caught(|| serve(start, theirs)) {
            Ok(()) => end(0),
            Err(_) => leave(),
        }
    });
    if let Err(error) = spawned {
        refuse(&driver.socket, format!("its process could not make a thread: {error}"));
    }
    read(&driver)
}

/// Reads the first frame, with which a file descriptor comes.
fn receive_start(socket: &UnixStream) -> Result<Option<(Start, Option<OwnedFd>)>, String> {
    let mut bytes = vec![0; HEAD];
    let (mut have, mut file, mut length) = (0, None, HEAD);
    while have < length {
        let (read, fd) = sys::receive_with_fd(socket, &mut bytes[have..length]).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        have += read;
        file = file.or(fd);
        if have == HEAD && length == HEAD {
            let head = Head::read(&bytes).transpose()?;
            let Some(head) = head.filter(|head| head.kind == Kind::Start) else {
                return Err("something else came before the start of a worker".to_owned());
            };
            length = HEAD + head.length;
            bytes.resize(length, 0);
        }
    }
    let start = codec::decode(Codec::Bincode, &bytes[HEAD..]).map_err(|why| format!("its description {why}"))?;
    Ok(Some((start, file)))
}

/// Reads until the driver is gone.
fn read(driver: &Driver) -> ! {
    let mut inbox = Inbox::new();
    loop {
        loop {
            match inbox.next() {
                Ok(Some((head, message))) => take(driver, head, message),
                Ok(None) => break,
                Err(why) => {
                    eprintln!("concurry: a worker process ends: {why}");
                    leave();
                }
            }
        }
        match inbox.read(&driver.socket) {
            Ok(Arrival::Some | Arrival::Nothing) => {}
            Ok(Arrival::End) | Err(_) => leave(),
        }
    }
}

fn take(driver: &Driver, head: Head, message: Vec<u8>) {
    match head.kind {
        Kind::Call => {
            let task = Task { head, message, cancelled: Arc::default(), arrived: Instant::now() };
            driver.queue().tasks.push_back(task);
            driver.arrived.notify_one();
        }
        Kind::Cancel => driver.cancel(head.id, false),
        Kind::Leave => driver.cancel(head.id, true),
        Kind::Granted => match (driver.limits.get(), codec::decode(Codec::Bincode, &message)) {
            (Some(limits), Ok(answer)) => limits.answered(answer),
            _ => leave(),
        },
        Kind::Stop => {
            driver.queue().stop = true;
            driver.arrived.notify_one();
        }
        other => {
            eprintln!("concurry: a worker process ends: a frame of kind {other:?} is not for workers");
            leave();
        }
    }
}

/// Runs a worker of type `W` until it is told to end.
pub(super) fn serve<W: Worker>(start: Start, driver: Arc<Driver>) {
    let codec = if start.msgpack { Codec::MsgPack } else { Codec::Bincode };
    let fail = |error: Error| driver.tell_error(Kind::Failed, 0, &error.at(W::NAME, "new"));
    let Some(wire) = W::wire() else {
        return fail(Error::unsupported(format!("{} is `local`", W::NAME)));
    };
    let init = match codec::checked_decode(|| (wire.decode_init)(codec, &start.init)) {
        Ok(init) => init,
        Err(why) => return fail(Error::codec(format!("the constructor's arguments {why}"))),
    };
    let recipe = Recipe::<W> {
        init,
        start_hook: start.hook.map(sys::hook_at),
        pool_name: Arc::from(start.pool_name.as_str()),
        limiting: Limiting::Off,
    };
    let limits = driver.limits.get().map(|remote| Limits::new(remote.clone(), Holder::worker()));
    let post = Post::remote(recipe.pool_name.clone(), start.index, limits.unwrap_or_default());
    let mut worker = match recipe.make() {
        Ok(worker) => worker,
        Err(error) => return fail(error),
    };
    driver.tell(Head::plain(Kind::Ready, 0), &[]);
    while let Some(task) = driver.next() {
        let id = task.head.id;
        driver.mark.begin(id);
        if task.head.run_ms > 0 {
            driver.tell(Head::about(Kind::Begun, id, 0), &[]);
        }
        let (outcome, survivor) = run(worker, &wire, task, &post);
        match outcome {
            Ok(bytes) => driver.tell(Head::about(Kind::Value, id, bytes.len()), &bytes),
            Err(error) => driver.tell_error(Kind::Error, id, &error),
        }
        worker = match survivor {
            Some(worker) => worker,
            None => match recipe.rebuild() {
                Ok(worker) => worker,
                Err(error) => {
                    return fail(Error::init_failed(format!(
                        "it could not be built anew after a panic: {}",
                        panics::text_of(&error)
                    )));
                }
            },
        };
    }
    dismiss(worker);
}

/// Runs one call: its answer, and the worker unless the method panicked.
fn run<W: Worker>(
    mut worker: W,
    wire: &crate::worker::Wire<W>,
    task: Task,
    post: &Post,
) -> (Result<Vec<u8>, Error>, Option<W>) {
    let Task { head, message, cancelled, arrived } = task;
    let decoded = codec::checked_decode(|| (wire.decode)(wire.codec, &message));
    drop(message);
    let message = match decoded {
        Ok(message) => message,
        Err(why) => return (Err(Error::codec(format!("an argument {why}"))), Some(worker)),
    };
    let run = Duration::from_millis(u64::from(head.run_ms));
    let over = (head.run_ms > 0).then(|| Instant::now() + run);
    let after = |since: Instant, ms: u32| (ms > 0).then(|| since + Duration::from_millis(u64::from(ms)));
    let context = post.context(Facts {
        cancel: Cancel::Flag(cancelled),
        id: head.id,
        attempt: u32::from(head.attempt),
        method: W::METHODS.get(head.method as usize).map_or("", |method| method.name),
        deadline: [after(arrived, head.left_ms), over].into_iter().flatten().min(),
        set: head.set.checked_sub(1),
    });
    let mut reply = RemoteReply { codec: wire.codec, outcome: None };
    let entered = context::enter(&context);
    let ran = panics::caught(|| {
        let _replied = worker.call(message, &context, Reply::remote(&mut reply));
    });
    drop(entered);
    match ran {
        Ok(()) => {
            let outcome = reply.outcome.unwrap_or_else(|| Err(Error::codec("the method gave no reply")));
            // The driver's clock for this began a moment later, when it heard of the beginning.
            let late = over.is_some_and(|over| Instant::now() >= over);
            let outcome = if late { Err(Error::timed_out(TimeoutScope::Call, Some(run))) } else { outcome };
            (outcome, Some(worker))
        }
        Err(error) => {
            dismiss(worker);
            (Err(error), None)
        }
    }
}
