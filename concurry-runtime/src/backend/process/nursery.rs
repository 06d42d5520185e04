//! Where workers are forked instead of started: a pool's zygote, and the spares that it has forked ahead.
//!
//! ```text
//! None ──> Raising ──> Up ──> its process ends, or is ended with the pool's last worker: None
//!             ├─ its constructor failed, it died: None, and whoever waited is told
//!             └─ it cannot fork: Useless, and all workers are started
//! ```
//!
//! There is none until a worker is wanted. Its thread starts it, waits until it takes orders and then for its end, and
//! buries it; its spares go with it. Who wants a worker gets a spare, or orders one. An order whose zygote died is made
//! again of the next; what it came to is known in every case, so none is lost and none is fulfilled twice.
//!
//! A pool without `preload` can do without: where there is no zygote to be had, its workers are started. With `preload`
//! there is an error then, since what the zygote has built is what its workers are.
//!
//! What a first reply need not wait for is done with a spare: its threads are there, and the memory that it is to share.
//! A spare that is killed is noticed, and reaped, when it is wanted or the pool ends.
//!
//! No lock is held while anything is waited for, and whoever waits can be let go: a link that is killed kills the zygote
//! that it waits for, and whoever else waits has another raised.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::kills::Watch;
use super::launch::{Launch, Shared, Spawned};
use super::life::Life;
use super::link::ProcessLink;
use super::refilling::Refilling;
use super::status;
use super::stderr::Tap;
use super::talk;
use super::zygote::{self, Birth, Newborn, Zygote};
use crate::error::{Error, Indented, Result, Told};
use crate::panics;
use crate::wire::frame::Kind;
use crate::worker::INIT;

/// How many workers of an on-demand pool are forked ahead.
const SPARES: usize = 2;

/// How often a worker is tried to be had. Each time takes the death of a zygote, or of a spare.
const TRIES: usize = 8;

/// A worker that is there, to be reaped by whoever has this.
pub(super) struct Delivered {
    pub(super) process: Spawned,
    pub(super) memory: Option<Shared>,
    /// It was there before it was wanted, and may have been killed meanwhile.
    pub(super) spare: bool,
}

/// A worker that is there before it is wanted, and what it is to share then.
struct Spare {
    newborn: Newborn,
    memory: Option<Shared>,
}

enum Stage {
    None,
    /// Its process is there once it has been started.
    Raising(Option<Arc<Zygote>>),
    Up(Arc<Zygote>, VecDeque<Spare>),
    Useless,
}

struct State {
    stage: Stage,
    /// The pool has ended, and nobody wants a worker any more.
    closed: bool,
    /// Which zygote this is.
    generation: u64,
    /// The last that did not come up, and why.
    failed: Option<(u64, Error)>,
    /// Somebody who waits for the one that is being raised wants that no more.
    unwanted: bool,
    refilling: Refilling,
    thread: Option<JoinHandle<()>>,
}

