//! [`Payload`]: what a call asks for, in the form in which it is there at the moment.

use std::sync::Arc;

#[cfg(feature = "ray")]
use crate::far::Composition;
use crate::future::join::Waiting;
use crate::wire::codec::Codec;

/// What a call asks for.
pub(crate) enum Payload<M> {
    /// Not there yet: its arguments are on their way.
    Expected(Option<Arc<dyn Waiting>>),
    /// As it is, for workers that share memory.
    Typed(M),
    /// As it is, kept for another attempt; each attempt gets a copy.
    Kept(Box<(M, Replay<M>)>),
    /// Encoded, kept for another attempt in this process; each attempt decodes it.
    Recoded(Box<(Vec<u8>, Replay<M>)>),
    /// For workers that do not share memory; kept until the answer is there, so that another worker can have it.
    Encoded(Vec<u8>),
    /// The same once it has been sent: what carries it holds it too. A call that waits does without what that costs.
    Sent(Arc<Vec<u8>>),
    /// Sent or not, and some of it is on a cluster.
    #[cfg(feature = "ray")]
    Composed(Arc<Vec<u8>>, Arc<Composition>),
    /// Taken, or no longer needed.
    Gone,
}

/// How a message is given to more than one attempt: by its `Clone`, or by encoding it.
pub(crate) struct Replay<M> {
    pub(crate) copy: fn(&M) -> Option<M>,
    pub(crate) wire: Option<(Codec, EncodeMessage<M>, DecodeMessage<M>)>,
}

type EncodeMessage<M> = fn(Codec, &M, usize) -> std::result::Result<Vec<u8>, String>;
type DecodeMessage<M> = fn(Codec, &[u8]) -> std::result::Result<M, String>;

impl<M> Clone for Replay<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Replay<M> {}
