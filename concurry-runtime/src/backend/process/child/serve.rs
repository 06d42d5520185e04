//! Running the worker: its construction, its calls, its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::driver::{Driver, Task};
use super::{Start, Zygote, main_of_built};
use crate::backend::process::sys;
use crate::backend::{Facts, Post, Recipe, dismiss};
use crate::context;
use crate::error::{Error, TimeoutScope};
use crate::executor;
use crate::fault::{self, Point};
use crate::limits::{Holder, Limiting, Limits};
use crate::observe::clock;
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::worker::{RemoteReply, Reply, Wire, Worker};

/// Runs a worker of type `W` until it is told to end.
pub(in crate::backend::process) fn serve<W: Worker>(start: Start, driver: Arc<Driver>) {
    let fail = |error: Error| driver.tell_error(Kind::Failed, 0, &error.at(W::NAME, "new"));
    let (wire, recipe) = match recipe_of::<W>(&start) {
        Ok(recipe) => recipe,
        Err(error) => return fail(error),
    };
    let worker = match recipe.make() {
        Ok(worker) => worker,
        Err(error) => return fail(error),
    };
    run_calls(worker, &wire, &start, &driver, || {
        let clock = recipe.init_timeout.and_then(|limit| driver.bound_rebuild(W::NAME, limit));
        let built = recipe.rebuild();
        drop(clock);
        match built {
            Ok(worker) => Some(worker),
            Err(error) => {
                let why = panics::text_of(&error);
                fail(Error::init_failed(format!("it could not be built anew after a panic: {why}")));
                None
            }
        }
    });
}

/// The life of a zygote: builds a worker of type `W`, and forks those that serve from it. What has panicked once is not
/// used again: such a process ends, and another is forked in its place.
pub(in crate::backend::process) fn preload<W: Worker>(start: Start, zygote: Zygote) -> ! {
    let fail = |zygote: &Zygote, error: Error| -> ! { zygote.refuse(&error.at(W::NAME, "new")) };
    let (wire, recipe) = match recipe_of::<W>(&start) {
        Ok(recipe) => recipe,
        Err(error) => fail(&zygote, error),
    };
    sys::watch_stack(Box::leak(Box::default()));
    let watch = zygote.watch();
    let built = recipe.rebuild();
    // A runtime that was under an asynchronous constructor is not one that processes can share.
    let closed = panics::caught(|| executor::close(true));
    drop(watch);
    let worker = match built.and_then(|worker| closed.map(|()| worker)) {
        Ok(worker) => worker,
        Err(error) => fail(&zygote, error),
    };
    let socket = zygote.fork_workers().unwrap_or_else(|refusal| fail(&refusal.0, refusal.1));
    main_of_built(socket, move |start, driver| {
        if let Err(error) = recipe.hook() {
            return driver.tell_error(Kind::Failed, 0, &error.at(W::NAME, "new"));
        }
        run_calls(worker, &wire, &start, &driver, || {
            driver.tell(Head::plain(Kind::Spent, 0), &[]);
            None
        });
    })
}

/// How a worker is made here, of what its driver said.
fn recipe_of<W: Worker>(start: &Start) -> Result<(Wire<W>, Recipe<W>), Error> {
    let codec = if start.msgpack { Codec::MsgPack } else { Codec::Bincode };
    let Some(wire) = W::wire() else { return Err(Error::unsupported(format!("{} is `local`", W::NAME))) };
    let init = codec::checked_decode(|| (wire.decode_init)(codec, &start.init))
        .map_err(|why| Error::codec(format!("the constructor's arguments {why}")))?;
    let recipe = Recipe::<W> {
        init,
        start_hook: start.hook.map(sys::hook_at),
        init_timeout: start.init_timeout,
        max_calls: None,
        pool_name: Arc::from(start.pool_name.as_str()),
        limiting: Limiting::Off,
    };
    Ok((wire, recipe))
}

