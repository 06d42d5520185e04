//! Frames go to the nodes of a Ray cluster by the way that the options say, and by another where that may be.
#![cfg(feature = "ray")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, RayTransport};
use concurry_tests::clusters::{Interpreter, has_python, is_real, stub};
use concurry_tests::{Door, Gate, Journal, Page, Soon, all_ok, all_soon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Far {
    page: Page,
    calls: u64,
}

#[worker(mode = "ray")]
impl Far {
    pub fn new(page: Page) -> Self {
        Far { page, calls: 0 }
    }

    /// Notes `id`; gives it back with the number of the call in this incarnation.
    pub fn note(&mut self, id: u64) -> (u64, u64) {
        self.page.note(id);
        self.calls += 1;
        (id, self.calls)
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    /// How many bytes came, noted under `id`.
    pub fn length(&self, id: u64, bytes: Vec<u8>) -> usize {
        self.page.note(id);
        bytes.len()
    }

    /// The worker's process, and whether it has a connection by TCP.
    pub fn place(&self) -> (u32, bool) {
        let tables =
            ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
        let all: BTreeSet<_> =
            tables.iter().flat_map(|table| table.lines()).filter_map(|line| line.split_whitespace().nth(9)).collect();
        let is_one = |file: &Path| {
            let what = fs::read_link(file).unwrap_or_default();
            let number = what.to_str().and_then(|what| what.strip_prefix("socket:[")?.strip_suffix(']'));
            number.is_some_and(|number| all.contains(number))
        };
        let connected = fs::read_dir("/proc/self/fd").unwrap().any(|file| is_one(&file.unwrap().path()));
        (std::process::id(), connected)
    }
}

/// What stands for an address of nobody's: RFC 5737 keeps it for documentation.
const NOWHERE: &str = "198.51.100.1";

#[test]
fn frames_go_as_the_options_say_also_to_a_successor() {
    if !has_python() {
        return;
    }
    for (transport, direct) in [(RayTransport::Relay, false), (RayTransport::Direct, true), (RayTransport::Auto, true)]
    {
        let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
        let ray = python.options().transport(transport);
        let pool = Far::options().max_queued_tasks(100).ray(ray).init(journal.page()).unwrap();
        let (first, connected) = pool.place().soon().unwrap();
        assert_eq!(connected, direct, "{transport:?}");
        // What is sent in order is run in order, once.
        let answers = all_ok((0..300).map(|id| pool.note(id)));
        assert_eq!(answers, (0..300).map(|id| (id, id + 1)).collect::<Vec<_>>(), "{transport:?}");
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        let behind: Vec<_> = (300..350).map(|id| pool.note(id)).collect();
        kill(Pid::from_raw(first.cast_signed()), Signal::SIGKILL).unwrap();
        let error = stays.soon().unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }) && error.to_string().contains("SIGKILL"), "{error}");
        drop(visitor);
        assert_eq!(all_ok(behind), (300..350).map(|id| (id, id - 299)).collect::<Vec<_>>(), "{transport:?}");
        let (second, connected) = pool.place().soon().unwrap();
        assert!(second != first && connected == direct, "{transport:?}");
        assert_eq!((pool.stats().failed, pool.stats().restarts), (1, 1), "{transport:?}");
        pool.stop().unwrap();
        assert_eq!(journal.numbers(), (0..350).collect::<Vec<_>>(), "{transport:?}");
        python.nothing_left(&[first, second]);
    }
}

#[test]
fn what_a_dead_worker_had_not_read_costs_nothing_and_what_it_said_is_heard() {
    const LARGE: usize = 3 << 20;
    if !has_python() {
        return;
    }
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let ray = python.options().transport(RayTransport::Direct);
    let pool = Far::options().max_queued_tasks(40).max_restarts(100).ray(ray).init(journal.page()).unwrap();
    let (mut calls, mut processes) = (0, Vec::new());
    for round in 1..=5 {
        let (process, _) = pool.place().soon().unwrap();
        let before: Vec<_> = (0..5).map(|id| pool.note(calls + id)).collect();
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        // It is killed in the middle of what is on its way to it.
        let behind: Vec<_> = (5..15).map(|id| pool.length(calls + id, vec![7; LARGE])).collect();
        kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
        assert_eq!(all_ok(before).len(), 5);
        assert!(matches!(stays.soon(), Err(Error::WorkerDied { .. })));
        drop(visitor);
        assert_eq!(all_ok(behind), [LARGE; 10]);
        calls += 15;
        processes.push(process);
        assert_eq!((pool.stats().failed, pool.stats().restarts), (round, round));
    }
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (0..calls).collect::<Vec<_>>());
    python.nothing_left(&processes);
}

#[test]
fn a_node_that_cannot_be_reached_is_relayed_to() {
    if !has_python() || is_real() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::with_nodes_at(NOWHERE));
    let ray = python.options().transport(RayTransport::Auto);
    let pool = Far::options().max_restarts(100).ray(ray).init(journal.page()).unwrap();
    let mut processes = Vec::new();
    for id in 0..3 {
        let (process, connected) = pool.place().soon().unwrap();
        assert!(!connected);
        kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
        assert_eq!(pool.note(id).soon().unwrap().0, id);
        processes.push(process);
    }
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), [0, 1, 2]);
    python.nothing_left(&processes);
}

