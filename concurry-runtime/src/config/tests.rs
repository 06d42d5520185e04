//! Layers are taken in their order, for the mode before for all, and each value says where it came from.

use std::time::Duration;

use super::environment::Environment;
use super::table::Layer;
use super::*;
use crate::balance::LoadBalancing;

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn workers(count: usize) -> Layer {
    Layer { max_workers: Some(count), ..Layer::default() }
}

#[test]
fn the_strongest_source_holds_and_says_who_it_is() {
    let mode = Some(Mode::Process);
    let everybody = |config: &mut Config, for_mode: usize, for_all: usize| {
        config.mode(Mode::Process).max_workers = Some(for_mode);
        config.mode(Mode::Ray).max_workers = Some(99);
        config.all().max_workers = Some(for_all);
    };
    let variables =
        [("CONCURRY_PROCESS_MAX_WORKERS", "7"), ("CONCURRY_RAY_MAX_WORKERS", "99"), ("CONCURRY_MAX_WORKERS", "8")];
    let mut sources = Sources::said(workers(1), workers(2), &variables, config(|c| everybody(c, 9, 10)));
    sources.scopes = vec![config(|c| everybody(c, 3, 4)).into(), config(|c| everybody(c, 5, 6)).into()];
    // Each step takes the strongest away.
    type Step = (fn(&mut Sources), &'static str);
    let steps: [Step; 11] = [
        (|s| s.builder = Layer::NONE, "the builder"),
        (|s| s.attribute = Layer::NONE, "the attribute"),
        (
            |s| s.scopes = vec![config(|c| c.all().max_workers = Some(4)).into(), s.scopes[1].clone()],
            "config::scoped for mode process",
        ),
        (|s| drop(s.scopes.remove(0)), "config::scoped"),
        (|s| s.scopes = vec![config(|c| c.all().max_workers = Some(6)).into()], "config::scoped for mode process"),
        (|s| s.scopes.clear(), "config::scoped"),
        (
            |s| {
                s.environment =
                    Sources::said(Layer::NONE, Layer::NONE, &[("CONCURRY_MAX_WORKERS", "8")], Config::default())
                        .environment
            },
            "CONCURRY_PROCESS_MAX_WORKERS",
        ),
        (|s| s.environment = Environment::default(), "CONCURRY_MAX_WORKERS"),
        (|s| s.set.mode(Mode::Process).max_workers = None, "config::set for mode process"),
        (|s| s.set.all().max_workers = None, "config::set"),
        (|_| {}, "the default"),
    ];
    for (step, (weaken, origin)) in steps.into_iter().enumerate() {
        let chosen = sources.values(mode).max_workers;
        let expected = if step == 10 { 1 } else { step + 1 };
        assert_eq!((chosen.value, chosen.origin.to_string().as_str()), (Some(expected), origin), "step {step}");
        weaken(&mut sources);
    }
}

#[test]
fn the_mode_decides_which_modes_options_hold() {
    let set = config(|c| {
        c.all().mode = Some(Mode::Process);
        c.mode(Mode::Process).max_workers = Some(8);
        c.mode(Mode::Thread).max_workers = Some(3);
        c.mode(Mode::Thread).load_balancing = Some(LoadBalancing::Shared);
    });
    let values = Sources::said(Layer::NONE, Layer::NONE, &[], set.clone()).checked().unwrap();
    assert_eq!((values.mode.value, values.max_workers.value), (Some(Mode::Process), Some(8)));
    assert_eq!(
        (values.max_queued_tasks.value, values.load_balancing.value),
        (Some(100), Some(LoadBalancing::RoundRobin))
    );
    let values = Sources::said(Layer::NONE, Layer::NONE, &[("CONCURRY_MODE", "thread")], set).checked().unwrap();
    assert_eq!((values.mode.value, values.max_workers.value), (Some(Mode::Thread), Some(3)));
    assert_eq!((values.max_queued_tasks.value, values.load_balancing.value), (None, Some(LoadBalancing::Shared)));
    assert_eq!(values.mode.origin.to_string(), "CONCURRY_MODE");
}

#[test]
fn a_mode_for_one_mode_is_refused_whoever_says_it() {
    let odd = || config(|c| c.mode(Mode::Ray).mode = Some(Mode::Thread));
    let set = Sources::said(Layer::NONE, Layer::NONE, &[], odd());
    let mut scoped = Sources::default();
    scoped.scopes.push(odd().into());
    for (sources, origin) in [(set, "config::set"), (scoped, "config::scoped")] {
        let why = sources.checked().unwrap_err();
        assert!(why.contains("`ray`") && why.contains(origin) && why.contains("c.all().mode"), "{why}");
    }
}

#[test]
fn values_that_are_not_allowed_name_scoped_and_set() {
    let zero = || config(|c| c.mode(Mode::Thread).max_workers = Some(0));
    let set = Sources::said(Layer::NONE, Layer::NONE, &[], zero());
    assert!(set.checked().unwrap_err().contains("0 (from config::set for mode thread), but it must be"));
    let mut scoped = Sources::default();
    scoped.scopes.push(zero().into());
    assert!(scoped.checked().unwrap_err().contains("0 (from config::scoped for mode thread)"));
    // A stronger source that is right does not let it be asked for.
    scoped.builder = workers(2);
    assert_eq!(scoped.checked().unwrap().max_workers.value, Some(2));
}

#[test]
fn set_keeps_what_others_set_meanwhile_and_can_take_back() {
    let store = Mutex::new(Config::default());
    change_in(&store, |c| {
        // Somebody else, who comes first.
        change_in(&store, |c| c.all().max_restarts = Some(9));
        c.all().max_workers = Some(2);
        c.mode(Mode::Ray).name = Some("far".to_owned());
    });
    let expected = config(|c| {
        c.all().max_restarts = Some(9);
        c.all().max_workers = Some(2);
        c.mode(Mode::Ray).name = Some("far".to_owned());
    });
    assert_eq!(*locked(&store), expected);
    change_in(&store, |c| {
        assert_eq!(c.all().max_workers, Some(2));
        c.all().max_workers = None;
    });
    let now = locked(&store).clone();
    assert_eq!((now.all.max_workers, now.all.max_restarts), (None, Some(9)));
    let panicked = std::panic::catch_unwind(|| {
        change_in(&store, |c| {
            c.all().max_restarts = Some(1);
            panic!("on purpose");
        });
    });
    assert!(panicked.is_err());
    assert_eq!(locked(&store).all.max_restarts, Some(9));
}

#[test]
fn effective_shows_every_option_its_value_and_its_origin() {
    let variables = [("CONCURRY_PROCESS_MAX_WORKERS", "8"), ("CONCURRY_TIMEOUT", "2m"), ("CONCURRY_HOME", "/x")];
    let set = config(|c| c.all().load_balancing = Some(LoadBalancing::LeastActive));
    let sources = Sources::said(Layer::NONE, Layer::NONE, &variables, set);
    let effective = Effective::of(Mode::Process, &sources);
    assert_eq!((effective.of_mode(), effective.mode()), (Mode::Process, Some(Mode::Thread)));
    assert_eq!((effective.max_workers(), effective.max_queued_tasks()), (Some(8), Some(100)));
    assert_eq!((effective.timeout(), effective.name()), (Some(Duration::from_secs(120)), None));
    assert_eq!(effective.origin("load_balancing"), Some(Origin::Set { mode: None }));
    assert_eq!(effective.origin("max_restarts"), Some(Origin::Default));
    assert_eq!(effective.origin("no_option"), None);
    let expected = "\
options of a pool in mode `process`:
  mode                  thread             the default
  max_workers           8                  CONCURRY_PROCESS_MAX_WORKERS
  max_queued_tasks      100                the default
  load_balancing        least_active       config::set
  on_demand             false              the default
  max_restarts          3                  the default
  restart_window        60s                the default
  restart_backoff       100ms              the default
  max_calls_per_worker  unbounded          the default
  max_memory            unbounded          the default
  max_message_size      2GiB               the default
  init_timeout          none               the default
  max_pending           unbounded          the default
  on_full               reject             the default
  stop_timeout          30s                the default
  capture_stderr        true               the default
  forward_logs          false              the default
  preload               false              the default
  timeout               120s               CONCURRY_TIMEOUT
  run_timeout           none               the default
  num_retries           none               the default
  name                  the worker's type  the default
  ignored: CONCURRY_HOME";
    assert_eq!(effective.to_string(), expected);
    let names: Vec<&str> = effective.settings().iter().map(|setting| setting.name).collect();
    let table: Vec<&str> = concurry_options::TABLE.iter().map(|entry| entry.name).collect();
    assert_eq!(names, table);
}

#[test]
fn effective_shows_what_is_wrong() {
    let set = config(|c| c.all().max_queued_tasks = Some(0));
    let effective =
        Effective::of(Mode::Thread, &Sources::said(Layer::NONE, Layer::NONE, &[("CONCURRY_MODE", "x")], set));
    assert_eq!(effective.problems().len(), 2);
    let text = effective.to_string();
    assert!(text.contains("\n  wrong: CONCURRY_MODE is `x`") && text.contains("0 (from config::set)"), "{text}");
}
