//! A worker process from the inside.
//!
//! The main thread, which never gets to `main`, guards the worker while it is busy: a cancellation is answered at once
//! where its call has not begun, and the end of the socket, which means that the driver is gone, ends the process
//! wherever it is. The worker itself lives on a thread of its own that takes calls in order: it marks each in shared
//! memory before it runs it, and its answer is out before the next is begun, so after a death the driver knows exactly
//! which call was running.
//!
//! A process that was forked ahead of its use has these threads ready when it is told what it is: a first reply does not
//! wait for what could be done before.
//!
//! A worker that was forked from what its constructor made lives on the main thread, the only one that a fork has and the
//! one on which it was made; there the guard has a thread of its own. What it is forked from is a [`zygote`].

mod driver;
mod serve;
#[cfg(feature = "ray")]
mod values;
mod zygote;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sys::{self, Offset};
use super::talk::{self, Message};
use crate::error::Error;
use crate::fault::{self, Point};
use crate::limits::Plan;
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Memory, WorkerEnd, write_frame};

use driver::Driver;
pub(super) use serve::{preload, serve};
pub(super) use zygote::{Description, Zygote};

/// What a worker is, as the driver tells it first.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) build: sys::Build,
    pub(super) serve: Offset,
    pub(super) hook: Option<Offset>,
    pub(super) msgpack: bool,
    pub(super) init: Vec<u8>,
    /// How long it may take to be built anew.
    pub(super) init_timeout: Option<Duration>,
    /// How many bytes a result may take.
    pub(super) max_message_size: usize,
    pub(super) pool_name: String,
    pub(super) index: usize,
    pub(super) limits: Option<Plan>,
    /// Whether memory to share comes with this.
    pub(super) shared: bool,
    /// From how many bytes on it is asked where a result is to go, if ever.
    pub(super) reference_above: Option<u64>,
}

impl Start {
    /// Whether it is to be asked where this result is to go.
    #[cfg(feature = "ray")]
    fn is_large(&self, result: &[u8]) -> bool {
        self.reference_above.is_some_and(|large| result.len() as u64 >= large)
    }
}

/// The loop of a worker of one type.
pub(super) type Serve = fn(Start, Arc<Driver>);

/// The life of a zygote whose workers are of one type and are forked once they are built.
pub(super) type Preload = fn(Start, Zygote) -> !;

/// Ends the process at once: no destructors, no exit handlers, which may be anything.
pub(super) fn leave() -> ! {
    sys::exit_now(1)
}

/// The same, where somebody should know why.
pub(super) fn leave_for(why: &str) -> ! {
    // Where that cannot be written, it cannot be told.
    let _ = writeln!(io::stderr(), "concurry: a worker process ends: {why}");
    leave()
}

/// Ends the process in good order.
fn end(code: i32) -> ! {
    let _ = std::io::stdout().flush();
    std::process::exit(code)
}

/// Ends a process that cannot become what it is to be, and tells its driver why.
fn refuse(socket: &UnixStream, error: &Error) -> ! {
    let bytes = codec::encode(Codec::Bincode, error).unwrap_or_default();
    let _ = write_frame(socket, Head::plain(Kind::Failed, bytes.len()), &bytes, &[]);
    end(1)
}

/// The whole life of a process that was just started.
pub(super) fn main(socket: UnixStream) -> ! {
    panics::install();
    let first = first_of(&socket);
    if first.head.kind == Kind::Zygote {
        zygote::main(socket, first);
    }
    let (start, driver) = become_worker(socket, first);
    let serve = sys::entry_at(start.serve);
    let name = format!("{}-{}", start.pool_name, start.index).replace('\0', "?");
    let theirs = driver.clone();
    let live = move || live(&theirs, |driver| serve(start, driver));
    // The worker last: once it is there it says that it is up, and what is missing then is no matter of coming up.
    if let Err(error) = watch(&driver).and_then(|()| Builder::new().name(name).spawn(live)) {
        no_thread(&driver, &error);
    }
    driver.guard()
}

/// The same of one that was forked by a zygote which has nothing but itself to give, and that is told what it is when it is
/// wanted. Its worker's thread has the name of the pool, since its index is not known yet.
fn main_of_spare(socket: UnixStream, pool_name: &str) -> ! {
    let (hand_over, handed) = channel::<UnixStream>();
    let (to_guard, guarded) = channel::<Arc<Driver>>();
    let work = |to_watch: Sender<Arc<Driver>>| {
        move || {
            let Ok(socket) = handed.recv() else { return };
            let first = first_of(&socket);
            let (start, driver) = become_worker(socket, first);
            // They are there for as long as this process is.
            let _ = to_guard.send(driver.clone());
            if driver.end.needs_watch() {
                let _ = to_watch.send(driver.clone());
            }
            let serve = sys::entry_at(start.serve);
            live(&driver, |driver| serve(start, driver));
        }
    };
    let worker = Builder::new().name(pool_name.replace('\0', "?"));
    match ahead(watcher(), Driver::watch).and_then(|to_watch| worker.spawn(work(to_watch))) {
        Ok(_) => {
            let _ = hand_over.send(socket);
            match guarded.recv() {
                Ok(driver) => driver.guard(),
                Err(_) => leave(),
            }
        }
        // It is tried again when somebody can be told of it.
        Err(_) => main(socket),
    }
}

