//! Which worker gets a call: six ways, a pinned one, and all of them.

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{BALANCING, Door, Gate, Soon, all_ok, apart, eventually_is, modes};

#[derive(Default)]
struct Teller {
    calls: u64,
}

#[worker]
impl Teller {
    pub fn who(&mut self, ctx: &CallContext) -> usize {
        self.calls += 1;
        ctx.worker_index()
    }

    pub fn stay(&self, ctx: &CallContext, door: Door) -> usize {
        door.knock_with(&ctx.worker_index().to_string());
        ctx.worker_index()
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }
}

fn pool(mode: Mode, workers: usize, load_balancing: LoadBalancing) -> TellerClient {
    Teller::options().mode(mode).max_workers(workers).load_balancing(load_balancing).init().unwrap()
}

fn given(pool: &TellerClient) -> Vec<u64> {
    pool.stats().workers.iter().map(|worker| worker.dispatched).collect()
}

#[test]
fn round_robin_goes_in_turn() {
    for mode in apart() {
        let pool = pool(mode, 3, LoadBalancing::RoundRobin);
        let who = all_ok((0..7).map(|_| pool.who()));
        assert_eq!(who, [0, 1, 2, 0, 1, 2, 0], "{mode}");
        assert_eq!(given(&pool), [3, 2, 2]);
        pool.stop().unwrap();
    }
}

#[test]
fn least_active_avoids_the_busy_and_breaks_ties_in_turn() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = pool(mode, 3, LoadBalancing::LeastActive);
        let stays = [pool.worker(0).stay(gate.door()), pool.worker(2).stay(gate.door())];
        let visitors = [gate.visitor(), gate.visitor()];
        // 1 is the only idle one, however many come one after the other.
        for _ in 0..5 {
            assert_eq!(pool.who().soon().unwrap(), 1, "{mode}");
        }
        drop(visitors);
        all_ok(stays);
        // All are idle: each in turn, whoever begins.
        let mut order: Vec<_> = (0..6).map(|_| pool.who().soon().unwrap()).collect();
        let begins = order[0];
        assert_eq!(order, (0..6).map(|step| (begins + step) % 3).collect::<Vec<_>>(), "{mode}");
        order.sort_unstable();
        assert_eq!(order, [0, 0, 1, 1, 2, 2]);
        pool.stop().unwrap();
    }
}

#[test]
fn least_active_counts_what_waits_in_queues() {
    for mode in apart() {
        let gate = Gate::new();
        let options = Teller::options().mode(mode).max_workers(2).max_queued_tasks(1);
        let pool = options.load_balancing(LoadBalancing::LeastActive).init().unwrap();
        let stays = pool.broadcast(|worker| worker.stay(gate.door()));
        let visitors = [gate.visitor(), gate.visitor()];
        let for_0: Vec<_> = (0..4).map(|_| pool.worker(0).who()).collect();
        let rest: Vec<_> = (0..4).map(|_| pool.who()).collect();
        assert_eq!(given(&pool), [5, 5], "{mode}");
        drop(visitors);
        all_ok(stays);
        assert_eq!(all_ok(for_0), [0; 4]);
        assert_eq!(all_ok(rest), [1; 4]);
        pool.stop().unwrap();
    }
}

#[test]
fn least_total_evens_out_what_was_given() {
    for mode in apart() {
        let pool = pool(mode, 3, LoadBalancing::LeastTotal);
        for _ in 0..6 {
            pool.worker(0).who().soon().unwrap();
        }
        let rest = all_ok((0..12).map(|_| pool.who()));
        assert!(!rest.contains(&0), "{mode}: {rest:?}");
        assert_eq!(given(&pool), [6, 6, 6], "{mode}");
        all_ok((0..30).map(|_| pool.who()));
        assert_eq!(given(&pool), [16, 16, 16], "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn random_reaches_every_worker_about_equally() {
    for mode in apart() {
        let pool = pool(mode, 3, LoadBalancing::Random);
        all_ok((0..600).map(|_| pool.who()));
        let given = given(&pool);
        assert_eq!(given.iter().sum::<u64>(), 600);
        // The odds of a share outside of this are below one in a million: 200 expected, a deviation of 11.5.
        assert!(given.iter().all(|share| (135..=265).contains(share)), "{mode}: {given:?}");
        pool.stop().unwrap();
    }
}

#[test]
fn power_of_two_takes_the_less_loaded_of_two() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = pool(mode, 2, LoadBalancing::PowerOfTwo);
        let stays = pool.broadcast(|worker| worker.stay(gate.door()));
        let visitors = [gate.visitor(), gate.visitor()];
        // Nothing ends meanwhile, so loads only grow; of two workers both are drawn, and the shorter queue wins.
        let futures: Vec<_> = (0..400).map(|_| pool.who()).collect();
        assert_eq!(given(&pool), [201, 201], "{mode}");
        drop(visitors);
        all_ok(stays);
        all_ok(futures);
        pool.stop().unwrap();
    }
}

