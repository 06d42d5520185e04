//! [`Bridge`]: the process that speaks to Ray, and the thread that hears it.
//!
//! All pools of this process that are on one cluster have one, which ends with the last of them.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::actor::{Actor, Fate};
use super::direct::Offer;
use super::image::Image;
use super::options::{Hello, Site};
use super::values::give_up;
use crate::backend::process::{Kept, Message, Tail, keep, receive};
use crate::error::{Error, Indented, Result};
use crate::far::Then;
use crate::panics;
use crate::wire::frame::{Head, Kind};
use crate::wire::link::write_frame;

/// What the interpreter runs.
const SOURCE: &str = include_str!("bridge.py");

/// What it is told on the command line: to read that from the socket which is its standard input.
const READS: &str = "import socket as k;s=k.socket(fileno=0);n=int.from_bytes(s.recv(4,k.MSG_WAITALL),'little');b=s.recv(n,k.MSG_WAITALL);s.detach();exec(compile(b,'concurry_bridge','exec'))";

/// How long joining a cluster may take.
const JOINING: Duration = Duration::from_secs(60);

/// A bridge that is not heard for so long is as good as dead; it says something every two seconds.
const SILENCE: Duration = Duration::from_secs(20);

/// How long whoever tells it something waits for it to take that.
const DEAF: Duration = Duration::from_secs(5);

/// How long the last of its stderr is waited for.
const LAST_WORDS: Duration = Duration::from_millis(300);

#[derive(Default)]
pub(super) struct State {
    /// The process, until it is reaped.
    child: Option<Child>,
    image: Option<Image>,
    /// Why it is over.
    pub(super) over: Option<String>,
    /// It was told to end.
    leaving: bool,
    /// How many have to do with it. Without any it is to end.
    users: usize,
    /// The number of the worker or pool before.
    pub(super) last: u64,
    actors: HashMap<u64, Arc<Actor>>,
    /// The pools whose workers are not gone yet.
    pools: HashSet<u64>,
    /// Who waits for values that are brought here.
    pub(super) fetches: HashMap<u64, Then>,
    thread: Option<JoinHandle<()>>,
}

/// A bridge to Ray.
pub(super) struct Bridge {
    socket: UnixStream,
    /// Held while a frame is written.
    writing: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
    tail: Mutex<Tail>,
}

