//! Values that stay on the cluster: they go from worker to worker, come here when they are wanted here, and are lost with a
//! word.
#![cfg(feature = "ray")]

use std::os::unix::process::parent_id;
use std::sync::OnceLock;

use concurry::prelude::*;
use concurry::{Error, RayStrategy, RemoteRef};
use concurry_tests::clusters::{Interpreter, has_python};
use concurry_tests::{Door, Gate, Journal, Page, Soon, all_ok, eventually, is_alive};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What is large in these tests, in bytes.
const LARGE: usize = 10_000;

struct Maker {
    page: Page,
}

#[worker(mode = "ray")]
impl Maker {
    pub fn new(page: Page) -> Self {
        Maker { page }
    }

    pub fn bytes(&self, of: u8, length: usize) -> Vec<u8> {
        self.page.note(length);
        vec![of; length]
    }

    pub fn words(&self, count: u32) -> Vec<String> {
        (0..count).map(|number| format!("word {number}")).collect()
    }

    pub fn waits(&self, door: Door) -> Vec<u8> {
        door.knock();
        vec![7; LARGE]
    }

    pub fn fails(&self) -> std::io::Result<Vec<u8>> {
        Err(std::io::Error::other("there is nothing"))
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// The worker's process, and that of its guardian.
    pub fn both(&self) -> (u32, u32) {
        (std::process::id(), parent_id())
    }
}

struct Taker;

#[worker(mode = "ray")]
impl Taker {
    pub fn new() -> Self {
        Taker
    }

    /// All that it was given, in a form that says what it was.
    pub fn about(&self, before: u32, bytes: Vec<u8>, between: String, words: Vec<String>) -> String {
        let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
        format!("{before} {} {sum} {between} {} {:?}", bytes.len(), words.len(), words.last())
    }

    pub fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    pub fn doubled(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend_from_within(..);
        bytes
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }
}

struct Pools {
    journal: Journal,
    python: Interpreter,
    makers: MakerClient,
    takers: TakerClient,
}

impl Pools {
    fn start(workers: usize) -> Option<Self> {
        has_python().then(|| {
            let (journal, python) = (Journal::new(), Interpreter::new());
            let ray = || python.options().reference_above(LARGE).strategy(RayStrategy::Spread);
            let makers = Maker::options().max_workers(workers).ray(ray()).init(journal.page()).unwrap();
            let takers = Taker::options().max_workers(workers).ray(ray()).init().unwrap();
            Pools { journal, python, makers, takers }
        })
    }

    /// A value that is on the cluster: it is made once it is known that it is to stay there.
    fn kept(&self) -> RemoteRef<Vec<u8>> {
        let gate = Gate::new();
        let reference = self.makers.waits(gate.door()).remote();
        gate.visitor().pass("go");
        reference.wait().unwrap();
        assert!(reference.is_on_cluster());
        reference
    }