pub(super) struct Nursery {
    launch: Arc<Launch>,
    /// How many workers the pool has at most.
    workers: usize,
    spares: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Nursery {
    pub(super) fn new(launch: Arc<Launch>, workers: usize, on_demand: bool) -> Arc<Self> {
        Arc::new(Nursery {
            launch,
            workers,
            spares: if on_demand { SPARES.min(workers) } else { 0 },
            state: Mutex::new(State {
                stage: Stage::None,
                closed: false,
                generation: 0,
                failed: None,
                unwanted: false,
                refilling: Refilling::default(),
                thread: None,
            }),
            changed: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker that has been told what `describe` tells. None where one is to be started instead. `link` is whom it is
    /// for; who kills that calls [`disturb`](Self::disturb) afterwards.
    pub(super) fn deliver(
        self: &Arc<Self>,
        link: &ProcessLink,
        describe: impl Fn(&UnixStream, Option<&OwnedFd>) -> Result<bool>,
    ) -> Result<Option<Delivered>> {
        let must = self.launch.preloads();
        for _ in 0..TRIES {
            let Some((Spare { newborn, memory }, spare)) = self.newborn(&|| link.is_wanted())? else { return Ok(None) };
            let file = memory.as_ref().map(|(_, file)| file);
            let (birth, told) = if self.launch.is_long() {
                // Whoever is to take it may be stopped, and who waits for that must be able to end it.
                let birth = newborn.await_birth();
                if let Birth::Born(pid) = birth {
                    link.adopt(pid);
                }
                (birth, describe(&newborn.socket, file))
            } else {
                // It finds it there.
                let told = describe(&newborn.socket, file);
                (newborn.await_birth(), told)
            };
            match (birth, told) {
                (Birth::Born(pid), Ok(true)) => {
                    let Newborn { kept, socket, stderr, .. } = newborn;
                    return Ok(Some(Delivered {
                        process: Spawned { life: Life::Process(pid), kept, socket: Arc::new(socket), stderr },
                        memory,
                        spare,
                    }));
                }
                // A spare that somebody has killed.
                (Birth::Born(pid), Ok(false)) => link.disown(pid),
                (Birth::Born(pid), Err(error)) => {
                    link.disown(pid);
                    return Err(error);
                }
                (Birth::Refused(_), _) if !must => return Ok(None),
                (Birth::Refused(why), _) => {
                    return Err(Error::init_failed(format!(
                        "its process could not be forked from the one that ran its constructor: {why}"
                    )));
                }
                (Birth::Lost, _) => {}
            }
        }
        match must {
            false => Ok(None),
            true => Err(Error::init_failed(format!(
                "the process that ran its constructor, from which workers are forked, ended {TRIES} times before there was one"
            ))),
        }
    }

    /// A worker that is ordered, and whether that was done before.
    fn newborn(self: &Arc<Self>, is_wanted: &impl Fn() -> bool) -> Result<Option<(Spare, bool)>> {
        let mut waits_for = None;
        let mut state = self.state();
        loop {
            if state.closed || !is_wanted() {
                return Err(Error::stopped());
            }
            if let (Some(waited), Some((failed, error))) = (waits_for, &state.failed)
                && *failed >= waited
            {
                return if self.launch.preloads() { Err(error.clone()) } else { Ok(None) };
            }
            match &mut state.stage {
                Stage::Useless => return Ok(None),
                Stage::Raising(_) => {}
                Stage::Up(zygote, spares) => {
                    if let Some(spare) = spares.pop_front() {
                        return Ok(Some((spare, true)));
                    }
                    let (zygote, generation) = (zygote.clone(), state.generation);
                    drop(state);
                    match zygote.order(self.launch.captures_stderr(), false) {
                        // It comes up while the memory is made.
                        Ok(newborn) => return Ok(Some((Spare { newborn, memory: self.launch.memory() }, false))),
                        Err(error) if is_gone(&error) => {
                            // What has no socket any more is dead, or is to be.
                            zygote.kill();
                            state = self.state();
                            while matches!(state.stage, Stage::Up(..)) && state.generation == generation {
                                state = self.wait(state);
                            }
                            continue;
                        }
                        Err(error) if self.launch.preloads() => {
                            return Err(Error::init_failed(format!(
                                "its process could not be forked (`ulimit -n` bounds how many descriptors there can be): {error}"
                            )));
                        }
                        Err(_) => return Ok(None),
                    }
                }
                Stage::None => match self.raise(&mut state) {
                    Ok(()) => {}
                    Err(error) if self.launch.preloads() => return Err(error),
                    Err(_) => return Ok(None),
                },
            }
            waits_for.get_or_insert(state.generation);
            state = self.wait(state);
        }
    }

    /// Starts the thread of another zygote.
    fn raise(self: &Arc<Self>, state: &mut State) -> Result<()> {
        let (me, previous) = (self.clone(), state.thread.take());
        let generation = state.generation + 1;
        let thread = thread::Builder::new()
            .name(format!("{}-zygote", self.launch.pool_name).replace('\0', "?"))
            .spawn(move || {
                if let Some(previous) = previous {
                    // It has reported its end; this waits for its last instructions.
                    let _ = previous.join();
                }
                me.attend(generation);
            })
            .map_err(|error| {
                Error::init_failed(format!("no thread could be made to look after the process to fork from: {error}"))
            })?;
        state.generation = generation;
        state.stage = Stage::Raising(None);
        state.unwanted = false;
        state.thread = Some(thread);
        Ok(())
    }

    /// The whole life of a zygote.
    fn attend(&self, generation: u64) {
        let mut tap = None;
        let lived = panics::caught_text(|| self.live(&mut tap));
        let outcome = lived.unwrap_or_else(|why| Err(Refusal::Failed(Error::init_failed(why))));
        let mut state = self.state();
        let (next, why) = match outcome {
            Ok(()) => (Stage::None, None),
            Err(Refusal::Failed(error)) => (Stage::None, Some(error)),
            Err(Refusal::Useless) => (Stage::Useless, None),
        };
        let ended = std::mem::replace(&mut state.stage, next);
        // One that was ended for somebody who waits no more says nothing of the next, which those get who still wait.
        let unheard = match why {
            Some(error) if !state.unwanted => state.failed.replace((generation, error)),
            why => why.map(|error| (generation, error)),
        };
        drop(state);
        // What a constructor returned is the user's.
        drop(unheard);
        // The zygote is dead, so what was ordered of it is known.
        match ended {
            Stage::Up(zygote, spares) => {
                zygote.kill();
                zygote.bury();
                spares.into_iter().for_each(|spare| spare.newborn.dismiss());
            }
            Stage::Raising(Some(zygote)) => {
                zygote.kill();
                zygote.bury();
            }
            _ => {}
        }
        self.changed.notify_all();
        if let Some(tap) = tap {
            let tap: Tap = tap;
            // By which its end is seen.
            let _ = tap.last_words(None);
            tap.settle();
        }
    }

    /// Starts a zygote, and sees it to its end. An error where it never took orders.
    fn live(&self, captured: &mut Option<Tap>) -> Result<(), Refusal> {
        let watch = Watch::begin();
        let Spawned { life: pid, kept, socket, stderr } = self.launch.spawn_zygote().map_err(Refusal::Failed)?;
        let made = Zygote::new(pid, socket, kept, self.workers.saturating_add(SPARES));
        let (zygote, file) = made.map_err(|error| {
            zygote::end(pid);
            Refusal::Failed(Error::init_failed(format!("the process to fork from could not be had: {error}")))
        })?;
        let mut state = self.state();
        let unwanted = state.unwanted || state.closed;
        if let Stage::Raising(place) = &mut state.stage {
            *place = Some(zygote.clone());
        }
        drop(state);
        if unwanted {
            zygote.kill();
        }
        let said = self.introduce(&zygote, stderr, file, captured);
        if said.is_ok() {
            let mut state = self.state();
            if matches!(state.stage, Stage::Raising(_)) {
                state.stage = Stage::Up(zygote.clone(), VecDeque::new());
            }
            drop(state);
            self.changed.notify_all();
        } else {
            zygote.kill();
        }
        let exit = zygote.bury();
        said.map_err(|refusal| match refusal {
            Some(refusal) => refusal,
            None => {
                let status = status::describe(exit, false, watch);
                let stderr = captured.as_ref().map(|tap| tap.last_words(None)).unwrap_or_default();
                let said = if stderr.is_empty() { "" } else { "; it wrote to stderr:" };
                Refusal::Failed(Error::init_failed(format!(
                    "the process that is to run its constructor ended before that was done: {status}{said}{}",
                    Indented(&stderr)
                )))
            }
        })
    }

    /// Tells a zygote what it is, and waits until it takes orders. An error is why it does not; `None` where it died.
    fn introduce(
        &self,
        zygote: &Zygote,
        stderr: Option<OwnedFd>,
        file: OwnedFd,
        captured: &mut Option<Tap>,
    ) -> Result<(), Option<Refusal>> {
        let failed = |error| Some(Refusal::Failed(error));
        *captured = stderr
            .map(|pipe| Tap::open(pipe, self.launch.lines(None)))
            .transpose()
            .map_err(|error| failed(Launch::no_stderr(&error)))?;
        self.launch.describe_zygote(zygote.control(), &file).map_err(failed)?;
        drop(file);
        let nonsense = |why: String| {
            failed(Error::init_failed(format!("what its process sent is no message of a worker ({why})")))
        };
        let message = talk::receive(zygote.control()).map_err(nonsense)?.ok_or(None)?;
        match message.head.kind {
            Kind::Ready => Ok(()),
            // Without a constructor, what is in the way now will be so again.
            Kind::Failed if !self.launch.preloads() => Err(Some(Refusal::Useless)),
            Kind::Failed => {
                let told: Told = message.read().map_err(nonsense)?;
                let rebuild =
                    |bytes: &[u8]| panics::caught_text(|| (self.launch.decode_error)(INIT, bytes)).ok().flatten();
                Err(failed(told.into_error(rebuild)))
            }
            other => Err(nonsense(format!("a frame of kind {other:?}"))),
        }
    }

    /// Orders spares, where some are missing.
    pub(super) fn refill(&self) {
        if !self.state().refilling.begin() {
            return;
        }
        loop {
            while self.order_spare() {}
            if !self.state().refilling.again() {
                return;
            }
        }
    }

    /// Whether a spare was missing, and is there now.
    fn order_spare(&self) -> bool {
        let state = self.state();
        let generation = state.generation;
        let zygote = match &state.stage {
            Stage::Up(zygote, spares) if spares.len() < self.spares => zygote.clone(),
            _ => return false,
        };
        drop(state);
        let Ok(newborn) = zygote.order(self.launch.captures_stderr(), true) else { return false };
        let spare = Spare { newborn, memory: self.launch.memory() };
        let mut state = self.state();
        let same = state.generation == generation;
        match &mut state.stage {
            Stage::Up(_, spares) if same => {
                spares.push_back(spare);
                true
            }
            _ => {
                drop(state);
                spare.newborn.dismiss();
                false
            }
        }
    }

    /// Somebody who may be waiting here wants no worker any more: lets go of what that waits for.
    pub(super) fn disturb(&self) {
        let mut state = self.state();
        state.unwanted = true;
        if let Stage::Raising(Some(zygote)) | Stage::Up(zygote, _) = &state.stage {
            zygote.kill();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// No worker is wanted any more. Does not wait for what is there to end; [`join`](Self::join) does.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.disturb();
    }

    /// Waits until nothing is left of what was forked from or for.
    pub(super) fn join(&self) {
        let thread = self.state().thread.take();
        if let Some(thread) = thread {
            // It catches what panics in it.
            let _ = thread.join();
        }
    }
}

/// Why a zygote does not come up.
enum Refusal {
    Failed(Error),
    /// Nor will another.
    Useless,
}

/// Whether an order failed since nobody has the other end of the socket.
fn is_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset)
}