#[test]
fn a_node_that_cannot_be_reached_is_an_error_where_it_has_to_be() {
    if !has_python() || is_real() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::with_nodes_at(NOWHERE));
    let ray = python.options().transport(RayTransport::Direct);
    let error = Far::options().max_workers(2).ray(ray).init(journal.page()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Ray { .. }) && text.starts_with("Far: "), "{text}");
    assert!(text.contains(NOWHERE) && text.contains("open the ports") && text.contains("RayTransport::Auto"), "{text}");
    python.nothing_left(&[]);
    // One that is ended while that is tried leaves nothing either.
    let python = Interpreter::with_nodes_at(NOWHERE);
    let ray = python.options().transport(RayTransport::Direct);
    let short = Far::options().init_timeout(Duration::from_millis(100)).ray(ray).init(journal.page());
    assert!(short.is_err());
    python.nothing_left(&[]);
}

#[test]
fn many_workers_come_and_go_directly() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let ray = python.options().transport(RayTransport::Direct).num_cpus(0.01);
    let pool = Far::options().max_workers(8).ray(ray).init(journal.page()).unwrap();
    let calls: Vec<_> = (0..800).map(|id| pool.note(id)).collect();
    let places = all_ok((0..8).map(|index| pool.worker(index).place()));
    assert!(places.iter().all(|(_, connected)| *connected), "{places:?}");
    assert_eq!(all_ok(calls).len(), 800);
    let last = all_soon((0..8).map(|index| pool.worker(index).place()));
    assert!(last.into_iter().all(|place| place.is_ok()));
    pool.abort().unwrap();
    python.nothing_left(&places.iter().map(|(process, _)| *process).collect::<Vec<_>>());
    assert_eq!(journal.numbers().len(), 800);
}

/// What a node does, by itself: it lets in who knows the secret, and nobody else.
const NODE: &str = r#"
import hashlib, os, socket, struct, sys, time
sys.path.insert(0, sys.argv[2])
import ray
ray.OWN_NODE = "here"
source = open(sys.argv[1]).read()
names = {}
exec(compile(source[: source.rindex("\nmain()")], "bridge", "exec"), names)
cat = "/bin/cat"
spec = {"name": "cat", "env": {}, "exe_path": cat, "capture_stderr": False, "folder": None}
spec["sha256"] = hashlib.sha256(open(cat, "rb").read()).hexdigest()
guardian = names["Guardian"](spec)

def started(generation):
    while True:
        answer = guardian.started(generation)
        if answer is not None:
            return answer

def offered(generation):
    secret, at = guardian.begin(generation, None, True)["offer"]
    host, port = at.rsplit(":", 1)
    return bytes.fromhex(secret), (host, int(port))

def ended(caller):
    try:
        return caller.recv(1) == b""
    except ConnectionResetError:
        return True

def refused(at):
    try:
        return ended(socket.create_connection(at))
    except ConnectionError:
        return True

def heard(generation, wanted, end):
    data = b""
    while end not in data or wanted not in data:
        data += guardian.drain(generation, 1.0)
    return data

secret, at = offered(1)
silent = socket.create_connection(at)
for said in (b"\0" * 16, secret[16:], secret[:15] + bytes([secret[15] ^ 1]) + secret[16:]):
    caller = socket.create_connection(at)
    caller.sendall(said)
    assert ended(caller), said
short = socket.create_connection(at)
short.sendall(secret[:7])
short.shutdown(socket.SHUT_WR)
assert ended(short)
gives_up = socket.create_connection(at)
gives_up.sendall(secret[:16])
assert gives_up.recv(16, socket.MSG_WAITALL) == secret[16:]
gives_up.close()
assert guardian.process is None and guardian.offer["answer"] is None
caller = socket.create_connection(at)
caller.sendall(secret[:16])
assert caller.recv(16, socket.MSG_WAITALL) == secret[16:]
caller.sendall(b"\1what it reads\n")
answer = started(1)
assert answer["direct"] and answer["pid"] == guardian.process.pid, answer
assert refused(at), "one connection only"
caller.shutdown(socket.SHUT_WR)
heard(1, b"what it reads", b"exited with code 0")
assert ended(caller), "what it says ends with it"
caller.close()

secret, at = offered(2)
guardian.relay(2)
answer = started(2)
assert not answer["direct"] and refused(at), answer
guardian.push(2, 0, b"relayed\n")
while b"relayed" not in guardian.drain(2, 1.0):
    pass
guardian.kill(2)
heard(2, b"", b"SIGKILL")

secret, at = offered(3)
guardian.kill(3)
assert "ended before" in started(3)["refused"] and refused(at)
print("all of it")
"#;

#[test]
fn a_node_lets_in_who_knows_the_secret_once_and_nobody_else() {
    if !has_python() {
        return;
    }
    let bridge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../concurry-runtime/src/backend/ray/bridge.py");
    let output = Command::new("python3").args(["-c", NODE]).arg(bridge).arg(stub()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "all of it", "{}", String::from_utf8_lossy(&output.stderr));
}
