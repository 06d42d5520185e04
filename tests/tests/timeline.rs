//! A recording has a slice for each run of a method and a mark for whatever went wrong, whatever the mode.

use std::collections::BTreeMap;
use std::time::Duration;

use concurry::prelude::*;
use concurry::timeline::{self, Recording};
use concurry::{Error, Retry};
use concurry_tests::{Gate, Soon, Watched, Way, all_ok, apart, eventually, modes};
use serde_json::Value;

/// The events of the pool of this name, and of no other that other tests of this program have.
fn events(recording: &Recording, pool: &str) -> Vec<Value> {
    let mut text = Vec::new();
    recording.write_to(&mut text).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let all = trace["traceEvents"].as_array().unwrap();
    let names = |event: &&Value| event["name"] == "process_name" && is_of(event, pool);
    let Some(own) = all.iter().find(names) else { return Vec::new() };
    all.iter().filter(|event| event["pid"] == own["pid"]).cloned().collect()
}

fn is_of(event: &Value, pool: &str) -> bool {
    event["args"]["name"].as_str().is_some_and(|name| name.starts_with(&format!("{pool} (")))
}

fn of_kind<'a>(events: &'a [Value], phase: &str, category: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == phase && event["cat"] == category).collect()
}

/// How many runs of which method came to what.
fn runs(events: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for run in of_kind(events, "X", "run") {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        *counts.entry((text(&run["name"]), text(&run["args"]["outcome"]))).or_default() += 1;
    }
    counts
}

fn marks(events: &[Value]) -> Vec<String> {
    let mut marks: Vec<String> =
        of_kind(events, "i", "mark").iter().map(|mark| mark["name"].as_str().unwrap().to_owned()).collect();
    marks.sort();
    marks
}

fn counted<const N: usize>(expected: [(&str, &str, usize); N]) -> BTreeMap<(String, String), usize> {
    expected.into_iter().map(|(method, outcome, count)| ((method.to_owned(), outcome.to_owned()), count)).collect()
}

/// Slices of a lane follow each other, in time since the start; each is after its call's wait, which is as long as it says.
fn assert_in_order(events: &[Value], what: &str) {
    let mut lanes: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    let ends: BTreeMap<&str, f64> = of_kind(events, "e", "queue")
        .iter()
        .map(|event| (event["id"].as_str().unwrap(), event["ts"].as_f64().unwrap()))
        .collect();
    for run in of_kind(events, "X", "run") {
        let (at, long) = (run["ts"].as_f64().unwrap(), run["dur"].as_f64().unwrap());
        assert!(at > 0.0 && long >= 0.0, "{what}: {run}");
        lanes.entry(run["tid"].as_u64().unwrap()).or_default().push((at, at + long));
        let id = format!("{}.{}", run["args"]["call"], run["args"]["attempt"]);
        assert!((ends[&*id] - at).abs() < 0.01, "{what}: {run}");
    }
    for slices in lanes.values_mut() {
        slices.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(slices.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 0.01), "{what}: {slices:?}");
    }
}

#[test]
fn every_run_is_a_slice_in_every_mode() {
    for mode in modes() {
        let name = format!("every-{mode}");
        let workers = if mode == Mode::Sync { 1 } else { 2 };
        let recording = timeline::start();
        let pool = Watched::options().mode(mode).name(&*name).max_workers(workers).init().unwrap();
        all_ok((0..50).map(|x| pool.fine(x)));
        all_ok((0..10).map(|x| pool.later(x)));
        for _ in 0..3 {
            pool.fails().soon().unwrap_err();
        }
        pool.ends(Way::Panic).soon().unwrap_err();
        // A value that is itself of a future is a call as any other.
        assert_eq!(pool.fine(pool.fine(7)).soon().unwrap(), 7);
        pool.stop().unwrap();
        let events = events(&recording, &name);
        let expected = [("fine", "ok", 52), ("later", "ok", 10), ("fails", "failed", 3), ("ends", "panicked", 1)];
        assert_eq!(runs(&events), counted(expected), "{mode}");
        assert_eq!(of_kind(&events, "b", "queue").len(), 66, "{mode}");
        assert_eq!(of_kind(&events, "e", "queue").len(), 66, "{mode}");
        assert_eq!(marks(&events), Vec::<String>::new(), "{mode}");
        assert_in_order(&events, &name);
        let lanes = events.iter().filter(|event| event["name"] == "thread_name").count();
        // Several calls may be in an event loop at once, which has a row more for each then.
        assert!(if mode == Mode::Async { lanes >= workers } else { lanes == workers }, "{mode}: {lanes}");
        assert_eq!(recording.dropped(), 0);
    }
}

#[test]
fn retries_are_marked_and_each_attempt_is_a_slice() {
    for mode in modes() {
        let name = format!("retries-{mode}");
        let retry = Retry::fixed().num_retries(3).wait(Duration::from_millis(1));
        let recording = timeline::start();
        let pool = Watched::options().mode(mode).name(&*name).retry(retry).init().unwrap();
        assert_eq!(pool.fails_until(3).soon().unwrap(), 3);
        pool.fails().soon().unwrap_err();
        pool.stop().unwrap();
        let events = events(&recording, &name);
        let expected = [("fails_until", "failed", 2), ("fails_until", "ok", 1), ("fails", "failed", 4)];
        assert_eq!(runs(&events), counted(expected), "{mode}");
        let retried = ["fails retried"; 3].into_iter().chain(["fails_until retried"; 2]);
        assert_eq!(marks(&events), retried.collect::<Vec<_>>(), "{mode}");
        assert_in_order(&events, &name);
    }
}