impl Bridge {
    /// The one to this cluster; it is started where there is none. Whether it joins the cluster is known
    /// [later](Self::ready). `worker` is for whose sake, and has to [leave](Self::leave) it.
    pub(super) fn to(site: &Site, worker: &str, executable: &File) -> Result<Arc<Self>> {
        static ALL: Mutex<Vec<(Site, Weak<Bridge>)>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, bridge)| bridge.strong_count() > 0);
        let there = all.iter().filter(|(of, _)| of == site).filter_map(|(_, bridge)| bridge.upgrade());
        if let Some(bridge) = there.into_iter().find(|bridge| bridge.enter()) {
            return Ok(bridge);
        }
        let bridge = Self::start(site, worker, executable)?;
        all.push((site.clone(), Arc::downgrade(&bridge)));
        Ok(bridge)
    }

    fn start(site: &Site, worker: &str, executable: &File) -> Result<Arc<Self>> {
        let hello = site.to_bytes().map_err(|error| named(error, worker))?;
        let failed = |error: &std::io::Error| Error::refused("no bridge to Ray could be made", error);
        let (socket, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
        // Until it is up, whoever waits for that has a bound.
        socket.set_read_timeout(Some(JOINING)).map_err(|error| failed(&error))?;
        socket.set_write_timeout(Some(DEAF)).map_err(|error| failed(&error))?;
        // A fork of this process does not have it: the bridge is to see the end of this process, and of no other.
        let kept = keep(socket.as_fd());
        let mut command = Command::new(&site.python);
        command.args(["-c", READS]).stdin(Stdio::from(OwnedFd::from(theirs))).stderr(Stdio::piped());
        command.env("RAY_USAGE_STATS_ENABLED", "0");
        let mut child = command.spawn().map_err(|error| {
            Error::ray(format!(
                "{worker}: mode `ray` needs a Python that has Ray, but `{}` could not be run: {error}; install it (`python3 -m pip install ray`), or name one by CONCURRY_PYTHON",
                site.python.display()
            ))
        })?;
        // The command has the other end of the socket, whose end is to be seen.
        drop(command);
        let stderr = child.stderr.take();
        let state = Mutex::new(State { child: Some(child), users: 1, ..State::default() });
        let bridge = Arc::new(Bridge {
            socket,
            writing: Mutex::default(),
            state,
            changed: Condvar::new(),
            tail: Mutex::default(),
        });
        let length = u32::try_from(SOURCE.len()).unwrap_or(u32::MAX).to_le_bytes();
        // Where it is gone already, its thread tells why.
        let _ = (&bridge.socket).write_all(&length).and_then(|()| (&bridge.socket).write_all(SOURCE.as_bytes()));
        bridge.tell(Kind::Start, 0, &hello, &[executable.as_raw_fd()]);
        let own = bridge.clone();
        let heard = thread::Builder::new().name("concurry-ray".to_owned()).spawn(move || own.live(kept, stderr));
        match heard {
            Ok(thread) => bridge.state().thread = Some(thread),
            Err(error) => {
                bridge.bury();
                return Err(failed(&error));
            }
        }
        Ok(bridge)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more has to do with it; `false` where it is about to end.
    pub(super) fn enter(&self) -> bool {
        let mut state = self.state();
        let there = state.over.is_none() && !state.leaving;
        if there {
            state.users += 1;
        }
        there
    }

    /// One less has to do with it. After the last it ends all workers and itself.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.users = state.users.saturating_sub(1);
        if state.users > 0 || state.leaving {
            return;
        }
        state.leaving = true;
        if state.image.is_none() {
            kill(&mut state);
        } else {
            drop(state);
            self.tell(Kind::Stop, 0, &[], &[]);
        }
    }

    /// Waits until it has joined the cluster, for the sake of this type of workers.
    pub(super) fn ready(&self, worker: &str) -> Result<Image> {
        let deadline = Instant::now() + JOINING;
        let mut state = self.state();
        loop {
            if let Some(why) = &state.over {
                return Err(Error::ray(format!("{worker}: {why}")));
            }
            if let Some(image) = state.image {
                return Ok(image);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever hears it sees the end.
                kill(&mut state);
                return Err(Error::ray(format!(
                    "{worker}: the Ray cluster could not be joined within {JOINING:?}; is its address right, is it up, and can it be reached from here?{}",
                    self.last_words()
                )));
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether it is gone, or about to be.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.over.is_some() || state.leaving
    }

    /// Has a pool, whose workers are to be like this; its number.
    pub(super) fn open(&self, hello: &Hello) -> Result<u64> {
        let hello = hello.to_bytes()?;
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.pools.insert(number);
        drop(state);
        self.tell(Kind::Pool, number, &hello, &[]);
        Ok(number)
    }

    /// Has a worker of a pool started, of this type and with these files.
    pub(super) fn fork(self: &Arc<Self>, wanted: &Wanted, worker: &'static str, files: &[RawFd]) -> Result<Arc<Actor>> {
        let mut state = self.state();
        if let Some(why) = &state.over {
            return Err(Error::ray(format!("{worker}: {why}")));
        }
        state.last += 1;
        let number = state.last;
        let actor = Actor::new(self.clone(), number, worker);
        state.actors.insert(number, actor.clone());
        drop(state);
        let Wanted { pool, seat, release, direct } = *wanted;
        let (release, direct) = (u8::from(release), u8::from(direct));
        let order = format!("pool\0{pool}\0seat\0{seat}\0release\0{release}\0direct\0{direct}\0");
        self.tell(Kind::Fork, number, order.as_bytes(), files);
        Ok(actor)
    }

    /// Has all workers of a pool ended, which will have no more. Does not wait.
    pub(super) fn shut(&self, pool: u64) {
        self.tell(Kind::Stop, pool, &[], &[]);
    }

    /// Waits until that is done.
    pub(super) fn await_shut(&self, pool: u64) {
        let there = |state: &mut State| state.over.is_none() && state.pools.contains(&pool);
        drop(self.changed.wait_while(self.state(), there).unwrap_or_else(PoisonError::into_inner));
    }

    /// Nobody will connect to a worker, which is to be started all the same.
    pub(super) fn relay(&self, number: u64) {
        self.tell(Kind::Relay, number, &[], &[]);
    }

    /// Has a worker ended at once; that this is why it was not started is then said of it, where it was not.
    pub(super) fn end(&self, number: u64, why: Option<&str>) {
        let order = why.map_or_else(String::new, |why| format!("why\0{}\0", why.replace('\0', "?")));
        self.tell(Kind::Leave, number, order.as_bytes(), &[]);
    }

    /// Waits until it is gone, if it is on its way there.
    pub(super) fn await_end(&self) {
        let mut state = self.state();
        let thread = if state.leaving { state.thread.take() } else { None };
        drop(state);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    pub(super) fn tell(&self, kind: Kind, number: u64, bytes: &[u8], files: &[RawFd]) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if write_frame(&self.socket, Head::about(kind, number, bytes.len()), bytes, files).is_err() {
            // It is gone, or hears nothing; in the middle of a frame there is no going on.
            kill(&mut self.state());
        }
    }

    /// Hears it until it is gone, and tells whoever is concerned.
    fn live(self: &Arc<Self>, kept: Kept, stderr: Option<ChildStderr>) {
        let (told, ended) = channel();
        let own = self.clone();
        let read = move || {
            own.read_stderr(stderr);
            drop(told);
        };
        // Without it an error says less.
        let reader = thread::Builder::new().name("concurry-ray-stderr".to_owned()).spawn(read);
        let lived = panics::caught_text(|| self.hear());
        let said = lived.unwrap_or_else(|why| Err(format!("its thread panicked: {why}")));
        drop(kept);
        let read_all = self.over(said, &ended);
        // Who keeps the stderr open may live for ever, and so may its reader then; a stop does not wait for that.
        if let (true, Ok(reader)) = (read_all, reader) {
            let _ = reader.join();
        }
    }

    fn read_stderr(&self, stderr: Option<ChildStderr>) {
        let Some(mut stderr) = stderr else { return };
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stderr.read(&mut buffer) {
            self.tail().push(buffer.get(..read).unwrap_or_default());
        }
    }

    /// Hears it until it is gone; what it said itself about why, or what is wrong with it.
    fn hear(&self) -> Result<Option<String>, String> {
        loop {
            match receive(&self.socket) {
                Ok(None) => return Ok(None),
                Ok(Some(message)) if message.head.kind == Kind::Failed => {
                    return text_of(&message).map(Some);
                }
                Ok(Some(mut message)) => self.take(&mut message)?,
                Err(why) => return Err(format!("it was not heard any more ({why})")),
            }
        }
    }

    fn take(&self, message: &mut Message) -> Result<(), String> {
        match message.head.kind {
            Kind::Bell => {}
            Kind::Ready => {
                let text = text_of(message)?;
                let (sha256, size) = text.split_once('\n').ok_or("it named no executable")?;
                let size = size.parse().map_err(|_| "it told of no size")?;
                let image = Image::new(size, sha256).ok_or("it sent a hash that is none")?;
                // It was possible before, and where it is not any more, a hang is seen later.
                let _ = self.socket.set_read_timeout(Some(SILENCE));
                self.state().image = Some(image);
                self.changed.notify_all();
            }
            Kind::Offer => {
                let offer = Offer::told(&text_of(message)?).ok_or("it offered what is no address")?;
                let actor = self.state().actors.get(&message.head.id).cloned();
                if let Some(actor) = actor {
                    actor.offered(offer);
                }
            }
            Kind::Fetched => self.fetched(message)?,
            Kind::Spent => {
                self.state().pools.remove(&message.head.id);
                self.changed.notify_all();
            }
            Kind::Begun => {
                let pid = text_of(message)?.parse().map_err(|_| "it told of a process without a number")?;
                let actor = self.state().actors.get(&message.head.id).cloned();
                if let Some(actor) = actor {
                    actor.begun(pid);
                }
            }
            Kind::Value => {
                let told = text_of(message)?;
                let (fate, text) = told.split_once('\n').ok_or("it told of no fate")?;
                let fate = Fate::told(fate, text.to_owned()).ok_or_else(|| format!("it told of the fate `{fate}`"))?;
                let actor = self.state().actors.remove(&message.head.id);
                if let Some(actor) = actor {
                    actor.gone(fate);
                }
            }
            other => return Err(format!("it sent a frame of kind {other:?}, which is not for drivers")),
        }
        Ok(())
    }

    /// It is gone, or is to be: sees to that, and tells all who have to do with it; whether all that it wrote is read.
    fn over(&self, said: Result<Option<String>, String>, ended: &Receiver<Infallible>) -> bool {
        let status = self.bury();
        // Until what it wrote is read, but not where somebody that it has started keeps its stderr open.
        let read_all = matches!(ended.recv_timeout(LAST_WORDS), Err(RecvTimeoutError::Disconnected));
        let text = match said {
            Ok(Some(text)) => text,
            Ok(None) => format!("the bridge to Ray is gone: its process ended with {status}{}", self.last_words()),
            Err(why) => format!("the bridge to Ray was ended: {why}{}", self.last_words()),
        };
        let mut state = self.state();
        state.over = Some(text.clone());
        let actors = std::mem::take(&mut state.actors);
        let fetches = std::mem::take(&mut state.fetches);
        drop(state);
        self.changed.notify_all();
        give_up(fetches, &text);
        for actor in actors.into_values() {
            actor.gone(Fate::Lost(text.clone()));
        }
        read_all
    }

    /// Ends and reaps its process; how that ended.
    fn bury(&self) -> String {
        let mut state = self.state();
        kill(&mut state);
        let Some(mut child) = state.child.take() else { return "nobody knows what".to_owned() };
        match child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    /// What it wrote to its stderr last, to be added to an error.
    fn last_words(&self) -> String {
        let text = self.tail().text(None);
        if text.is_empty() { text } else { format!("; it wrote to stderr:{}", Indented(&text)) }
    }
}

/// Ends its process at once, unless it is reaped.
fn kill(state: &mut State) {
    if let Some(child) = &mut state.child {
        // The one error that can be is that it has ended.
        let _ = child.kill();
    }
}

/// A worker that is to be started.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) pool: u64,
    pub(super) seat: usize,
    /// Its place on the cluster goes with it.
    pub(super) release: bool,
    /// It is started once somebody has connected to it.
    pub(super) direct: bool,
}

/// The same error, with the type of the workers that it concerns.
pub(super) fn named(error: Error, worker: &str) -> Error {
    match error {
        Error::Config { message } => Error::config(format!("{worker}: {message}")),
        other => other,
    }
}

pub(super) fn text_of(message: &Message) -> Result<String, String> {
    String::from_utf8(message.bytes.clone()).map_err(|_| "it sent what is no text".to_owned())
}
