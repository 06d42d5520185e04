//! Somebody who calls: at random, in bursts, and sometimes without waiting for what comes of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use fastrand::Rng;

use crate::books::Allowed;
use crate::pools::{BOUND, Entry};
use crate::worker::{Odd, bytes};

static CALLS: AtomicU64 = AtomicU64::new(0);

/// What a call should come to.
#[derive(Clone)]
enum Wanted {
    Number(u64),
    Bytes(u64, usize),
    Odd(u64),
    Panic(u64),
    Death,
}

/// A call that was made, of either type.
enum Made {
    Number(TaskFuture<u64>, Wanted),
    Bytes(TaskFuture<Vec<u8>>, Wanted),
}

/// Whoever makes a call holds one until its outcome has been looked at.
struct User(Arc<Entry>);

impl User {
    fn new(entry: &Arc<Entry>) -> Self {
        entry.users.fetch_add(1, Ordering::SeqCst);
        entry.books.submit();
        User(entry.clone())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Plays a round with one pool.
pub(crate) fn round(entry: &Arc<Entry>, random: &mut Rng) {
    let calls = match random.u8(..10) {
        0 => random.usize(500..3000),
        1..4 => random.usize(20..200),
        _ => random.usize(1..20),
    };
    let mut made = Vec::new();
    for _ in 0..calls {
        made.push((User::new(entry), call(entry, random)));
    }
    let what_next = random.u8(..8);
    let mut cancelled = false;
    if what_next == 0 {
        for (_, call) in &made {
            if random.bool() {
                cancelled = true;
                call.cancel(random.u8(..20) == 0);
            }
        }
    }
    for (user, call) in made {
        let allowed = Allowed { cancelled, ..Allowed::default() };
        match what_next {
            // Nobody waits; what comes of it is looked at all the same.
            1 => call.leave(user, allowed),
            _ => call.look(user, allowed),
        }
    }
}

fn call(entry: &Arc<Entry>, random: &mut Rng) -> Made {
    let id = CALLS.fetch_add(1, Ordering::Relaxed);
    let client = &entry.client;
    let x = random.u64(..1 << 40);
    match random.u8(..100) {
        0..40 => Made::Number(client.add(id, x), Wanted::Number(x + 1)),
        40..60 => {
            let length = match random.u8(..100) {
                0 => random.usize(1 << 20..6 << 20),
                1..10 => random.usize(10_000..300_000),
                _ => random.usize(..2000),
            };
            Made::Bytes(client.echo(id, x, bytes(x, length)), Wanted::Bytes(x, length))
        }
        60..70 => {
            Made::Number(client.even(id, x), if x.is_multiple_of(2) { Wanted::Number(x) } else { Wanted::Odd(x) })
        }
        70..75 => {
            let micros = random.u64(..3000);
            Made::Number(client.nap(id, micros), Wanted::Number(micros))
        }
        75..80 => Made::Number(client.doze(id, random.u64(..3000)), Wanted::Number(id)),
        80..85 => Made::Number(client.limited(id, random.u64(..300)), Wanted::Number(id)),
        85..95 => {
            // The call between has a number of its own, for the worker's notes.
            let first = client.add(CALLS.fetch_add(1, Ordering::Relaxed), x);
            Made::Number(client.add(id, first), Wanted::Number(x + 2))
        }
        95 => Made::Number(client.panics(id), Wanted::Panic(id)),
        96 => Made::Number(client.dies(id), Wanted::Death),
        _ => Made::Number(client.add(id, x).map(move |sum| sum - x), Wanted::Number(1)),
    }
}

impl Made {
    fn cancel(&self, hard: bool) {
        match self {
            Made::Number(future, _) if hard => drop(future.cancel_hard()),
            Made::Number(future, _) => drop(future.cancel()),
            Made::Bytes(future, _) => drop(future.cancel()),
        }
    }

    /// Waits for what comes of it, and says whether that is right.
    fn look(self, user: User, allowed: Allowed) {
        match self {
            Made::Number(mut future, wanted) => match future.result_within(BOUND) {
                Err(Error::TimedOut { scope: concurry::TimeoutScope::Wait, .. }) => never(&user, &wanted),
                result => judge(&user, allowed, &wanted, result.as_ref().map(|&number| Got::Number(number))),
            },
            Made::Bytes(mut future, wanted) => match future.result_within(BOUND) {
                Err(Error::TimedOut { scope: concurry::TimeoutScope::Wait, .. }) => never(&user, &wanted),
                result => judge(&user, allowed, &wanted, result.as_ref().map(|bytes| Got::Bytes(bytes))),
            },
        }
    }

    /// Lets go of the future.
    fn leave(self, user: User, allowed: Allowed) {
        let once = Mutex::new(Some(user));
        let take = move || once.lock().unwrap_or_else(PoisonError::into_inner).take();
        match self {
            Made::Number(future, wanted) => future.on_done(move |result| {
                if let Some(user) = take() {
                    judge(&user, allowed, &wanted, result.as_ref().map(|&number| Got::Number(number)));
                }
            }),
            Made::Bytes(future, wanted) => future.on_done(move |result| {
                if let Some(user) = take() {
                    judge(&user, allowed, &wanted, result.as_ref().map(|bytes| Got::Bytes(bytes)));
                }
            }),
        }
    }
}

enum Got<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn never(user: &User, wanted: &Wanted) {
    let entry = &user.0;
    let stats = entry.client.pool().stats();
    let what = format!("{}: {} came to nothing within {BOUND:?}: {stats:?}", entry.described, wanted.name());
    entry.books.complain(what);
}

fn judge(user: &User, more: Allowed, wanted: &Wanted, result: Result<Got<'_>, &Error>) {
    let entry = &user.0;
    entry.books.resolve();
    let right = match (&result, wanted) {
        (Ok(Got::Number(got)), Wanted::Number(number)) => got == number,
        (Ok(Got::Bytes(got)), Wanted::Bytes(seed, length)) => got.len() == *length && *got == bytes(*seed, *length),
        // A worker that shares our memory does not die of it.
        (Ok(Got::Number(_)), Wanted::Death) => true,
        (Ok(_), _) => false,
        (Err(error), Wanted::Odd(odd)) if error.downcast_ref::<Odd>().is_some() => {
            error.downcast_ref::<Odd>() == Some(&Odd(*odd))
        }
        (Err(Error::Panicked { message, .. }), Wanted::Panic(call)) => *message == format!("call {call}"),
        (Err(error), _) => {
            // The pool may have been stopped since the call was made.
            let now = entry.allowed();
            let allowed = Allowed { cancelled: more.cancelled, ..now };
            return entry.books.judge(error, allowed, &format!("{}: {}", entry.described, wanted.name()));
        }
    };
    match (&result, right) {
        (Ok(_), true) => entry.books.value(),
        (Err(_), true) => entry.books.count("as it should be"),
        (Ok(_), false) => entry.books.complain(format!("{}: {} gave a wrong value", entry.described, wanted.name())),
        (Err(error), false) => entry.books.complain(format!("{}: {}: {error}", entry.described, wanted.name())),
    }
}

impl Wanted {
    fn name(&self) -> &'static str {
        match self {
            Wanted::Number(_) => "a number",
            Wanted::Bytes(..) => "an echo",
            Wanted::Odd(_) => "an error",
            Wanted::Panic(_) => "a panic",
            Wanted::Death => "a death",
        }
    }
}

/// Lets some time go by, or none.
pub(crate) fn rest(random: &mut Rng) {
    if random.u8(..4) == 0 {
        std::thread::sleep(Duration::from_micros(random.u64(..2000)));
    }
}
