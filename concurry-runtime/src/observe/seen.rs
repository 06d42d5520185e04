//! [`Seen`]: what is known of a call that somebody watches; and [`Bundled`], the same of calls that travel in chunks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::timeline::{self, Record, What};
use super::{Outcome, Outcomes, Scene, clock, figures, is_on, spans, told};
use crate::call::{Call, Header, NONE, Phase};
use crate::error::Error;

/// A call that is watched, from its submission on. Times are of the present attempt.
pub(crate) struct Seen {
    scene: Arc<Scene>,
    /// Whether figures were asked for when it was submitted, so that who is counted in is counted out.
    counts: bool,
    /// Since when it waits for a worker: its arguments are there, and the wait before a retry is over.
    ready: AtomicU64,
    /// When the method began; 0 where that is not known.
    begun: AtomicU64,
    /// When it ended, where its worker has said so; else 0.
    ended: AtomicU64,
    spans: spans::OfCall,
}

impl Seen {
    /// A call of this pool is submitted here and now; `None` where nobody listens.
    #[inline]
    pub(crate) fn submitted(scene: &Arc<Scene>) -> Option<Box<Self>> {
        if is_on() { Some(Self::watch(scene)) } else { None }
    }

    #[cold]
    fn watch(scene: &Arc<Scene>) -> Box<Self> {
        let counts = figures::are_on();
        if counts {
            told(|| figures::submitted(scene));
        }
        Box::new(Seen {
            scene: scene.clone(),
            counts,
            ready: AtomicU64::new(clock::now()),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            spans: spans::OfCall::here(),
        })
    }

    /// It waits for nothing but a worker from now on.
    pub(crate) fn ready(&self) {
        self.ready.store(clock::now(), Ordering::Relaxed);
    }

    /// An attempt goes to a worker. May be said under a lock.
    pub(crate) fn sent(&self, call: &Call, attempt: u32, worker: usize) {
        let span = self.scene.is_remote() && spans::is_on();
        self.scene.sent(self.counts, span.then(|| (call.clone(), attempt, worker)));
    }

    /// It came back from a worker that had not begun it. May be said under a lock.
    pub(crate) fn came_back(&self) {
        if self.counts {
            self.scene.came_back();
        }
    }

    /// The method is about to run, where it shares memory with its caller; or its worker says so.
    pub(crate) fn begun(&self, header: &Header, attempt: u32) {
        self.begun.store(clock::now(), Ordering::Relaxed);
        if !self.scene.is_remote() {
            self.open_span(header, attempt, header.lane());
            self.scene.tell();
        }
    }

    /// A worker has said when the method began and how long it took. It may be on another machine, whose clock is another,
    /// or mad: the attempt was run between its sending and now in any case.
    pub(crate) fn told(&self, worker: usize, begun: u64, took: u64) {
        let (ready, now) = (self.ready.load(Ordering::Relaxed), clock::now());
        let took = took.min(now.saturating_sub(ready));
        let possible = begun >= ready && begun.saturating_add(took) <= now;
        let begun = if possible { begun } else { now - took };
        self.begun.store(begun, Ordering::Relaxed);
        self.ended.store(begun + took, Ordering::Relaxed);
        self.scene.note_end(worker, begun + took);
    }

    pub(super) fn open_span(&self, header: &Header, attempt: u32, worker: usize) {
        self.spans.open(&self.scene, header.number(), attempt, worker);
    }

    /// The span of the run of `attempt`, if it has one.
    #[cfg(feature = "tracing")]
    pub(crate) fn span(&self, attempt: u32) -> Option<tracing::Span> {
        self.spans.of(attempt)
    }

    /// The call came to its end, at `attempt`, from `from`.
    pub(crate) fn ended(&self, header: &Header, attempt: u32, from: Phase, came: Outcome, error: Option<&Error>) {
        let ran = self.attempted(header, attempt, from, came, false);
        if self.counts {
            told(|| figures::ended(&self.scene, header.number(), from >= Phase::Sent, came));
        }
        let last =
            error.map_or(spans::Last::Nothing, |error| spans::Last::failed(&self.scene, header, attempt, came, error));
        self.close_span(header, attempt, ran, last);
        self.scene.tell();
    }

    /// `attempt` came to nothing, and there will be another after `delay`.
    pub(crate) fn retried(&self, header: &Header, attempt: u32, from: Phase, came: Outcome, delay: Duration) {
        let ran = self.attempted(header, attempt, from, came, true);
        if self.counts {
            told(|| figures::retried(&self.scene, header.number(), from >= Phase::Sent));
        }
        let last = spans::Last::retried(&self.scene, header, attempt, came, delay);
        self.close_span(header, attempt, ran, last);
        self.scene.tell();
    }

    fn close_span(&self, header: &Header, attempt: u32, ran: bool, last: spans::Last) {
        // A process may have answered before anybody has come to tell that it was sent something.
        let make = |own: &spans::OfCall| own.make(&self.scene, header.number(), attempt, header.lane());
        self.spans.close(attempt, last, ran.then_some(make));
    }

