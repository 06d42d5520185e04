//! Spans and events, by the crate `tracing` (feature `tracing`).
//!
//! A span `call` is around each run of a method: around the method itself where it shares memory with its caller, on its
//! worker's thread; and where it does not, from when the call goes to the process until its answer is there, in the
//! driver. Its parent is the span in which the call was made. A subscriber of the worker process's own sees a span of the
//! same name around the method there.
//!
//! A span is opened once an attempt, and closed with it, whoever comes first: see [`Run`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::span::EnteredSpan;
use tracing::{Level, Span, debug, error, field, info, info_span, warn};

use super::{News, Outcome, Scene, told};
use crate::call::Header;
use crate::context::CallContext;
use crate::error::Error;
use crate::panics;

/// Whether there is a subscriber that wants spans.
#[inline]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() >= LevelFilter::INFO
}

pub(super) fn news(scene: &Scene, news: &News) {
    let (pool, mode) = (&*scene.pool, scene.mode_name());
    match news {
        News::Up(worker) => debug!(target: TARGET, pool, mode, worker, "worker up"),
        News::Down(worker) => debug!(target: TARGET, pool, mode, worker, "worker down"),
        News::Died(worker, status) => warn!(target: TARGET, pool, mode, worker, status, "worker died"),
        News::Replaced(worker) => info!(target: TARGET, pool, mode, worker, "worker ended over a call"),
        News::Restarted(worker) => info!(target: TARGET, pool, mode, worker, "worker restarted"),
        News::Recycled(worker) => info!(target: TARGET, pool, mode, worker, "worker recycled"),
        News::GivenUp(worker) => error!(target: TARGET, pool, mode, worker, "worker given up"),
    }
}

/// What filters go by.
const TARGET: &str = "concurry";

/// The span that a thread is inside of, if any.
pub(crate) struct Inside(Option<EnteredSpan>);

impl Inside {
    /// Enters the span of the call of `context`.
    pub(crate) fn of(context: &CallContext) -> Self {
        let span = || Some(context.call.as_ref()?.span(context.attempt)?.entered());
        Inside(if is_on() { told(span).flatten() } else { None })
    }

    /// Enters a span of its own for the call of `context`, in a worker process.
    pub(crate) fn here(context: &CallContext) -> Self {
        let CallContext { pool_name, worker_index: worker, method, attempt, .. } = context;
        let enter = || {
            let pool = &**pool_name;
            info_span!(target: TARGET, parent: None, "call", pool, worker, method, attempt, mode = "process").entered()
        };
        Inside(if is_on() { told(enter) } else { None })
    }

    /// The chunk that the span is around is done.
    pub(super) fn done(self, calls: usize, failed: usize) {
        if let Some(span) = &self.0 {
            told(|| {
                span.record("calls", calls).record("failed", failed);
            });
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            told(|| drop(span));
        }
    }
}

/// Where the span of an attempt is.
enum Run {
    /// Somebody is about to open it, under no lock. Where the attempt is over meanwhile, this is to be said in it, and it
    /// is to be closed.
    Opening(Option<Last>),
    Open(Span),
}

#[derive(Default)]
struct Runs {
    /// Hardly ever more than one.
    there: Vec<(u32, Run)>,
    /// Those of attempts up to this one were closed, unless they are there.
    closed: u32,
}

impl Runs {
    fn of(&mut self, attempt: u32) -> Option<&mut Run> {
        self.there.iter_mut().find(|(number, _)| *number == attempt).map(|(_, run)| run)
    }

    fn take(&mut self, attempt: u32) -> Option<Run> {
        let at = self.there.iter().position(|(number, _)| *number == attempt)?;
        Some(self.there.swap_remove(at).1)
    }
}

/// What is said of an attempt in the end.
pub(super) enum Last {
    Nothing,
    Failed { level: Level, what: &'static str, about: About, error: String },
    Retried { about: About, delay: Duration },
}

/// Which attempt it was, and what it came to.
pub(super) struct About {
    pool: Arc<str>,
    method: &'static str,
    attempt: u32,
    outcome: &'static str,
}

impl About {
    fn new(scene: &Scene, header: &Header, attempt: u32, came: Outcome) -> Self {
        About { pool: scene.pool.clone(), method: header.method_name(), attempt, outcome: came.name() }
    }
}

impl Last {
    /// The call came to an error for good.
    pub(super) fn failed(scene: &Scene, header: &Header, attempt: u32, came: Outcome, error: &Error) -> Self {
        let retries = header.care().is_some_and(|care| care.terms.policy.is_some());
        let (level, what) = match came {
            Outcome::Cancelled | Outcome::Stopped => (Level::DEBUG, "call failed"),
            _ if retries => (Level::WARN, "call given up"),
            Outcome::TimedOut => (Level::WARN, "call timed out"),
            Outcome::WorkerDied | Outcome::Panicked => (Level::WARN, "call lost"),
            _ => (Level::DEBUG, "call failed"),
        };
        if level > LevelFilter::current() {
            return Last::Nothing;
        }
        // The words of a method's own error are the user's, who may panic.
        Last::Failed { level, what, about: About::new(scene, header, attempt, came), error: panics::text_of(error) }
    }

