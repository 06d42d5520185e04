//! Where on a Ray cluster a worker goes, and what it has there: what only a real cluster can tell.
#![cfg(feature = "ray")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::parent_id;
use std::process::Command;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, RayOptions, RayStrategy, RayTransport, RemoteRef};
use concurry_tests::clusters::{Interpreter, OwnCluster, is_real};
use concurry_tests::{Door, Gate, Program, Soon, all_ok, all_soon, eventually, eventually_is, is_alive};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[derive(Default)]
struct Far;

/// Where a worker is.
type Spot = (String, u32, u32);

#[worker(mode = "ray", max_restarts = 100)]
impl Far {
    /// The worker's node, its process, and that of its guardian.
    pub fn place(&self) -> Spot {
        (std::env::var("CONCURRY_NODE_ID").unwrap(), std::process::id(), parent_id())
    }

    pub fn double(&self, x: u64) -> u64 {
        2 * x
    }

    pub fn stay(&self, door: Door) {
        door.knock();
    }

    pub fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    pub fn variable(&self, name: String) -> Option<String> {
        std::env::var(name).ok()
    }
}

fn send(signal: Signal, pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// Whether a cluster is there.
fn has_cluster() -> bool {
    if !is_real() {
        eprintln!("left out: only a real cluster can tell");
    }
    is_real()
}

/// Where all workers of a pool with these options are, of which then nothing is left.
fn places(python: &Interpreter, workers: usize, ray: RayOptions) -> Vec<Spot> {
    let pool = Far::options().max_workers(workers).ray(ray).init().unwrap();
    let places = all_ok((0..workers).map(|index| pool.worker(index).place()));
    pool.stop().unwrap();
    python.nothing_left(&places.iter().flat_map(|(_, process, guardian)| [*process, *guardian]).collect::<Vec<_>>());
    places
}

/// What `init` says of these options.
fn refusal(ray: RayOptions) -> String {
    let error = Far::options().ray(ray).init().unwrap_err();
    assert!(matches!(error, Error::Ray { .. }), "{error:?}");
    error.to_string()
}

/// The same where there is no other pool, so that nothing is left after it.
fn refused(python: &Interpreter, ray: RayOptions) -> String {
    let text = refusal(ray);
    python.nothing_left(&[]);
    text
}

#[test]
fn a_worker_goes_where_its_options_say() {
    if !has_cluster() {
        return;
    }
    let python = Interpreter::new();
    let on = |workers, ray: RayOptions| {
        let nodes: BTreeSet<_> = places(&python, workers, ray).into_iter().map(|(node, ..)| node).collect();
        assert_eq!(nodes.len(), 1, "{nodes:?}");
        nodes.into_iter().next().unwrap()
    };
    let second = on(2, python.options().label("rack", "second"));
    let first = on(2, python.options().resource("first", 0.5));
    assert_ne!(first, second);
    assert_eq!(on(1, python.options().strategy(RayStrategy::Node(second.clone()))), second);
    // There is no such node; another will do.
    let near = RayStrategy::NearNode("0".repeat(second.len()));
    assert!([first, second].contains(&on(1, python.options().strategy(near))));
}

#[test]
fn what_no_node_has_is_named() {
    if !has_cluster() {
        return;
    }
    let python = Interpreter::new();
    let text = refused(&python, python.options().label("rack", "third"));
    assert!(text.contains("on a node with rack=third") && text.contains("add a node"), "{text}");
    // Each is there, but not on one node.
    let text = refused(&python, python.options().label("rack", "first").num_gpus(1.0));
    assert!(text.contains("GPU 1") && text.contains("rack=first") && text.contains("GPU 2"), "{text}");
}

#[test]
fn gpus_are_shared_by_fractions_and_workers_know_theirs() {
    if !has_cluster() {
        return;
    }
    let python = Interpreter::new();
    let ray = || python.options().num_gpus(0.5);
    let pool = Far::options().max_workers(4).ray(ray()).init().unwrap();
    let places = all_ok((0..4).map(|index| pool.worker(index).place()));
    let mut shares = BTreeMap::new();
    for gpu in all_ok((0..4).map(|index| pool.worker(index).variable("CUDA_VISIBLE_DEVICES".to_owned()))) {
        *shares.entry(gpu.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(shares, BTreeMap::from([("0".to_owned(), 2), ("1".to_owned(), 2)]));
    // No room for a fifth, however small, until they are gone.
    let text = refusal(python.options().num_gpus(0.001).place_timeout(Duration::from_millis(500)));
    assert!(text.contains("asked for {CPU 0.25, GPU 0.001}") && text.contains("within 0.5 s"), "{text}");
    // A successor has what its predecessor had.
    let gpu = |index| pool.worker(index).variable("CUDA_VISIBLE_DEVICES".to_owned()).soon();
    let before = gpu(0).unwrap();
    send(Signal::SIGKILL, places[0].1);
    eventually("it is missed", || pool.stats().restarts == 1);
    assert_eq!(gpu(0).unwrap(), before);
    pool.stop().unwrap();
    python.nothing_left(&places.iter().flat_map(|(_, process, guardian)| [*process, *guardian]).collect::<Vec<_>>());
    let own = ray().num_gpus(2.0).env("PATH", "a way of its own");
    let pool = Far::options().ray(own).init().unwrap();
    assert_eq!(pool.variable("CUDA_VISIBLE_DEVICES".to_owned()).soon().unwrap().as_deref(), Some("0,1"));
    assert_eq!(pool.variable("PATH".to_owned()).soon().unwrap().as_deref(), Some("a way of its own"));
    pool.stop().unwrap();
    python.nothing_left(&[]);
}

#[test]
fn a_placement_group_has_room_for_so_many() {
    if !has_cluster() {
        return;
    }
    let mut cluster = OwnCluster::start();
    cluster.order("group", "pair");
    let python = Interpreter::new();
    let ray = |bundle| {
        let ray = python.options().num_cpus(1.0).address(&*cluster.address).namespace("groups");
        ray.placement_group("pair", bundle)
    };
    // One bundle is on each node.
    let mut both: Vec<_> = places(&python, 2, ray(None)).into_iter().map(|(node, ..)| node).collect();
    let mut nodes = cluster.nodes.clone();
    both.sort_unstable();
    nodes.sort_unstable();
    assert_eq!(both, nodes);
    let pool = Far::options().ray(ray(Some(1))).init().unwrap();
    assert_eq!(pool.place().soon().unwrap().0, cluster.nodes[1]);
    // It is full, however much else the cluster has.
    let text = refusal(ray(Some(1)).place_timeout(Duration::from_millis(500)));
    assert!(text.contains("within 0.5 s"), "{text}");
    pool.stop().unwrap();
    let text = refused(&python, ray(Some(2)));
    assert!(text.contains("bundle"), "{text}");
    // It is known in its namespace only.
    let text = refused(&python, ray(None).namespace("others"));
    assert!(text.contains("pair"), "{text}");
}

/// A process, and when it was started: its number alone may be another's soon.
type Process = (u32, String);

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some((pid, stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned()))
}

/// This one, and all that come from it.
fn descendants(of: u32) -> Vec<Process> {
    let mut all: Vec<_> = process(of).into_iter().collect();
    let mut at = 0;
    while let Some((parent, _)) = all.get(at) {
        at += 1;
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().filter_map(Result::ok);
        let lines = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<_> = lines
            .flat_map(|line| line.split(' ').filter_map(|pid| process(pid.parse().ok()?)).collect::<Vec<_>>())
            .collect();
        all.extend(children);
    }
    all
}

/// Waits until none of them is left; those that are, are shown by what they run.
#[track_caller]
fn nothing_left(all: &[Process]) {
    let left = || {
        let alive =
            all.iter().filter(|(pid, begun)| is_alive(*pid) && process(*pid).is_some_and(|(_, now)| now == *begun));
        alive.map(|(pid, _)| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()).collect()
    };
    eventually_is("nothing is left", Vec::<String>::new(), left);
}

#[test]
fn a_cluster_of_the_pools_own_ends_with_it() {
    if !has_cluster() {
        return;
    }
    let python = Interpreter::new();
    let pool = Far::options().max_workers(2).ray(python.options().address("local")).init().unwrap();
    let places = || all_ok((0..2).map(|index| pool.worker(index).place()));
    let first = places();
    assert_eq!(first[0].0, first[1].0, "it has one node");
    let bridge = python.bridge();
    let all = descendants(bridge);
    let has = |pid| all.iter().any(|(other, _)| *other == pid);
    assert!(first.iter().all(|(_, process, guardian)| has(*process) && has(*guardian)), "{all:?}");
    // Those, the bridge, and what a cluster takes.
    // Killed, it takes its workers along and the cluster. Ray's agents, which are what it asks for logs and the like, only
    // end when they have missed the rest for a minute.
    let agent = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.starts_with("ray::") && line.contains("Agent"))
    };
    let all: Vec<_> = all.into_iter().filter(|(pid, _)| !agent(pid)).collect();
    assert!(all.len() > 6, "{all:?}");
    send(Signal::SIGKILL, bridge);
    nothing_left(&all);
    // Another bridge has another cluster.
    let second = places();
    assert!(second[0].0 == second[1].0 && second[0].0 != first[0].0, "{first:?} {second:?}");
    let all = descendants(python.bridge());
    assert!(all.len() > 6, "{all:?}");
    pool.stop().unwrap();
    nothing_left(&all);
}

