//! Runs the `async fn`s of workers whose mode runs one call at a time.
//!
//! Without the feature `tokio` that is a future on this thread, parked while it waits. With it there is a tokio runtime
//! under the future, the thread's own, made when the thread first needs one and kept until the worker ends: what a
//! call has spawned goes on while a later one runs.

#[cfg(feature = "tokio")]
mod home;
mod park;

/// The simplest wait there is, for what needs no runtime.
pub(crate) use park::block_on as wait_for;

/// Why this thread must not run a future to its end: it is inside a runtime that would stand still meanwhile.
pub(crate) fn refusal() -> Option<&'static str> {
    #[cfg(feature = "tokio")]
    return home::refusal();
    #[cfg(not(feature = "tokio"))]
    None
}

/// Runs `future` to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    #[cfg(feature = "tokio")]
    return home::block_on(future);
    #[cfg(not(feature = "tokio"))]
    park::block_on(future)
}

/// The worker of this thread is gone: its runtime goes too, with what was spawned there. `patiently` waits for blocking
/// work that has begun, which cannot be ended.
pub(crate) fn close(patiently: bool) {
    #[cfg(feature = "tokio")]
    home::close(patiently);
    #[cfg(not(feature = "tokio"))]
    let _ = patiently;
}