#[test]
fn a_death_and_the_restart_after_it_are_marked() {
    let recording = timeline::start();
    let pool = Watched::options().mode(Mode::Process).name("deaths").init().unwrap();
    let before = all_ok((0..5).map(|x| pool.fine(x)));
    let ends = pool.ends(Way::Abort);
    let after: Vec<_> = (0..5).map(|x| pool.fine(x)).collect();
    assert!(matches!(ends.soon().unwrap_err(), Error::WorkerDied { .. }));
    assert_eq!(all_ok(after), before);
    pool.stop().unwrap();
    let events = events(&recording, "deaths");
    assert_eq!(runs(&events), counted([("fine", "ok", 10), ("ends", "worker_died", 1)]));
    assert_eq!(marks(&events), ["worker died", "worker restarted"]);
    assert_in_order(&events, "deaths");
}

#[test]
fn what_is_cancelled_or_stopped_before_it_begins_has_no_run() {
    for mode in apart() {
        let (name, gate) = (format!("cancels-{mode}"), Gate::new());
        let recording = timeline::start();
        let pool = Watched::options().mode(mode).max_queued_tasks(1).name(&*name).init().unwrap();
        let stays = pool.stays(gate.door());
        let visitor = gate.visitor();
        let waits: Vec<_> = (0..4).map(|x| pool.fine(x)).collect();
        assert!(waits[0].cancel() && waits[1].cancel());
        let limited = Watched::options().mode(mode).timeout(Duration::from_millis(1)).name(format!("{name}-late"));
        let late = limited.init().unwrap();
        let times_out = late.stays(gate.door());
        assert!(matches!(times_out.soon().unwrap_err(), Error::TimedOut { .. }));
        visitor.pass("go");
        assert_eq!(stays.soon().unwrap(), "go");
        drop(gate);
        pool.stop().unwrap();
        late.abort().unwrap();
        let events = events(&recording, &name);
        assert_eq!(runs(&events), counted([("stays", "ok", 1), ("fine", "ok", 2)]), "{mode}");
        assert_eq!(of_kind(&events, "b", "queue").len(), 5, "{mode}");
        assert_eq!(marks(&events), ["fine cancelled"; 2], "{mode}");
        let late = self::events(&recording, &format!("{name}-late"));
        assert!(marks(&late).contains(&"stays timed out".to_owned()), "{mode}: {late:?}");
    }
}

#[task(mode = "thread", max_workers = 2, name = "chunks")]
fn small(x: u64) -> u64 {
    x + 1
}

#[test]
fn calls_in_chunks_are_all_there() {
    let recording = timeline::start();
    let sum: u64 = small::map(0..10_000).map(Result::unwrap).sum();
    assert_eq!(sum, 10_000 * 10_001 / 2);
    small::stop().unwrap();
    let events = events(&recording, "chunks");
    let calls = |run: &&Value| run["args"]["calls"].as_u64().unwrap();
    let chunks = of_kind(&events, "X", "chunk");
    assert_eq!(chunks.iter().map(calls).sum::<u64>(), 10_000);
    assert!(chunks.len() < 5_000, "{}", chunks.len());
}

#[test]
fn a_small_recording_keeps_the_last_and_counts_the_others() {
    let recording = timeline::start_with_capacity(10);
    let pool = Watched::options().mode(Mode::Thread).name("small").init().unwrap();
    all_ok((0..100).map(|x| pool.fine(x)));
    // Other tests of this program are recorded too.
    eventually("the others are counted", || recording.dropped() >= 90);
    let mut text = Vec::new();
    recording.write_to(&mut text).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "b").count();
    assert!(slices <= 10, "{slices}");
    let told: u64 = trace["otherData"]["dropped"].as_str().unwrap().parse().unwrap();
    assert!((90..=recording.dropped()).contains(&told), "{told}");
}

#[test]
fn a_recording_has_what_was_called_while_it_was_there() {
    let pool = Watched::options().mode(Mode::Thread).name("while").init().unwrap();
    pool.fine(1).soon().unwrap();
    let recording = timeline::start();
    all_ok((0..3).map(|x| pool.fine(x)));
    let other = timeline::start();
    all_ok((0..4).map(|x| pool.fine(x)));
    assert_eq!(runs(&events(&recording, "while")), counted([("fine", "ok", 7)]));
    assert_eq!(runs(&events(&other, "while")), counted([("fine", "ok", 4)]));
    drop(recording);
    pool.fine(1).soon().unwrap();
    assert_eq!(runs(&events(&other, "while")), counted([("fine", "ok", 5)]));
    let file = std::env::temp_dir().join(format!("concurry-timeline-{}.json", std::process::id()));
    other.write(&file).unwrap();
    let trace: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    std::fs::remove_file(&file).unwrap();
    assert!(other.write("/nowhere/at/all").is_err());
}
