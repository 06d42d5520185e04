//! [`Bridge`]: the process that speaks to Ray, and the thread that hears it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::actor::{Actor, Fate};
use super::direct::Offer;
use super::image::Image;
use crate::backend::process::{Kept, Message, Tail, keep, receive};
use crate::error::{Error, Indented, Result};
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
struct State {
    /// The process, until it is reaped.
    child: Option<Child>,
    image: Option<Image>,
    /// Why it is over.
    over: Option<Error>,
    /// It was told to end.
    leaving: bool,
    /// The number of the worker before.
    last: u64,
    actors: HashMap<u64, Arc<Actor>>,
    thread: Option<JoinHandle<()>>,
}

/// A bridge to Ray.
pub(super) struct Bridge {
    /// The type of the workers, which errors name.
    worker: &'static str,
    socket: UnixStream,
    /// Held while a frame is written.
    writing: Mutex<()>,
    state: Mutex<State>,
    changed: Condvar,
    tail: Mutex<Tail>,
}

impl Bridge {
    /// Starts it; whether it joins the cluster is known [later](Self::ready).
    pub(super) fn start(worker: &'static str, python: &Path, hello: &[u8], executable: &File) -> Result<Arc<Self>> {
        let failed = |error: &std::io::Error| Error::refused("no bridge to Ray could be made", error);
        let (socket, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
        // Until it is up, whoever waits for that has a bound.
        socket.set_read_timeout(Some(JOINING)).map_err(|error| failed(&error))?;
        socket.set_write_timeout(Some(DEAF)).map_err(|error| failed(&error))?;
        // A fork of this process does not have it: the bridge is to see the end of this process, and of no other.
        let kept = keep(socket.as_fd());
        let mut command = Command::new(python);
        command.args(["-c", READS]).stdin(Stdio::from(OwnedFd::from(theirs))).stderr(Stdio::piped());
        command.env("RAY_USAGE_STATS_ENABLED", "0");
        let mut child = command.spawn().map_err(|error| {
            Error::ray(format!(
                "{worker}: mode `ray` needs a Python that has Ray, but `{}` could not be run: {error}; install it (`python3 -m pip install ray`), or name one by CONCURRY_PYTHON",
                python.display()
            ))
        })?;
        // The command has the other end of the socket, whose end is to be seen.
        drop(command);
        let stderr = child.stderr.take();
        let state = Mutex::new(State { child: Some(child), ..State::default() });
        let bridge = Arc::new(Bridge {
            worker,
            socket,
            writing: Mutex::default(),
            state,
            changed: Condvar::new(),
            tail: Mutex::default(),
        });
        let length = u32::try_from(SOURCE.len()).unwrap_or(u32::MAX).to_le_bytes();
        // Where it is gone already, its thread tells why.
        let _ = (&bridge.socket).write_all(&length).and_then(|()| (&bridge.socket).write_all(SOURCE.as_bytes()));
        bridge.tell(Kind::Start, 0, hello, &[executable.as_raw_fd()]);
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has joined the cluster.
    pub(super) fn ready(&self) -> Result<Image> {
        let deadline = Instant::now() + JOINING;
        let mut state = self.state();
        loop {
            if let Some(error) = &state.over {
                return Err(error.clone());
            }
            if let Some(image) = state.image {
                return Ok(image);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Whoever hears it sees the end.
                kill(&mut state);
                return Err(Error::ray(format!(
                    "{}: the Ray cluster could not be joined within {JOINING:?}; is its address right, is it up, and can it be reached from here?{}",
                    self.worker,
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

    /// Has a worker started, which has these files; where `direct`, once somebody has connected to it.
    pub(super) fn fork(
        self: &Arc<Self>,
        seat: usize,
        release: bool,
        direct: bool,
        files: &[RawFd],
    ) -> Result<Arc<Actor>> {
        let mut state = self.state();
        if let Some(error) = &state.over {
            return Err(error.clone());
        }
        state.last += 1;
        let number = state.last;
        let actor = Actor::new(self.clone(), number);
        state.actors.insert(number, actor.clone());
        drop(state);
        let order = format!("seat\0{seat}\0release\0{}\0direct\0{}\0", u8::from(release), u8::from(direct));
        self.tell(Kind::Fork, number, order.as_bytes(), files);
        Ok(actor)
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

    /// Has all workers ended, and it ends itself; `now` where it is not to be asked.
    pub(super) fn leave(&self, now: bool) {
        let mut state = self.state();
        state.leaving = true;
        if now || state.image.is_none() {
            kill(&mut state);
        } else {
            drop(state);
            self.tell(Kind::Stop, 0, &[], &[]);
        }
    }

    /// Waits until it is gone.
    pub(super) fn await_end(&self) {
        let thread = self.state().thread.take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn tell(&self, kind: Kind, number: u64, bytes: &[u8], files: &[RawFd]) {
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
                Ok(Some(message)) => self.take(&message)?,
                Err(why) => return Err(format!("it was not heard any more ({why})")),
            }
        }
    }

    fn take(&self, message: &Message) -> Result<(), String> {
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
                    actor.gone(match fate {
                        // It becomes an error by itself.
                        Fate::Refused(text) => Fate::Refused(format!("{}: {text}", self.worker)),
                        other => other,
                    });
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
        state.over = Some(Error::ray(format!("{}: {text}", self.worker)));
        let actors = std::mem::take(&mut state.actors);
        drop(state);
        self.changed.notify_all();
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

fn text_of(message: &Message) -> Result<String, String> {
    String::from_utf8(message.bytes.clone()).map_err(|_| "it sent what is no text".to_owned())
}