/// What lets others into the cluster who cannot reach all of it; it is killed when it is dropped.
struct Server {
    program: Program,
    address: String,
}

impl Server {
    fn start() -> Self {
        // Whoever has it next does not have it for long.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let cluster = std::env::var("RAY_ADDRESS").unwrap();
        let mut command = Command::new(std::env::var("CONCURRY_PYTHON").unwrap());
        // One process for all who come: that of the default forks for each, with threads of gRPC's running, and does not
        // always survive that where there is much to do.
        command.args(["-m", "ray.util.client.server", "--mode", "legacy", "--address", &cluster]);
        command.args(["--host", "127.0.0.1", "--port", &at.port().to_string()]);
        let program = Program::start(&mut command);
        eventually("the client server is up", || TcpStream::connect(at).is_ok());
        Server { program, address: format!("ray://{at}") }
    }
}

#[test]
fn a_cluster_can_be_reached_by_its_client_server() {
    if !has_cluster() {
        return;
    }
    let (server, gate, python) = (Server::start(), Gate::new(), Interpreter::new());
    let ray = python.options().address(&*server.address).transport(RayTransport::Relay);
    let pool = Far::options().max_workers(2).max_queued_tasks(3).ray(ray.strategy(RayStrategy::Spread)).init().unwrap();
    let places = all_ok((0..2).map(|index| pool.worker(index).place()));
    assert_ne!(places[0].0, places[1].0);
    assert_eq!(all_ok((0..200).map(|x| pool.double(x))), (0..200).map(|x| 2 * x).collect::<Vec<_>>());
    let (node, process, guardian) = places[0].clone();
    // Its process costs a call, and leaves it its place.
    let stays = pool.worker(0).stay(gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (0..10).map(|x| pool.worker(0).double(x)).collect();
    send(Signal::SIGKILL, process);
    assert!(matches!(stays.soon(), Err(Error::WorkerDied { .. })));
    drop(visitor);
    assert_eq!(all_ok(behind), (0..10).map(|x| 2 * x).collect::<Vec<_>>());
    let second = pool.worker(0).place().soon().unwrap();
    assert!(second.0 == node && second.1 != process && second.2 == guardian, "{second:?}");
    // Its actor costs what was sent.
    let stays = pool.worker(0).stay(gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (0..10).map(|x| pool.worker(0).double(x)).collect();
    send(Signal::SIGKILL, guardian);
    assert!(matches!(stays.soon(), Err(Error::WorkerDied { .. })));
    drop(visitor);
    let outcomes = all_soon(behind);
    assert!(outcomes[..2].iter().all(|outcome| matches!(outcome, Err(Error::WorkerDied { .. }))), "{outcomes:?}");
    assert!((2..10).all(|x| outcomes[x].as_ref().is_ok_and(|double| *double == 2 * x as u64)), "{outcomes:?}");
    assert_eq!((pool.stats().failed, pool.stats().restarts), (4, 2));
    let third = pool.worker(0).place().soon().unwrap();
    // No value stays behind such a server.
    let held = RemoteRef::new(&vec![7u8; 2 << 20]).unwrap();
    assert_eq!(pool.length(&held).soon().unwrap(), 2 << 20);
    assert!(!held.is_on_cluster());
    pool.stop().unwrap();
    python.nothing_left(&[places[1].1, places[1].2, second.1, guardian, third.1, third.2]);
    let all = descendants(server.program.pid());
    drop(server);
    nothing_left(&all);
}