    /// Ends them; nothing is left.
    fn end(self) {
        let processes: Vec<_> = all_ok(self.makers.broadcast(|maker| maker.pid()));
        self.makers.stop().unwrap();
        self.takers.stop().unwrap();
        self.python.nothing_left(&processes);
    }
}

#[test]
fn values_go_from_worker_to_worker_among_others() {
    let Some(pools) = Pools::start(2) else { return };
    let Pools { makers, takers, .. } = &pools;
    for round in 0..20u32 {
        let bytes = makers.bytes(3, LARGE + round as usize);
        let words = makers.words(2000);
        let about = takers.about(round, bytes, "between".to_owned(), words).soon().unwrap();
        let length = LARGE + round as usize;
        assert_eq!(about, format!("{round} {length} {} between 2000 Some(\"word 1999\")", 3 * length));
    }
    // Some are large and some are not, and some are here.
    for (large, words) in [(LARGE - 1, 2000), (LARGE, 1), (0, 0), (1, 2000)] {
        let about = takers.about(7, makers.bytes(1, large), String::new(), makers.words(words)).soon().unwrap();
        assert!(about.starts_with(&format!("7 {large} {large}  {words} ")), "{about}");
    }
    let about = takers.about(7, vec![1; 2 * LARGE], "x".repeat(LARGE), makers.words(3000)).soon().unwrap();
    assert!(about.contains("3000 Some"), "{about}");
    // Through several, and from a worker to itself.
    let mut doubled = makers.bytes(1, LARGE);
    for _ in 0..5 {
        doubled = takers.doubled(doubled);
    }
    assert_eq!(takers.length(doubled).soon().unwrap(), 32 * LARGE);
    let one = takers.worker(0);
    assert_eq!(one.length(one.doubled(vec![1; LARGE])).soon().unwrap(), 2 * LARGE);
    // By the driver none goes that is larger than a call may be.
    let narrow = Taker::options().max_message_size(LARGE as u64 / 2).ray(pools.python.options()).init().unwrap();
    assert!(matches!(narrow.length(vec![1; LARGE]).soon(), Err(Error::Codec { .. })));
    let gate = Gate::new();
    let length = narrow.length(makers.waits(gate.door()));
    gate.visitor().pass("go");
    assert_eq!(length.soon().unwrap(), LARGE);
    narrow.stop().unwrap();
    pools.end();
}

#[test]
fn a_reference_is_given_to_many_and_can_be_fetched() {
    let Some(pools) = Pools::start(2) else { return };
    let Pools { makers, takers, journal, .. } = &pools;
    let early = makers.bytes(5, 3 * LARGE).remote();
    assert_eq!(all_ok((0..20).map(|_| takers.length(&early))), [3 * LARGE; 20]);
    assert_eq!(early.fetch().soon().unwrap(), vec![5; 3 * LARGE]);
    let reference = pools.kept();
    assert_eq!(all_ok((0..20).map(|_| takers.length(&reference))), [LARGE; 20]);
    assert_eq!(reference.size(), Some(LARGE as u64));
    assert_eq!(reference.fetch().soon().unwrap(), vec![7; LARGE]);
    // A clone is as good, after the first is gone too.
    let clone = reference.clone();
    drop(reference);
    assert_eq!(takers.length(clone).soon().unwrap(), LARGE);
    assert_eq!(journal.count(&(3 * LARGE).to_string()), 1, "it was made once");

    // Of what is here, and of what is small.
    let here = RemoteRef::new(&vec![1u8; 20 * LARGE]).unwrap();
    assert!(!here.is_on_cluster());
    assert_eq!(all_ok((0..10).map(|_| takers.length(&here))), [20 * LARGE; 10]);
    assert!(here.is_on_cluster());
    assert_eq!(here.fetch().soon().unwrap().len(), 20 * LARGE);
    let words = RemoteRef::new(&vec!["a".to_owned(), "b".to_owned()]).unwrap();
    let small = makers.bytes(1, 10).remote();
    let about = takers.about(1, &small, String::new(), &words).soon().unwrap();
    assert_eq!(about, "1 10 10  2 Some(\"b\")");
    assert!(!small.is_on_cluster() && !words.is_on_cluster());

    // Errors are those of the call.
    let failed = makers.fails().remote();
    assert!(failed.wait().unwrap_err().is::<std::io::Error>());
    assert!(takers.length(&failed).soon().unwrap_err().to_string().contains("there is nothing"));
    assert!(failed.fetch().soon().unwrap_err().to_string().contains("there is nothing"));
    drop((here, early));
    pools.end();
}

#[test]
fn a_reference_serves_in_other_modes() {
    let Some(pools) = Pools::start(1) else { return };
    let reference = pools.makers.bytes(5, 3 * LARGE).remote();
    for mode in [Mode::Sync, Mode::Thread, Mode::Process] {
        let pool = Taker::options().mode(mode).init().unwrap();
        assert_eq!(pool.length(&reference).soon().unwrap(), 3 * LARGE);
        let local = pool.doubled(vec![1; LARGE]).remote();
        assert_eq!(pool.length(&local).soon().unwrap(), 2 * LARGE);
        assert!(!local.is_on_cluster());
        // From here to the cluster.
        assert_eq!(pools.takers.length(&local).soon().unwrap(), 2 * LARGE);
        assert_eq!(pools.takers.length(pool.doubled(vec![1; LARGE])).soon().unwrap(), 2 * LARGE);
        pool.stop().unwrap();
    }
    drop(reference);
    pools.end();
}

#[test]
fn a_value_outlives_the_worker_that_it_comes_of() {
    let Some(pools) = Pools::start(1) else { return };
    let Pools { makers, takers, .. } = &pools;
    let reference = pools.kept();
    let pid = makers.pid().soon().unwrap();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("it is dead", || !is_alive(pid));
    assert_eq!(takers.length(&reference).soon().unwrap(), LARGE);
    // On demand each worker goes with its call.
    let each = Maker::options().on_demand(true).ray(pools.python.options().reference_above(LARGE));
    let each = each.init(pools.journal.page()).unwrap();
    let lengths = all_ok((0..6).map(|more| takers.length(each.bytes(1, LARGE + more))));
    assert_eq!(lengths, (0..6).map(|more| LARGE + more).collect::<Vec<_>>());
    let kept = each.bytes(2, LARGE).remote();
    each.stop().unwrap();
    assert_eq!(kept.fetch().soon().unwrap(), vec![2; LARGE], "its pool is gone, and not the value");
    assert_eq!(takers.length(&kept).soon().unwrap(), LARGE);
    drop((kept, reference));
    pools.end();
}

#[test]
fn a_value_is_lost_with_its_actor_until_it_is_rays() {
    let Some(pools) = Pools::start(1) else { return };
    let Pools { makers, takers, .. } = &pools;
    let (pid, guardian) = makers.both().soon().unwrap();
    let taker = takers.pid().soon().unwrap();
    let reference = pools.kept();
    kill(Pid::from_raw(guardian.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("another has taken its place", || makers.pid().soon().is_ok_and(|now| now != pid));
    // On a machine that stands still for two seconds it is Ray's by then.
    match takers.length(&reference).soon() {
        Ok(length) => assert_eq!(length, LARGE),
        Err(error) => assert!(matches!(error, Error::Ray { .. }), "{error:?}"),
    }
    assert_eq!(takers.length(makers.bytes(1, LARGE)).soon().unwrap(), LARGE, "and all goes on");
    assert_eq!(takers.pid().soon().unwrap(), taker, "where it was");
    eventually("what it kept is gone", || !is_alive(pid));
    drop(reference);
    pools.end();
}

/// Waits inside of a call for what its own worker would have to make.
#[derive(Default)]
struct Inward;

static INWARD: OnceLock<InwardClient> = OnceLock::new();
static OUTWARD: OnceLock<InwardClient> = OnceLock::new();

#[worker(mode = "thread")]
impl Inward {
    pub fn make(&self) -> Vec<u8> {
        vec![1; 3]
    }

    pub fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    /// Whether each way to wait was refused.
    pub fn wait(&self) -> [bool; 4] {
        let (own, other) = (INWARD.get().unwrap(), OUTWARD.get().unwrap());
        let reference = own.make().remote();
        let refused = |error: Error| matches!(error, Error::Unsupported { .. });
        [
            reference.wait().is_err_and(refused),
            reference.fetch().result().is_err_and(refused),
            own.length(&reference).result().is_err_and(refused),
            other.length(&reference).result().is_err_and(refused),
        ]
    }

    pub fn wait_for_another(&self) -> usize {
        let reference = OUTWARD.get().unwrap().make().remote();
        reference.wait().unwrap();
        reference.fetch().result().unwrap().len()
    }
}

#[test]
fn a_worker_that_would_wait_for_itself_is_told() {
    let own = INWARD.get_or_init(|| Inward::init().unwrap());
    OUTWARD.get_or_init(|| Inward::init().unwrap());
    assert_eq!(own.wait().soon().unwrap(), [true; 4]);
    assert_eq!(own.wait_for_another().soon().unwrap(), 3);
}

#[test]
fn who_looks_at_a_value_has_it_come_here() {
    let Some(pools) = Pools::start(1) else { return };
    let (makers, gate) = (&pools.makers, Gate::new());
    let waits = makers.waits(gate.door());
    let (tell, told) = std::sync::mpsc::channel();
    waits.on_done(move |value| tell.send(value.as_ref().map(Vec::len).ok()).unwrap());
    let length = pools.takers.length(waits);
    gate.visitor().pass("go");
    assert_eq!(length.soon().unwrap(), LARGE);
    assert_eq!(told.recv().unwrap(), Some(LARGE));
    pools.end();
}

#[test]
fn a_call_whose_value_is_cancelled_or_whose_taker_dies_ends_as_ever() {
    let Some(pools) = Pools::start(1) else { return };
    let Pools { makers, takers, .. } = &pools;
    // Cancelled while the value is made.
    let gate = Gate::new();
    let length = takers.length(makers.waits(gate.door()));
    let visitor = gate.visitor();
    assert!(length.cancel());
    visitor.pass("go");
    assert!(matches!(length.soon(), Err(Error::Cancelled { .. })));
    // A taker that is killed takes its one call along; what waits for it here is run by its successor, which is given the
    // same value.
    let reference = pools.kept();
    assert_eq!(takers.length(&reference).soon().unwrap(), LARGE);
    let pid = takers.pid().soon().unwrap();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("another has taken its place", || takers.pid().soon().is_ok_and(|now| now != pid));
    assert_eq!(all_ok((0..5).map(|_| takers.length(&reference))), [LARGE; 5]);
    // The bridge takes all values along, and a call that needs one says so.
    let pid = takers.pid().soon().unwrap();
    kill(Pid::from_raw(pools.python.bridge().cast_signed()), Signal::SIGKILL).unwrap();
    eventually("another, behind another bridge", || takers.pid().soon().is_ok_and(|now| now != pid));
    let error = takers.length(&reference).soon().unwrap_err();
    assert!(matches!(&error, Error::Ray { .. }), "{error:?}");
    assert!(error.to_string().contains("bridge"), "{error}");
    let error = reference.fetch().soon().unwrap_err();
    assert!(error.to_string().contains("lost"), "{error}");
    assert_eq!(takers.length(makers.bytes(1, LARGE)).soon().unwrap(), LARGE, "and all goes on");
    drop(reference);
    pools.end();
}
