//! [`Feeder`]: the function of a map and how workers run it.

use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::chunk::Outcome;
use super::context::Lives;
use super::feed::{Ask, Feed, MOST, Taken};
use super::reader::Reader;
use super::runner::{Runner, told};
use crate::backend::{Ticket, Visit, Work};
use crate::call::{Header, here};
use crate::context::{self, CallContext};
use crate::error::Error;
use crate::observe::Bundled;
use crate::panics::{self, Panic, dismiss};
use crate::pool::{Bundle, Client};
use crate::worker::{ANOTHER_TYPE, OfAKind, Replied, Reply, Worker};

/// How long a chunk should take.
const CHUNK: Duration = Duration::from_micros(50);
/// From when on a runner goes behind the other jobs of its worker.
const TURN: Duration = Duration::from_micros(50);
/// After how many calls of a chunk a runner looks for other jobs.
const STRIDE: usize = 16;
/// What takes less is cheap.
const CHEAP: Duration = Duration::from_micros(1);

/// Sends runners.
pub(super) trait Starter: Send + Sync {
    /// Sends another runner, where one is needed, or `in_any_case` where there is one to send; whether it was.
    fn start(&self, in_any_case: bool) -> bool;
}

/// The function of a map.
struct Feeder<W, A, T, R> {
    me: Weak<Self>,
    feed: Arc<Feed<A, T>>,
    method: usize,
    run: R,
    marker: PhantomData<fn(W)>,
}

