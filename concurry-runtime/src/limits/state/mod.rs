//! [`Shared`]: the state of one set.
//!
//! One lock holds the gauges, the ledger of what is held, and the line of who waits; it is held for arithmetic only.
//! Whoever gives something back, or the alarm when a rate has room again, serves the line: grants are written
//! down on behalf of the waiters under the lock, so nobody can come between, and told to them afterwards. Nobody
//! barges: an attempt that wants some of what others wait for gets nothing.
//!
//! One alarm is set, for the first in line that only time keeps waiting, and only while there is one.

mod ledger;
mod line;
mod nested;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::ledger::{Held, Ledger, Part};
use self::line::{Line, Waiter, wants};
use self::nested::Scene;
use super::clock::{Alarm, Clock, Nanos};
use super::definition::{Definition, Kind};
use super::keeper::{End, Grant, Holder, Reply};
use super::rate::{Meter, meter};
use super::request::{Ask, Patience};
use super::stats::{LimitSetStats, LimitStats};
use crate::error::{Error, Result};
use crate::few::Few;

/// How much of one limit there is.
enum Gauge {
    Rate(Box<dyn Meter>),
    Resource { capacity: u64, free: u64 },
}

struct Limit {
    gauge: Gauge,
    taken: u64,
}

struct State {
    limits: Vec<Limit>,
    ledger: Ledger,
    line: Line,
    alarm: Option<(Nanos, Alarm)>,
    granted: u64,
}

/// The state of one set, shared by all who use it.
pub(crate) struct Shared {
    me: Weak<Shared>,
    definition: Definition,
    clock: Clock,
    state: Mutex<State>,
}

/// Whether all of a request can be had.
enum Ready {
    Now,
    /// Once this time has come, if nobody takes any before.
    At(Nanos),
    /// Once somebody has given back.
    Later,
}

/// The time, read when it is needed and then only once: whoever wants resources alone does not look at the clock.
struct Moment<'a> {
    clock: &'a Clock,
    read: Option<Nanos>,
}

impl Moment<'_> {
    fn now(&mut self) -> Nanos {
        *self.read.get_or_insert_with(|| self.clock.now())
    }
}

/// What waiters are told once the lock is free.
#[derive(Default)]
struct News(Vec<(Reply, Result<Grant>)>);

impl News {
    fn tell(self) {
        for (reply, result) in self.0 {
            // In there may be a waker of anybody's; its panic is not for whoever happened to give something back.
            let _ = catch_unwind(AssertUnwindSafe(|| reply(result)));
        }
    }
}

