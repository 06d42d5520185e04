//! Work for threads of this process: one call at a time, many at once, and how that grows with the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use kameo::actor::Spawn;

use crate::measure::{Result, Row, Way, Who};
use crate::slot::Slot;

pub struct Adder;

#[worker]
impl Adder {
    pub fn new() -> Self {
        Adder
    }

    pub fn plus_one(&self, x: u64) -> u64 {
        x + 1
    }
}

#[task]
fn plus_one(x: u64) -> u64 {
    x + 1
}

/// What `n` calls with 0, 1, .. come to.
pub fn checked(sum: u64, n: u32) -> Result<()> {
    let n = u64::from(n);
    if sum == n * (n + 1) / 2 { Ok(()) } else { Err(format!("wrong: {sum}").into()) }
}

fn runtime(workers: usize) -> Result<Arc<tokio::runtime::Runtime>> {
    Ok(Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?))
}

mod kameo_peer {
    use kameo::Actor;
    use kameo::message::{Context, Message};

    #[derive(Actor)]
    pub struct Adder;

    pub struct PlusOne(pub u64);

    impl Message<PlusOne> for Adder {
        type Reply = u64;
        async fn handle(&mut self, PlusOne(x): PlusOne, _: &mut Context<Self, Self::Reply>) -> u64 {
            x + 1
        }
    }
}

mod ractor_peer {
    use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

    pub struct Adder;

    pub struct PlusOne(pub u64, pub RpcReplyPort<u64>);

    impl Actor for Adder {
        type Msg = PlusOne;
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<PlusOne>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(
            &self,
            _: ActorRef<PlusOne>,
            PlusOne(x, reply): PlusOne,
            (): &mut (),
        ) -> Result<(), ActorProcessingErr> {
            let _ = reply.send(x + 1);
            Ok(())
        }
    }
}

mod actix_peer {
    use actix::{Actor, Addr, Context, Handler, Message, System};

    pub struct Adder;
    impl Actor for Adder {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "u64")]
    pub struct PlusOne(pub u64);

    impl Handler<PlusOne> for Adder {
        type Result = u64;
        fn handle(&mut self, PlusOne(x): PlusOne, _: &mut Context<Self>) -> u64 {
            x + 1
        }
    }

    /// An actor on a thread of its own.
    pub fn start() -> Option<Addr<Adder>> {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let system = System::new();
            let _ = tell.send(system.block_on(async { Adder.start() }));
            let _ = system.run();
        });
        told.recv().ok()
    }
}

/// Two threads that hand a word to and fro. Each looks at it for as long as our workers look for a call, then sleeps: one
/// that did not would have a processor to itself while the other ways are measured.
fn pair() -> impl FnMut(u32) -> Result<()> {
    const LOOK: Duration = Duration::from_micros(50);
    fn await_other(word: &AtomicU64, seen: u64) -> u64 {
        let end = Instant::now() + LOOK;
        loop {
            for _ in 0..40 {
                let now = word.load(Ordering::Acquire);
                if now != seen {
                    return now;
                }
                std::hint::spin_loop();
            }
            if Instant::now() > end {
                thread::park();
            }
        }
    }
    let word = Arc::new(AtomicU64::new(0));
    let (own, near) = (word.clone(), thread::current());
    let far = thread::spawn(move || {
        let mut seen = 0;
        loop {
            seen = await_other(&own, seen) + 1;
            own.store(seen, Ordering::Release);
            near.unpark();
        }
    });
    move |n| {
        for _ in 0..n {
            let asked = word.load(Ordering::Relaxed) + 1;
            word.store(asked, Ordering::Release);
            far.thread().unpark();
            await_other(&word, asked);
        }
        Ok(())
    }
}

pub fn round_trip(n: u32) -> Result<Row> {
    let pool = Adder::options().init()?;
    let ours = Way::new(Who::Ours, "concurry", n, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += pool.plus_one(x).result()?;
        }
        checked(sum, n)
    });
    let limit = Way::new(Who::Limit, "two threads and one word, which look as long", n, pair());

    let (to, at) = crossbeam::channel::bounded::<u64>(1);
    let (back, answers) = crossbeam::channel::bounded::<u64>(1);
    thread::spawn(move || at.iter().take_while(|x| back.send(x + 1).is_ok()).count());
    let slow = n / 10;
    let channels = Way::new(Who::Peer, "crossbeam, two channels", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            to.send(x)?;
            sum += answers.recv()?;
        }
        checked(sum, n)
    });

    let rayon = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let rayon = Way::new(Who::Peer, "rayon, spawn and a slot", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            let slot = Arc::new(Slot::default());
            let own = slot.clone();
            rayon.spawn(move || own.put(x + 1));
            sum += slot.take();
        }
        checked(sum, n)
    });

    let own = runtime(1)?;
    let tokio = Way::new(Who::Peer, "tokio, spawn, from a blocking thread", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += own.block_on(own.spawn(async move { x + 1 }))?;
        }
        checked(sum, n)
    });

    let own = runtime(1)?;
    let actor = own.block_on(async { kameo_peer::Adder::spawn(kameo_peer::Adder) });
    let kameo = Way::new(Who::Peer, "kameo, from a blocking thread", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += own.block_on(async { actor.ask(kameo_peer::PlusOne(x)).await })?;
        }
        checked(sum, n)
    });

    let own = runtime(1)?;
    let (actor, _) = own.block_on(ractor::Actor::spawn(None, ractor_peer::Adder, ()))?;
    let ractor = Way::new(Who::Peer, "ractor, from a blocking thread", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            let (reply, answer) = ractor::concurrency::oneshot();
            actor.cast(ractor_peer::PlusOne(x, reply.into())).map_err(|error| error.to_string())?;
            sum += own.block_on(answer)?;
        }
        checked(sum, n)
    });

    let own = runtime(1)?;
    let addr = actix_peer::start().ok_or("no actix")?;
    let actix = Way::new(Who::Peer, "actix, from a blocking thread", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += own.block_on(addr.send(actix_peer::PlusOne(x)))?;
        }
        checked(sum, n)
    });
    Ok(Row {
        key: "thread_round_trip",
        title: "One tiny call to a thread, answered before the next".into(),
        ways: vec![ours, limit, channels, rayon, tokio, kameo, ractor, actix],
    })
}

