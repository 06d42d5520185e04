//! [`Scene`]: a pool, as whoever watches it knows it, and what happened to its workers.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::timeline::{self, Mark};
use super::{clock, figures, is_on, spans, told};
use crate::call::Call;
use crate::mode::Mode;
use crate::worker::Kind;

/// What happened to a worker.
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "only events tell which worker, and what it died of"))]
pub(crate) enum News {
    /// It takes calls.
    Up(usize),
    /// It is there no more, for whatever reason; told after the reason.
    Down(usize),
    /// It ended without having been told to, or never came up.
    Died(usize, String),
    /// It ended for the sake of a call that nobody wants any more.
    Replaced(usize),
    /// Another takes its place.
    Restarted(usize),
    /// Another takes its place, since it has done enough.
    Recycled(usize),
    /// It is not started again.
    GivenUp(usize),
}

/// What is noted under a lock, and told without.
enum Note {
    News(News),
    /// An attempt of a call went to a worker that does not tell when it begins.
    Sent(Call, u32, usize),
}

/// A pool that may be watched.
pub(crate) struct Scene {
    me: Weak<Scene>,
    /// Tells it from other pools of this process.
    pub(super) number: u32,
    pub(super) pool: Arc<str>,
    pub(super) mode: Mode,
    pub(super) kind: &'static Kind,
    /// When a worker is known to have come to the end of a call last.
    ends: Box<[AtomicU64]>,
    notes: Mutex<Vec<Note>>,
    /// How many calls have gone to workers and not been told of; less those that have come back.
    sent: AtomicI64,
    /// There is something to tell.
    pending: AtomicBool,
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "it is nothing then"))]
    pub(super) figures: figures::OfPool,
}

static NEXT: AtomicU32 = AtomicU32::new(1);

impl Scene {
    pub(crate) fn new(pool: &str, mode: Mode, kind: &'static Kind, workers: usize) -> Arc<Self> {
        Arc::new_cyclic(|me| Scene {
            me: me.clone(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            pool: Arc::from(pool),
            mode,
            kind,
            ends: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            notes: Mutex::default(),
            sent: AtomicI64::new(0),
            pending: AtomicBool::new(false),
            figures: figures::OfPool::new(kind.methods.len()),
        })
    }

    pub(super) fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Sync => "sync",
            Mode::Thread => "thread",
            Mode::Async => "async",
            Mode::Process => "process",
            Mode::Ray => "ray",
        }
    }

    /// The name of a method by its number.
    pub(super) fn method(&self, number: usize) -> &'static str {
        self.kind.methods.get(number).map_or("", |method| method.name)
    }

    /// Whether workers do not share memory, so that the driver hears of what they do.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.mode, Mode::Process | Mode::Ray)
    }

    /// A worker has come to the end of a call.
    pub(super) fn note_end(&self, worker: usize, at: u64) {
        if let Some(end) = self.ends.get(worker) {
            end.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// When it did last.
    pub(super) fn last_end(&self, worker: usize) -> u64 {
        self.ends.get(worker).map_or(0, |end| end.load(Ordering::Relaxed))
    }

    /// Something happened to a worker. May be said under a lock: it is told by [`tell`](Self::tell).
    pub(crate) fn note(&self, news: News) {
        if !is_on() {
            return;
        }
        let mark = match &news {
            News::Died(worker, _) => Some((*worker, Mark::Died)),
            News::Replaced(worker) => Some((*worker, Mark::Replaced)),
            News::Restarted(worker) => Some((*worker, Mark::Restarted)),
            News::Recycled(worker) => Some((*worker, Mark::Recycled)),
            News::GivenUp(worker) => Some((*worker, Mark::GivenUp)),
            News::Up(_) | News::Down(_) => None,
        };
        if let (Some((worker, mark)), Some(scene)) = (mark, self.me.upgrade()) {
            timeline::mark(&scene, worker, mark, clock::now());
        }
        self.keep(Note::News(news));
    }

    /// `attempt` of `call` went to a worker, whether it is to be told of by a span; may be said under a lock.
    pub(super) fn sent(&self, counts: bool, span: Option<(Call, u32, usize)>) {
        if counts {
            self.sent.fetch_add(1, Ordering::Relaxed);
            self.pending.store(true, Ordering::Release);
        }
        if let Some((call, attempt, worker)) = span {
            self.keep(Note::Sent(call, attempt, worker));
        }
    }

    /// It came back from there, and waits again.
    pub(super) fn came_back(&self) {
        self.sent.fetch_sub(1, Ordering::Relaxed);
        self.pending.store(true, Ordering::Release);
    }

    fn keep(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        self.pending.store(true, Ordering::Release);
    }

    /// Tells what was noted under a lock. To be called under none.
    #[inline]
    pub(crate) fn tell(&self) {
        if self.pending.load(Ordering::Relaxed) {
            self.tell_all();
        }
    }

    #[cold]
    fn tell_all(&self) {
        self.pending.swap(false, Ordering::AcqRel);
        let sent = self.sent.swap(0, Ordering::Relaxed);
        if sent != 0 {
            told(|| figures::sent(self, sent));
        }
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        for note in notes {
            match note {
                Note::News(news) => {
                    told(|| figures::news(self, &news));
                    told(|| spans::news(self, &news));
                }
                Note::Sent(call, attempt, worker) => {
                    if let Some(seen) = call.header().seen() {
                        seen.open_span(call.header(), attempt, worker);
                    }
                }
            }
        }
    }
}
