//! What comes of the sources together, which method gets which policy, and what is refused.

use std::any::TypeId;
use std::time::Duration;

use super::*;
use crate::balance::LoadBalancing;
use crate::config::Config;
use crate::mode::Mode;
use crate::retry::Policy;

const fn method(name: &'static str, num_retries: Option<u32>, output: fn() -> TypeId) -> Method {
    Method {
        name,
        exclusive: false,
        asynchronous: false,
        said: Attributes { num_retries, ..Attributes::NONE },
        output: Some(output),
    }
}

const METHODS: &[Method] = &[
    method("generate", None, TypeId::of::<String>),
    method("count", Some(5), TypeId::of::<u64>),
    method("pay", Some(0), TypeId::of::<bool>),
];

fn options() -> Options {
    Options {
        worker: "Llm",
        methods: METHODS,
        attributes: Attributes::NONE,
        said: Layer::default(),
        on_worker_start: None,
        retry: None,
        retry_methods: Vec::new(),
        limits: None,
        limits_per_worker: None,
        #[cfg(feature = "ray")]
        ray: RayOptions::default(),
    }
}

/// Resolves what `options` and, as the environment, `variables` say.
fn resolve(options: Options, variables: &[(&str, &str)]) -> Result<Settings> {
    let sources = Sources::said(options.said.clone(), options.attributes.layer(), variables, Config::default());
    options.resolve_with(&sources)
}

