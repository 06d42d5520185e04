//! A worker process and its driver, with messages that go through the codec and arrive when the test says.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{Answer, Desk, Question, Remote};
use crate::error::{Error, TimeoutScope};
use crate::executor::block_on;
use crate::few::Few;
use crate::limits::keeper::{End, Grant, Holder, Keeper};
use crate::limits::request::{Ask, Patience, Request};
use crate::limits::{AcquireFuture, LimitPool, LimitSet, LimitSource, Limits, Plan, Window};
use crate::wire::codec::{self, Codec};

const BOUND: Duration = Duration::from_secs(60);

fn across<T: serde::Serialize + serde::de::DeserializeOwned>(message: &T) -> T {
    codec::decode(Codec::Bincode, &codec::encode(Codec::Bincode, message).unwrap()).unwrap()
}

/// A link whose messages are carried by the test, one by one.
struct ByHand {
    remote: Arc<Remote>,
    desk: Arc<Desk>,
    questions: Arc<Mutex<VecDeque<Question>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl ByHand {
    fn new(source: impl Into<LimitSource>) -> Self {
        let local = source.into().local().unwrap();
        let plan: Plan = across(local.plan());
        let (questions, answers) =
            (Arc::<Mutex<VecDeque<Question>>>::default(), Arc::<Mutex<VecDeque<Answer>>>::default());
        let (asking, answering) = (questions.clone(), answers.clone());
        let remote = Remote::new(plan, move |question| asking.lock().unwrap().push_back(across(&question)), |_| ());
        let answer = move |answer| answering.lock().unwrap().push_back(across(&answer));
        let desk = Desk::new(local, Holder::worker().worker, answer);
        ByHand { remote: Arc::new(remote), desk: Arc::new(desk), questions, answers }
    }

    fn limits(&self) -> Limits {
        Limits::new(self.remote.clone(), Holder::NOBODY)
    }

    /// Carries what the worker has said; how much that was.
    fn to_driver(&self) -> usize {
        let questions = std::mem::take(&mut *self.questions.lock().unwrap());
        let count = questions.len();
        questions.into_iter().for_each(|question| self.desk.asked(question));
        count
    }

    fn to_worker(&self) -> usize {
        let answers = std::mem::take(&mut *self.answers.lock().unwrap());
        let count = answers.len();
        answers.into_iter().for_each(|answer| self.remote.answered(answer));
        count
    }

    fn carry(&self) {
        while self.to_driver() + self.to_worker() > 0 {}
    }
}

/// A link that carries by itself, as the real one does: a thread for each direction.
fn link(set: &LimitSet) -> (Limits, Arc<Desk>) {
    let local = set.local().unwrap().clone();
    let (asking, questions) = channel();
    let (answering, answers): (Sender<Answer>, _) = channel();
    let ask = move |question: Question| drop(asking.send(across(&question)));
    let remote = Arc::new(Remote::new(across(local.plan()), ask, |_| ()));
    let desk = Arc::new(Desk::new(local, Holder::worker().worker, move |answer| {
        let _ = answering.send(across(&answer));
    }));
    let (own, theirs) = (desk.clone(), Arc::downgrade(&remote));
    thread::spawn(move || questions.into_iter().for_each(|question| own.asked(question)));
    thread::spawn(move || {
        for answer in answers {
            let Some(remote) = theirs.upgrade() else { return };
            remote.answered(answer);
        }
    });
    (Limits::new(remote, Holder::NOBODY), desk)
}

/// Messages are carried one after the other, so an answer means that all before it has arrived.
fn settled(limits: &Limits) {
    limits.stats().unwrap();
}

#[test]
fn a_worker_acquires_as_if_the_limits_were_its_own() {
    let set = LimitSet::new().resource("db", 2).rate("r", 100, Window::Hourly).config("region", "eu");
    let (limits, _desk) = link(&set);
    let mut taken = limits.acquire([("r", 60), ("db", 2)]).unwrap();
    assert_eq!((limits.config("region"), taken.config("region")), (Some("eu"), Some("eu")));
    assert!(taken.update("r", 10) && !taken.update("db", 1));
    settled(&limits);
    let stats = set.stats();
    assert_eq!((stats.held, stats.limits[0].available, stats.limits[1].available), (1, 0, 90));
    assert_eq!(limits.stats().unwrap(), [stats]);
    // In one process or the other, there is one line.
    assert!(set.try_acquire(("db", 1)).unwrap().is_none());
    assert!(limits.try_acquire(("r", 91)).unwrap().is_none());
    let other = limits.for_call(1, None, None, || None);
    let error = other.acquire_within(("db", 1), Duration::from_millis(2)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Wait, .. }), "{error:?}");
    let error = limits.acquire(("db", 3)).unwrap_err().to_string();
    assert!(error.contains("its limit is 2"), "{error}");
    drop(taken);
    assert!(limits.try_acquire(("db", 2)).unwrap().is_some());
    settled(&limits);
    assert_eq!((set.stats().held, set.stats().waiting), (0, 0));
}

