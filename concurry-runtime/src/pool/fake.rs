//! Making a client without workers, for tests of what calls it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::Client;
use super::core::{Core, Engine};
use super::{Handle, Pool};
use crate::backend::Answer;
use crate::backend::fake::Fake;
use crate::options::Options;
use crate::panics;
use crate::worker::{OfAKind, Worker};

/// A client of `W` whose calls go to `answer`. Nothing that is said about options holds for it but the attribute's name.
pub fn fake<W: Worker>(answer: impl Fn(W::Message) -> Answer + Send + Sync + 'static) -> Client<W> {
    panics::install();
    let engine = Engine::Inline(Box::new(Fake::new(answer)));
    // No terms: no method has a timeout or retries.
    let core = Core::new(Options::new::<W>().unsaid(), Vec::new(), engine, W::KIND);
    core.making.store(false, Ordering::SeqCst);
    Client::of(Pool(Arc::new(Handle(core))), None)
}