/// Takes calls until the worker is told to end, or has panicked and `renew` has no other.
fn run_calls<W: Worker>(
    mut worker: W,
    wire: &Wire<W>,
    start: &Start,
    driver: &Arc<Driver>,
    mut renew: impl FnMut() -> Option<W>,
) {
    let limits = driver.limits().map(|remote| Limits::new(remote.clone(), Holder::worker()));
    let pool_name = Arc::from(start.pool_name.as_str());
    let post = Post::remote(pool_name, start.index, limits.unwrap_or_default(), driver.bell.clone());
    fault::here(Point::Ready);
    driver.tell(Head::plain(Kind::Ready, 0), &[]);
    while let Some(task) = driver.next() {
        let (id, timed) = (task.head.id, task.head.kind == Kind::Timed);
        #[cfg(feature = "ray")]
        let mut task = task;
        #[cfg(feature = "ray")]
        if let Err(error) = driver.compose(&mut task) {
            driver.tell_error(Kind::Error, id, &error);
            continue;
        }
        fault::here(Point::Begin);
        if !driver.begin(&task.head) {
            driver.tell_error(Kind::Error, id, &Error::cancelled());
            continue;
        }
        fault::here(Point::Begun);
        let begun = if timed { clock::now() } else { 0 };
        let (outcome, survivor) = run(worker, wire, task, &post, start.max_message_size);
        fault::here(Point::Done);
        let times = |head: Head| if timed { head.with_times(begun, clock::now().saturating_sub(begun)) } else { head };
        match outcome {
            #[cfg(feature = "ray")]
            Ok(bytes) if start.is_large(&bytes) && driver.leaves(id, &bytes) => {
                driver.tell(times(Head::about(Kind::Kept, id, 0)), &[]);
            }
            Ok(bytes) => driver.tell(times(Head::about(Kind::Value, id, bytes.len())), &bytes),
            Err(error) => driver.tell_error_of(times(Head::about(Kind::Error, id, 0)), &error),
        }
        fault::here(Point::Replied);
        let again = || {
            fault::here(Point::Rebuild);
            renew()
        };
        worker = match survivor.or_else(again) {
            Some(worker) => worker,
            None => return,
        };
    }
    fault::here(Point::Leaving);
    dismiss(worker);
}

/// Runs one call: its answer, and the worker unless the method panicked.
fn run<W: Worker>(
    mut worker: W,
    wire: &Wire<W>,
    task: Task,
    post: &Post,
    most: usize,
) -> (Result<Vec<u8>, Error>, Option<W>) {
    let Task { head, message, cancelled, arrived, .. } = task;
    let decoded = codec::checked_decode(|| (wire.decode)(wire.codec, &message));
    drop(message);
    let message = match decoded {
        Ok(message) => message,
        Err(why) => return (Err(Error::codec(format!("an argument {why}"))), Some(worker)),
    };
    let run = Duration::from_millis(u64::from(head.run_ms));
    let over = (head.run_ms > 0).then(|| Instant::now() + run);
    let after = |since: Instant, ms: u32| (ms > 0).then(|| since + Duration::from_millis(u64::from(ms)));
    let context = post.context(Facts {
        call: cancelled,
        id: head.id,
        attempt: u32::from(head.attempt),
        method: W::METHODS.get(head.method as usize).map_or("", |method| method.name),
        deadline: [after(arrived, head.left_ms), over].into_iter().flatten().min(),
        set: head.set.checked_sub(1),
    });
    let mut reply = RemoteReply { codec: wire.codec, most, outcome: None };
    let entered = context::enter_apart(context);
    let ran = panics::caught(|| {
        let _replied = worker.call(message, &entered, Reply::remote(&mut reply));
    });
    drop(entered);
    match ran {
        Ok(()) => {
            let outcome = reply.outcome.unwrap_or_else(|| Err(Error::codec("the method gave no reply")));
            // The driver's clock for this began a moment later, when it heard of the beginning.
            let late = over.is_some_and(|over| Instant::now() >= over);
            let outcome = if late { Err(Error::timed_out(TimeoutScope::Call, Some(run))) } else { outcome };
            (outcome, Some(worker))
        }
        Err(error) => {
            dismiss(worker);
            (Err(error), None)
        }
    }
}
