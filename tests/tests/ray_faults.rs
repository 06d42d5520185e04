//! What is between a driver and its workers on a Ray cluster may die, hang or not be there: what comes of every call is
//! counted, and nothing is left.
#![cfg(feature = "ray")]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, RayOptions, RayStrategy};
use concurry_tests::clusters::{Interpreter, OwnCluster, has_python, is_real};
use concurry_tests::{Far, Gate, Journal, Program, Soon, TempDir, all_ok, all_soon, eventually, is_alive};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn send(signal: Signal, pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// Two workers, each inside a call with two behind it that were sent, and twenty that wait here. Then `strike` has at
/// who it is given: the bridge, and the guardian of each worker. Of the two, `lost` lose their lives by it; and each of
/// those costs what was sent to it, and nothing else.
fn costs_what_was_sent(lost: usize, strike: impl FnOnce(&Interpreter, [u32; 2])) {
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let pool = Far::options().max_workers(2).max_queued_tasks(3).ray(python.options()).init(journal.page()).unwrap();
    let places = [0, 1].map(|index| pool.worker(index).place().soon().unwrap());
    let first = python.bridge();
    let mut calls = Vec::new();
    let mut visitors = Vec::new();
    for index in 0..2 {
        calls.push(pool.worker(index).stay(index as u64, gate.door()).map(|_| 0));
        visitors.push(gate.visitor());
    }
    for id in 2..46 {
        calls.push(pool.worker((id % 2) as usize).note(id));
    }
    strike(&python, [places[0].2, places[1].2]);
    for (index, place) in places.iter().enumerate().take(lost) {
        eventually(&format!("worker {index} is gone"), || !is_alive(place.1));
    }
    visitors.into_iter().for_each(|visitor| visitor.pass("go"));
    let outcomes = all_soon(calls);
    let died: Vec<usize> = (0..outcomes.len()).filter(|&at| outcomes[at].is_err()).collect();
    // Worker 0 had calls 0, 2 and 4, worker 1 had 1, 3 and 5.
    let expected: Vec<usize> = (0..6).filter(|at| at % 2 < lost).collect();
    assert_eq!(died, expected, "{outcomes:?}");
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    }
    let stats = pool.stats();
    let counts = (stats.completed, stats.failed, stats.restarts);
    assert_eq!(counts, (48 - 3 * lost as u64, 3 * lost as u64, lost as u64));
    pool.stop().unwrap();
    // Nothing ran twice, and of what failed only what had begun ran.
    let mut noted = journal.numbers();
    noted.sort_unstable();
    assert_eq!(noted, (0..46).filter(|id| *id < 2 || !died.contains(&(*id as usize))).collect::<Vec<_>>());
    python.nothing_left(&[first, places[0].1, places[0].2, places[1].1, places[1].2]);
}

#[test]
fn an_actor_that_is_killed_costs_what_was_sent_to_its_worker() {
    if has_python() {
        costs_what_was_sent(1, |_, [guardian, _]| send(Signal::SIGKILL, guardian));
    }
}

#[test]
fn a_bridge_that_is_killed_costs_what_was_sent_and_another_takes_its_place() {
    if has_python() {
        costs_what_was_sent(2, |python, _| send(Signal::SIGKILL, python.bridge()));
    }
}

