//! [`Reserve`]: waiting for room in a pool without a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::WorkerClient;
use super::room::{Closed, Held, Wait};
use crate::error::{Error, Result};

/// Waits until a pool has room for a call; made by [`WorkerClient::reserve`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Reserve<C: WorkerClient> {
    client: C,
    wait: Wait,
}

impl<C: WorkerClient> Reserve<C> {
    pub(super) fn new(client: C) -> Self {
        let wait = Wait::of(Some(client.pool().core().clone()));
        Reserve { client, wait }
    }
}

// Nothing in it is pinned.
impl<C: WorkerClient> Unpin for Reserve<C> {}

impl<C: WorkerClient> Future for Reserve<C> {
    type Output = Result<C>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<C>> {
        let got = std::task::ready!(Pin::new(&mut self.wait).poll(context));
        let core = self.client.pool().core();
        Poll::Ready(match got {
            Ok(()) => Ok(match Held::of(core) {
                Some(held) => self.client.holding(held),
                None => self.client.clone(),
            }),
            Err(Closed) => Err(Error::stopped().at(core.settings.worker, "")),
        })
    }
}

impl<C: WorkerClient> fmt::Debug for Reserve<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve").field("pool", self.client.pool()).finish_non_exhaustive()
    }
}
