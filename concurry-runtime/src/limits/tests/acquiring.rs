//! The ways to acquire: blocking, for a time, not at all, and as a future.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{BOUND, wait_until_waiting};
use crate::context::CallContext;
use crate::error::{Error, Result, TimeoutScope};
use crate::executor::block_on;
use crate::limits::keeper::{End, Grant, Holder, Keeper, Reply, TicketId};
use crate::limits::manual::Manual;
use crate::limits::plan::Plan;
use crate::limits::request::Request;
use crate::limits::{Acquisition, LimitSet, LimitSetStats, Limits, Window};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn handle(set: &LimitSet) -> Limits {
    Limits::new(set.local().unwrap().clone(), Holder::worker())
}

#[test]
fn a_thread_sleeps_until_it_is_its_turn() {
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    let (told, heard) = channel();
    let threads: Vec<_> = (1..=3)
        .map(|index| {
            let (own, told) = (set.clone(), told.clone());
            let thread = thread::spawn(move || {
                let taken = own.acquire(("db", 1)).unwrap();
                told.send(index).unwrap();
                drop(taken);
            });
            wait_until_waiting(&set, index);
            thread
        })
        .collect();
    drop(taken);
    let order: Vec<_> = (0..3).map(|_| heard.recv_timeout(BOUND).unwrap()).collect();
    assert_eq!(order, [1, 2, 3]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((set.stats().held, set.stats().granted), (0, 4));
}

#[test]
fn a_thread_that_waits_for_time_is_woken_by_it() {
    let set = LimitSet::new().rate("r", 1, Duration::from_millis(20));
    let start = Instant::now();
    for _ in 0..3 {
        drop(set.acquire(("r", 1)).unwrap());
    }
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[test]
fn a_wait_for_a_time_ends_with_an_error_that_says_what_for() {
    let set = LimitSet::new().resource("db", 2).resource("file", 1);
    let taken = set.acquire(("db", 2)).unwrap();
    let error = set.acquire_within([("file", 1), ("db", 2)], Duration::from_millis(3)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Wait, .. }), "{error:?}");
    assert_eq!(error.to_string(), "waiting for 1 of `file` and 2 of `db` timed out after 3ms");
    assert_eq!(set.stats().waiting, 0);
    assert!(set.acquire_within(("file", 1), Duration::ZERO).is_ok(), "what is there needs no time");
    drop(taken);
    assert!(set.acquire_within(("db", 2), BOUND).is_ok());
    assert!(set.acquire_within(("db", 2), Duration::MAX).is_ok());
}

#[test]
fn what_can_never_be_had_is_an_error_whichever_way_it_is_asked_for() {
    let set = LimitSet::new().resource("db", 1);
    let limits = handle(&set);
    let outcomes = [
        set.acquire(("db", 2)).map(Some),
        set.acquire_within(("db", 2), BOUND).map(Some),
        set.try_acquire(("db", 2)),
        block_on(set.acquire_async(("db", 2))).map(Some),
        limits.acquire(("db", 2)).map(Some),
        limits.acquire_within(("db", 2), BOUND).map(Some),
        limits.try_acquire(("db", 2)),
        block_on(limits.acquire_async(("db", 2))).map(Some),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Limit { .. }) && error.to_string().contains("its limit is 1"), "{error:?}");
    }
}

#[test]
fn a_worker_is_told_that_it_would_wait_for_itself() {
    let set = LimitSet::new().resource("db", 1);
    let limits = handle(&set);
    let taken = limits.acquire(("db", 1)).unwrap();
    let outcomes =
        [limits.acquire(("db", 1)), limits.acquire_within(("db", 1), BOUND), block_on(limits.acquire_async(("db", 1)))];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Limit { .. }) && error.to_string().contains("this worker"), "{error:?}");
    }
    assert!(limits.try_acquire(("db", 1)).unwrap().is_none());
    drop(taken);
    assert!(limits.acquire(("db", 1)).is_ok());
}

#[test]
fn outside_a_pool_there_is_nothing_to_acquire() {
    let context = CallContext::default();
    let limits = context.limits();
    assert!(limits.is_empty() && limits.config("region").is_none());
    let errors = [
        limits.acquire(("db", 1)).map(|_| ()),
        limits.acquire_within(("db", 1), BOUND).map(|_| ()),
        limits.try_acquire(("db", 1)).map(|_| ()),
        block_on(limits.acquire_async(("db", 1))).map(|_| ()),
        limits.stats().map(|_| ()),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert!(matches!(error, Error::Limit { .. }) && error.to_string().contains("`.limits(..)`"), "{error:?}");
    }
}

#[test]
fn a_future_is_woken_once_and_gives_what_it_waited_for() {
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(set.acquire_async(("db", 1)));
    assert_eq!(set.stats().waiting, 0, "it has no place before it is polled");
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!((set.stats().waiting, count.0.load(Ordering::SeqCst)), (1, 0));
    drop(taken);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    let Poll::Ready(Ok(taken)) = future.as_mut().poll(&mut context) else { panic!("it was woken for nothing") };
    assert!(set.try_acquire(("db", 1)).unwrap().is_none());
    drop(taken);
    assert!(matches!(future.poll(&mut context), Poll::Ready(Err(Error::Limit { .. }))));
    assert_eq!(set.stats().held, 0);
}