    /// The attempt is to be followed by another.
    pub(super) fn retried(scene: &Scene, header: &Header, attempt: u32, came: Outcome, delay: Duration) -> Self {
        Last::Retried { about: About::new(scene, header, attempt, came), delay }
    }

    /// Says it in `span`, which is closed by that where nobody else has it.
    fn say(self, span: Span) {
        told(|| self.say_in(&span));
        told(|| drop(span));
    }

    fn say_in(self, span: &Span) {
        match self {
            Last::Nothing => {}
            Last::Failed { level, what, about: About { pool, method, attempt, outcome }, error } => {
                let pool = &*pool;
                if level == Level::WARN {
                    warn!(target: TARGET, parent: span, pool, method, attempt, outcome, error, "{what}");
                } else {
                    debug!(target: TARGET, parent: span, pool, method, attempt, outcome, error, "{what}");
                }
            }
            Last::Retried { about: About { pool, method, attempt, outcome }, delay } => {
                let pool = &*pool;
                info!(target: TARGET, parent: span, pool, method, attempt, outcome, ?delay, "call retried");
            }
        }
    }
}

/// The spans of a call.
pub(super) struct OfCall {
    parent: Span,
    runs: Mutex<Runs>,
}

impl OfCall {
    /// Of one that is made here and now.
    pub(super) fn here() -> Self {
        let parent = if is_on() { told(Span::current) } else { None }.unwrap_or_else(Span::none);
        OfCall { parent, runs: Mutex::default() }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens that of `attempt`, unless somebody has, or it is over.
    pub(super) fn open(&self, scene: &Scene, method: usize, attempt: u32, worker: usize) {
        if !is_on() {
            return;
        }
        {
            let mut runs = self.runs();
            if attempt <= runs.closed || runs.of(attempt).is_some() {
                return;
            }
            runs.there.push((attempt, Run::Opening(None)));
        }
        let span = self.make(scene, method, attempt, worker);
        let mut runs = self.runs();
        match runs.of(attempt) {
            Some(run @ Run::Opening(None)) => *run = Run::Open(span),
            _ => {
                let over = runs.take(attempt);
                drop(runs);
                if let Some(Run::Opening(Some(last))) = over {
                    last.say(span);
                }
            }
        }
    }

    pub(super) fn make(&self, scene: &Scene, method: usize, attempt: u32, worker: usize) -> Span {
        let (pool, method, mode) = (&*scene.pool, scene.method(method), scene.mode_name());
        let make = || info_span!(target: TARGET, parent: &self.parent, "call", pool, worker, method, attempt, mode);
        told(make).unwrap_or_else(Span::none)
    }

    /// That of `attempt`, while it is open.
    pub(super) fn of(&self, attempt: u32) -> Option<Span> {
        match self.runs().of(attempt) {
            Some(Run::Open(span)) => Some(span.clone()),
            _ => None,
        }
    }

    /// Says the last of `attempt` in its span, and closes that, once nobody is inside. It is opened for that where the
    /// attempt `ran` and nobody has.
    pub(super) fn close(&self, attempt: u32, last: Last, ran: Option<impl FnOnce(&Self) -> Span>) {
        let mut runs = self.runs();
        runs.closed = runs.closed.max(attempt);
        if let Some(Run::Opening(place)) = runs.of(attempt) {
            *place = Some(last);
            return;
        }
        let open = runs.take(attempt);
        drop(runs);
        match (open, ran) {
            (Some(Run::Open(span)), _) => last.say(span),
            (_, Some(make)) if is_on() => last.say(make(self)),
            _ => {
                told(|| last.say_in(&self.parent));
            }
        }
    }

    /// Enters a span around a chunk of calls.
    pub(super) fn chunk(&self, scene: &Scene, method: usize, worker: usize) -> Inside {
        let enter = || {
            let (pool, method, mode) = (&*scene.pool, scene.method(method), scene.mode_name());
            let (calls, failed) = (field::Empty, field::Empty);
            info_span!(target: TARGET, parent: &self.parent, "chunk", pool, worker, method, mode, calls, failed)
                .entered()
        };
        Inside(if is_on() { told(enter) } else { None })
    }
}