#[test]
fn pools_on_one_cluster_share_a_bridge_until_the_last_is_gone() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let start = || Far::options().ray(python.options()).init(journal.page()).unwrap();
    let (first, second) = (start(), start());
    let bridge = python.bridge();
    let mut processes = vec![bridge];
    for pool in [&first, &second] {
        let (_, pid, guardian) = pool.place().soon().unwrap();
        processes.extend([pid, guardian]);
    }
    assert!(is_alive(bridge), "neither has started one in the place of the other's");
    assert_eq!(all_ok((0..20).map(|id| first.note(id))).len(), 20);
    first.stop().unwrap();
    eventually("the first pool's worker is gone", || !is_alive(processes[1]) && !is_alive(processes[2]));
    assert_eq!(second.note(20).soon().unwrap(), 20);
    assert_eq!((python.bridge(), is_alive(bridge)), (bridge, true));

    // Killed, it costs both what was sent, and one takes its place for both.
    let third = start();
    assert_eq!(third.note(21).soon().unwrap(), 21);
    let old: Vec<_> = [&second, &third].map(|pool| pool.place().soon().unwrap()).into();
    send(Signal::SIGKILL, bridge);
    eventually("both have another worker", || {
        [&second, &third]
            .iter()
            .zip(&old)
            .all(|(pool, (_, pid, _))| matches!(pool.place().soon(), Ok((_, now, _)) if now != *pid))
    });
    let another = python.bridge();
    assert!(another != bridge && is_alive(another));
    for pool in [&second, &third] {
        let (_, pid, guardian) = pool.place().soon().unwrap();
        processes.extend([pid, guardian]);
    }
    third.stop().unwrap();
    assert_eq!(second.note(22).soon().unwrap(), 22);
    second.stop().unwrap();
    assert!(!is_alive(another), "the last to go sees it end");
    let mut noted = journal.numbers();
    noted.sort_unstable();
    assert_eq!(noted, (0..=22).collect::<Vec<_>>());
    python.nothing_left(&processes);
}

#[test]
fn a_bridge_that_hangs_is_as_good_as_one_that_is_killed() {
    if has_python() {
        costs_what_was_sent(2, |python, _| send(Signal::SIGSTOP, python.bridge()));
    }
}

#[test]
fn an_actor_that_does_nothing_more_is_given_up_by_its_silence() {
    if !has_python() {
        return;
    }
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    let (_, process, guardian) = pool.place().soon().unwrap();
    let stays = pool.stay(0, gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (1..20).map(|id| pool.note(id)).collect();
    send(Signal::SIGSTOP, guardian);
    let error = stays.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }) && error.to_string().contains("not heard"), "{error}");
    let outcomes = all_soon(behind);
    let lost = outcomes.iter().take_while(|outcome| outcome.is_err()).count();
    assert_eq!((lost, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (2, 17), "{outcomes:?}");
    pool.stop().unwrap();
    // Whoever ended it may not have got through to it, as to a node that cannot be reached.
    if is_alive(guardian) {
        let _ = kill(Pid::from_raw(guardian.cast_signed()), Signal::SIGKILL);
    }
    python.nothing_left(&[process, guardian]);
    drop(visitor);
}

#[test]
fn what_dies_while_nobody_calls_costs_nothing() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    let mut left = Vec::new();
    for id in 0..3 {
        let (_, process, guardian) = pool.place().soon().unwrap();
        left.extend([process, guardian, python.bridge()]);
        send(Signal::SIGKILL, [process, guardian, python.bridge()][id]);
        eventually("it is missed", || pool.stats().restarts == id as u64 + 1);
        assert_eq!(pool.note(id as u64).soon().unwrap(), id as u64);
    }
    assert_eq!((pool.stats().completed, pool.stats().failed), (6, 0));
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), [0, 1, 2]);
    python.nothing_left(&left);
}