fn refused(options: Options, variables: &[(&str, &str)]) -> String {
    match resolve(options, variables) {
        Err(error @ Error::Config { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = options();
    change(&mut options);
    options
}

/// How often each method's calls are tried again.
fn numbers(settings: &Settings) -> [Option<u32>; 3] {
    [0, 1, 2].map(|method| settings.retries.of(method).map(Policy::num_retries))
}

#[test]
fn defaults_are_those_that_are_documented() {
    let settings = resolve(options(), &[]).unwrap();
    assert_eq!((settings.name.as_str(), settings.mode, settings.max_workers), ("Llm", Mode::Thread, 1));
    assert_eq!((settings.max_queued_tasks, settings.window_given), (None, false));
    assert_eq!((settings.load_balancing, settings.on_demand), (LoadBalancing::RoundRobin, false));
    assert_eq!((settings.max_restarts, settings.stop_timeout), (3, Duration::from_secs(30)));
    assert_eq!((settings.timeout, numbers(&settings)), (None, [None, Some(5), None]));
    for (mode, queued) in [(Mode::Process, Some(100)), (Mode::Ray, Some(3)), (Mode::Async, None), (Mode::Sync, None)] {
        let settings = resolve(with(|o| o.said.mode = Some(mode)), &[]).unwrap();
        assert_eq!((settings.max_queued_tasks, settings.window_given), (queued, false), "{mode}");
    }
    let settings = resolve(with(|o| o.said.on_demand = Some(true)), &[]).unwrap();
    let cpus = std::thread::available_parallelism().map_or(1, Into::into);
    assert_eq!((settings.load_balancing, settings.max_workers), (LoadBalancing::Random, cpus));
}

#[test]
fn a_value_that_is_not_allowed_names_its_source_and_what_is() {
    let builder = refused(with(|o| o.said.max_workers = Some(0)), &[]);
    assert_eq!(builder, "Llm: `max_workers` is 0 (from the builder), but it must be a whole number from 1 to 65536");
    let attribute = refused(with(|o| o.attributes.timeout = Some(Duration::ZERO)), &[]);
    assert!(attribute.contains("`timeout` is 0ns (from the attribute)"), "{attribute}");
    let variable = refused(options(), &[("CONCURRY_RAY_MAX_WORKERS", "four")]);
    assert!(variable.starts_with("Llm: CONCURRY_RAY_MAX_WORKERS is `four`, but `max_workers` must be"), "{variable}");
    let queued = refused(with(|o| o.said.max_queued_tasks = Some(0)), &[]);
    assert!(queued.ends_with("leave it out for the mode's default"), "{queued}");
    let many = refused(options(), &[("CONCURRY_MAX_WORKERS", "65537")]);
    assert!(many.starts_with("Llm: CONCURRY_MAX_WORKERS is `65537`") && many.contains("from 1 to 65536"), "{many}");
    let many = refused(with(|o| o.said.max_workers = Some(65_537)), &[]);
    assert!(many.contains("65537 (from the builder)") && many.contains("from 1 to 65536"), "{many}");
    let memory = refused(with(|o| o.said.max_memory = Some(0)), &[("CONCURRY_MODE", "process")]);
    assert!(memory.contains("`max_memory` is 0B (from the builder), but it must be a size"), "{memory}");
    let name = refused(with(|o| o.said.name = Some(String::new())), &[]);
    assert!(name.contains("`name`") && name.contains("not empty"), "{name}");
}

#[test]
fn sync_refuses_what_it_cannot_be_and_names_both_sources() {
    let sync = |o: &mut Options| o.attributes.mode = Some(Mode::Sync);
    let workers = refused(with(sync), &[("CONCURRY_MAX_WORKERS", "8")]);
    for part in ["`max_workers` is 8 (from CONCURRY_MAX_WORKERS)", "mode `sync` (from the attribute)", "exactly 1"] {
        assert!(workers.contains(part), "{part} in {workers}");
    }
    assert_eq!(
        resolve(with(sync), &[("CONCURRY_MAX_WORKERS", "8"), ("CONCURRY_SYNC_MAX_WORKERS", "1")]).unwrap().max_workers,
        1
    );
    let demand = refused(
        with(|o| {
            sync(o);
            o.said.on_demand = Some(true);
        }),
        &[],
    );
    assert!(demand.contains("`on_demand` is true (from the builder)"), "{demand}");
}

#[test]
fn memory_is_bounded_where_a_worker_has_its_own() {
    let bounded = [("CONCURRY_MAX_MEMORY", "512MiB")];
    for mode in ["sync", "thread", "async"] {
        let text = refused(options(), &[bounded[0], ("CONCURRY_MODE", mode)]);
        for part in
            ["`max_memory` is 512MiB (from CONCURRY_MAX_MEMORY)", mode, "(from CONCURRY_MODE)", "mode `process`"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let settings = resolve(options(), &[bounded[0], ("CONCURRY_MODE", "process")]).unwrap();
    assert_eq!(settings.max_memory, Some(512 << 20));
}

#[test]
fn what_is_forked_is_a_process() {
    let preload = ("CONCURRY_PRELOAD", "true");
    for mode in ["sync", "thread", "async"] {
        let text = refused(options(), &[preload, ("CONCURRY_MODE", mode)]);
        for part in ["`preload` is true (from CONCURRY_PRELOAD)", mode, "(from CONCURRY_MODE)", "use mode `process`"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!resolve(options(), &[("CONCURRY_PRELOAD", "false"), ("CONCURRY_MODE", mode)]).unwrap().preload);
    }
    assert!(resolve(options(), &[preload, ("CONCURRY_MODE", "process")]).unwrap().preload);
}

#[test]
fn a_number_of_retries_from_any_source_switches_the_default_policy_on() {
    let env = [("CONCURRY_NUM_RETRIES", "2")];
    assert_eq!(numbers(&resolve(options(), &env).unwrap()), [Some(2), Some(5), None]);
    let attribute = with(|o| o.attributes.num_retries = Some(4));
    assert_eq!(numbers(&resolve(attribute.clone(), &env).unwrap()), [Some(4), Some(5), None]);
    let builder = Options { said: Layer { num_retries: Some(0), ..Layer::default() }, ..attribute };
    assert_eq!(numbers(&resolve(builder, &env).unwrap()), [None, Some(5), None]);
    assert_eq!(numbers(&resolve(options(), &[("CONCURRY_NUM_RETRIES", "0")]).unwrap()), [None, Some(5), None]);
}

#[test]
fn a_policy_of_the_builder_wins_and_methods_keep_their_numbers() {
    let retry = |o: &mut Options| o.set_retry(Retry::fixed());
    let zero = [("CONCURRY_NUM_RETRIES", "0")];
    assert_eq!(numbers(&resolve(with(retry), &zero).unwrap()), [Some(3), Some(5), None]);
    let numbered = with(|o| {
        retry(o);
        o.said.num_retries = Some(7);
    });
    assert_eq!(numbers(&resolve(numbered, &[]).unwrap()), [Some(7), Some(5), None]);
    let own = with(|o| {
        retry(o);
        o.set_retry_method("pay".to_owned(), Retry::fixed().num_retries(9));
        o.set_retry_method("pay".to_owned(), Retry::fixed().num_retries(1));
        o.set_retry_method("count".to_owned(), Retry::fixed().num_retries(0));
    });
    assert_eq!(numbers(&resolve(own, &[]).unwrap()), [Some(3), None, Some(1)]);
}

#[test]
fn a_method_that_does_not_exist_is_refused_with_the_nearest() {
    let text = refused(with(|o| o.set_retry_method("genrate".to_owned(), Retry::fixed())), &[]);
    for part in ["Llm: ", "`genrate`", "did you mean `generate`?", "`count`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let far = refused(with(|o| o.set_retry_method("compute".to_owned(), Retry::fixed())), &[]);
    assert!(far.contains("`compute`") && far.contains("`generate`, `count`, `pay`"), "{far}");
}

#[test]
fn an_until_must_find_a_method() {
    let until = |retry: Retry| retry.until(|reply: &String| !reply.is_empty());
    assert!(resolve(with(|o| o.set_retry(until(Retry::fixed()))), &[]).is_ok());
    let none = refused(with(|o| o.set_retry(Retry::fixed().until(|x: &i8| *x > 0))), &[]);
    assert!(none.contains("`until` of `retry`") && none.contains("`i8`"), "{none}");
    // `pay` is not retried, and `generate` has its own policy: neither is one that the pool's applies to.
    let never = refused(with(|o| o.set_retry(Retry::fixed().until(|x: &bool| *x))), &[]);
    assert!(never.contains("`bool`"), "{never}");
    let taken = with(|o| {
        o.set_retry(until(Retry::fixed()));
        o.set_retry_method("generate".to_owned(), Retry::fixed());
    });
    assert!(refused(taken, &[]).contains("String"));
    assert!(resolve(with(|o| o.set_retry_method("generate".to_owned(), until(Retry::fixed()))), &[]).is_ok());
    let other = refused(with(|o| o.set_retry_method("count".to_owned(), until(Retry::fixed()))), &[]);
    assert!(other.contains("`retry_method` for `count`") && other.contains("String"), "{other}");
    // A method that may return anything may return this.
    const ANY: &[Method] = &[Method { output: None, ..METHODS[0] }];
    let any = |change: fn(&mut Options)| resolve(Options { methods: ANY, ..with(change) }, &[]).is_ok();
    assert!(any(|o| o.set_retry(Retry::fixed().until(|x: &i8| *x > 0))));
    assert!(any(|o| o.set_retry_method("generate".to_owned(), Retry::fixed().until(|x: &i8| *x > 0))));
}

#[test]
fn a_policy_that_cannot_be_is_refused() {
    let jitter = refused(with(|o| o.set_retry(Retry::fixed().jitter(1.5))), &[]);
    assert_eq!(jitter, "Llm: `retry`: its jitter is 1.5, but from 0.0 to 1.0 are allowed");
    let budget = refused(with(|o| o.set_retry_method("pay".to_owned(), Retry::fixed().budget(f64::NAN, 1))), &[]);
    assert!(budget.contains("`retry_method` for `pay`: its budget is NaN"), "{budget}");
}