    /// An attempt is over; whether its method was run, as far as that is known.
    fn attempted(&self, header: &Header, attempt: u32, from: Phase, came: Outcome, again: bool) -> bool {
        let now = clock::now();
        let (ready, worker) = (self.ready.load(Ordering::Relaxed), header.lane());
        let (begun, ended) = (self.begun.swap(0, Ordering::Relaxed), self.ended.swap(0, Ordering::Relaxed));
        let ended = if ended == 0 { now } else { ended };
        let begun = match (begun, from) {
            (0, Phase::Running) => Some(ended),
            // What a process was running when it died it had begun after everything that it has answered.
            (0, Phase::Sent) if came == Outcome::WorkerDied => Some(self.scene.last_end(worker).max(ready)),
            (0, _) => None,
            (begun, _) => Some(begun),
        };
        if let (Some(begun), true) = (begun, self.counts) {
            let (queued, ran) = (begun.saturating_sub(ready), ended.saturating_sub(begun));
            told(|| figures::ran(&self.scene, header.number(), Some(queued), ran, 1));
        }
        if let (Some(_), true) = (begun, worker != NONE) {
            self.scene.note_end(worker, ended);
        }
        timeline::record(&self.scene, || Record {
            worker,
            what: What::Call { method: header.number(), call: header.id, attempt, ready, begun, ended, came, again },
        });
        begun.is_some()
    }
}

/// The calls of a map that travel in chunks. What they came to is noted under locks, and told without.
pub(crate) struct Bundled {
    scene: Arc<Scene>,
    method: usize,
    counts: bool,
    came: Mutex<Outcomes>,
    spans: spans::OfCall,
}

impl Bundled {
    /// A map is begun here and now; `None` where nobody listens.
    pub(crate) fn begun(scene: &Arc<Scene>, method: usize) -> Option<Box<Self>> {
        let watch = || {
            let (scene, counts, came) = (scene.clone(), figures::are_on(), Mutex::default());
            Box::new(Bundled { scene, method, counts, came, spans: spans::OfCall::here() })
        };
        is_on().then(watch)
    }

    /// Calls came to their end.
    pub(crate) fn note(&self, came: &Outcomes) {
        if self.counts {
            self.came.lock().unwrap_or_else(PoisonError::into_inner).merge(came);
        }
    }

    /// Tells what was noted. To be called under no lock.
    pub(crate) fn tell(&self) {
        if self.counts {
            let came = std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner));
            let counted = |(came, calls)| figures::counted(&self.scene, self.method, came, calls);
            told(|| came.each().for_each(counted));
        }
    }

    /// A worker begins a chunk.
    pub(crate) fn chunk(&self, worker: usize) -> Chunk<'_> {
        let span = self.spans.chunk(&self.scene, self.method, worker);
        Chunk { of: self, worker, begun: clock::now(), span }
    }
}

/// A worker is at a chunk.
pub(crate) struct Chunk<'a> {
    of: &'a Bundled,
    worker: usize,
    begun: u64,
    span: spans::Inside,
}

impl Chunk<'_> {
    /// It is done: so many calls were run, of which so many came to errors.
    pub(crate) fn done(self, calls: usize, failed: usize) {
        let Chunk { of, worker, begun, span } = self;
        let ended = clock::now();
        span.done(calls, failed);
        if calls == 0 {
            return;
        }
        if of.counts {
            told(|| figures::ran(&of.scene, of.method, None, (ended - begun) / calls as u64, calls));
        }
        let what = What::Chunk { method: of.method, calls, failed, begun, ended };
        timeline::record(&of.scene, || Record { worker, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::Mode;
    use crate::observe::timeline;
    use crate::worker::Kind;

    #[test]
    fn what_a_worker_says_of_its_times_is_believed_as_far_as_it_can_be() {
        const KIND: Kind = Kind { name: "Worker", methods: &[] };
        let recording = timeline::start_with_capacity(1);
        let scene = Scene::new("pool", Mode::Process, &KIND, 1);
        let seen = Seen::submitted(&scene).unwrap();
        let ready = clock::now() - 1_000_000;
        seen.ready.store(ready, Ordering::Relaxed);
        let told = |begun, took| {
            seen.told(0, begun, took);
            (seen.begun.load(Ordering::Relaxed), seen.ended.load(Ordering::Relaxed))
        };
        assert_eq!(told(ready + 10, 20), (ready + 10, ready + 30));
        // By another clock: what it took counts, up to now.
        for (begun, took) in [(1, 500), (u64::MAX, 500), (u64::MAX, u64::MAX), (ready + 10, u64::MAX), (ready - 1, 0)] {
            let (began, ended) = told(begun, took);
            assert!(ready <= began && began <= ended && ended <= clock::now(), "{begun} {took}");
            assert!(took != 500 || ended - began == 500);
        }
        drop(recording);
    }
}
