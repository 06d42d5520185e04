//! Errors keep what they carry, in memory and over the wire.

use super::*;
use crate::wire::codec::{self, Codec};

#[derive(Debug)]
struct Upper(Lower);
#[derive(Debug)]
struct Lower;
impl fmt::Display for Upper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("upper")
    }
}
impl fmt::Display for Lower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lower")
    }
}
impl std::error::Error for Upper {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
impl std::error::Error for Lower {}

fn across(error: &Error) -> Error {
    codec::decode(Codec::Bincode, &codec::encode(Codec::Bincode, error).unwrap()).unwrap()
}

#[test]
fn the_chain_is_searched() {
    let error = Error::failed(Upper(Lower));
    assert!(error.is::<Upper>() && error.is::<Lower>() && !error.is::<io::Error>());
    assert_eq!(error.at("W", "m").to_string(), "W::m failed: upper");
}

#[test]
fn what_cannot_travel_keeps_name_text_and_chain() {
    let error = across(&Error::failed(Upper(Lower)).at("W", "m"));
    let remote = error.downcast_ref::<RemoteError>().unwrap();
    assert_eq!((remote.message.as_str(), remote.sources.as_slice()), ("upper", &["lower".to_owned()][..]));
    assert!(error.is::<Upper>());
    assert!(error.downcast_ref::<Upper>().is_none());
    let source = std::error::Error::source(remote).unwrap();
    assert_eq!(source.to_string(), "lower");
    assert_eq!(error.to_string(), "W::m failed: upper");
}

#[test]
fn every_variant_survives_the_wire() {
    let all = [
        Error::panicked("boom".into(), "a.rs:1:2".into()).at("W", "m").after_attempts(3),
        Error::worker_died("killed").at("W", "m"),
        Error::worker_died(Death { status: "killed".into(), stderr: "one\ntwo".into() }).at("W", "m"),
        Error::init_failed("no").at("W", ""),
        Error::cancelled().at("W", "m"),
        Error::timed_out(TimeoutScope::Call, Some(Duration::from_millis(5))).at("W", "m"),
        Error::timed_out(TimeoutScope::Wait, None),
        Error::stopped().at("W", "m"),
        Error::full(7).at("W", "m"),
        Error::unsupported("u"),
        Error::invalid("i").at("W", "m"),
        Error::codec("c").at("W", "m"),
        Error::limit("l"),
        Error::limit("l").at("W", "m"),
        Error::config("f"),
        Error::Ray { message: "r".into() },
    ];
    for error in &all {
        assert_eq!(format!("{:#}", across(error)), format!("{error:#}"));
        assert_eq!(std::mem::discriminant(&across(error)), std::mem::discriminant(error));
    }
    assert!(all[0].to_string().contains("gave up after 3 attempts"));
    assert_eq!(all[2].to_string(), all[1].to_string());
    assert_eq!(format!("{:#}", all[2]), "W::m: the worker died: killed; it wrote to stderr:\n    one\n    two");
}

#[test]
fn an_own_error_passes_through() {
    assert!(matches!(Error::failed(Error::stopped()), Error::Stopped { .. }));
    assert!(Error::from(io::Error::other("x")).is_transient());
    assert!(!Error::from(io::Error::from(io::ErrorKind::NotFound)).is_transient());
    assert!(!Error::config("x").is_transient());
}

#[test]
fn a_wait_for_something_else_says_in_which_method_it_was() {
    let error = Error::timed_out_waiting("1 of `db`", Some(Duration::from_millis(5)));
    assert_eq!(error.to_string(), "waiting for 1 of `db` timed out after 5ms");
    let error = error.at("W", "m");
    assert_eq!(error.to_string(), "waiting for 1 of `db` in W::m timed out after 5ms");
    assert_eq!(across(&error).at("V", "n").to_string(), error.to_string());
}

#[test]
fn an_error_tells_whose_call_it_was() {
    let stopped = Error::stopped().at("W[1]", "m");
    assert_eq!((stopped.worker(), stopped.method()), (Some("W[1]"), Some("m")));
    let init = Error::init_failed("no").at("W", "new");
    assert_eq!((init.worker(), init.method()), (Some("W"), None));
    let limit = Error::limit("there is no limit `dbs`");
    assert_eq!(limit.to_string(), "there is no limit `dbs`");
    let limit = limit.at("W", "m");
    assert_eq!((limit.worker(), limit.method()), (Some("W"), Some("m")));
    assert_eq!(limit.to_string(), "W::m: there is no limit `dbs`");
    for nobody in [Error::config("x"), Error::limit("x"), Error::unsupported("x"), Error::stopped()] {
        assert_eq!((nobody.worker(), nobody.method()), (None, None), "{nobody:?}");
    }
}

#[test]
fn the_causes_of_an_error_are_shown_where_they_are_asked_for() {
    let error = Error::failed(Upper(Lower)).at("W", "m").after_attempts(2);
    assert_eq!(error.to_string(), "W::m failed: upper (gave up after 2 attempts)");
    for error in [across(&error), error] {
        assert_eq!(format!("{error:#}"), "W::m failed: upper: lower (gave up after 2 attempts)");
    }
    let Error::Failed { source, .. } = Error::failed(Upper(Lower)) else { panic!("it failed") };
    let error = Error::InitFailed { worker: "W".into(), message: "no".to_owned(), source: Some(source) };
    assert_eq!(error.to_string(), "W could not be started: no: upper");
    assert_eq!(format!("{error:#}"), "W could not be started: no: upper: lower");
}

#[test]
fn a_chain_says_everything_once() {
    #[derive(Debug)]
    struct Around(Error);
    impl fmt::Display for Around {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("around")
        }
    }
    impl std::error::Error for Around {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    let inner = Error::failed(Upper(Lower)).at("V", "n");
    let error = Error::failed(Around(inner)).at("W", "m");
    assert_eq!(error.downcast_ref::<Error>().and_then(Error::worker), Some("V"));
    assert!(error.downcast_ref::<Upper>().is_some() && error.downcast_ref::<Lower>().is_some());
    for error in [across(&error), error] {
        assert_eq!(format!("{error:#}"), "W::m failed: around: V::n failed: upper: lower");
        let chain = iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let texts: Vec<_> = chain.map(ToString::to_string).collect();
        assert_eq!(texts, ["W::m failed: around", "V::n failed: upper", "lower"]);
    }
}
