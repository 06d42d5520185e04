//! [`Lives`]: the contexts of the calls that one runner makes.
//!
//! They are all alike, so one is used for many. A context that a method has kept must tell that its call is over once it
//! is, though; so the next call gets another then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{Facts, Post};
use crate::bell::Watched;
use crate::context::{self, CallContext, Entered};

/// Calls that one context is for, one after another.
struct Life {
    /// Nobody wants what the calls of the map come to any more.
    over: Arc<AtomicBool>,
    ended: AtomicBool,
}

impl Watched for Life {
    fn is_over(&self, _: u32) -> bool {
        self.ended.load(Ordering::Acquire) || self.over.load(Ordering::Acquire)
    }
}

/// How many hold a life while no method has kept its context: this, and the thread's current one.
const OURS: usize = 2;

/// Makes the contexts, and has the present one be the thread's current one as long as this lives.
pub(super) struct Lives<'a> {
    post: &'a Post,
    method: &'static str,
    life: Arc<Life>,
    context: Entered,
}

impl<'a> Lives<'a> {
    pub(super) fn new(post: &'a Post, method: &'static str, over: Arc<AtomicBool>) -> Self {
        let life = Arc::new(Life { over, ended: AtomicBool::new(false) });
        let context = context::enter(Self::of(post, method, &life));
        Lives { post, method, life, context }
    }

    fn of(post: &Post, method: &'static str, life: &Arc<Life>) -> CallContext {
        post.context(Facts { call: life.clone(), id: 0, attempt: 1, method, deadline: None, set: None })
    }

    pub(super) fn context(&self) -> &CallContext {
        &self.context
    }

    /// A call is over.
    pub(super) fn next(&mut self) {
        if Arc::strong_count(&self.life) != OURS {
            self.renew();
        }
    }

    fn end(&self) {
        self.life.ended.store(true, Ordering::Release);
    }

    #[cold]
    fn renew(&mut self) {
        self.end();
        self.life = Arc::new(Life { over: self.life.over.clone(), ended: AtomicBool::new(false) });
        self.context.turn_to(Self::of(self.post, self.method, &self.life));
    }
}

impl Drop for Lives<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