#[test]
fn a_shared_queue_gives_a_call_to_whoever_is_free() {
    for mode in apart() {
        let gate = Gate::new();
        let mut options = Teller::options().mode(mode).max_workers(3).load_balancing(LoadBalancing::Shared);
        if mode == Mode::Async {
            // An event loop is always free, unless it is told how much it may have.
            options = options.max_queued_tasks(1);
        }
        let pool = options.init().unwrap();
        let stays: Vec<_> = (0..3).map(|_| pool.stay(gate.door())).collect();
        let mut visitors = [gate.visitor(), gate.visitor(), gate.visitor()];
        visitors.sort_by(|one, other| one.word.cmp(&other.word));
        let [zero, one, two] = visitors;
        assert_eq!((&*zero.word, &*one.word, &*two.word), ("0", "1", "2"));
        let waiting: Vec<_> = (0..9).map(|_| pool.who()).collect();
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.in_flight), (9, 3), "{mode}: none is sent ahead");
        // Worker 1 alone is free, so it gets all of them.
        one.pass("");
        assert_eq!(all_ok(waiting), [1; 9], "{mode}");
        drop((zero, two));
        let mut held = all_ok(stays);
        held.sort_unstable();
        assert_eq!(held, [0, 1, 2]);
        assert_eq!(given(&pool), [1, 10, 1], "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_shared_queue_sends_ahead_as_many_as_it_is_told_to() {
    for mode in apart() {
        let gate = Gate::new();
        let options = Teller::options().mode(mode).max_workers(2).max_queued_tasks(3);
        let pool = options.load_balancing(LoadBalancing::Shared).init().unwrap();
        let [zero_stays, one_stays] = [pool.worker(0).stay(gate.door()), pool.worker(1).stay(gate.door())];
        let mut visitors = [gate.visitor(), gate.visitor()];
        visitors.sort_by(|one, other| one.word.cmp(&other.word));
        let futures: Vec<_> = (0..10).map(|_| pool.who()).collect();
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.in_flight), (6, 6), "{mode}");
        // What worker 0 holds besides the call that it runs is two, so worker 1 gets to do the other eight.
        let [zero, one] = visitors;
        one.pass("");
        assert_eq!(one_stays.soon().unwrap(), 1);
        eventually_is("what is done", 9, || pool.stats().completed);
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.in_flight, stats.workers[0].in_flight), (0, 3, 3), "{mode}");
        zero.pass("");
        assert_eq!(zero_stays.soon().unwrap(), 0);
        let who = all_ok(futures);
        assert_eq!(who.iter().filter(|&&who| who == 0).count(), 2, "{mode}: {who:?}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_pinned_client_calls_its_worker_whatever_the_balancing() {
    for mode in apart() {
        for balancing in BALANCING {
            let pool = pool(mode, 3, balancing);
            let pinned = pool.worker(2).worker(1);
            let who = all_ok((0..5).map(|_| pinned.who()));
            assert_eq!(who, [1; 5], "{mode} {balancing}");
            assert_eq!(given(&pool), [0, 5, 0], "{mode} {balancing}");
            pool.stop().unwrap();
        }
    }
}

#[test]
fn broadcast_calls_every_worker_once_and_answers_in_their_order() {
    for mode in modes() {
        for balancing in BALANCING {
            let workers = if mode == Mode::Sync { 1 } else { 4 };
            let pool = pool(mode, workers, balancing);
            for round in 1..=3 {
                let who = all_ok(pool.broadcast(|worker| worker.who()));
                assert_eq!(who, (0..workers).collect::<Vec<_>>(), "{mode} {balancing}");
                let calls = all_ok(pool.broadcast(TellerClient::calls));
                assert_eq!(calls, vec![round; workers], "{mode} {balancing}");
            }
            pool.stop().unwrap();
        }
    }
}

#[test]
fn a_worker_that_is_not_there_is_an_error_of_the_call() {
    for mode in modes() {
        let pool = pool(mode, 1, LoadBalancing::RoundRobin);
        for index in [1, 2, usize::MAX - 1] {
            let error = pool.worker(index).who().soon().unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{mode} {index}: {error:?}");
            let text = error.to_string();
            assert!(text.contains("Teller::who") && text.contains(&index.to_string()), "{text}");
        }
        // Nothing else is the worse for it.
        assert_eq!(pool.worker(0).who().soon().unwrap(), 0);
        pool.stop().unwrap();
        assert_eq!(pool.stats().completed, 1);
    }
}

#[test]
fn the_largest_index_is_no_exception() {
    let pool = pool(Mode::Thread, 2, LoadBalancing::RoundRobin);
    assert!(matches!(pool.worker(usize::MAX).who().soon(), Err(Error::Invalid { .. })));
    pool.stop().unwrap();
}