#[test]
fn a_worker_is_told_that_it_would_wait_for_itself() {
    let set = LimitSet::new().resource("db", 1);
    let (limits, _desk) = link(&set);
    let _taken = limits.acquire(("db", 1)).unwrap();
    let error = limits.acquire(("db", 1)).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }) && error.to_string().contains("this worker"), "{error:?}");
    assert!(limits.try_acquire(("db", 1)).unwrap().is_none());
}

#[test]
fn workers_and_threads_share_and_nothing_is_left() {
    let set = LimitSet::new().resource("db", 2);
    let inside = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let links: Vec<_> = (0..3).map(|_| link(&set)).collect();
    let handles: Vec<_> = links.iter().map(|(limits, _)| limits.clone()).collect();
    let own = LimitSource::from(&set).local().unwrap();
    let threads: Vec<_> = handles
        .into_iter()
        .chain([Limits::new(own, Holder::worker())])
        .map(|limits| {
            let inside = inside.clone();
            thread::spawn(move || {
                for _ in 0..200 {
                    let taken = limits.acquire(("db", 1)).unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(taken);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    links.iter().for_each(|(limits, _)| settled(limits));
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting, stats.granted), (0, 0, 800));
}

#[test]
fn what_a_worker_held_and_waited_for_goes_with_it() {
    let set = LimitSet::new().resource("db", 2);
    let hand = ByHand::new(&set);
    let mut context = Context::from_waker(Waker::noop());
    let limits = hand.limits();
    let mut poll = |future: &mut AcquireFuture| Pin::new(future).poll(&mut context);
    let mut first = limits.acquire_async(("db", 1));
    let mut second = limits.for_call(2, None, None, || None).acquire_async(("db", 2));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    hand.carry();
    let Poll::Ready(Ok(held)) = poll(&mut first) else { panic!("there was enough") };
    assert_eq!((set.stats().held, set.stats().waiting), (1, 1));
    // A third is granted, and the answer is on its way when the worker dies.
    let mut third = limits.acquire_async(Vec::<(&str, u64)>::new());
    assert!(poll(&mut third).is_pending());
    hand.to_driver();
    assert_eq!(set.stats().held, 2);
    hand.desk.close();
    assert_eq!((set.stats().held, set.stats().waiting, set.stats().limits[0].available), (0, 0, 2));
    // Whatever the dying worker still manages to say changes nothing.
    drop(held);
    drop(second);
    hand.remote.request(
        Holder::NOBODY,
        hand.remote.plan().request(("db", 2), Patience::Endless, None).unwrap(),
        Box::new(|_| {}),
    );
    hand.questions.lock().unwrap().push_back(Question::Attempt {
        number: 99,
        task: 0,
        request: hand.remote.plan().request(("db", 2), Patience::Limited, None).unwrap(),
    });
    hand.to_driver();
    assert_eq!((set.stats().held, set.stats().waiting, set.stats().limits[0].available), (0, 0, 2));
    let answers = hand.answers.lock().unwrap();
    assert!(!answers.iter().any(|answer| matches!(answer, Answer::Grant { number: 99, result: Ok(Some(_)) })));
}

#[test]
fn a_grant_that_crosses_with_a_cancellation_comes_back() {
    let set = LimitSet::new().resource("db", 1).rate("r", 5, Window::Hourly);
    let hand = ByHand::new(&set);
    let mut context = Context::from_waker(Waker::noop());
    let mut future = Box::pin(hand.limits().acquire_async([("db", 1), ("r", 5)]));
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(hand.to_driver(), 1);
    assert_eq!(set.stats().held, 1);
    drop(future);
    // The cancellation finds nothing there, the grant finds nobody here, and comes back as unused.
    assert_eq!((hand.to_driver(), hand.to_worker(), hand.to_driver()), (1, 1, 1));
    let stats = set.stats();
    assert_eq!((stats.held, stats.limits[0].available, stats.limits[1].available), (0, 1, 5));

    let taken = set.acquire(("db", 1)).unwrap();
    let mut future = Box::pin(hand.limits().acquire_async(("db", 1)));
    assert!(future.as_mut().poll(&mut context).is_pending());
    hand.to_driver();
    assert_eq!(set.stats().waiting, 1);
    drop(future);
    hand.carry();
    assert_eq!(set.stats().waiting, 0);
    drop(taken);
}

#[test]
fn a_grant_that_crosses_with_a_cancellation_is_not_held_against_the_worker() {
    let set = LimitSet::new().resource("db", 1);
    let hand = ByHand::new(&set);
    let mut context = Context::from_waker(Waker::noop());
    let mut first = Box::pin(hand.limits().acquire_async(("db", 1)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    hand.to_driver();
    drop(first);
    // The grant to the first is still on its way.
    let mut second = Box::pin(hand.limits().acquire_async(("db", 1)));
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(hand.to_driver(), 2);
    hand.carry();
    let Poll::Ready(Ok(held)) = second.as_mut().poll(&mut context) else { panic!("there was enough") };
    // What came of the first has not taken from the second.
    assert_eq!((set.stats().held, set.stats().limits[0].available), (1, 0));
    drop(held);
    hand.carry();
    assert_eq!((set.stats().held, set.stats().limits[0].available), (0, 1));
}

#[test]
fn a_future_whose_call_has_had_its_time_leaves_the_line_of_the_driver() {
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    let (limits, _desk) = link(&set);
    let in_call = limits.for_call(0, None, Some(Instant::now() + Duration::from_millis(3)), || None);
    let error = block_on(in_call.acquire_async(("db", 1))).unwrap_err();
    assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Call, .. }), "{error:?}");
    settled(&limits);
    assert_eq!((set.stats().waiting, set.stats().held), (0, 1));
    drop(taken);
}

#[test]
fn when_the_link_ends_whoever_waits_is_told() {
    let set = LimitSet::new().resource("db", 1);
    let hand = ByHand::new(&set);
    let _taken = set.acquire(("db", 1)).unwrap();
    let started = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..3)
        .map(|way| {
            let (limits, started) = (hand.limits(), started.clone());
            thread::spawn(move || {
                started.store(true, Ordering::SeqCst);
                match way {
                    0 => limits.acquire(("db", 1)).map(|_| ()),
                    1 => limits.try_acquire(("db", 1)).map(|_| ()),
                    _ => limits.stats().map(|_| ()),
                }
            })
        })
        .collect();
    let deadline = Instant::now() + BOUND;
    while hand.questions.lock().unwrap().len() < 3 {
        assert!(Instant::now() < deadline, "nobody asked");
        thread::yield_now();
    }
    hand.remote.close(Error::stopped());
    for thread in threads {
        assert!(matches!(thread.join().unwrap(), Err(Error::Stopped { .. })));
    }
    let limits = hand.limits();
    assert!(matches!(limits.acquire(("db", 1)), Err(Error::Stopped { .. })));
    assert!(matches!(limits.try_acquire(("db", 1)), Err(Error::Stopped { .. })));
}

#[test]
fn a_worker_that_talks_nonsense_gets_errors_and_nothing_else() {
    let set = LimitSet::new().resource("db", 1);
    let hand = ByHand::new(&set);
    let request = |asks, set| Request { asks, patience: Patience::Endless, set };
    let ask = |key, amount| Few::One(Ask { key, amount });
    let strange = [
        request(ask(7, 1), None),
        request(ask(0, 2), None),
        request(ask(0, 1), Some(9)),
        request(Few::Many(vec![Ask { key: 0, amount: 1 }, Ask { key: 0, amount: 1 }]), None),
    ];
    let count = strange.len() * 2;
    for (number, request) in strange.into_iter().enumerate() {
        let number = number as u64;
        hand.desk.asked(Question::Attempt { number, task: 0, request: request.clone() });
        hand.desk.asked(Question::Request { number, task: 0, request });
    }
    let answers = std::mem::take(&mut *hand.answers.lock().unwrap());
    assert_eq!(answers.len(), count);
    for answer in answers {
        assert!(matches!(answer, Answer::Grant { result: Err(Error::Limit { .. }), .. }), "{answer:?}");
    }
    let taken = set.acquire(("db", 1)).unwrap();
    for id in [0, 1, u64::MAX] {
        for set in [0, 9] {
            let grant = Grant { set, id };
            hand.desk.asked(Question::GiveBack { grant, end: End::Used });
            hand.desk.asked(Question::Update { grant, place: 9, used: 1 });
        }
    }
    hand.desk.asked(Question::Cancel { number: 12 });
    assert_eq!(set.stats().held, 1, "what is another's cannot be given back");
    // The same number twice: the second is left alone.
    for _ in 0..2 {
        hand.desk.asked(Question::Request { number: 5, task: 0, request: request(ask(0, 1), None) });
    }
    assert_eq!(set.stats().waiting, 1);
    drop(taken);
    assert_eq!(hand.answers.lock().unwrap().len(), 1);
    // Answers that nobody asked for.
    hand.remote.answered(Answer::Grant { number: 77, result: Ok(None) });
    hand.remote.answered(Answer::Stats { number: 78, result: Ok(Vec::new()) });
    assert!(hand.questions.lock().unwrap().is_empty());
}

#[test]
fn a_pool_of_sets_is_balanced_by_its_driver() {
    let region = |name| LimitSet::new().resource("slots", 1).config("region", name);
    let other = LimitSet::new().resource("files", 1).resource("slots", 1).config("region", "c");
    let pool = LimitPool::new([region("a"), region("b"), other]);
    let hand = ByHand::new(&pool);
    let mut context = Context::from_waker(Waker::noop());
    let mut regions = Vec::new();
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut future = hand.limits().acquire_async(("slots", 1));
        assert!(Pin::new(&mut future).poll(&mut context).is_pending());
        hand.carry();
        let Poll::Ready(Ok(taken)) = Pin::new(&mut future).poll(&mut context) else { panic!("there was enough") };
        regions.push(taken.config("region").unwrap().to_owned());
        held.push(taken);
    }
    assert_eq!(regions, ["a", "b", "c"]);
    drop(held);
    hand.carry();
    assert!(pool.stats().iter().all(|set| set.held == 0));
}
