//! [`Desk`]: asks the keeper on behalf of one worker process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Answer, Question};
use crate::error::Result;
use crate::limits::keeper::{End, Grant, Holder, Keeper, TicketId};

type Send = dyn Fn(Answer) + std::marker::Send + Sync;

/// Requests of a worker that wait, under the worker's numbers; `None` while one is only being made.
struct Open {
    waiting: HashMap<u64, Option<TicketId>>,
    closed: bool,
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

    fn granted(&self, number: u64, task: u64, result: Result<Grant>) {
        let mut open = self.open();
        let wanted = open.waiting.remove(&number).is_some() && !open.closed;
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
        let open = Mutex::new(Open { waiting: HashMap::new(), closed: false });
        Desk(Arc::new(Inside { keeper, worker, send: Box::new(send), open }))
    }

    /// Deals with what the worker said; never blocks. What makes no sense is answered with an error or left alone.
    pub(crate) fn asked(&self, question: Question) {
        let inside = &self.0;
        let keeper = &inside.keeper;
        match question {
            Question::Attempt { number, task, request } => {
                let checked = keeper.plan().check(&request);
                let result = checked.and_then(|()| keeper.attempt(inside.holder(task), &request));
                match result {
                    // What closing gave back, this grant was not yet among.
                    Ok(Some(grant)) if inside.open().closed => {
                        keeper.give_back(inside.holder(task), grant, End::Unused);
                    }
                    result => (inside.send)(Answer::Grant { number, result }),
                }
            }
            Question::Request { number, task, request } => {
                if let Err(error) = keeper.plan().check(&request) {
                    return (inside.send)(Answer::Grant { number, result: Err(error) });
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
                let ticket = inside.open().waiting.remove(&number).flatten();
                if let Some(ticket) = ticket {
                    keeper.cancel(ticket);
                }
            }
            Question::Update { grant, place, used } => keeper.update(inside.holder(0), grant, place, used),
            Question::GiveBack { grant, end } => keeper.give_back(inside.holder(0), grant, end),
            Question::Stats { number } => (inside.send)(Answer::Stats { number, result: keeper.stats() }),
        }
    }

    /// The worker is gone: gives back what it held, and takes it out of all lines.
    pub(crate) fn close(&self) {
        let mut open = self.0.open();
        let already = std::mem::replace(&mut open.closed, true);
        open.waiting.clear();
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
