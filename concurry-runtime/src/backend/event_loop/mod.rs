//! Workers that are event loops: mode `async`.
//!
//! A worker is a thread with a tokio runtime of its own. The worker itself never leaves that thread, so it need be
//! neither `Send` nor `Sync`. Its calls wait in line ([`link`]) until the [`attendant`] lets them begin, in the order in
//! which they were sent:
//!
//! - an `async fn (&self)` becomes a task, and the next call can begin at once;
//! - `&mut self` waits until all that have begun are done, and holds back those behind it;
//! - a method that is not `async` runs to its end on the loop's thread, between two polls of the others. A loop is one
//!   thread, so what must not wait for such a method belongs to another worker. Short ones are run several in a row,
//!   for [`attendant::SLICE`] at most before the others have their turn.
//!
//! Who owns what: the attendant owns the worker, and lends it to calls, shared or alone; a task owns its call's future.
//! A call that is cancelled, or timed out, while it runs is told through its ticket: its task drops the future at the
//! await point where it is and resolves the call. After a panic the worker is built anew; calls that were running beside
//! the one that panicked keep the old instance until they end.
//!
//! The loop ends when it is told to finish and all calls have ended, when it is killed, or when its worker cannot be
//! built anew; only the last is a death, and it costs the calls that were running. Tasks that methods have spawned and
//! nobody waits for end with it. A loop that is inside user code when it is killed (a poll, a constructor, a destructor)
//! cannot be interrupted: it is let go of, and ends once that returns.

mod attendant;
mod door;
mod link;
mod visit;

use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use self::attendant::Attendant;
use self::link::LoopLink;
use super::{Backend, End, Host, Place, Recipe, Started, thread_of};
use crate::call::here;
use crate::error::{Error, Result};
use crate::panics;
use crate::worker::Worker;

/// Starts event loops that run workers of one kind.
pub(crate) struct EventLoops<W: Worker> {
    recipe: Arc<Recipe<W>>,
}

impl<W: Worker> EventLoops<W> {
    pub(crate) fn new(recipe: Arc<Recipe<W>>) -> Self {
        EventLoops { recipe }
    }
}

impl<W: Worker> Backend for EventLoops<W> {
    fn start(&self, place: Place, host: Arc<dyn Host>, previous: Option<JoinHandle<()>>) -> Result<Started> {
        let link = Arc::new(LoopLink::default());
        let recipe = self.recipe.clone();
        let own = link.clone();
        let thread = thread_of(&self.recipe.pool_name, place, previous, move || {
            here::settle(Arc::as_ptr(&host).cast(), place.index, here::Kind::Loop);
            let end = panics::caught_text(|| run(&recipe, &own, place, &host));
            host.ended(place, end.unwrap_or_else(End::broken));
        })?;
        Ok(Started { link, thread })
    }
}

fn run<W: Worker>(recipe: &Arc<Recipe<W>>, link: &Arc<LoopLink>, place: Place, host: &Arc<dyn Host>) -> End {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return End::Failed(Error::init_failed(format!("no tokio runtime could be made for it: {error}")));
        }
    };
    let local = LocalSet::new();
    let attendant = Rc::new(Attendant::new(recipe.clone(), link.clone(), host.clone(), place));
    let attend = link.unless_killed(attendant.clone().attend());
    // What users' code does is caught where it is called; this is for the loop itself.
    let end = panics::caught_text(|| local.block_on(&runtime, attend)).unwrap_or_else(End::broken);
    let inside = link.door.enter();
    let entered = runtime.enter();
    drop(local);
    attendant.dismiss();
    drop(entered);
    if let End::Died { death, .. } = &end {
        attendant.bury(&death.status);
    }
    close(runtime, matches!(end, End::Finished) && inside.is_some());
    end
}

/// Ends the runtime; `patiently` waits for blocking work that has begun, which cannot be ended.
fn close(runtime: Runtime, patiently: bool) {
    if patiently {
        drop(runtime);
    } else {
        runtime.shutdown_background();
    }
}
