//! Mode `ray`, by both of its transports, beside actors of Ray's own Python, on one cluster and in one run.
//!
//! `CONCURRY_PYTHON=… cargo bench -p concurry-benches --features ray --bench ray`, with a Python that has Ray. It starts a
//! cluster of two nodes on this machine, and ends it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{RayOptions, RayStrategy, RayTransport};

#[derive(Default)]
struct Far;

#[worker(mode = "ray")]
impl Far {
    pub fn square(&self, x: u64) -> u64 {
        x * x
    }

    pub fn length(&self, bytes: Vec<u8>) -> u64 {
        bytes.len() as u64
    }

    pub fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub fn make(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
}

/// The same in Python; prints what it measures, one number a line.
const PLAIN: &str = "
import sys, time, ray
ray.init(address=sys.argv[1], logging_level='ERROR')
@ray.remote(num_cpus=0.25)
class Far:
    def square(self, x): return x * x
    def length(self, b): return len(b)
    def echo(self, b): return b
    def make(self, n): return b'7' * n
far = Far.remote()
for _ in range(200): ray.get(far.square.remote(3))
times = []
for _ in range(1000):
    begun = time.perf_counter(); ray.get(far.square.remote(3)); times.append(time.perf_counter() - begun)
print(sorted(times)[500])
best = 0
for _ in range(3):
    begun = time.perf_counter(); ray.get([far.square.remote(x) for x in range(5000)]); best = max(best, 5000 / (time.perf_counter() - begun))
print(best)
data = bytes(64 << 20)
for method in (far.length, far.echo):
    times = []
    for _ in range(3):
        begun = time.perf_counter(); ray.get(method.remote(data)); times.append(time.perf_counter() - begun)
    print(min(times))
one, other = [Far.options(scheduling_strategy='SPREAD').remote() for _ in range(2)]
times = []
for _ in range(8):
    begun = time.perf_counter(); ray.get(other.length.remote(one.make.remote(64 << 20))); times.append(time.perf_counter() - begun)
print(min(times))
";

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The best of three, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let took = |_| {
        let begun = Instant::now();
        run();
        begun.elapsed().as_secs_f64()
    };
    (0..3).map(took).fold(f64::MAX, f64::min)
}

fn rate(pool: &FarClient, calls: u64) -> f64 {
    let took = best(|| {
        let futures: Vec<_> = (0..calls).map(|x| pool.square(x)).collect();
        gather(futures).results().expect("squares");
    });
    calls as f64 / took
}

/// 64 MiB from a worker to one on another node, by reference and through this process, by turns.
fn pass(ray: &RayOptions, theirs: f64) {
    let start =
        |ray: RayOptions| Far::options().max_workers(2).ray(ray.strategy(RayStrategy::Spread)).init().expect("a pool");
    let (refers, brings) = (start(ray.clone()), start(ray.clone().reference_above(usize::MAX)));
    let mut took = [f64::MAX; 2];
    for _ in 0..8 {
        for (pool, least) in [&refers, &brings].into_iter().zip(&mut took) {
            let begun = Instant::now();
            let length = pool.worker(1).length(pool.worker(0).make(64 << 20)).result().expect("a length");
            *least = least.min(begun.elapsed().as_secs_f64());
            assert_eq!(length, 64 << 20);
        }
    }
    let [by_reference, through] = took;
    println!(
        "  64 MiB from a worker to another: {by_reference:.2} s by reference, {:.2} of theirs; {through:.2} s through here, {:.1} times that",
        by_reference / theirs,
        through / by_reference
    );
    for pool in [refers, brings] {
        pool.stop().expect("a stop");
    }
}

fn main() {
    let Ok(python) = std::env::var("CONCURRY_PYTHON") else {
        return println!("left out: CONCURRY_PYTHON names no Python with Ray");
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ray/cluster.py");
    let mut cluster =
        Command::new(&python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a cluster");
    let mut line = String::new();
    BufReader::new(cluster.stdout.take().expect("its stdout")).read_line(&mut line).expect("a line");
    let address = line.split_whitespace().next().expect("an address").to_owned();

    let plain = Command::new(&python).args(["-c", PLAIN, &address]).output().expect("Ray's own");
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    let plain: Vec<f64> = plain.lines().filter_map(|line| line.parse().ok()).collect();
    let [their_trip, their_rate, their_large, their_echo, their_pass] = plain[..] else {
        panic!("Ray's own measured {plain:?}")
    };
    println!("Ray's Python: round trip, median: {:.2} ms; tiny calls a second: {their_rate:.0}", their_trip * 1e3);
    println!("  64 MiB in: {:.0} MiB/s; there and back: {:.2} s", 64.0 / their_large, their_echo);
    println!("  64 MiB from an actor to another: {their_pass:.2} s");

    for transport in [RayTransport::Relay, RayTransport::Direct] {
        let ray = RayOptions::new().address(&*address).num_cpus(0.25).transport(transport);
        let begun = Instant::now();
        let pool = Far::options().ray(ray.clone()).init().expect("a pool");
        println!("{transport:?}: a pool comes up in {:.1} s", begun.elapsed().as_secs_f64());
        for _ in 0..200 {
            pool.square(3).result().expect("a square");
        }
        let mut trips: Vec<Duration> = (0..1000)
            .map(|x| {
                let begun = Instant::now();
                pool.square(x).result().expect("a square");
                begun.elapsed()
            })
            .collect();
        let trip = median(&mut trips).as_secs_f64();
        let large = best(|| assert_eq!(pool.length(vec![0; 64 << 20]).result().expect("a length"), 64 << 20));
        let echo = best(|| assert_eq!(pool.echo(vec![0; 64 << 20]).result().expect("an echo").len(), 64 << 20));
        pool.stop().expect("a stop");
        println!("  round trip, median: {:.3} ms; {:.2} of theirs", trip * 1e3, trip / their_trip);
        println!(
            "  64 MiB in: {:.0} MiB/s, {:.1} times theirs; there and back: {echo:.2} s, {:.2} of theirs",
            64.0 / large,
            their_large / large,
            echo / their_echo
        );
        pass(&ray, their_pass);
        for window in [3, 16, 128, 1024] {
            let pool = Far::options().max_queued_tasks(window).ray(ray.clone()).init().expect("a pool");
            rate(&pool, 1000);
            let ours = rate(&pool, if window > 100 { 50_000 } else { 5000 });
            println!("  max_queued_tasks {window:>5}: {ours:>8.0}, {:.1} times theirs", ours / their_rate);
            pool.stop().expect("a stop");
        }
    }
    drop(cluster.stdin.take());
    cluster.wait().expect("its end");
}
