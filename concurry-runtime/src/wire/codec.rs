//! Values to bytes and back: bincode, or MessagePack with names for types that bincode cannot carry.
//!
//! `Vec<u8>` goes as it is where it is a whole value; serde would walk it byte by byte.

use std::any::Any;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::careful;
use super::frame::MOST;
use super::link::room;
use crate::panics;

/// How a worker's messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// bincode 2, standard configuration: compact and fast; cannot carry self-describing types.
    Bincode,
    /// MessagePack with field names (feature `msgpack`).
    MsgPack,
}

impl Codec {
    /// What is to be done before this build can speak it, if it cannot.
    pub(crate) fn missing(self) -> Option<&'static str> {
        (self == Codec::MsgPack && cfg!(not(feature = "msgpack"))).then_some(MISSING)
    }
}

const MISSING: &str = "`codec = \"msgpack\"` is not built into this concurry; write `concurry = { features = [\"msgpack\"] }` in Cargo.toml, or use mode `thread`";

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

/// `value` as bytes, which bear no bound but that of frames.
pub(crate) fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<Vec<u8>, String> {
    encode_within(codec, value, MOST)
}

/// `value` as bytes, of which there may be so many.
pub(crate) fn encode_within<T: Serialize + ?Sized>(codec: Codec, value: &T, most: usize) -> Result<Vec<u8>, String> {
    // Most messages are small; grown byte by byte, one would be moved three times.
    let mut bytes = Vec::with_capacity(64);
    encode_into(codec, value, &mut bytes, most)?;
    Ok(bytes)
}

/// Appends `value` to `bytes`, of which there may be so many then; where it fails, `bytes` is as it was.
pub(crate) fn encode_into<T: Serialize + ?Sized>(
    codec: Codec,
    value: &T,
    bytes: &mut Vec<u8>,
    most: usize,
) -> Result<(), String> {
    let start = bytes.len();
    let mut writer = Bounded { bytes, most, refused: None };
    let done = match codec {
        Codec::Bincode => {
            let done = bincode::serde::encode_into_std_write(value, &mut writer, bincode::config::standard());
            match done {
                Ok(_) => Ok(()),
                Err(error) => Err(writer.too_large().unwrap_or_else(|| format!("cannot be encoded: {error}; {HINT}"))),
            }
        }
        Codec::MsgPack => msgpack_encode(value, &mut writer),
    };
    if done.is_err() {
        bytes.truncate(start);
    }
    done
}

/// Takes as many bytes as are allowed, and no more.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    most: usize,
    /// How many there would have been with the first that were refused.
    refused: Option<usize>,
}

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let all = self.bytes.len().saturating_add(bytes.len());
        if all > self.most {
            self.refused.get_or_insert(all);
            return Err(io::Error::other("too large"));
        }
        if bytes.len() > self.bytes.capacity() {
            room::make(self.bytes, bytes.len()).map_err(io::Error::other)?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bounded<'_> {
    fn too_large(&self) -> Option<String> {
        self.refused.map(|size| too_large(size, self.most))
    }
}

fn too_large(size: usize, most: usize) -> String {
    let raise = if most < MOST { "raise it, or " } else { "" };
    format!(
        "cannot be sent: it takes {size} bytes or more, and `max_message_size` is {most} bytes; {raise}pass a path or a key instead of the data, or split the call"
    )
}

/// The value that `bytes` hold, all of them.
pub(crate) fn decode<T: DeserializeOwned>(codec: Codec, bytes: &[u8]) -> Result<T, String> {
    match codec {
        Codec::Bincode => {
            let config = bincode::config::standard();
            let budget = careful::Budget::of(bytes.len());
            match bincode::serde::seed_decode_from_slice(careful::seed::<T>(&budget), bytes, config) {
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
    most: usize,
) -> Result<(), String> {
    match (value as &dyn Any).downcast_ref::<Vec<u8>>() {
        Some(plain) => {
            let all = bytes.len().saturating_add(plain.len());
            if all > most {
                return Err(too_large(all, most));
            }
            bytes.extend_from_slice(plain);
            Ok(())
        }
        None => encode_into(codec, value, bytes, most),
    }
}

/// The same of a value that nobody else needs: a `Vec<u8>` is taken, being its own encoding.
pub(crate) fn take_result<T: Serialize + 'static>(
    codec: Codec,
    value: &mut Option<T>,
    most: usize,
) -> Result<Vec<u8>, String> {
    if let Some(Some(plain)) = (value as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
        return if plain.len() > most { Err(too_large(plain.len(), most)) } else { Ok(std::mem::take(plain)) };
    }
    let mut bytes = Vec::new();
    value.iter().try_for_each(|value| encode_into(codec, value, &mut bytes, most)).map(|()| bytes)
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
    rmp_serde::encode::write_named(writer, value)
        .map_err(|error| writer.too_large().unwrap_or_else(|| format!("cannot be encoded: {error}")))
}

#[cfg(feature = "msgpack")]
fn msgpack_decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|error| format!("cannot be decoded: {error}"))
}

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
        encode_result(Codec::Bincode, &vec![9u8, 8, 7], &mut out, 3).unwrap();
        assert_eq!(out, [9, 8, 7]);
        assert_eq!(decode_result::<Vec<u8>>(Codec::Bincode, out).unwrap(), [9, 8, 7]);
        let mut value = Some(vec![9u8, 8, 7]);
        let at = value.as_ref().unwrap().as_ptr();
        let taken = take_result(Codec::Bincode, &mut value, 3).unwrap();
        assert_eq!((taken.as_slice(), taken.as_ptr()), ([9, 8, 7].as_slice(), at));
        assert!(take_result(Codec::Bincode, &mut Some(vec![9u8, 8, 7]), 2).unwrap_err().contains("takes 3 bytes"));
        let taken = take_result(Codec::Bincode, &mut Some(5u64), MOST).unwrap();
        assert_eq!(decode_result::<u64>(Codec::Bincode, taken).unwrap(), 5);
        let mut out = Vec::new();
        encode_result(Codec::Bincode, &5u64, &mut out, MOST).unwrap();
        assert_eq!(decode_result::<u64>(Codec::Bincode, out).unwrap(), 5);
    }

    #[test]
    fn as_many_bytes_as_are_allowed_and_no_more() {
        for codec in [
            Codec::Bincode,
            #[cfg(feature = "msgpack")]
            Codec::MsgPack,
        ] {
            let value = vec!["four"; 10];
            let whole = encode(codec, &value).unwrap();
            assert_eq!(encode_within(codec, &value, whole.len()).unwrap(), whole);
            let why = encode_within(codec, &value, whole.len() - 1).unwrap_err();
            let (size, most) = (format!("takes {} bytes", whole.len()), format!("is {} bytes", whole.len() - 1));
            assert!(why.contains(&size) && why.contains(&most) && why.contains("raise it"), "{why}");
        }
        let mut out = vec![0];
        assert!(encode_result(Codec::Bincode, &vec![9u8, 8, 7], &mut out, 3).unwrap_err().contains("takes 4 bytes"));
        assert_eq!(out, [0]);
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
        let error = encode_into(Codec::Bincode, &(3u8, Bad), &mut bytes, MOST).unwrap_err();
        assert!(error.contains("not today"));
        assert_eq!(bytes, [1, 2]);
    }
}
