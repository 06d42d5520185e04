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
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let error = error(&*payload);
        dismiss(payload);
        error
    })
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
    Error::panicked(message(payload), place.unwrap_or_default())
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
