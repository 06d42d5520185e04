//! The ring and what is written of it, with records that the test makes.

use super::*;
use crate::mode::Mode;
use crate::observe::Outcome;
use crate::worker::Kind;

const KIND: Kind = Kind { name: "Worker", methods: &[] };

fn scene(name: &str) -> Arc<Scene> {
    Scene::new(name, Mode::Thread, &KIND, 2)
}

fn call(number: u64, worker: usize, begun: u64, ended: u64) -> Record {
    let (method, attempt, ready, begun, came, again) = (0, 1, 0, Some(begun), Outcome::Ok, false);
    Record { worker, what: What::Call { method, call: number, attempt, ready, begun, ended, came, again } }
}

fn calls(ring: &Ring) -> Vec<u64> {
    let number = |(_, record): &(u32, Record)| match record.what {
        What::Call { call, .. } => call,
        _ => u64::MAX,
    };
    ring.taken().records.iter().map(number).collect()
}

fn written(ring: &Ring) -> String {
    let mut text = Vec::new();
    trace::write(&ring.taken(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_full_ring_keeps_the_last_and_counts_the_others() {
    let (ring, pool) = (Ring::new(3, 0), scene("pool"));
    for number in 0..3 {
        ring.push(&pool, call(number, 0, 0, 0));
    }
    assert_eq!((calls(&ring), ring.dropped()), (vec![0, 1, 2], 0));
    ring.push(&pool, call(3, 0, 0, 0));
    assert_eq!((calls(&ring), ring.dropped()), (vec![1, 2, 3], 1));
    for number in 4..10 {
        ring.push(&pool, call(number, 0, 0, 0));
    }
    assert_eq!((calls(&ring), ring.dropped()), (vec![7, 8, 9], 7));
    assert!(written(&ring).contains(r#""dropped":"7""#));
}

#[test]
fn slices_that_overlap_are_in_rows_of_their_own() {
    let (ring, pool) = (Ring::new(9, 1000), scene("pool"));
    ring.push(&pool, call(1, 1, 2000, 5000));
    ring.push(&pool, call(2, 1, 3000, 6000));
    ring.push(&pool, call(3, 1, 5000, 7000));
    let text = written(&ring);
    let of = |call: u64| {
        let line = text.lines().find(|line| line.contains("\"X\"") && line.contains(&format!("\"call\":{call},")));
        let (_, rest) = line.unwrap().split_once("\"tid\":").unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    assert_eq!((of(1), of(3)), ("2".to_owned(), "2".to_owned()));
    assert_eq!(of(2), (2 + (1 << 20)).to_string());
    assert!(text.contains("\"ts\":1.000,\"dur\":3.000"), "{text}");
    assert!(text.contains("worker 1, at once 2"));
}

#[test]
fn names_are_escaped_and_pools_are_told_apart() {
    let ring = Ring::new(9, 0);
    ring.push(&scene("a \"b\"\n\\"), call(1, 0, 0, 1));
    ring.push(&scene("a \"b\"\n\\"), call(2, 0, 0, 1));
    let text = written(&ring);
    assert_eq!(text.matches(r#""a \"b\"\u000a\\ (thread)""#).count(), 2, "{text}");
    assert_eq!(ring.taken().pools.len(), 2);
}

#[test]
fn nothing_is_recorded_while_nobody_listens() {
    // Other tests of this process may listen meanwhile, but not to this ring.
    let recording = start_with_capacity(2);
    let ring = recording.ring.clone();
    record(&scene("pool"), || call(1, 0, 0, 1));
    assert_eq!(calls(&ring).iter().filter(|&&number| number == 1).count(), 1);
    drop(recording);
    record(&scene("pool"), || call(2, 0, 0, 1));
    assert_eq!(calls(&ring).iter().filter(|&&number| number == 2).count(), 0);
}
