//! A task's pool that cannot start is an error of the call that wanted it, and the next call tries again. This is alone
//! in its program, since it takes away what every other test needs.

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, all_soon, census};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[task(mode = "process")]
fn square(x: u64) -> u64 {
    x * x
}

#[test]
fn the_next_call_tries_again() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let before = census();
    setrlimit(Resource::RLIMIT_NOFILE, before.files as u64, hard).unwrap();
    let error = square(3).soon().unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    assert!(error.to_string().starts_with("square could not be started: "), "{error}");
    let results: Vec<_> = square::map(0..3).collect();
    assert!(results.iter().all(|result| matches!(result, Err(Error::InitFailed { .. }))), "{results:?}");
    // Many at once all get the error: who waited for the start tries it again.
    let futures = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|x| scope.spawn(move || square(x))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(all_soon(futures).iter().all(|result| matches!(result, Err(Error::InitFailed { .. }))));
    square::stop().unwrap();

    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert_eq!(census(), before);
    assert_eq!(square(3).soon().unwrap(), 9);
    square::stop().unwrap();
    assert_eq!(census(), before);
}