/// The same of one that was forked by a zygote and has a worker already: `serve` has it.
fn main_of_built(socket: UnixStream, serve: impl FnOnce(Start, Arc<Driver>)) -> ! {
    let guard = Builder::new().name("concurry-guard".to_owned());
    let others = ahead(guard, Driver::guard).and_then(|guard| Ok((guard, ahead(watcher(), Driver::watch)?)));
    let first = first_of(&socket);
    let (start, driver) = become_worker(socket, first);
    match others {
        Ok((guard, watch)) => {
            let _ = guard.send(driver.clone());
            if driver.end.needs_watch() {
                let _ = watch.send(driver.clone());
            }
        }
        Err(error) => no_thread(&driver, &error),
    }
    live(&driver, |driver| serve(start, driver))
}

/// Starts a thread that waits for the driver; it ends where that never comes.
fn ahead(thread: Builder, run: fn(&Driver) -> !) -> io::Result<Sender<Arc<Driver>>> {
    let (send, receive) = channel::<Arc<Driver>>();
    thread.spawn(move || {
        if let Ok(driver) = receive.recv() {
            run(&driver);
        }
    })?;
    Ok(send)
}

fn no_thread(driver: &Driver, error: &io::Error) -> ! {
    let error = Error::refused("its process could not make a thread", error);
    driver.tell_error(Kind::Failed, 0, &error);
    end(1)
}

/// Runs the worker on this thread, and ends the process with it.
fn live(driver: &Arc<Driver>, serve: impl FnOnce(Arc<Driver>)) -> ! {
    sys::watch_stack(match driver.memory() {
        Some(memory) => memory.overflowed_for_ever(),
        // The driver does not see it, but who reads standard error does.
        None => Box::leak(Box::default()),
    });
    // Panics of the user's code are caught where it is run. If one gets here all the same, the process is to end: its
    // driver waits for it, not for this thread.
    match panics::caught(|| serve(driver.clone())) {
        Ok(()) => end(0),
        Err(_) => leave(),
    }
}

/// Waits for what this process is told first.
fn first_of(socket: &UnixStream) -> Message {
    match talk::receive(socket) {
        Ok(Some(message)) if matches!(message.head.kind, Kind::Start | Kind::Zygote) => message,
        Ok(None) => leave(),
        Ok(Some(_)) => {
            refuse(socket, &Error::init_failed("something else came before the start of a worker"));
        }
        Err(why) => refuse(socket, &Error::init_failed(why)),
    }
}

/// Takes the description of a worker, and opens the way to its driver.
fn become_worker(socket: UnixStream, mut first: Message) -> (Start, Arc<Driver>) {
    fault::here(Point::Told);
    // A fork of this process does not have the socket: its driver is to see the end of this process, and of no other.
    std::mem::forget(sys::keep(socket.as_fd()));
    let start: Start = match first.read() {
        Ok(start) => start,
        Err(why) => refuse(&socket, &Error::init_failed(format!("its description {why}"))),
    };
    check_build(&socket, start.build);
    let memory = match (start.shared, first.files.pop_front()) {
        (false, _) => None,
        (true, None) => refuse(&socket, &Error::init_failed("the shared memory did not arrive")),
        (true, Some(file)) => match Memory::open(&file) {
            Ok(memory) => Some(memory),
            Err(error) => {
                refuse(&socket, &Error::init_failed(format!("the shared memory could not be used: {error}")));
            }
        },
    };
    let driver = Arc::new(Driver::new(WorkerEnd::new(socket, memory.clone()), memory, start.max_message_size));
    if let Some(plan) = start.limits.clone() {
        driver.take_limits(plan);
    }
    #[cfg(feature = "ray")]
    if let Err(error) = driver.take_values() {
        no_thread(&driver, &error);
    }
    driver.arrive();
    (start, driver)
}

/// Goes on only where this process runs what its driver runs.
fn check_build(socket: &UnixStream, drivers: sys::Build) {
    match drivers.is_here() {
        Ok(true) => {}
        Ok(false) => refuse(
            socket,
            &Error::init_failed(
                "its process runs another executable than this one; was `/proc/self/exe` wrapped or replaced?",
            ),
        ),
        Err(error) => {
            refuse(socket, &Error::init_failed(format!("its executable could not be looked at: {error}")));
        }
    }
}

/// Starts the thread that [watches](Driver::watch), where one is needed.
fn watch(driver: &Arc<Driver>) -> io::Result<()> {
    if driver.end.needs_watch() {
        let driver = driver.clone();
        watcher().spawn(move || driver.watch())?;
    }
    Ok(())
}

/// A thread that does nothing but wait.
fn watcher() -> Builder {
    Builder::new().name("concurry-watch".to_owned()).stack_size(64 << 10)
}
