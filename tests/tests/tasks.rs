//! A function is a task: called as it is it runs in a pool of its own, which starts with the first call and anew after
//! a stop; further pools of it run in every mode.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, apart, eventually, is_alive, modes};

mod kinds {
    //! Tasks of every kind of signature.

    use concurry::prelude::*;

    #[task]
    pub(crate) fn nothing() -> u32 {
        7
    }

    #[task]
    pub(crate) fn one(x: u64) -> u64 {
        x * x
    }

    #[task]
    pub(crate) fn several(mut list: Vec<u64>, (a, b): (u64, u64), text: &str, of: &[String], bytes: Vec<u8>) -> String {
        list.push(a + b);
        format!("{list:?} {text} {} {}", of.join("+"), bytes.len())
    }

    #[task]
    pub(crate) fn parsed(text: &str) -> Result<u64, std::num::ParseIntError> {
        text.parse()
    }

    #[task]
    pub(crate) async fn later(x: u64) -> std::io::Result<u64> {
        std::future::ready(()).await;
        if x == 0 { Err(std::io::Error::other("zero")) } else { Ok(x + 1) }
    }

    #[task(name = "pool of context")]
    pub(crate) fn context(context: &CallContext, x: u64) -> (u64, u32, usize, String, String) {
        let (index, attempt) = (context.worker_index(), context.attempt());
        (x, attempt, index, context.pool_name().to_owned(), context.method().to_owned())
    }

    #[task(num_retries = 2)]
    pub(crate) fn third(context: &CallContext, page: Vec<concurry_tests::Page>) -> Result<u32, String> {
        page[0].note(context.attempt());
        if context.attempt() < 3 { Err("again".to_owned()) } else { Ok(context.attempt()) }
    }

    #[task]
    pub(crate) fn way(way: concurry_tests::Way) -> u64 {
        way.go()
    }
}

#[test]
fn every_kind_of_function_runs_in_every_mode() {
    use kinds::{context, later, nothing, one, parsed, several};
    for mode in modes() {
        let pool = nothing::options().mode(mode).init().unwrap();
        assert_eq!(pool.submit(()).soon().unwrap(), 7, "{mode}");

        let pool: TaskPool<one> = one::options().mode(mode).init().unwrap();
        assert_eq!(pool.submit(4).soon().unwrap(), 16, "{mode}");
        assert_eq!(pool.submit(pool.submit(pool.submit(2))).soon().unwrap(), 256, "{mode}");

        let pool = several::options().mode(mode).init().unwrap();
        let of = ["x".to_owned(), "y".to_owned()];
        let expected = "[1, 5] t x+y 3";
        let args = (TaskFuture::ready(vec![1]), (2, 3), "t", of.clone(), [9, 9, 9]);
        assert_eq!(pool.submit(args).soon().unwrap(), expected, "{mode}");
        let whole = TaskFuture::ready((vec![1], (2, 3), "t".to_owned(), of.to_vec(), vec![9, 9, 9]));
        assert_eq!(pool.submit(whole).soon().unwrap(), expected, "{mode}");

        let pool = parsed::options().mode(mode).init().unwrap();
        let lent = "17".to_owned();
        assert_eq!(all_ok([pool.submit("16"), pool.submit(&lent), pool.submit(lent)]), [16, 17, 17], "{mode}");
        let error = pool.submit("seventeen").soon().unwrap_err();
        assert!(error.is::<std::num::ParseIntError>(), "{mode}: {error:?}");
        assert!(error.to_string().starts_with("parsed failed: "), "{mode}: {error}");

        let pool = later::options().mode(mode).init().unwrap();
        assert_eq!(pool.submit(1).soon().unwrap(), 2, "{mode}");
        assert!(pool.submit(0).soon().unwrap_err().is::<std::io::Error>(), "{mode}");

        let pool = context::options().mode(mode).init().unwrap();
        let expected = (3, 1, 0, "pool of context".to_owned(), "context".to_owned());
        assert_eq!(pool.submit(3).soon().unwrap(), expected, "{mode}");
    }
}

