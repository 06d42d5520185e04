//! [`Attendant`]: lets calls begin, in their order, and lends them the worker.
//!
//! The worker's seat says where it is: `In`, and shared with the calls that hold a count of it; `Out`, alone with a
//! call that takes `&mut self`; `Lost`, after a panic, until another is built. A call that takes `&mut self` begins when
//! nobody else holds the worker, which is when it can be taken out of its count.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::{spawn_local, yield_now};

use super::link::{LoopLink, Next, Ticket};
use super::visit::{Ended, live, visit};
use crate::backend::{End, Host, Place, Post, Recipe, built, dismiss, guard, unpack};
use crate::call::{Header, Job};
use crate::error::{Error, Result};
use crate::panics;
use crate::run::Run;
use crate::worker::{Reply, Worker};

/// How long calls are begun in a row, and methods that are not `async` run, before those that run have a turn.
pub(super) const SLICE: Duration = Duration::from_micros(500);

enum Seat<W> {
    In(Rc<W>),
    Out,
    Lost,
}

/// The worker, in the hands of a call.
enum Held<W> {
    Shared(Rc<W>),
    Alone(W),
}

enum Step<W> {
    Begin(Arc<Ticket>, Held<W>),
    Build,
    End,
}

pub(super) struct Attendant<W: Worker> {
    recipe: Arc<Recipe<W>>,
    post: Post,
    link: Arc<LoopLink>,
    host: Arc<dyn Host>,
    place: Place,
    seat: RefCell<Seat<W>>,
    /// Tasks that have not been polled yet. Whoever comes after them in line must not run before.
    unbegun: Cell<usize>,
    /// The line does not move before a call ends.
    blocked: Cell<bool>,
}

impl<W: Worker> Attendant<W> {
    pub(super) fn new(recipe: Arc<Recipe<W>>, link: Arc<LoopLink>, host: Arc<dyn Host>, place: Place) -> Self {
        let (seat, unbegun, blocked) = (RefCell::new(Seat::Lost), Cell::new(0), Cell::new(false));
        let post = recipe.post(place.index, true, link.bell.clone());
        Attendant { recipe, post, link, host, place, seat, unbegun, blocked }
    }

    /// The life of the loop.
    pub(super) async fn attend(self: Rc<Self>) -> End {
        let hooked = visit(&self.link.door, None, || self.recipe.hook()).unwrap_or(Ok(()));
        let built = match hooked {
            Ok(()) => self.build().await,
            Err(error) => Err(error),
        };
        match built {
            Ok(worker) => self.sit(worker),
            Err(error) => return End::Failed(error),
        }
        self.host.up(self.place);
        let mut since = Instant::now();
        loop {
            let mut idle = false;
            let step = poll_fn(|_| {
                let step = self.look();
                idle |= step.is_pending();
                step
            });
            match step.await {
                Step::Begin(ticket, held) => self.begin(ticket, held).await,
                Step::Build => {
                    self.host.rebuilding(self.place);
                    let built = self.build().await;
                    self.host.rebuilt(self.place);
                    match built {
                        Ok(worker) => self.sit(worker),
                        Err(error) => {
                            let why = panics::text_of(&error);
                            let why = format!("it could not be built anew after a panic: {why}");
                            return End::Died { death: why.into(), running: None };
                        }
                    }
                }
                Step::End => return End::Finished,
            }
            if idle {
                since = Instant::now();
            } else if since.elapsed() >= SLICE {
                yield_now().await;
                since = Instant::now();
            }
        }
    }

    /// Runs the constructor.
    async fn build(&self) -> Result<W> {
        let door = &self.link.door;
        let mut future = match visit(door, None, || self.recipe.begin()) {
            Ok(Ok(Run::Going(future))) => future,
            Ok(Ok(Run::Done(made))) => return built(made),
            Ok(Err(error)) => return Err(error),
            Err(ended) => return Err(killed(ended)),
        };
        let made = poll_fn(|task| {
            let polled = visit(door, None, || guard("its constructor", || Ok(future.as_mut().poll(task))));
            match polled {
                Ok(Ok(poll)) => poll,
                Ok(Err(error)) => Poll::Ready(Err(error)),
                Err(ended) => Poll::Ready(Err(killed(ended))),
            }
        })
        .await;
        dismiss(future);
        built(made)
    }

    fn sit(&self, worker: W) {
        *self.seat.borrow_mut() = Seat::In(Rc::new(worker));
    }

    fn look(&self) -> Poll<Step<W>> {
        loop {
            let next = self.link.next(|header| self.admit(header));
            self.blocked.set(matches!(next, Next::Blocked));
            match next {
                Next::Begin(ticket, held) if ticket.job.begin() => return Poll::Ready(Step::Begin(ticket, held)),
                Next::Begin(ticket, held) => {
                    if let Held::Alone(worker) = held {
                        self.sit(worker);
                    }
                    self.link.leave(&ticket);
                }
                Next::Over(job) => drop(job),
                Next::Finished => return Poll::Ready(Step::End),
                Next::Blocked | Next::Nothing => {
                    let lost = matches!(*self.seat.borrow(), Seat::Lost);
                    return if lost { Poll::Ready(Step::Build) } else { Poll::Pending };
                }
            }
        }
    }