#[test]
fn deaths_at_random_cost_at_most_what_was_sent_and_nothing_runs_twice() {
    const CALLS: u64 = 400;
    const KILLS: u64 = 8;
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let pool = Far::options().max_workers(2).max_queued_tasks(3).ray(python.options()).init(journal.page()).unwrap();
    let mut left = Vec::new();
    let mut calls = Vec::new();
    for kill_number in 0..KILLS {
        // Whose turn it is may die before it says where it is.
        if let Ok((_, process, guardian)) = pool.worker((kill_number % 2) as usize).place().soon() {
            left.extend([process, guardian]);
            calls.extend((0..CALLS / KILLS).map(|at| pool.note(kill_number * CALLS / KILLS + at)));
            let _ =
                kill(Pid::from_raw([process, guardian][(kill_number / 2 % 2) as usize].cast_signed()), Signal::SIGKILL);
        } else {
            calls.extend((0..CALLS / KILLS).map(|at| pool.note(kill_number * CALLS / KILLS + at)));
        }
    }
    let outcomes = all_soon(calls);
    assert_eq!(outcomes.len() as u64, CALLS);
    let mut noted = journal.numbers();
    noted.sort_unstable();
    assert!(noted.windows(2).all(|two| two[0] != two[1]), "something ran twice: {noted:?}");
    let mut failed = 0;
    for (id, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(value) => assert!(value == id && noted.binary_search(&id).is_ok(), "{id} gave {value}"),
            Err(error) => {
                assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed <= 3 * KILLS, "{failed} were lost");
    pool.stop().unwrap();
    python.nothing_left(&left);
}

#[test]
fn a_retry_runs_elsewhere_what_an_actor_took_along() {
    if !has_python() {
        return;
    }
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let retry = Retry::fixed().wait(Duration::from_millis(1));
    let pool = Far::options().ray(python.options()).retry(retry).init(journal.page()).unwrap();
    let (.., guardian) = pool.place().soon().unwrap();
    let stays = pool.stay(0, gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (1..20).map(|id| pool.note(id)).collect();
    send(Signal::SIGKILL, guardian);
    gate.visitor().pass("again");
    assert_eq!(stays.soon().unwrap(), "again");
    assert_eq!(all_ok(behind), (1..20).collect::<Vec<_>>());
    assert_eq!((pool.stats().failed, pool.stats().retried), (0, 3));
    pool.stop().unwrap();
    drop(visitor);
}

#[test]
fn a_driver_that_is_killed_leaves_nothing_behind() {
    if !has_python() {
        return;
    }
    let mut program = Program::start(&mut Command::new(env!("CARGO_BIN_EXE_far")));
    let processes: Vec<u32> = (0..5).map(|_| program.line().parse().unwrap()).collect();
    assert!(processes.iter().all(|&process| is_alive(process)));
    program.kill();
    eventually("nothing is left", || processes.iter().all(|&process| !is_alive(process)));
}

/// What `init` says where the bridge is this and the options are these.
fn refused(python: &Interpreter, change: impl FnOnce(RayOptions) -> RayOptions) -> String {
    let journal = Journal::new();
    let error = Far::options().ray(change(python.options())).init(journal.page()).unwrap_err();
    assert!(matches!(error, Error::Ray { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("Far: "), "{text}");
    text
}

#[test]
fn what_no_node_has_is_refused_at_once_and_both_are_named() {
    if !has_python() {
        return;
    }
    let python = Interpreter::new();
    let text = refused(&python, |ray| ray.num_cpus(1000.0));
    assert!(
        text.contains("asked for {CPU 1000}") && text.contains("{CPU 4,") && text.contains("ask for less"),
        "{text}"
    );
    let text = refused(&python, |ray| ray.resource("flux", 2.0));
    assert!(text.contains("flux 2"), "{text}");
    let text = refused(&python, |ray| ray.strategy(RayStrategy::Node("nowhere".to_owned())));
    assert!(text.contains("on a node with node nowhere"), "{text}");
    let text = refused(&python, |ray| ray.placement_group("nobody's", None));
    assert!(text.contains("nobody's"), "{text}");
    python.nothing_left(&[]);
}

#[test]
fn what_is_taken_is_waited_for_and_then_refused() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let ray = python.options().resource("second", 5.0).place_timeout(Duration::from_millis(1500));
    let error = Far::options().max_workers(2).ray(ray).init(journal.page()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Ray { .. }) && text.contains("within 1.5 s"), "{text}");
    assert!(text.contains("second 5") && text.contains("free are"), "{text}");
    python.nothing_left(&[]);
}

#[test]
fn a_stop_waits_for_who_waits_for_its_place_and_an_abort_does_not() {
    if !has_python() {
        return;
    }
    for aborts in [true, false] {
        let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
        // There is room for one at a time.
        let ray = python.options().resource("second", 5.0);
        let pool = Far::options().on_demand(true).max_workers(2).ray(ray).init(journal.page()).unwrap();
        let other = Interpreter::new();
        let stays = pool.stay(0, gate.door());
        let visitor = gate.visitor();
        let waits = pool.note(1);
        // Nothing tells that Ray was asked. While another pool comes and goes, it was.
        Far::options().ray(other.options()).init(journal.page()).unwrap().stop().unwrap();
        assert_eq!((pool.stats().in_flight, pool.stats().queued), (1, 1));
        let begun = Instant::now();
        if aborts {
            pool.abort().unwrap();
            // Less than half of what it would wait for its place.
            assert!(begun.elapsed() < Duration::from_secs(12), "it took {:?}", begun.elapsed());
            for outcome in [stays.soon().map(drop), waits.soon().map(drop)] {
                assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
            }
            drop(visitor);
        } else {
            thread::scope(|scope| {
                let stops = scope.spawn(|| pool.stop().unwrap());
                visitor.pass("go");
                assert_eq!((stays.soon().unwrap().as_str(), waits.soon().unwrap()), ("go", 1));
                stops.join().unwrap();
            });
        }
        assert_eq!(journal.numbers(), if aborts { vec![0] } else { vec![0, 1] });
        python.nothing_left(&[]);
    }
}

#[test]
fn what_is_not_there_is_named_with_a_remedy() {
    let nobody = Interpreter::new();
    let text = refused(&nobody, |ray| ray.python("/nowhere/python3"));
    assert!(text.contains("/nowhere/python3") && text.contains("CONCURRY_PYTHON"), "{text}");
    // Something that is no bridge: it ends, it talks nonsense.
    let text =
        refused(&Interpreter::script("echo $$ > \"$(dirname \"$0\")/pid\"; echo 'a shell' >&2; exit 7"), |ray| ray);
    assert!(text.contains("exit status: 7") && text.contains("a shell"), "{text}");
    let text = refused(&Interpreter::script("head -c 4096 /dev/zero >&0; exec sleep 1000"), |ray| ray);
    assert!(text.contains("unknown kind 0"), "{text}");
    if !has_python() {
        return;
    }
    // A Python without Ray, and with one that is too old.
    for (module, word) in [("raise ImportError('none here')", "pip install ray"), ("__version__ = '2.9.3'", "too old")]
    {
        let folder = TempDir::new();
        std::fs::create_dir(folder.path().join("ray")).unwrap();
        std::fs::write(folder.path().join("ray/__init__.py"), module).unwrap();
        std::fs::write(folder.path().join("ray/exceptions.py"), "").unwrap();
        let python = Interpreter::with("python3", Some(folder.path()));
        let text = refused(&python, |ray| ray);
        assert!(text.contains(word), "{text}");
        python.nothing_left(&[]);
    }
    // A cluster that is not there.
    let python = Interpreter::new();
    let text = refused(&python, |ray| ray.address("127.0.0.1:1"));
    assert!(text.contains("127.0.0.1:1") && text.contains("is its address right"), "{text}");
    python.nothing_left(&[]);
}

#[test]
fn an_address_has_to_be_said() {
    if std::env::var_os("RAY_ADDRESS").is_some() {
        return;
    }
    let error = Far::options().init(Journal::new().page()).unwrap_err();
    assert!(matches!(error, Error::Config { .. }) && error.to_string().contains("RAY_ADDRESS"), "{error}");
}

#[test]
fn a_node_that_is_removed_costs_what_was_sent_to_its_worker() {
    if !is_real() {
        eprintln!("left out: only a real cluster has nodes that can be removed");
        return;
    }
    let mut cluster = OwnCluster::start();
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    // Near the second node, and elsewhere once that is gone.
    let away = cluster.nodes[1].clone();
    let ray = python.options().address(&*cluster.address).strategy(RayStrategy::NearNode(away.clone()));
    let pool = Far::options().ray(ray).init(journal.page()).unwrap();
    let (node, process, guardian) = pool.place().soon().unwrap();
    assert_eq!(node, away);
    let stays = pool.stay(0, gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (1..20).map(|id| pool.note(id)).collect();
    cluster.order("remove", &away);
    assert!(matches!(stays.soon(), Err(Error::WorkerDied { .. })));
    let outcomes = all_soon(behind);
    let lost = outcomes.iter().take_while(|outcome| outcome.is_err()).count();
    assert_eq!((lost, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (2, 17), "{outcomes:?}");
    assert_ne!(pool.place().soon().unwrap().0, away);
    assert_eq!(pool.stats().restarts, 1);
    pool.stop().unwrap();
    python.nothing_left(&[process, guardian]);
    drop(visitor);
}