#[test]
fn the_plain_function_is_there() {
    assert_eq!(kinds::one::call(4), 16);
    assert_eq!(
        kinds::parsed::call("x").map_err(|error| error.to_string()),
        Err("invalid digit found in string".into())
    );
    assert_eq!(kinds::context::call(3), (3, 1, 0, String::new(), String::new()));
    assert_eq!(kinds::several::call(vec![], (1, 2), "t", &[], vec![]), "[3] t  0");
}

#[test]
fn the_stub_takes_futures_and_what_can_stand_for_an_argument() {
    let text = kinds::several([1, 2], TaskFuture::ready((3, 4)), "t", &["x".to_owned()], [1, 2, 3]);
    assert_eq!(text.soon().unwrap(), "[1, 2, 7] t x 3");
    let failed = kinds::one(kinds::parsed("x")).soon().unwrap_err();
    assert!(failed.is::<std::num::ParseIntError>(), "{failed:?}");
}

#[task(mode = "thread")]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[test]
fn a_call_in_its_own_body_is_the_plain_function() {
    // On one worker, calls through the pool would wait for themselves for ever.
    assert_eq!(fibonacci(15).soon().unwrap(), 610);
}

#[task(mode = "process")]
fn pid_of_process() -> u32 {
    std::process::id()
}

#[test]
fn a_process_pool_starts_with_the_first_call_and_anew_after_a_stop() {
    pid_of_process::stop().unwrap();
    let first = pid_of_process().soon().unwrap();
    assert_ne!(first, std::process::id());
    assert_eq!(pid_of_process().soon().unwrap(), first);
    pid_of_process::stop().unwrap();
    assert!(!is_alive(first));
    pid_of_process::stop().unwrap();
    let second = pid_of_process().soon().unwrap();
    assert_ne!(second, first);
    pid_of_process::stop().unwrap();
    assert!(!is_alive(second));
}

#[task(mode = "thread", max_workers = 2)]
fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn threads_that_race_for_the_first_call_start_one_pool() {
    #[task(mode = "thread")]
    fn worker() -> String {
        format!("{:?}", thread::current().id())
    }
    for _ in 0..50 {
        let start = Barrier::new(8);
        let threads: Vec<String> = thread::scope(|scope| {
            let racer = || {
                start.wait();
                worker().soon().unwrap()
            };
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(racer)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert!(threads.iter().all(|thread| *thread == threads[0]), "{threads:?}");
        worker::stop().unwrap();
    }
}

#[test]
fn its_own_pool_has_the_options_of_the_attribute() {
    let names = all_ok((0..4).map(|_| thread_name()));
    assert_eq!(names, ["thread_name-0", "thread_name-1", "thread_name-0", "thread_name-1"]);
}

/// Calls `submit` from three threads while a fourth stops the pool again and again; how many calls there were.
fn race_with_stop(rounds: u64, submit: impl Fn(u64) -> TaskFuture<u64> + Sync, stop: impl Fn() + Sync) -> u64 {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopper = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                stop();
                thread::yield_now();
            }
        });
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for number in 0..rounds {
                        assert_eq!(submit(number).soon().unwrap(), number + 1);
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = callers.into_iter().map(|caller| caller.join()).collect();
        done.store(true, Ordering::Release);
        stopper.join().unwrap();
        assert!(outcomes.iter().all(Result::is_ok));
    });
    3 * rounds
}

#[test]
fn calls_that_race_with_a_stop_are_run_once_each() {
    static RAN: AtomicU64 = AtomicU64::new(0);

    #[task(mode = "thread", max_workers = 2)]
    fn counted(x: u64) -> u64 {
        RAN.fetch_add(1, Ordering::Relaxed);
        x + 1
    }

    #[task(mode = "process")]
    fn noted(page: &Page, x: u64) -> u64 {
        page.note(x);
        x + 1
    }

    let calls = race_with_stop(2_000, counted, || counted::stop().unwrap());
    assert_eq!(RAN.load(Ordering::Relaxed), calls);

    let journal = Journal::new();
    let calls = race_with_stop(20, |x| noted(journal.page(), x), || noted::stop().unwrap());
    assert_eq!(journal.lines().len() as u64, calls);
    noted::stop().unwrap();
}

