//! Values to bytes and back: bincode, or MessagePack with names for types that bincode cannot carry.
//!
//! `Vec<u8>` goes as it is where it is a whole value; serde would walk it byte by byte.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How a worker's messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// bincode 2, standard configuration: compact and fast; cannot carry self-describing types.
    Bincode,
    /// MessagePack with field names (feature `msgpack`).
    MsgPack,
}

const HINT: &str = "types such as `serde_json::Value`, `#[serde(flatten)]` and `untagged` need `#[worker(codec = \"msgpack\")]`";

/// `value` as bytes.
pub(crate) fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    encode_into(codec, value, &mut bytes)?;
    Ok(bytes)
}

/// Appends `value` to `bytes`; where it fails, `bytes` is as it was.
pub(crate) fn encode_into<T: Serialize + ?Sized>(codec: Codec, value: &T, bytes: &mut Vec<u8>) -> Result<(), String> {
    let start = bytes.len();
    let done = match codec {
        Codec::Bincode => bincode::serde::encode_into_std_write(value, bytes, bincode::config::standard())
            .map(drop)
            .map_err(|error| format!("cannot be encoded: {error}; {HINT}")),
        Codec::MsgPack => msgpack_encode(value, bytes),
    };
    if done.is_err() {
        bytes.truncate(start);
    }
    done
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
fn msgpack_encode<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> Result<(), String> {
    rmp_serde::encode::write_named(bytes, value).map_err(|error| format!("cannot be encoded: {error}"))
}

#[cfg(feature = "msgpack")]
fn msgpack_decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| format!("cannot be decoded: {error}"))
}

#[cfg(not(feature = "msgpack"))]
const MISSING: &str = "`codec = \"msgpack\"` needs the feature `msgpack` of concurry";

#[cfg(not(feature = "msgpack"))]
fn msgpack_encode<T: Serialize + ?Sized>(_: &T, _: &mut Vec<u8>) -> Result<(), String> {
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