/// A way into the pool of `client` for the calls of a map, which `run` runs; `None` where they must be made one by one.
pub(crate) fn open<W, A, T, R>(client: &Client<W>, method: usize, run: R) -> Option<Reader<A, T>>
where
    W: Worker,
    A: Send + 'static,
    T: Send + 'static,
    R: Fn(&mut W, A, &CallContext, Reply<'_>) -> Replied + Send + Sync + 'static,
{
    let core = client.pool().core();
    // A call that is made inside another has its deadline. And one that waits for its own worker is refused, which calls
    // themselves know best.
    let open = client.is_anybodys() && !client.pool().is_stopped();
    if !open || !core.takes_bundles(method) || context::deadline().is_some() || here::is_of(core) {
        return None;
    }
    let name = W::METHODS.get(method).map_or("", |method| method.name);
    let seen = Bundled::begun(&core.scene, method);
    let feed = Arc::new(Feed::new(core.clone(), W::NAME, name, seen));
    let bundle: Arc<dyn Bundle> = feed.clone();
    core.register(Arc::downgrade(&bundle));
    let feeder =
        Arc::new_cyclic(|me| Feeder { me: me.clone(), feed: feed.clone(), method, run, marker: PhantomData::<fn(W)> });
    Some(Reader::new(feed, feeder))
}

impl<W, A, T, R> Feeder<W, A, T, R>
where
    W: Worker,
    A: Send + 'static,
    T: Send + 'static,
    R: Fn(&mut W, A, &CallContext, Reply<'_>) -> Replied + Send + Sync + 'static,
{
    /// Sends the runner of a seat, to a worker of its own.
    fn send(&self, seat: usize, id: u64, lane: usize) {
        let core = &self.feed.core;
        let work: Weak<dyn Work<W>> = self.me.clone();
        let runner =
            Runner { header: Header::runner(self.method, W::KIND, core.clone()), ticket: Ticket { seat, id, work } };
        core.send_runner(Arc::new(runner), lane);
    }

    /// Runs one call.
    #[inline]
    fn call(&self, worker: &mut W, input: A, context: &CallContext) -> Result<Outcome<T>, Panic> {
        let (mut value, mut error) = (None::<T>, None);
        let caught = panics::attempt(|| {
            let _replied = (self.run)(worker, input, context, Reply::bundled(&mut value, &mut error));
        });
        match caught {
            Ok(()) => Ok(match (value, error) {
                (Some(value), None) => Ok(value),
                (_, error) => self.failed(error),
            }),
            Err(panic) => {
                // What it had said before is nobody's.
                dismiss((value, error));
                Err(panic)
            }
        }
    }

    #[cold]
    fn failed(&self, error: Option<Error>) -> Outcome<T> {
        let error = error.unwrap_or_else(|| Error::codec(ANOTHER_TYPE));
        told(error, W::NAME, self.feed.method)
    }

    /// Goes behind the other jobs of the worker.
    fn come_again(&self, visit: &Visit<'_>, outcome: Option<Outcome<T>>) {
        if let Some(id) = self.feed.leave(visit.place, visit.seat, visit.id, outcome) {
            self.send(visit.seat, id, visit.place.index);
        }
    }

    /// Whether other jobs wait for the worker, and the runner has had its time.
    fn must_yield(&self, visit: &Visit<'_>, begun: Instant, now: Option<Instant>) -> bool {
        let core = &self.feed.core;
        // What tells the time costs more than what tells of others; not so where that takes a lock.
        let others = (visit.others)();
        (others || !core.direct)
            && now.unwrap_or_else(Instant::now) - begun >= TURN
            && (others || core.has_waiting(visit.place.index))
    }

    /// Gets something to run; whether there is anything.
    fn take(&self, visit: &Visit<'_>) -> Got {
        let Visit { place, seat, id, others, .. } = *visit;
        for ask in [Ask::Many, Ask::Any, Ask::Last] {
            match self.feed.take(place, seat, id, ask) {
                Taken::Some { more } => {
                    if more {
                        self.start(true);
                    }
                    return if ask == Ask::Many { Got::AtOnce } else { Got::Later };
                }
                Taken::None => return Got::Nothing,
                Taken::NotYet if ask == Ask::Many => self.feed.gather(others),
                Taken::NotYet => self.feed.look(place.index, others),
            }
        }
        Got::Nothing
    }
}

#[derive(PartialEq, Eq)]
enum Got {
    AtOnce,
    /// After a while.
    Later,
    Nothing,
}

impl<W, A, T, R> Work<W> for Feeder<W, A, T, R>
where
    W: Worker,
    A: Send + 'static,
    T: Send + 'static,
    R: Fn(&mut W, A, &CallContext, Reply<'_>) -> Replied + Send + Sync + 'static,
{
    fn run(&self, worker: W, visit: &Visit<'_>) -> Option<W> {
        let (feed, at) = (&*self.feed, visit.place.index);
        let mut worker = worker;
        let mut lives = Lives::new(visit.post, feed.method, feed.over.clone());
        let begun = Instant::now();
        let mut before = begun;
        loop {
            match self.take(visit) {
                Got::Nothing => return Some(worker),
                Got::AtOnce => {}
                Got::Later => before = Instant::now(),
            }
            let (mut outcome, mut calls, mut failed) = (None, 0usize, 0usize);
            let seen = feed.seen.as_ref().map(|seen| seen.chunk(at));
            let done = |calls, failed| {
                if let Some(chunk) = seen {
                    chunk.done(calls, failed);
                }
            };
            while let Some(input) = feed.step(at, outcome.take()) {
                match self.call(&mut worker, input, lives.context()) {
                    Ok(came) => {
                        failed += usize::from(came.is_err());
                        outcome = Some(came);
                    }
                    Err(panic) => {
                        let error = panic.into_error();
                        drop(lives);
                        dismiss(worker);
                        done(calls + 1, failed + 1);
                        self.come_again(visit, Some(told(error, W::NAME, feed.method)));
                        return None;
                    }
                }
                lives.next();
                calls += 1;
                if calls.is_multiple_of(STRIDE) && self.must_yield(visit, begun, None) {
                    done(calls, failed);
                    self.come_again(visit, outcome);
                    return Some(worker);
                }
            }
            done(calls, failed);
            let now = Instant::now();
            if calls > 0 {
                let each = (now - before) / calls as u32;
                let fits = CHUNK.as_nanos() / each.as_nanos().max(1);
                feed.set_size(at, (fits as usize).clamp(1, MOST), each < CHEAP);
            }
            before = now;
            if self.must_yield(visit, begun, Some(now)) {
                self.come_again(visit, None);
                return Some(worker);
            }
        }
    }

    fn lost(&self, seat: usize, id: u64, error: Error) {
        self.feed.lost(seat, id, &error);
    }
}

impl<W, A, T, R> Starter for Feeder<W, A, T, R>
where
    W: Worker,
    A: Send + 'static,
    T: Send + 'static,
    R: Fn(&mut W, A, &CallContext, Reply<'_>) -> Replied + Send + Sync + 'static,
{
    fn start(&self, in_any_case: bool) -> bool {
        let Some((seat, id)) = self.feed.seat(in_any_case) else { return false };
        self.send(seat, id, seat);
        true
    }
}
