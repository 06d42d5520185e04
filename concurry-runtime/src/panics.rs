//! Panics of user code: where they happened and what they said.
//!
//! The place of a panic is known to the panic hook alone, so concurry wraps the hook once: on threads that run user
//! code for it, the hook notes the place before the hook that was there prints as ever.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::error::Error;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Wraps the panic hook, once.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(place) = info.location() {
                let place = place.to_string();
                // A thread that is being torn down has no place to note it; the panic is still reported.
                let _ = PLACE.try_with(|slot| {
                    if let Ok(mut slot) = slot.try_borrow_mut() {
                        *slot = Some(place);
                    }
                });
            }
            before(info);
        }));
    });
}

/// Runs code of the user's; a panic in it is an error that says where and what.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Error> {
    attempt(run).map_err(Panic::into_error)
}

/// What a panic carries.
pub(crate) struct Panic(Box<dyn Any + Send>);

impl Panic {
    /// As an error that says where and what; on the thread where it was caught, before anything else is.
    #[cold]
    pub(crate) fn into_error(self) -> Error {
        let error = error(&*self.0);
        dismiss(self.0);
        error
    }
}

/// As [`caught`], for where a large result would cost something.
#[inline]
pub(crate) fn attempt<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panic)
}

/// As [`caught`], for where the place does not matter: what the panic said.
pub(crate) fn caught_text<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = message(&*payload);
        dismiss(payload);
        text
    })
}

/// Lets go of something of the user's, whose destructor may panic; the panic hook has told the user then.
pub(crate) fn dismiss<T>(value: T) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
    // What it panicked with may panic as it is dropped in its turn. That goes on for ever if it wants to, so here it
    // ends: what is not dropped is leaked.
    if let Err(payload) = dropped
        && let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        std::mem::forget(payload);
    }
}

/// What something of the user's says of itself, even if saying it panics.
pub(crate) fn text_of(what: &dyn Display) -> String {
    caught_text(|| what.to_string()).unwrap_or_else(|why| format!("(its `Display` panicked: {why})"))
}

/// The error for a panic that was just caught on this thread.
fn error(payload: &(dyn Any + Send)) -> Error {
    let place = PLACE.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    let mut message = message(payload);
    message.push_str(remedy(&message));
    Error::panicked(message, place.unwrap_or_default())
}

/// What to do about a panic that says what is missing: a runtime of tokio's, which a build without the feature has not.
fn remedy(message: &str) -> &'static str {
    let missing = cfg!(not(feature = "tokio")) && message.starts_with("there is no reactor running");
    if missing { " (concurry's feature `tokio` runs every `async fn` on such a runtime)" } else { "" }
}

/// What a panic said.
pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_missing_is_told_where_to_be_had() {
        let text = "there is no reactor running, must be called from the context of a Tokio 1.x runtime";
        let error = caught(|| panic!("{text}")).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert_eq!(error.contains("feature `tokio`"), cfg!(not(feature = "tokio")), "{error}");
    }
}