#[test]
fn a_stop_lets_accepted_calls_finish_while_later_ones_go_to_another_pool() {
    #[task(mode = "process")]
    fn stays(door: Door, page: Page, number: usize) -> u32 {
        door.knock();
        page.note(number);
        std::process::id()
    }

    let (gate, journal) = (Gate::new(), Journal::new());
    let mut calls = vec![stays(gate.door(), journal.page(), 0)];
    let first = gate.visitor();
    let first_pid = first.pid;
    thread::scope(|scope| {
        let stop = scope.spawn(|| {
            stays::stop().unwrap();
            journal.numbers()
        });
        // Until the stop has begun they queue behind the first; then one comes to the gate from another process.
        eventually("a call went to another pool", || {
            calls.push(stays(gate.door(), journal.page(), calls.len()));
            gate.has_visitor()
        });
        let other = gate.visitor();
        assert_ne!(other.pid, first_pid);
        assert!(!stop.is_finished());
        drop((first, other, gate));
        let noted = stop.join().unwrap();
        let pids = all_ok(calls);
        let accepted: Vec<_> = (0..pids.len()).filter(|&number| pids[number] == first_pid).collect();
        assert!(!accepted.is_empty() && accepted.len() < pids.len());
        assert!(accepted.iter().all(|&number| noted.contains(&(number as u64))), "{accepted:?} but {noted:?}");
        assert_eq!(journal.numbers().len(), pids.len());
    });
    stays::stop().unwrap();
}

#[task(mode = "sync")]
fn here(x: u64) -> (u64, String) {
    (x, format!("{:?}", thread::current().id()))
}