#[test]
fn a_future_that_is_dropped_leaves_nothing_behind() {
    let (_, clock) = Manual::new();
    let set = LimitSet::new().resource("db", 1).rate("r", 10, Window::Hourly).clocked(&clock);
    let mut context = Context::from_waker(Waker::noop());
    let taken = set.acquire(("db", 1)).unwrap();

    let mut waits = Box::pin(set.acquire_async([("db", 1), ("r", 10)]));
    assert!(waits.as_mut().poll(&mut context).is_pending());
    let mut behind = Box::pin(set.acquire_async(("r", 10)));
    assert!(behind.as_mut().poll(&mut context).is_pending());
    drop(waits);
    assert!(behind.as_mut().poll(&mut context).is_ready(), "who stood behind it goes on");
    drop(behind);

    let set = LimitSet::new().resource("db", 1).rate("r", 10, Window::Hourly).clocked(&clock);
    let other = set.acquire(("db", 1)).unwrap();
    let mut granted = Box::pin(set.acquire_async([("db", 1), ("r", 10)]));
    assert!(granted.as_mut().poll(&mut context).is_pending());
    drop(other);
    assert_eq!(set.stats().held, 1, "it is granted, though nobody has taken it");
    drop(granted);
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting), (0, 0));
    assert_eq!((stats.limits[0].available, stats.limits[1].available), (1, 10), "and given back as unused");
    drop(taken);
}

#[test]
fn futures_and_threads_stand_in_one_line() {
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(set.acquire_async(("db", 1)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    let own = set.clone();
    let second = thread::spawn(move || drop(own.acquire(("db", 1)).unwrap()));
    wait_until_waiting(&set, 2);
    drop(taken);
    assert_eq!(set.stats().waiting, 1);
    assert!(!second.is_finished());
    let Poll::Ready(Ok(taken)) = first.as_mut().poll(&mut context) else { panic!("it was first") };
    drop(taken);
    second.join().unwrap();
}

#[test]
fn a_grant_that_crosses_with_a_timeout_is_not_lost() {
    // Whoever comes first, afterwards all of it is there.
    let set = LimitSet::new().resource("db", 1);
    let (mut served, mut late) = (0, 0);
    for round in 0..300 {
        let taken = set.acquire(("db", 1)).unwrap();
        let own = set.clone();
        let waiter = thread::spawn(move || own.acquire_within(("db", 1), Duration::from_micros(round)).is_ok());
        drop(taken);
        match waiter.join().unwrap() {
            true => served += 1,
            false => late += 1,
        }
        assert!(set.try_acquire(("db", 1)).unwrap().is_some());
    }
    assert_eq!(served + late, 300);
    assert_eq!((set.stats().held, set.stats().waiting), (0, 0));
}

/// A keeper that keeps nothing but the reply, and notes what is given back.
#[derive(Default)]
struct Slow {
    reply: Mutex<Option<Reply>>,
    back: Mutex<Vec<(Grant, End)>>,
}

impl Keeper for Slow {
    fn plan(&self) -> &Plan {
        static PLAN: OnceLock<Plan> = OnceLock::new();
        PLAN.get_or_init(|| Plan::new(vec![LimitSet::new().resource("db", 1).definition().clone()]))
    }
    fn is_near(&self) -> bool {
        false
    }
    fn attempt(&self, _: Holder, _: &Request) -> Result<Option<Grant>> {
        Ok(None)
    }
    fn request(&self, _: Holder, _: Request, reply: Reply) -> TicketId {
        *self.reply.lock().unwrap() = Some(reply);
        TicketId { set: 0, id: 1 }
    }
    fn cancel(&self, _: TicketId) {}
    fn update(&self, _: Holder, _: Grant, _: u32, _: u64) {}
    fn give_back(&self, _: Holder, grant: Grant, end: End) {
        self.back.lock().unwrap().push((grant, end));
    }
    fn release_all(&self, _: u64) {}
    fn stats(&self) -> Result<Vec<LimitSetStats>> {
        Ok(Vec::new())
    }
}

#[test]
fn a_grant_that_comes_when_nobody_waits_any_more_goes_back() {
    let slow = Arc::new(Slow::default());
    let limits = Limits::new(slow.clone(), Holder::worker());
    let reply = || slow.reply.lock().unwrap().take().unwrap();
    let grant = Grant { set: 0, id: 5 };

    let mut future = Box::pin(limits.acquire_async(("db", 1)));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    reply()(Ok(grant));
    let error = limits.acquire_within(("db", 1), Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    reply()(Ok(grant));
    assert!(limits.acquire_within(("db", 1), Duration::ZERO).is_err());
    reply()(Err(Error::stopped()));
    assert_eq!(*slow.back.lock().unwrap(), [(grant, End::Unused); 2]);
}

#[test]
fn acquisitions_go_where_they_like() {
    fn is<T: Send + Sync + 'static>() {}
    is::<Acquisition>();
    is::<Limits>();
    is::<LimitSet>();
    is::<crate::limits::AcquireFuture>();
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    thread::spawn(move || drop(taken)).join().unwrap();
    assert_eq!(set.stats().held, 0);
}
