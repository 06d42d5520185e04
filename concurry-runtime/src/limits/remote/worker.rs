//! [`Remote`]: the keeper as a worker process sees it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Answer, Question};
use crate::error::{Error, Result};
use crate::limits::keeper::{End, Grant, Holder, Keeper, Reply, TicketId};
use crate::limits::plan::Plan;
use crate::limits::request::Request;
use crate::limits::stats::LimitSetStats;

/// Whoever waits for an answer.
enum Asked {
    /// A request, which is told.
    Reply(Reply),
    /// A thread that sleeps until the answer is here.
    Thread(Option<Answer>),
}

#[derive(Default)]
struct Open {
    asked: HashMap<u64, Asked>,
    last: u64,
    /// Threads that sleep.
    asleep: usize,
    /// Why no more answers come.
    closed: Option<Error>,
}

/// Deals with what the driver sends for a moment, or until what it is given says so.
type Attend = dyn Fn(&mut dyn FnMut() -> bool) + Send + Sync;

/// Asks the driver for everything, by messages.
pub(crate) struct Remote {
    plan: Plan,
    send: Box<dyn Fn(Question) + Send + Sync>,
    attend: Box<Attend>,
    open: Mutex<Open>,
    answered: Condvar,
}

impl Remote {
    /// For the limits that the driver described; `send` puts a question on its way, and `attend` is called by a thread
    /// that is about to sleep until an answer comes, which may be here before it does.
    pub(crate) fn new(
        plan: Plan,
        send: impl Fn(Question) + Send + Sync + 'static,
        attend: impl Fn(&mut dyn FnMut() -> bool) + Send + Sync + 'static,
    ) -> Self {
        Remote {
            plan,
            send: Box::new(send),
            attend: Box::new(attend),
            open: Mutex::default(),
            answered: Condvar::new(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deals with what the driver said; never blocks.
    pub(crate) fn answered(&self, answer: Answer) {
        let number = match answer {
            Answer::Grant { number, .. } | Answer::Stats { number, .. } => number,
        };
        let mut open = self.open();
        match open.asked.get_mut(&number) {
            Some(Asked::Thread(place)) => {
                *place = Some(answer);
                let asleep = open.asleep > 0;
                drop(open);
                if asleep {
                    self.answered.notify_all();
                }
            }
            Some(Asked::Reply(_)) => {
                let asked = open.asked.remove(&number);
                drop(open);
                if let (Some(Asked::Reply(reply)), Answer::Grant { result, .. }) = (asked, answer) {
                    reply(result.and_then(|grant| grant.ok_or_else(|| unexpected("no grant"))));
                }
            }
            None => {
                drop(open);
                // It was cancelled while this was on its way.
                if let Answer::Grant { result: Ok(Some(grant)), .. } = answer {
                    (self.send)(Question::GiveBack { grant, end: End::Unused });
                }
            }
        }
    }

    /// No more answers come: whoever waits for one gets `error`.
    #[cfg(test)]
    pub(crate) fn close(&self, error: Error) {
        let mut open = self.open();
        open.closed.get_or_insert(error.clone());
        let (threads, replies): (HashMap<_, _>, HashMap<_, _>) =
            std::mem::take(&mut open.asked).into_iter().partition(|(_, asked)| matches!(asked, Asked::Thread(_)));
        open.asked = threads;
        drop(open);
        self.answered.notify_all();
        for asked in replies.into_values() {
            if let Asked::Reply(reply) = asked {
                reply(Err(error.clone()));
            }
        }
    }

    /// Sends a question and sleeps until its answer is here.
    fn ask(&self, question: impl FnOnce(u64) -> Question) -> Result<Answer> {
        let mut open = self.open();
        open.last += 1;
        let number = open.last;
        open.asked.insert(number, Asked::Thread(None));
        drop(open);
        (self.send)(question(number));
        (self.attend)(&mut || !matches!(self.open().asked.get(&number), Some(Asked::Thread(None))));
        let mut open = self.open();
        loop {
            if let Some(Asked::Thread(answer)) = open.asked.get_mut(&number)
                && let Some(answer) = answer.take()
            {
                open.asked.remove(&number);
                return Ok(answer);
            }
            if let Some(error) = open.closed.clone() {
                open.asked.remove(&number);
                return Err(error);
            }
            open.asleep += 1;
            open = self.answered.wait(open).unwrap_or_else(PoisonError::into_inner);
            open.asleep -= 1;
        }
    }
}

fn unexpected(what: &str) -> Error {
    Error::limit(format!("the driver answered a request for limits with {what}"))
}

impl Keeper for Remote {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn is_near(&self) -> bool {
        false
    }

    fn attempt(&self, holder: Holder, request: &Request) -> Result<Option<Grant>> {
        let request = request.clone();
        match self.ask(|number| Question::Attempt { number, task: holder.task, request })? {
            Answer::Grant { result, .. } => result,
            Answer::Stats { .. } => Err(unexpected("statistics")),
        }
    }

    fn request(&self, holder: Holder, request: Request, reply: Reply) -> TicketId {
        let mut open = self.open();
        if let Some(error) = open.closed.clone() {
            drop(open);
            reply(Err(error));
            return TicketId { set: 0, id: 0 };
        }
        open.last += 1;
        let number = open.last;
        open.asked.insert(number, Asked::Reply(reply));
        drop(open);
        (self.send)(Question::Request { number, task: holder.task, request });
        TicketId { set: 0, id: number }
    }

    fn cancel(&self, ticket: TicketId) {
        let asked = self.open().asked.remove(&ticket.id);
        if asked.is_some() {
            (self.send)(Question::Cancel { number: ticket.id });
        }
    }

    fn attend(&self, done: &mut dyn FnMut() -> bool) {
        (self.attend)(done);
    }

    fn update(&self, _: Holder, grant: Grant, place: u32, used: u64) {
        (self.send)(Question::Update { grant, place, used });
    }

    fn give_back(&self, _: Holder, grant: Grant, end: End) {
        (self.send)(Question::GiveBack { grant, end });
    }

    fn release_all(&self, _: u64) {
        // The driver does this when the worker is gone.
    }

    fn stats(&self) -> Result<Vec<LimitSetStats>> {
        match self.ask(|number| Question::Stats { number })? {
            Answer::Stats { result, .. } => result,
            Answer::Grant { .. } => Err(unexpected("a grant")),
        }
    }
}