#[test]
fn in_mode_sync_each_thread_that_calls_has_its_own() {
    let me = format!("{:?}", thread::current().id());
    let future = here(1);
    assert!(future.is_done());
    assert_eq!(future.soon().unwrap(), (1, me.clone()));
    for _ in 0..3 {
        thread::spawn(|| {
            let other = format!("{:?}", thread::current().id());
            assert_eq!(here(2).soon().unwrap(), (2, other.clone()));
            here::stop().unwrap();
            assert_eq!(here(3).soon().unwrap(), (3, other));
        })
        .join()
        .unwrap();
        // Stopped from over there, it starts here again.
        assert_eq!(here(4).soon().unwrap(), (4, me.clone()));
    }
    assert_eq!(here::map(0..3).map(|result| result.unwrap().0).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_pool_that_cannot_be_made_is_what_the_call_comes_to() {
    // It is not built, or nobody has said where the cluster is.
    let refused = |error: &Error| matches!(error, Error::Unsupported { .. } | Error::Config { .. });
    #[task(mode = "ray")]
    fn far(x: u64) -> u64 {
        x
    }
    for _ in 0..2 {
        let error = far(1).soon().unwrap_err();
        assert!(refused(&error), "{error:?}");
        assert!(error.to_string().contains("far") && error.to_string().contains("ray"), "{error}");
    }
    assert!(far::map(0..2).all(|result| result.is_err_and(|error| refused(&error))));
    far::stop().unwrap();
}

#[test]
fn panics_and_deaths_name_the_task_once_and_cost_one_call() {
    for mode in modes() {
        let pool = kinds::way::options().mode(mode).init().unwrap();
        let error = pool.submit(Way::Panic).soon().unwrap_err();
        assert!(matches!(error, Error::Panicked { .. }), "{mode}: {error:?}");
        assert!(error.to_string().starts_with("way panicked at "), "{mode}: {error}");
        pool.stop().unwrap();
        assert!(matches!(pool.submit(Way::Panic).soon(), Err(Error::Stopped { .. })), "{mode}");
    }
    let pool = kinds::way::options().mode(Mode::Process).init().unwrap();
    let error = pool.submit(Way::Kill).soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    assert!(error.to_string().starts_with("way[0]: the worker died: killed by signal 9"), "{error}");
}

#[test]
fn a_local_task_takes_and_gives_anything_and_stays_in_this_process() {
    type Measure = Box<dyn Fn(&str) -> usize + Send>;

    #[task(local)]
    fn measured(text: &'static str, by: Measure) -> Box<dyn Fn() -> usize + Send> {
        Box::new(move || 10 * by(text))
    }

    let by = || -> Measure { Box::new(str::len) };
    assert_eq!(measured("abc", by()).soon().unwrap()(), 30);
    for mode in [Mode::Sync, Mode::Thread] {
        let pool = measured::options().mode(mode).init().unwrap();
        assert_eq!(pool.submit(("ab", by())).soon().unwrap()(), 20, "{mode}");
        let all: usize = pool.map([("a", by()), ("", by())]).map(|result| result.unwrap()()).sum();
        assert_eq!(all, 10, "{mode}");
    }
    let error = measured::options().mode(Mode::Process).init().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("local"), "{error:?}");
}

#[test]
fn a_call_of_a_task_is_tried_again_as_its_options_say() {
    let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
    for mode in modes() {
        let journal = Journal::new();
        let pool = kinds::third::options().mode(mode).retry(retry.clone()).init().unwrap();
        assert_eq!(pool.submit([journal.page()].to_vec()).soon().unwrap(), 3, "{mode}");
        assert_eq!(journal.numbers(), [1, 2, 3], "{mode}");
        let pool = kinds::third::options().mode(mode).retry(Retry::fixed().num_retries(0)).init().unwrap();
        assert!(pool.submit(vec![journal.page()]).soon().is_err(), "{mode}");
        assert_eq!(journal.numbers(), [1, 2, 3, 1], "{mode}");
    }
}

#[test]
fn a_pool_of_a_task_is_a_pool() {
    for mode in apart() {
        let pool = kinds::context::options().mode(mode).max_workers(3).name("three").init().unwrap();
        let indices = all_ok(pool.broadcast(|worker| worker.submit(1)));
        assert_eq!(indices.iter().map(|context| context.2).collect::<Vec<_>>(), [0, 1, 2], "{mode}");
        assert_eq!(pool.worker(2).submit(5).soon().unwrap().2, 2, "{mode}");
        assert!(matches!(pool.worker(3).submit(5).soon(), Err(Error::Invalid { .. })), "{mode}");
        pool.wait_idle();
        let stats = pool.pool().stats();
        assert_eq!((stats.completed, stats.failed, stats.name.as_str()), (4, 0, "three"), "{mode}");
        let other = pool.clone();
        pool.stop().unwrap();
        assert!(other.is_stopped());
        assert!(format!("{other:?}").contains("three"));
    }
}

#[task(mode = "process", on_demand = true, max_workers = 2)]
fn fresh_pid() -> u32 {
    std::process::id()
}

#[test]
fn on_demand_each_call_has_a_worker_of_its_own() {
    let mut pids = all_ok((0..6).map(|_| fresh_pid()));
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 6);
    fresh_pid::stop().unwrap();
    assert!(pids.into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn a_task_can_stop_its_own_pool() {
    #[task(mode = "thread")]
    fn quits() -> bool {
        quits::stop().is_ok()
    }
    #[task(mode = "sync")]
    fn quits_here() -> bool {
        quits_here::stop().is_ok()
    }
    for _ in 0..3 {
        assert!(quits().soon().unwrap());
        assert!(quits_here().soon().unwrap());
    }
    quits::stop().unwrap();
}

#[test]
fn a_task_in_a_process_may_call_another_whose_workers_end_with_it() {
    #[task(mode = "process")]
    fn inner(x: u64) -> (u64, u32) {
        (x + 1, std::process::id())
    }
    #[task(mode = "process")]
    fn outer(x: u64) -> concurry::Result<(u64, u32, u32)> {
        let (y, pid) = inner(x).result()?;
        Ok((y + 1, pid, std::process::id()))
    }
    let (y, inner_pid, outer_pid) = outer(1).soon().unwrap();
    assert_eq!(y, 3);
    assert!(inner_pid != outer_pid && outer_pid != std::process::id());
    outer::stop().unwrap();
    assert!(!is_alive(outer_pid));
    eventually("the inner worker has ended with the outer one", || !is_alive(inner_pid));
}
