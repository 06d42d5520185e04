//! What crosses a process boundary: how values are encoded, how frames are cut, what carries them.

mod careful;
pub(crate) mod codec;
pub(crate) mod frame;
pub(crate) mod link;
