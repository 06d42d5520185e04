//! What a peer that has gone mad may send: frames and messages of nonsense. Nothing panics, hangs, or makes room for
//! more than came.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Told};
use crate::limits::{Answer, Question};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{HEAD, Head, Kind, MOST};
use crate::wire::link::{Memory, Up, scribble};

/// A SplitMix64 generator, so that a failure comes again.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Something like `bytes`: cut, grown, turned, or with a length in it that is none.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.extend(self.bytes(20)),
                2 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                3 if !bytes.is_empty() => bytes[at] = [0, 1, 127, 250, 251, 252, 253, 254, 255][self.below(9)],
                4 => drop(bytes.splice(at..at, [253, 255, 255, 255, 255, 255, 255, 255, 127])),
                _ => drop(bytes.drain(at..(at + self.below(9)).min(bytes.len()))),
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Deep {
    Nothing,
    Text(String),
    Bytes(#[serde(with = "as_bytes")] Vec<u8>),
    Numbers(Vec<u64>, [u16; 3], Option<i128>),
    Map { names: BTreeMap<String, Vec<String>>, more: HashMap<u8, f64> },
    More(Box<Deep>, char, (bool, ())),
}

/// As bytes and not as a sequence.
mod as_bytes {
    pub(super) fn serialize<S: serde::Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Bytes)
    }
}

fn samples() -> Vec<Deep> {
    vec![
        Deep::Nothing,
        Deep::Text("some text, and more of it".to_owned()),
        Deep::Bytes((0..200).collect()),
        Deep::Numbers(vec![1, 300, 70_000, u64::MAX], [1, 2, 3], Some(-5)),
        Deep::Map {
            names: [("a".to_owned(), vec!["b".to_owned(), String::new()])].into(),
            more: [(1, 0.5), (2, f64::INFINITY)].into(),
        },
        Deep::More(Box::new(Deep::Text("inside".to_owned())), 'x', (true, ())),
    ]
}

/// Decodes as `T` what is no `T`, or is one after all.
fn try_decode<T: DeserializeOwned>(codec: Codec, bytes: &[u8]) {
    let _either_is_fine = codec::checked_decode(|| codec::decode::<T>(codec, bytes));
}

fn messages(rounds: u64) {
    let samples = samples();
    for seed in 0..rounds {
        let chance = &mut Chance(seed);
        let mut bytes = match chance.below(4) {
            0 => chance.bytes(64),
            1 => codec::encode(Codec::Bincode, &Error::cancelled()).unwrap(),
            _ => codec::encode(Codec::Bincode, &samples[chance.below(samples.len())]).unwrap(),
        };
        chance.spoil(&mut bytes);
        match chance.below(6) {
            0 => try_decode::<Told>(Codec::Bincode, &bytes),
            1 => try_decode::<Question>(Codec::Bincode, &bytes),
            2 => try_decode::<Answer>(Codec::Bincode, &bytes),
            3 => try_decode::<(String, Vec<String>, Option<Vec<u8>>)>(Codec::Bincode, &bytes),
            _ => try_decode::<Deep>(Codec::Bincode, &bytes),
        }
    }
}

fn frames(rounds: u64) {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let ours = Arc::new(ours);
    let (memory, _file) = Memory::new().unwrap();
    for seed in 0..rounds {
        let chance = &mut Chance(seed);
        // Whatever was in the memory before is there still, as it is with a real one.
        let mut up = Up::new(ours.clone(), Some(memory.clone()), MOST);
        let mut bytes = Vec::new();
        for _ in 0..chance.below(4) {
            let payload = chance.bytes(50);
            let kinds = [Kind::Value, Kind::Error, Kind::Asked, Kind::Ready, Kind::Begun, Kind::Large, Kind::Kept];
            let kind = kinds[chance.below(kinds.len())];
            bytes.extend(Head::about(kind, chance.next(), payload.len()).to_bytes());
            bytes.extend(payload);
        }
        chance.spoil(&mut bytes);
        let head = match chance.below(8) {
            0 => chance.next(),
            _ => bytes.len() as u64,
        };
        scribble(&memory, &bytes, head);
        let mut came = 0;
        while let Ok(Some((head, frame))) = up.next(Ok) {
            assert_eq!(frame.len(), head.length);
            came += HEAD + frame.len();
            assert!(came <= 1 << 20, "more came than the ring holds");
        }
    }
}

#[test]
fn nonsense_is_an_error_at_worst() {
    messages(30_000);
    frames(20_000);
}

/// The same at length, in a release build: `cargo xtask soak` runs it.
#[test]
#[ignore = "takes a minute in a release build"]
fn ten_million_pieces_of_nonsense_are_errors_at_worst() {
    messages(8_000_000);
    frames(2_000_000);
}

#[test]
fn nothing_is_believed_that_is_said_of_lengths() {
    // A terabyte of text, of bytes, and of text inside of something.
    let much = [253u8, 0, 0, 0, 0, 0, 1, 0, 0];
    assert!(codec::decode::<String>(Codec::Bincode, &much).is_err());
    assert!(codec::decode::<Deep>(Codec::Bincode, &[&[1u8][..], &much].concat()).is_err());
    assert!(codec::decode::<Deep>(Codec::Bincode, &[&[2u8][..], &much].concat()).is_err());
    assert!(codec::decode::<Vec<(u8, Option<String>)>>(Codec::Bincode, &[&[1u8, 7, 1][..], &much].concat()).is_err());
    // Elements that take no bytes: many, many of many, and as keys.
    let many = [&[253u8][..], &(1u64 << 60).to_le_bytes()].concat();
    assert!(codec::decode::<Vec<()>>(Codec::Bincode, &many).unwrap_err().contains("more elements than bytes"));
    let million = [&[252u8][..], &(1u32 << 20).to_le_bytes()].concat();
    let millions = [vec![200], million.repeat(200)].concat();
    assert!(codec::decode::<Vec<Vec<()>>>(Codec::Bincode, &millions).unwrap_err().contains("more elements than bytes"));
    assert!(codec::decode::<std::collections::BTreeMap<(), ()>>(Codec::Bincode, &many).is_err());
    assert_eq!(codec::decode::<Vec<()>>(Codec::Bincode, &million).unwrap().len(), 1 << 20);
    let empty = codec::encode(Codec::Bincode, &vec![Vec::<u8>::new(); 3 << 20]).unwrap();
    assert_eq!(codec::decode::<Vec<Vec<u8>>>(Codec::Bincode, &empty).unwrap().len(), 3 << 20);
    // And what is as long as it says still comes through.
    let long = vec![vec![(1u8, Some(())), (2, None)]; 1000];
    let bytes = codec::encode(Codec::Bincode, &long).unwrap();
    assert_eq!(codec::decode::<Vec<Vec<(u8, Option<()>)>>>(Codec::Bincode, &bytes).unwrap(), long);
    for sample in samples() {
        let bytes = codec::encode(Codec::Bincode, &sample).unwrap();
        assert_eq!(codec::decode::<Deep>(Codec::Bincode, &bytes).unwrap(), sample);
    }
}
