//! Turns: where the limits of a pool count its calls, a call waits for its turn before it goes to a worker.
//!
//! ```text
//! accepted ──> line ──> (its turn is granted) ──> lane ──> worker
//! ```
//!
//! A line is in the order in which calls came, and only the head of it asks the limits for a turn, so the pool is one
//! in the line of whoever shares them, and its calls keep their order. There is one line, or one a worker where each has
//! limits of its own. What waits here is kept by the pool as what waits for arguments is; it holds no worker and no
//! thread. A turn that is granted to a call that was settled meanwhile goes to the next, or back.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::core::{ABORTED, Core};
use crate::call::Call;
use crate::error::{Error, Result, TimeoutScope};
use crate::limits::{Limiting, Local, Permit, Ticket, Turn};

/// Calls that wait for their turn.
pub(super) struct Line {
    limits: Arc<Local>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Each with the attempt that is to have the turn: its time may be up meanwhile, and the next attempt lines up anew.
    calls: VecDeque<(Call, u32)>,
    /// Somebody is asking for a turn, or waits for one.
    busy: bool,
    /// How many turns were asked for; tells a ticket that comes late.
    asked: u64,
    /// The place in the line of the limits.
    ticket: Option<Ticket>,
    /// Tells the thread that waits for its own call's turn.
    waiter: Option<Sender<Result<Permit>>>,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing is to be done for this attempt any more.
fn is_past(call: &Call, attempt: u32) -> bool {
    call.header().is_settled() || call.header().attempt() != attempt
}

/// The lines of a pool: none where its limits do not count calls.
pub(super) fn lines(limiting: &Limiting, workers: usize) -> Vec<Line> {
    let line = |local: &Arc<Local>| Line { limits: local.clone(), state: Mutex::default() };
    match limiting {
        _ if !limiting.throttles() => Vec::new(),
        Limiting::PerWorker(_) => (0..workers).filter_map(|index| limiting.of(index)).map(line).collect(),
        _ => limiting.of(0).map(line).into_iter().collect(),
    }
}

impl Core {
    /// Lets a call wait for its turn in line `at`.
    pub(super) fn line_up(&self, at: usize, call: Call) {
        let attempt = call.header().attempt();
        self.park(call.clone(), None);
        let Some(line) = self.lines.get(at) else { return };
        let mut state = line.state();
        state.calls.push_back((call, attempt));
        let first = !std::mem::replace(&mut state.busy, true);
        drop(state);
        if first {
            self.ask(at);
        }
    }

    /// Asks for turns for as long as calls wait and turns are there. Whoever calls this has made the line busy.
    fn ask(&self, at: usize) {
        let Some(line) = self.lines.get(at) else { return };
        loop {
            let mut over = Vec::new();
            let mut state = line.state();
            while state.calls.front().is_some_and(|(call, attempt)| is_past(call, *attempt)) {
                over.extend(state.calls.pop_front());
            }
            if state.calls.is_empty() {
                state.busy = false;
                drop(state);
                return;
            }
            state.asked += 1;
            let asked = state.asked;
            drop(state);
            drop(over);
            let me = self.me.clone();
            let turn = line.limits.turn(move |permit| {
                if let Some(core) = me.upgrade() {
                    core.take_turn(at, permit);
                    core.ask(at);
                }
            });
            match turn {
                Ok(Turn::Now(permit)) => self.take_turn(at, Ok(permit)),
                Err(error) => self.take_turn(at, Err(error)),
                Ok(Turn::Later(ticket)) => {
                    let mut state = line.state();
                    // A turn that came meanwhile has been taken, and another ticket may be there.
                    let late =
                        if state.asked == asked && state.busy { state.ticket.replace(ticket) } else { Some(ticket) };
                    drop(state);
                    drop(late);
                    return;
                }
            }
        }
    }

    /// Gives a turn to the first that can use it.
    fn take_turn(&self, at: usize, turn: Result<Permit>) {
        let Some(line) = self.lines.get(at) else { return };
        let mut turn = Some(turn);
        let ticket = line.state().ticket.take();
        drop(ticket);
        while let Some(now) = turn.take() {
            let call = line.state().calls.pop_front();
            match (call, now) {
                (Some((call, attempt)), Ok(permit)) => {
                    if !is_past(&call, attempt) && self.unpark(call.header().id) {
                        call.header().set_limit_set(permit.set());
                        drop(permit);
                        self.place(call, if self.lines.len() > 1 { Some(at) } else { None });
                    } else {
                        turn = Some(Ok(permit));
                    }
                }
                (Some((call, _)), Err(error)) => {
                    call.fail(error, None);
                }
                (None, Ok(permit)) => permit.unused(),
                (None, Err(_)) => {}
            }
        }
    }

    /// Waits for a turn on this thread, for a call that runs here.
    pub(super) fn await_turn(&self, call: &Call) -> Result<()> {
        let Some(line) = self.lines.first() else { return Ok(()) };
        let (told, turn) = std::sync::mpsc::channel();
        line.state().waiter = Some(told.clone());
        if self.phase() == ABORTED {
            // Whoever aborted may have looked for the waiter before.
            return Err(Error::stopped());
        }
        let asked = line.limits.turn(move |permit| {
            // Nobody hears it where the call's time was up; the permit is used up then.
            let _ = told.send(permit);
        })?;
        let permit = match asked {
            Turn::Now(permit) => permit,
            Turn::Later(ticket) => {
                let granted = match call.header().deadline() {
                    None => turn.recv().map_err(|_| Error::stopped()),
                    Some(deadline) => {
                        let left = deadline.saturating_duration_since(std::time::Instant::now());
                        turn.recv_timeout(left).map_err(|_| {
                            let allowed = call.header().care().and_then(|care| care.allowed());
                            Error::timed_out(TimeoutScope::Call, allowed)
                        })
                    }
                };
                drop(ticket);
                granted??
            }
        };
        call.header().set_limit_set(permit.set());
        Ok(())
    }

    /// Lets go of all lines.
    pub(super) fn clear_lines(&self) {
        for line in &self.lines {
            let mut state = line.state();
            let calls = std::mem::take(&mut state.calls);
            let ticket = state.ticket.take();
            let waiter = state.waiter.take();
            drop(state);
            drop(ticket);
            drop(calls);
            if let Some(waiter) = waiter {
                // It may have gone on by itself.
                let _ = waiter.send(Err(Error::stopped()));
            }
        }
    }
}
