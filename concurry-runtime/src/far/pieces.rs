//! [`Pieces`]: what a call is put together of, some of whose arguments are on a cluster.

use std::sync::Arc;

use super::remote::Way;
use super::stored::{Hole, Site, Stored};
use crate::error::{Error, Result};
use crate::panics;
use crate::wire::codec::{self, Codec};

/// The bytes of a message without what is on a cluster. They are encoded like the variant of an enum, piece by piece.
#[doc(hidden)]
pub struct Pieces {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
    values: Vec<Arc<Stored>>,
    /// How many bytes there may be.
    most: usize,
}

/// Where workers are on a cluster.
#[doc(hidden)]
pub struct Behind<'a>(pub(crate) &'a Arc<dyn Site>);

/// What a message lacks: values that are on a cluster.
pub(crate) struct Composition {
    /// Where they belong, encoded.
    pub(crate) holes: Vec<u8>,
    pub(crate) values: Vec<Arc<Stored>>,
}

impl Pieces {
    /// Those of a call of the method of this number, before any argument.
    pub(crate) fn of(method: usize, most: usize) -> Result<Self> {
        let mut pieces = Pieces { bytes: Vec::new(), holes: Vec::new(), values: Vec::new(), most };
        let variant = u32::try_from(method).unwrap_or(u32::MAX);
        codec::encode_into(Codec::Bincode, &variant, &mut pieces.bytes, most).map_err(Error::codec)?;
        Ok(pieces)
    }

    /// Adds an argument that is here, as the user's `Serialize` has it.
    pub(crate) fn add_value(&mut self, encode: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), String>) -> Result<()> {
        let (bytes, most) = (&mut self.bytes, self.most);
        let done = panics::caught_text(|| encode(bytes, most));
        let done = done.unwrap_or_else(|why| Err(format!("cannot be encoded: its `Serialize` panicked: {why}")));
        done.map_err(|why| Error::codec(format!("an argument {why}")))
    }

    /// Adds one that is encoded as a result is; `plain` where that is bytes as they are.
    pub(crate) fn add(&mut self, way: Way, plain: bool) -> Result<()> {
        match way {
            Way::Far(stored) => {
                self.holes.push(Hole { key: stored.key, at: self.bytes.len() as u64, plain });
                self.values.push(stored);
            }
            Way::Here(bytes) => {
                if plain {
                    let length = codec::encode(Codec::Bincode, &(bytes.len() as u64)).map_err(Error::codec)?;
                    self.bytes.extend_from_slice(&length);
                }
                self.bytes.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// The bytes, and what they lack.
    pub(crate) fn into_message(self) -> Result<(Vec<u8>, Composition)> {
        let holes = codec::encode(Codec::Bincode, &self.holes).map_err(Error::codec)?;
        Ok((self.bytes, Composition { holes, values: self.values }))
    }
}
