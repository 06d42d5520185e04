//! Functions as tasks: odd but legal ones, each called in every way that its type offers.
#![deny(warnings, clippy::all)]

use std::path::Path;

use concurry::prelude::*;
use concurry_ui_tests::MODES;

/// Counts how deep it goes; a call of it in its own body is the plain function.
#[task]
fn depth(n: u64) -> u64 {
    if n == 0 { 0 } else { 1 + depth(n - 1) }
}

#[task]
fn none() -> u64 {
    7
}

#[task(max_workers = 2)]
pub(crate) fn many(a: u64, mut b: Vec<u64>, (c, [d, ..]): (u8, [u8; 2]), text: &str, path: &Path) -> String {
    b.push(a);
    format!("{b:?} {c} {d} {text} {}", path.display())
}

#[task]
fn context_anywhere(a: u64, context: &CallContext, b: u64) -> (u64, String) {
    (a + b, context.method().to_string())
}

#[task]
fn context_owned(#[worker(context)] context: CallContext, x: u64) -> u64 {
    x + u64::from(context.attempt())
}

#[task]
async fn later(x: u64, context: &CallContext) -> Result<u64, String> {
    std::future::ready(()).await;
    if x == 0 { Err(format!("zero at {}", context.attempt())) } else { Box::pin(later(x - 1, context)).await.or(Ok(x)) }
}

#[task(result)]
fn alias(x: u64) -> Parsed {
    if x > 9 { Err("too big".to_owned()) } else { Ok(x) }
}

type Parsed = Result<u64, String>;

#[task(value)]
fn plain(x: u64) -> Result<u64, String> {
    if x > 9 { Err("too big".to_owned()) } else { Ok(x) }
}

#[task]
fn r#match(r#type: u64) -> u64 {
    r#type
}

#[task(local)]
fn run(job: Box<dyn FnOnce(u64) -> u64 + Send>, name: &'static str) -> (u64, &'static str) {
    (job(1), name)
}

#[task]
#[allow(clippy::ptr_arg)]
fn bytes(bytes: Vec<u8>, same: &Vec<u8>, text: &String) -> usize {
    bytes.len() + same.len() + text.len()
}

#[task]
#[cfg(any(unix, windows))]
#[inline]
#[must_use = "of the function"]
fn attributes(#[allow(unused_variables)] x: u64) -> bool {
    true
}

#[task]
#[cfg(any())]
fn missing(x: Missing) -> Missing {
    x
}

#[task]
#[deprecated = "do not"]
fn old(x: u64) -> u64 {
    x
}

mod inner {
    /// Seen by the parent.
    #[concurry::task]
    pub(super) fn visible(x: u64) -> u64 {
        hidden::call(x)
    }

    #[concurry::task]
    fn hidden(x: u64) -> u64 {
        x + 1
    }

    pub fn through() -> concurry::Result<u64> {
        hidden(1).result()
    }
}

macro_rules! tasks {
    ($($name:ident($x:ident: $ty:ty) -> $returns:ty = $body:expr;)*) => {$(
        #[task(mode = "thread")]
        fn $name($x: $ty) -> $returns {
            $body
        }
    )*};
}

tasks! {
    halved(x: u64) -> u64 = x / 2;
    joined(parts: Vec<String>) -> String = parts.concat();
}

#[test]
fn each_is_called_in_every_way() -> concurry::Result<()> {
    assert_eq!(depth(5u64).result()?, 5);
    assert_eq!(depth::call(3), 3);
    assert_eq!(depth::map(0..4).collect::<concurry::Result<Vec<_>>>()?, [0, 1, 2, 3]);
    let mut unordered = depth::map_unordered(0..4).collect::<Vec<_>>();
    unordered.sort_by_key(|(index, _)| *index);
    let unordered: concurry::Result<Vec<_>> = unordered.into_iter().map(|(_, value)| value).collect();
    assert_eq!(unordered?, [0, 1, 2, 3]);
    depth::stop()?;
    assert_eq!(depth(2u64).result()?, 2);
    depth::stop()?;
    for mode in MODES {
        let pool: TaskPool<depth> = depth::options().mode(mode).init()?;
        assert_eq!(pool.submit(4u64).result()?, 4);
        assert_eq!(pool.map(vec![1u64, 2]).collect::<concurry::Result<Vec<_>>>()?, [1, 2]);
        pool.stop()?;
    }
    Ok(())
}

#[test]
fn arguments_and_contexts_arrive() -> concurry::Result<()> {
    assert_eq!(none().result()?, 7);
    assert_eq!(none::call(), 7);
    let shown = many(1u64, [2], (3, [4, 5]), "six", "se/ven").result()?;
    assert_eq!(shown, "[2, 1] 3 4 six se/ven");
    assert_eq!(many::call(1, vec![], (2, [3, 4]), "t", Path::new("p")), "[1] 2 3 t p");
    assert_eq!(context_anywhere(1u64, 2u64).result()?, (3, "context_anywhere".to_owned()));
    assert_eq!(context_anywhere::call(1, 2).0, 3);
    assert_eq!(context_owned(1u64).result()?, 2);
    assert_eq!(r#match(r#match(8u64)).result()?, 8);
    assert_eq!(bytes([1, 2], vec![3u8], "four").result()?, 7);
    let job: Box<dyn FnOnce(u64) -> u64 + Send> = Box::new(|x| x + 4);
    assert_eq!(run(job, "name").result()?, (5, "name"));
    assert!(attributes(1u64).result()?);
    #[expect(deprecated, reason = "the task is")]
    let old = old(3u64);
    assert_eq!(old.result()?, 3);
    Ok(())
}

#[test]
fn results_are_projected() -> concurry::Result<()> {
    assert_eq!(later(2u64).result()?, 1);
    assert!(later(0u64).result().is_err_and(|error| error.to_string().contains("zero at 1")));
    assert_eq!(alias(3u64).result()?, 3);
    assert!(alias(30u64).result().is_err_and(|error| error.to_string().contains("too big")));
    assert_eq!(alias::call(30), Err("too big".to_owned()));
    assert_eq!(plain(30u64).result()?, Err("too big".to_owned()));
    Ok(())
}

#[test]
fn anywhere_a_function_can_be() -> concurry::Result<()> {
    #[task(mode = "process")]
    fn local_process(x: u64) -> (u64, u32) {
        (x, std::process::id())
    }

    fn generic<T>() -> concurry::Result<u64> {
        #[task]
        fn depth(n: u64) -> u64 {
            n * 100
        }
        depth(size_of::<T>() as u64).result()
    }

    let (x, process) = local_process(3u64).result()?;
    assert_eq!(x, 3);
    assert_ne!(process, std::process::id());
    local_process::stop()?;
    assert_eq!(generic::<u8>()?, 100);
    assert_eq!((inner::visible(1u64).result()?, inner::through()?), (2, 2));
    assert_eq!(halved(8u64).result()?, 4);
    assert_eq!(joined(["a".to_owned(), "b".to_owned()]).result()?, "ab");
    Ok(())
}