    /// The worker for the call that is first in line, if it may begin now.
    fn admit(&self, header: &Header) -> Option<Held<W>> {
        let method = header.method()?;
        let mut seat = self.seat.borrow_mut();
        match std::mem::replace(&mut *seat, Seat::Out) {
            Seat::In(worker) if method.exclusive => match Rc::try_unwrap(worker) {
                Ok(worker) => Some(Held::Alone(worker)),
                Err(worker) => {
                    *seat = Seat::In(worker);
                    None
                }
            },
            Seat::In(worker) => {
                let held = (method.asynchronous || self.unbegun.get() == 0).then(|| Held::Shared(worker.clone()));
                *seat = Seat::In(worker);
                held
            }
            elsewhere => {
                *seat = elsewhere;
                None
            }
        }
    }

    /// Runs a call, as a task where it is an `async fn`.
    async fn begin(self: &Rc<Self>, ticket: Arc<Ticket>, held: Held<W>) {
        let header = ticket.job.header();
        let asynchronous = header.method().is_some_and(|method| method.asynchronous);
        let this = self.clone();
        match held {
            Held::Shared(worker) if asynchronous => {
                self.unbegun.set(self.unbegun.get() + 1);
                spawn_local(async move {
                    this.begun();
                    this.shared(worker, ticket).await;
                });
            }
            Held::Shared(worker) => this.shared(worker, ticket).await,
            Held::Alone(worker) if asynchronous => drop(spawn_local(this.alone(worker, ticket))),
            Held::Alone(worker) => this.alone(worker, ticket).await,
        }
    }

    fn begun(&self) {
        self.unbegun.set(self.unbegun.get() - 1);
        if self.unbegun.get() == 0 && self.blocked.get() {
            self.link.wake();
        }
    }

    async fn shared(self: Rc<Self>, worker: Rc<W>, ticket: Arc<Ticket>) {
        let job = &ticket.job;
        let ended = match unpack::<W>(job, &self.post) {
            Some((message, context)) => {
                let start = || worker.share(message, &context, Reply::local(job));
                live(&self.link.door, &ticket, &context, start).await
            }
            None => Ended::Replied,
        };
        if let Ended::Panicked(_) = ended {
            self.lose(&worker);
        }
        // The last to hold one that was lost lets it go.
        dismiss(worker);
        self.close(&ticket, ended);
    }

    async fn alone(self: Rc<Self>, mut worker: W, ticket: Arc<Ticket>) {
        let job = &ticket.job;
        let ended = match unpack::<W>(job, &self.post) {
            Some((message, context)) => {
                let start = || worker.own(message, &context, Reply::local(job));
                live(&self.link.door, &ticket, &context, start).await
            }
            None => Ended::Replied,
        };
        if let Ended::Panicked(_) = ended {
            *self.seat.borrow_mut() = Seat::Lost;
            dismiss(worker);
        } else {
            self.sit(worker);
        }
        self.close(&ticket, ended);
    }

    /// A call on `worker` has panicked: new calls are not to get it.
    fn lose(&self, worker: &Rc<W>) {
        let mut seat = self.seat.borrow_mut();
        // An older instance has been lost before.
        if matches!(&*seat, Seat::In(current) if Rc::ptr_eq(current, worker)) {
            let lost = std::mem::replace(&mut *seat, Seat::Lost);
            drop(seat);
            drop(lost);
            self.link.wake();
        }
    }

    /// The loop is done with a call.
    fn close(&self, ticket: &Ticket, ended: Ended) {
        let job = &ticket.job;
        match ended {
            Ended::Panicked(error) => job.fail(error),
            // One that timed out has been resolved, or is tried again, by the clock.
            Ended::Stopped if job.header().is_cancelled() => job.give_up(Error::cancelled()),
            // Who kills a loop resolves the calls that it finds there; one that was on its way from the line to the
            // closed door at that moment may be gone from both by the time that is looked at.
            Ended::Killed => match self.link.cause.get() {
                Some(status) => job.fail(self.death(status, job)),
                None => job.give_up(Error::stopped()),
            },
            Ended::Replied | Ended::Stopped => {}
        }
        let last = self.link.leave(ticket);
        if self.blocked.get() && (last || self.is_free()) {
            self.link.wake();
        }
    }

    fn is_free(&self) -> bool {
        match &*self.seat.borrow() {
            Seat::In(worker) => Rc::strong_count(worker) == 1,
            Seat::Out => false,
            Seat::Lost => true,
        }
    }

    /// Lets go of the worker.
    pub(super) fn dismiss(&self) {
        let seat = std::mem::replace(&mut *self.seat.borrow_mut(), Seat::Lost);
        dismiss(seat);
    }

    /// The worker has died of `status`: it takes the calls that were running with it.
    pub(super) fn bury(&self, status: &str) {
        for ticket in self.link.tickets() {
            ticket.job.fail(self.death(status, &ticket.job));
        }
    }

    /// What becomes of a job whose worker has died of `status`.
    fn death(&self, status: &str, job: &Job) -> Error {
        let worker = format!("{}[{}]", W::NAME, self.place.index);
        Error::worker_died(status).at(worker, job.header().method_name())
    }
}

/// A constructor that was not let finish; nobody will read this of a loop that has been killed.
fn killed(ended: Ended) -> Error {
    match ended {
        Ended::Panicked(error) => error,
        _ => Error::stopped(),
    }
}