pub fn many(workers: usize, n: u32) -> Result<Row> {
    let pool = Adder::options().max_workers(workers).init()?;
    let ours = Way::new(Who::Ours, "concurry, a future each", n, move |n| {
        let futures: Vec<_> = (0..u64::from(n)).map(|x| pool.plus_one(x)).collect();
        let mut sum = 0;
        for future in futures {
            sum += future.result()?;
        }
        checked(sum, n)
    });
    let pool = plus_one::options().max_workers(workers).init()?;
    let map = Way::new(Who::Ours, "concurry, map", n, move |n| {
        let mut sum = 0;
        for result in pool.map(0..u64::from(n)) {
            sum += result?;
        }
        checked(sum, n)
    });

    let rayon = rayon::ThreadPoolBuilder::new().num_threads(workers).build()?;
    let rayon = Way::new(Who::Peer, "rayon, spawn and a slot each", n, move |n| {
        let start = |x| {
            let slot = Arc::new(Slot::default());
            let own = slot.clone();
            rayon.spawn(move || own.put(x + 1));
            slot
        };
        let slots: Vec<_> = (0..u64::from(n)).map(start).collect();
        checked(slots.into_iter().map(|slot| slot.take()).sum(), n)
    });

    let own = runtime(workers)?;
    let tokio = Way::new(Who::Peer, "tokio, spawn, all awaited", n, move |n| {
        let handles: Vec<_> = (0..u64::from(n)).map(|x| own.spawn(async move { x + 1 })).collect();
        let sum = own.block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += handle.await?;
            }
            Ok::<u64, tokio::task::JoinError>(sum)
        })?;
        checked(sum, n)
    });

    let (to, at) = crossbeam::channel::unbounded::<(u64, Arc<Slot>)>();
    for _ in 0..workers {
        let at = at.clone();
        thread::spawn(move || at.iter().for_each(|(x, slot)| slot.put(x + 1)));
    }
    let channel = Way::new(Who::Peer, "crossbeam, one channel and a slot each", n, move |n| {
        let mut slots = Vec::with_capacity(n as usize);
        for x in 0..u64::from(n) {
            let slot = Arc::new(Slot::default());
            to.send((x, slot.clone()))?;
            slots.push(slot);
        }
        checked(slots.into_iter().map(|slot| slot.take()).sum(), n)
    });

    let own = runtime(workers)?;
    let actors: Vec<_> =
        own.block_on(async { (0..workers).map(|_| kameo_peer::Adder::spawn(kameo_peer::Adder)).collect() });
    let kameo = Way::new(Who::Peer, "kameo, all asked, all awaited", n, move |n| {
        let sum = own.block_on(async {
            let mut pending = Vec::with_capacity(n as usize);
            for x in 0..u64::from(n) {
                let actor = &actors[x as usize % actors.len()];
                pending.push(actor.ask(kameo_peer::PlusOne(x)).enqueue().await?);
            }
            let mut sum = 0;
            for reply in pending {
                sum += reply.await?;
            }
            Ok::<u64, Box<dyn std::error::Error>>(sum)
        })?;
        checked(sum, n)
    });

    let own = runtime(workers)?;
    let mut actors = Vec::new();
    for _ in 0..workers {
        actors.push(own.block_on(ractor::Actor::spawn(None, ractor_peer::Adder, ()))?.0);
    }
    let ractor = Way::new(Who::Peer, "ractor, all asked, all awaited", n, move |n| {
        let mut answers = Vec::with_capacity(n as usize);
        for x in 0..u64::from(n) {
            let (reply, answer) = ractor::concurrency::oneshot();
            let actor = &actors[x as usize % actors.len()];
            actor.cast(ractor_peer::PlusOne(x, reply.into())).map_err(|error| error.to_string())?;
            answers.push(answer);
        }
        let sum = own.block_on(async {
            let mut sum = 0;
            for answer in answers {
                sum += answer.await.unwrap_or(0);
            }
            sum
        });
        checked(sum, n)
    });
    Ok(Row {
        key: "thread_many",
        title: format!("Many tiny calls to {workers} threads, all collected"),
        ways: vec![ours, map, rayon, tokio, channel, kameo, ractor],
    })
}
