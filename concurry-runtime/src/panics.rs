//! Panics of user code: where they happened and what they said.
//!
//! The place of a panic is known to the panic hook alone, so concurry wraps the hook once: on threads that run user
//! code for it, the hook notes the place before the hook that was there prints as ever.

use std::any::Any;
use std::cell::RefCell;
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

/// The error for a panic that was just caught on this thread.
pub(crate) fn error(payload: &(dyn Any + Send)) -> Error {
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
