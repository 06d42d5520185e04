//! Values to bytes and back: bincode, or MessagePack with names for types that bincode cannot carry.
//!
//! `Vec<u8>` goes as it is where it is a whole value; serde would walk it byte by byte.

use std::any::Any;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::MOST;
use crate::panics;

/// How a worker's messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// bincode 2, standard configuration: compact and fast; cannot carry self-describing types.
    Bincode,
    /// MessagePack with field names (feature `msgpack`).
    MsgPack,
}

const HINT: &str =
    "types such as `serde_json::Value`, `#[serde(flatten)]` and `untagged` need `#[worker(codec = \"msgpack\")]`";

/// Runs a user's `Serialize`, which may panic as well as fail.
pub(crate) fn checked(encode: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    panics::caught_text(encode).unwrap_or_else(|why| Err(format!("cannot be encoded: its `Serialize` panicked: {why}")))
}

/// Runs a user's `Deserialize`, likewise.
pub(crate) fn checked_decode<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panics::caught_text(decode)
        .unwrap_or_else(|why| Err(format!("cannot be decoded: its `Deserialize` panicked: {why}")))
}

/// `value` as bytes.
pub(crate) fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    encode_into(codec, value, &mut bytes)?;
    Ok(bytes)
}

/// Appends `value` to `bytes`; where it fails, `bytes` is as it was.
pub(crate) fn encode_into<T: Serialize + ?Sized>(codec: Codec, value: &T, bytes: &mut Vec<u8>) -> Result<(), String> {
    let start = bytes.len();
    let mut writer = Bounded { bytes, left: MOST };
    let done = match codec {
        Codec::Bincode => {
            let done = bincode::serde::encode_into_std_write(value, &mut writer, bincode::config::standard());
            match done {
                Ok(_) => Ok(()),
                Err(_) if writer.left == 0 => Err(too_large()),
                Err(error) => Err(format!("cannot be encoded: {error}; {HINT}")),
            }
        }
        Codec::MsgPack => msgpack_encode(value, &mut writer),
    };
    if done.is_err() {
        bytes.truncate(start);
    }
    done
}

/// Takes as many bytes as a frame carries, and no more.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    /// 0 once more was offered than there is room for.
    left: usize,
}

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= self.left {
            self.left = 0;
            return Err(io::Error::other("too large"));
        }
        self.left -= bytes.len();
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_large() -> String {
    format!(
        "cannot be sent: it takes more than {MOST} bytes; pass a path or a key instead of the data, or split the call"
    )
}

/// The value that `bytes` hold, all of them.
pub(crate) fn decode<T: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> Result<T, String> {
    match codec {
        Codec::Bincode => {
            let config = bincode::config::standard();
            match bincode::serde::decode_from_slice::<T, _>(bytes, config) {
                Ok((value, used)) if used == bytes.len() => Ok(value),
                Ok((_, used)) => Err(format!("cannot be decoded: {} bytes are left over; {HINT}", bytes.len() - used)),
                Err(error) => Err(format!("cannot be decoded: {error}; {HINT}")),
            }
        }
        Codec::MsgPack => msgpack_decode(bytes),
    }
}

/// As [`encode_into`], but a `Vec<u8>` goes as it is.
pub(crate) fn encode_result<T: Serialize + 'static>(
    codec: Codec,
    value: &T,
    bytes: &mut Vec<u8>,
) -> Result<(), String> {
    match (value as &dyn Any).downcast_ref::<Vec<u8>>() {
        Some(plain) => {
            if plain.len() >= MOST {
                return Err(too_large());
            }
            bytes.extend_from_slice(plain);
            Ok(())
        }
        None => encode_into(codec, value, bytes),
    }
}

/// The inverse of [`encode_result`].
pub(crate) fn decode_result<T: DeserializeOwned + 'static>(codec: Codec, bytes: Vec<u8>) -> Result<T, String> {
    let mut plain = Some(bytes);
    let mut value: Option<T> = None;
    if let Some(slot) = (&mut value as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
        *slot = plain.take();
    }
    match (value, plain) {
        (Some(value), _) => Ok(value),
        (None, bytes) => decode(codec, &bytes.unwrap_or_default()),
    }
}

#[cfg(feature = "msgpack")]
fn msgpack_encode<T: Serialize + ?Sized>(value: &T, writer: &mut Bounded<'_>) -> Result<(), String> {
    let done = rmp_serde::encode::write_named(writer, value);
    match done {
        Ok(()) => Ok(()),
        Err(_) if writer.left == 0 => Err(too_large()),
        Err(error) => Err(format!("cannot be encoded: {error}")),
    }
}

#[cfg(feature = "msgpack")]
fn msgpack_decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| format!("cannot be decoded: {error}"))
}

#[cfg(not(feature = "msgpack"))]
const MISSING: &str = "`codec = \"msgpack\"` needs the feature `msgpack` of concurry";

#[cfg(not(feature = "msgpack"))]
fn msgpack_encode<T: Serialize + ?Sized>(_: &T, _: &mut Bounded<'_>) -> Result<(), String> {
    Err(MISSING.to_owned())
}

#[cfg(not(feature = "msgpack"))]
fn msgpack_decode<T: DeserializeOwned>(_: &[u8]) -> Result<T, String> {
    Err(MISSING.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_rubbish_is_refused() {
        let value = (7u64, "seven".to_owned(), vec![1u8, 2, 3]);
        let bytes = encode(Codec::Bincode, &value).unwrap();
        assert_eq!(decode::<(u64, String, Vec<u8>)>(Codec::Bincode, &bytes).unwrap(), value);
        assert!(decode::<(u64, String, Vec<u8>)>(Codec::Bincode, &bytes[..3]).is_err());
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode::<(u64, String, Vec<u8>)>(Codec::Bincode, &longer).unwrap_err().contains("left over"));
    }

    #[test]
    fn plain_bytes_travel_plain() {
        let mut out = Vec::new();
        encode_result(Codec::Bincode, &vec![9u8, 8, 7], &mut out).unwrap();
        assert_eq!(out, [9, 8, 7]);
        assert_eq!(decode_result::<Vec<u8>>(Codec::Bincode, out).unwrap(), [9, 8, 7]);
        let mut out = Vec::new();
        encode_result(Codec::Bincode, &5u64, &mut out).unwrap();
        assert_eq!(decode_result::<u64>(Codec::Bincode, out).unwrap(), 5);
    }

    #[test]
    fn a_failing_serialize_leaves_the_buffer_alone() {
        struct Bad;
        impl Serialize for Bad {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("not today"))
            }
        }
        let mut bytes = vec![1, 2];
        let error = encode_into(Codec::Bincode, &(3u8, Bad), &mut bytes).unwrap_err();
        assert!(error.contains("not today"));
        assert_eq!(bytes, [1, 2]);
    }
}
