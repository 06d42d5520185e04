//! [`Desk`]: asks the keeper on behalf of one worker process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Answer, Question};
use crate::error::Result;
use crate::limits::keeper::{End, Grant, Holder, Keeper, TicketId};

type Send = dyn Fn(Answer) + std::marker::Send + Sync;

/// A grant that was sent to the worker.
struct Out {
    number: u64,
    task: u64,
    grant: Grant,
}

struct Open {
    /// Requests of the worker that wait, under its numbers; `None` while one is only being made.
    waiting: HashMap<u64, Option<TicketId>>,
    /// What it was granted and has not given back. It does not hold much at a time.
    out: Vec<Out>,
    closed: bool,
}

impl Open {
    /// Notes a grant that is about to be sent; `false` where the worker is gone.
    fn send_out(&mut self, number: u64, task: u64, grant: &Grant) -> bool {
        if !self.closed {
            self.out.push(Out { number, task, grant: *grant });
        }
        !self.closed
    }

    fn take_back(&mut self, is: impl Fn(&Out) -> bool) -> Option<Out> {
        let at = self.out.iter().position(is)?;
        Some(self.out.swap_remove(at))
    }
}

struct Inside {
    keeper: Arc<dyn Keeper>,
    worker: u64,
    /// Puts an answer on its way. It is called by whoever gives something back, so it must not wait for the worker.
    send: Box<Send>,
    open: Mutex<Open>,
}

/// The driver's side of a worker process. Dropping it closes it.
pub(crate) struct Desk(Arc<Inside>);

impl Inside {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holder(&self, task: u64) -> Holder {
        Holder { worker: self.worker, task }
    }

    /// Answers at once.
    fn answer(&self, number: u64, task: u64, result: Result<Option<Grant>>) {
        match result {
            // What closing gave back, this grant was not yet among.
            Ok(Some(grant)) if !self.open().send_out(number, task, &grant) => {
                self.keeper.give_back(self.holder(task), grant, End::Unused);
            }
            result => (self.send)(Answer::Grant { number, result }),
        }
    }

    fn granted(&self, number: u64, task: u64, result: Result<Grant>) {
        let mut open = self.open();
        let waited = open.waiting.remove(&number).is_some();
        let wanted = waited && result.as_ref().map_or(!open.closed, |grant| open.send_out(number, task, grant));
        drop(open);
        match result {
            Ok(grant) if !wanted => self.keeper.give_back(self.holder(task), grant, End::Unused),
            _ if !wanted => {}
            result => (self.send)(Answer::Grant { number, result: result.map(Some) }),
        }
    }
}

impl Desk {
    /// For the worker whose holder's number is `worker`; `send` puts an answer on its way without waiting.
    pub(crate) fn new(
        keeper: Arc<dyn Keeper>,
        worker: u64,
        send: impl Fn(Answer) + std::marker::Send + Sync + 'static,
    ) -> Self {
        let open = Mutex::new(Open { waiting: HashMap::new(), out: Vec::new(), closed: false });
        Desk(Arc::new(Inside { keeper, worker, send: Box::new(send), open }))
    }

    /// Deals with what the worker said; never blocks. What makes no sense is answered with an error or left alone.
    pub(crate) fn asked(&self, question: Question) {
        let inside = &self.0;
        let keeper = &inside.keeper;
        match question {
            Question::Attempt { number, task, request } => {
                let checked = keeper.plan().check(&request);
                inside.answer(number, task, checked.and_then(|()| keeper.attempt(inside.holder(task), &request)));
            }
            Question::Request { number, task, request } => {
                if let Err(error) = keeper.plan().check(&request) {
                    return (inside.send)(Answer::Grant { number, result: Err(error) });
                }
                if keeper.is_near() {
                    // What is there is given without a place in line.
                    match keeper.attempt(inside.holder(task), &request) {
                        Ok(None) => {}
                        result => return inside.answer(number, task, result),
                    }
                }
                let mut open = inside.open();
                if open.closed || open.waiting.contains_key(&number) {
                    return;
                }
                open.waiting.insert(number, None);
                drop(open);
                let own = inside.clone();
                let reply = Box::new(move |result| own.granted(number, task, result));
                let ticket = keeper.request(inside.holder(task), request, reply);
                let mut open = inside.open();
                match open.waiting.get_mut(&number) {
                    Some(place) => *place = Some(ticket),
                    None => {
                        drop(open);
                        // It was answered, or closing found nothing to cancel yet.
                        keeper.cancel(ticket);
                    }
                }
            }
            Question::Cancel { number } => {
                let mut open = inside.open();
                let ticket = open.waiting.remove(&number).flatten();
                // A grant that crosses with this is the worker's no longer. It says so itself once the grant has
                // arrived, but may ask for something else before that, and would seem to hold this meanwhile.
                let crossed = open.take_back(|out| out.number == number);
                drop(open);
                if let Some(ticket) = ticket {
                    keeper.cancel(ticket);
                }
                if let Some(Out { task, grant, .. }) = crossed {
                    keeper.give_back(inside.holder(task), grant, End::Unused);
                }
            }
            Question::Update { grant, place, used } => keeper.update(inside.holder(0), grant, place, used),
            Question::GiveBack { grant, end } => {
                if inside.open().take_back(|out| out.grant == grant).is_some() {
                    keeper.give_back(inside.holder(0), grant, end);
                }
            }
            Question::Stats { number } => (inside.send)(Answer::Stats { number, result: keeper.stats() }),
        }
    }

    /// The worker is gone: gives back what it held, and takes it out of all lines.
    pub(crate) fn close(&self) {
        let mut open = self.0.open();
        let already = std::mem::replace(&mut open.closed, true);
        open.waiting.clear();
        open.out.clear();
        drop(open);
        if !already {
            self.0.keeper.release_all(self.0.worker);
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}