impl Shared {
    /// The state of a set that can be (see [`Definition::check`]), of which nothing is taken.
    pub(crate) fn new(definition: Definition, clock: Clock) -> Arc<Self> {
        let now = clock.now();
        let gauge = |limit: &super::definition::Limit| match limit.kind {
            Kind::Rate { window, algorithm } => {
                Gauge::Rate(meter(algorithm, limit.capacity.max(1), window.nanos().unwrap_or(1), now))
            }
            Kind::Resource => Gauge::Resource { capacity: limit.capacity, free: limit.capacity },
        };
        let limits: Vec<_> = definition.limits.iter().map(|limit| Limit { gauge: gauge(limit), taken: 0 }).collect();
        let line = Line::new(limits.len());
        let state = State { limits, ledger: Ledger::default(), line, alarm: None, granted: 0 };
        Arc::new_cyclic(|me| Shared { me: me.clone(), definition, clock, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of anybody else's runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment<'_> {
        Moment { clock: &self.clock, read: None }
    }

    /// All of it at once, or nothing.
    pub(crate) fn attempt(&self, holder: Holder, asks: &Few<Ask>) -> Option<u64> {
        self.lock().attempt(holder, asks, &mut self.moment())
    }

    /// All of it when it is there; the number of the ticket. The grant will name the set as `set`.
    pub(crate) fn request(&self, holder: Holder, asks: Few<Ask>, patience: Patience, set: u32, reply: Reply) -> u64 {
        let (mut moment, mut news) = (self.moment(), News::default());
        let mut state = self.lock();
        let mut ticket = 0;
        if let Some(id) = state.attempt(holder, &asks, &mut moment) {
            news.0.push((reply, Ok(Grant { set, id })));
        } else {
            let nested = state.scene().holds(holder);
            if nested && holder.is_worker() && state.scene().would_deadlock(holder, &asks) {
                news.0.push((reply, Err(self.deadlock(&state, holder, &asks))));
            } else {
                ticket = state.line.enter(Waiter { holder, asks, patience, nested, set, reply });
                self.serve(&mut state, &mut moment, &mut news);
            }
        }
        drop(state);
        news.tell();
        ticket
    }

    pub(crate) fn cancel(&self, ticket: u64) {
        let mut news = News::default();
        let mut state = self.lock();
        let waiter = state.line.leave(ticket);
        if waiter.is_some() {
            // Who stood behind it may be first now.
            self.serve(&mut state, &mut self.moment(), &mut news);
        }
        drop(state);
        drop(waiter);
        news.tell();
    }

    /// The true use of the limit at `key`. Resources are held as they are.
    pub(crate) fn update(&self, worker: u64, id: u64, key: u32, used: u64) {
        self.change(|state, moment| state.update(worker, id, key, used, moment));
    }

    pub(crate) fn give_back(&self, worker: u64, id: u64, end: End) {
        self.change(|state, moment| state.give_back(worker, id, end, moment));
    }

    /// Serves the line if `change` gave anything back.
    fn change(&self, change: impl FnOnce(&mut State, &mut Moment<'_>) -> bool) {
        let mut moment = self.moment();
        let mut state = self.lock();
        // Mostly nobody waits, and then no alarm is set either.
        if !change(&mut state, &mut moment) || state.line.is_empty() {
            return;
        }
        let mut news = News::default();
        self.serve(&mut state, &mut moment, &mut news);
        drop(state);
        news.tell();
    }

    /// Everything that a worker holds, which is gone, and its places in line.
    pub(crate) fn release_all(&self, worker: u64) {
        if worker == Holder::NOBODY.worker {
            return;
        }
        let (mut moment, mut news) = (self.moment(), News::default());
        let mut state = self.lock();
        let left: Vec<_> = state.line.tickets_of(worker).into_iter().map(|ticket| state.line.leave(ticket)).collect();
        for id in state.ledger.ids_of(worker) {
            state.give_back(worker, id, End::Used, &mut moment);
        }
        self.serve(&mut state, &mut moment, &mut news);
        drop(state);
        drop(left);
        news.tell();
    }

    /// Acquisitions that are held or waited for, and those granted so far.
    pub(crate) fn load(&self) -> (u64, u64) {
        let state = self.lock();
        (state.ledger.len() + state.line.len(), state.granted)
    }

    pub(crate) fn stats(&self) -> LimitSetStats {
        let mut moment = self.moment();
        let mut state = self.lock();
        let State { limits, ledger, line, granted, .. } = &mut *state;
        let stand = |(at, limit): (usize, &mut Limit)| {
            let (available, owed) = match &mut limit.gauge {
                Gauge::Rate(meter) => (meter.available(moment.now()), meter.owed(moment.now())),
                Gauge::Resource { free, .. } => (*free, 0),
            };
            let fresh = LimitStats::fresh(&self.definition.limits[at]);
            LimitStats { available, owed, waiting: line.len_of(at), taken: limit.taken, ..fresh }
        };
        LimitSetStats {
            limits: limits.iter_mut().enumerate().map(stand).collect(),
            held: ledger.len(),
            waiting: line.len(),
            granted: *granted,
            config: self.definition.config.clone(),
        }
    }

    /// Serves whoever can be served, and sets the alarm for who comes next.
    fn serve(&self, state: &mut State, moment: &mut Moment<'_>, news: &mut News) {
        let Some(wake) = state.serve(moment, news) else {
            state.alarm = None;
            return;
        };
        // One that rings earlier finds nothing to do and sets the next.
        if state.alarm.as_ref().is_some_and(|(at, _)| *at <= wake) {
            return;
        }
        let me = self.me.clone();
        let ring = move || {
            if let Some(shared) = me.upgrade() {
                shared.rang();
            }
        };
        match self.clock.at(wake, ring) {
            Ok(alarm) => state.alarm = Some((wake, alarm)),
            Err(error) => {
                let error = Error::limit(format!("no thread can be started to keep the time of limits: {error}"));
                news.0.extend(state.line.clear().into_iter().map(|waiter| (waiter.reply, Err(error.clone()))));
            }
        }
    }

    /// The alarm's time has come.
    fn rang(&self) {
        let mut news = News::default();
        let mut state = self.lock();
        state.alarm = None;
        self.serve(&mut state, &mut self.moment(), &mut news);
        drop(state);
        news.tell();
    }

    fn deadlock(&self, state: &State, holder: Holder, asks: &[Ask]) -> Error {
        let short = wants(asks).find(|ask| match state.limits[ask.key as usize].gauge {
            Gauge::Resource { free, .. } => free < ask.amount,
            Gauge::Rate(_) => false,
        });
        let Some(short) = short else {
            return Error::limit("this request would wait for itself; take what is needed together, in one request");
        };
        let key = self.definition.limits.get(short.key as usize).map_or("", |limit| limit.key.as_str());
        let who = match state.ledger.held_by(holder, short.key) {
            0 => "is held by workers that wait for what this one holds".to_owned(),
            own => format!("cannot come free: this worker itself holds {own} of it, and whoever else does waits too"),
        };
        Error::limit(format!(
            "{} of `{key}` would be waited for for ever: what is missing {who}; take what is needed together, in one \
             request, or give back before asking again",
            short.amount
        ))
    }
}

impl State {
    fn scene(&self) -> Scene<'_> {
        Scene { limits: &self.limits, ledger: &self.ledger, line: &self.line }
    }

    fn attempt(&mut self, holder: Holder, asks: &Few<Ask>, moment: &mut Moment<'_>) -> Option<u64> {
        if self.line.blocks(asks) {
            let scene = self.scene();
            if !scene.holds(holder) || !scene.may_pass(holder, asks, u64::MAX) {
                return None;
            }
        }
        match ready(&mut self.limits, asks, moment) {
            Ready::Now => Some(self.grant(holder, asks, moment)),
            Ready::At(_) | Ready::Later => None,
        }
    }

    /// Takes what is ready.
    fn grant(&mut self, holder: Holder, asks: &Few<Ask>, moment: &mut Moment<'_>) -> u64 {
        let mut take = |ask: &Ask| {
            let limit = &mut self.limits[ask.key as usize];
            limit.taken = limit.taken.saturating_add(ask.amount);
            let mark = match &mut limit.gauge {
                Gauge::Rate(meter) if ask.amount > 0 => meter.take(moment.now(), ask.amount),
                Gauge::Rate(_) => 0,
                Gauge::Resource { free, .. } => {
                    *free = free.saturating_sub(ask.amount);
                    0
                }
            };
            Part { key: ask.key, taken: ask.amount, owed: 0, mark }
        };
        let parts = match asks {
            Few::One(ask) => Few::One(take(ask)),
            Few::Many(asks) => Few::Many(asks.iter().map(take).collect()),
        };
        self.granted += 1;
        self.ledger.open(Held { holder, parts })
    }

    /// Whether anything came back.
    fn update(&mut self, worker: u64, id: u64, key: u32, used: u64, moment: &mut Moment<'_>) -> bool {
        let Some(held) = self.ledger.get(id, worker) else { return false };
        let Some(Limit { gauge: Gauge::Rate(meter), .. }) = self.limits.get_mut(key as usize) else { return false };
        if !held.parts.iter().any(|part| part.key == key) {
            held.parts.push(Part { key, taken: 0, owed: 0, mark: 0 });
        }
        let Some(part) = held.parts.iter_mut().find(|part| part.key == key) else { return false };
        let counted = part.taken.saturating_add(part.owed);
        if used > counted {
            part.owed = part.owed.saturating_add(used - counted);
            meter.owe(moment.now(), used - counted);
            return false;
        }
        // What was owed may be paid already, so it stays.
        let back = (counted - used).min(part.taken);
        part.taken -= back;
        if back > 0 {
            meter.give_back(moment.now(), part.mark, back);
        }
        back > 0
    }

    /// Whether it was held.
    fn give_back(&mut self, worker: u64, id: u64, end: End, moment: &mut Moment<'_>) -> bool {
        let Some(held) = self.ledger.close(id, worker) else { return false };
        for part in held.parts.iter().filter(|part| part.taken > 0) {
            match &mut self.limits[part.key as usize].gauge {
                Gauge::Resource { free, .. } => *free += part.taken,
                Gauge::Rate(meter) if end == End::Unused => meter.give_back(moment.now(), part.mark, part.taken),
                Gauge::Rate(_) => {}
            }
        }
        true
    }

    /// Serves whoever can be served; the time from which on the next one can, if it is a matter of time.
    fn serve(&mut self, moment: &mut Moment<'_>, news: &mut News) -> Option<Nanos> {
        while !self.line.is_empty() {
            let mut wake = None;
            let mut served = false;
            let nested = self.line.nested();
            let passing = nested.iter().filter(|ticket| {
                let waiter = self.line.get(**ticket);
                waiter.is_some_and(|waiter| self.scene().may_pass(waiter.holder, &waiter.asks, **ticket))
            });
            let mut turns: Vec<u64> = self.line.firsts().iter().chain(passing).copied().collect();
            turns.sort_unstable();
            for ticket in turns {
                let Some(waiter) = self.line.get(ticket) else { continue };
                match ready(&mut self.limits, &waiter.asks, moment) {
                    Ready::Now => {
                        if let Some(Waiter { holder, asks, set, reply, .. }) = self.line.leave(ticket) {
                            let id = self.grant(holder, &asks, moment);
                            news.0.push((reply, Ok(Grant { set, id })));
                            served = true;
                        }
                    }
                    Ready::At(time) => wake = Some(wake.map_or(time, |wake: Nanos| wake.min(time))),
                    Ready::Later => {}
                }
            }
            if !served {
                return wake;
            }
        }
        None
    }
}

fn ready(limits: &mut [Limit], asks: &[Ask], moment: &mut Moment<'_>) -> Ready {
    let mut at = None;
    for ask in wants(asks) {
        match &mut limits[ask.key as usize].gauge {
            Gauge::Resource { free, .. } if *free < ask.amount => return Ready::Later,
            Gauge::Resource { .. } => {}
            Gauge::Rate(meter) => at = at.max(meter.ready_at(moment.now(), ask.amount)),
        }
    }
    at.map_or(Ready::Now, Ready::At)
}

#[cfg(test)]
mod tests;
