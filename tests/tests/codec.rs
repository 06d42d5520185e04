//! What travels to a process and back: large and small, and what cannot, which costs its call and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, all_ok, modes};
use serde::{Deserialize, Serialize, Serializer};

/// Does not want to be encoded.
#[derive(Clone, Debug, Default, Deserialize)]
struct Shy;

impl Serialize for Shy {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it is too shy"))
    }
}

/// Is encoded as one thing and wants to be decoded as another.
#[derive(Clone, Debug, Default, Serialize)]
struct Liar(u8);

impl<'de> Deserialize<'de> for Liar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("{text} is no liar")))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree {
    name: String,
    leaf: Option<char>,
    branches: Vec<Tree>,
    notes: BTreeMap<u8, HashMap<String, (i128, f64)>>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    New(u64),
    Tuple(i8, Box<str>),
    Struct { at: Duration, kept: Result<u8, String> },
}

#[derive(Default)]
struct Carrier {
    calls: u64,
}

#[worker(mode = "process", max_restarts = 0)]
impl Carrier {
    pub fn count(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    pub fn nothing(&self) {}

    pub fn shy(&self, shy: Shy) -> u64 {
        let _ = shy;
        1
    }

    pub fn be_shy(&self) -> Shy {
        Shy
    }

    pub fn liar(&self, liar: Liar) -> u64 {
        u64::from(liar.0)
    }

    pub fn lie(&self) -> Liar {
        Liar(200)
    }

    pub fn json(&self, value: serde_json::Value) -> serde_json::Value {
        value
    }

    pub fn tree(&self, tree: &Tree) -> Tree {
        tree.clone()
    }

    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub fn length(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    pub fn zeros(&self, length: usize) -> Vec<u8> {
        vec![0; length]
    }

    pub fn texts(&self, text: &str, many: &[String], path: &std::path::Path) -> (String, usize, std::path::PathBuf) {
        (text.to_owned(), many.len(), path.to_owned())
    }

    #[allow(clippy::too_many_arguments, reason = "that is the point")]
    pub fn many(&self, a: u8, b: i16, c: u32, d: i64, e: u128, f: f32, g: bool, h: char, i: (), j: [u8; 3]) -> String {
        format!("{a} {b} {c} {d} {e} {f} {g} {h} {i:?} {j:?}")
    }
}

#[track_caller]
fn is_codec<T: std::fmt::Debug>(outcome: concurry::Result<T>, method: &str, words: &[&str]) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Codec { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("Carrier::{method}: ")), "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[test]
fn what_cannot_be_encoded_or_decoded_costs_its_call_alone() {
    let pool = Carrier::init().unwrap();
    assert_eq!(pool.count().soon().unwrap(), 1);
    is_codec(pool.shy(Shy).soon(), "shy", &["an argument cannot be encoded", "it is too shy"]);
    is_codec(pool.be_shy().soon(), "be_shy", &["the result cannot be encoded", "it is too shy"]);
    is_codec(pool.liar(Liar(200)).soon(), "liar", &["an argument cannot be decoded"]);
    is_codec(pool.lie().soon(), "lie", &["the result cannot be decoded"]);
    let hint = ["codec = \"msgpack\"", "serde_json::Value"];
    is_codec(pool.json(serde_json::json!({"a": [1, 2.5, null]})).soon(), "json", &hint);
    // It is the same worker as before.
    assert_eq!(pool.count().soon().unwrap(), 2);
    let stats = pool.stats();
    assert_eq!((stats.restarts, stats.queued, stats.in_flight), (0, 0, 0));
    assert_eq!(stats.completed + stats.failed, 7);
    pool.stop().unwrap();
}

#[test]
fn what_is_too_large_is_refused_before_it_costs_anything() {
    let pool = Carrier::init().unwrap();
    assert_eq!(pool.count().soon().unwrap(), 1);
    let begun = Instant::now();
    // Three gibibytes of a page that is nowhere: nobody may touch them.
    is_codec(pool.length(vec![0; 3 << 30]).soon(), "length", &["an argument cannot be sent", "2147483648 bytes"]);
    is_codec(pool.zeros(3 << 30).soon(), "zeros", &["the result cannot be sent", "2147483648 bytes"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(pool.count().soon().unwrap(), 2);
    assert_eq!(pool.stats().restarts, 0);
    pool.stop().unwrap();
}

#[test]
fn sixty_four_mebibytes_go_there_and_come_back() {
    let pool = Carrier::init().unwrap();
    let mut bytes = vec![0u8; 64 << 20];
    for (at, byte) in bytes.iter_mut().enumerate().step_by(4099) {
        *byte = at as u8;
    }
    let back = pool.bytes(&bytes).soon().unwrap();
    assert!(back == bytes, "the bytes are not what they were");
    pool.stop().unwrap();
}

#[test]
fn sizes_around_every_boundary_arrive_whole() {
    let pool = Carrier::init().unwrap();
    let sizes = [
        0,
        1,
        7,
        249,
        250,
        251,
        252,
        65_535,
        65_536,
        65_537,
        32_743,
        32_744,
        32_768,
        (1 << 20) - 1,
        1 << 20,
        (4 << 20) + 1,
    ];
    let futures: Vec<_> = sizes.iter().map(|&size| pool.bytes(vec![(size % 251) as u8; size])).collect();
    for (size, back) in sizes.into_iter().zip(all_ok(futures)) {
        assert_eq!(back.len(), size);
        assert!(back.iter().all(|&byte| byte == (size % 251) as u8));
    }
    pool.stop().unwrap();
}

fn tree(depth: u8) -> Tree {
    Tree {
        name: "é\0\n".repeat(depth as usize),
        leaf: depth.is_multiple_of(2).then_some('𝄞'),
        branches: (0..depth).map(|_| tree(depth - 1)).collect(),
        notes: (0..depth).map(|note| (note, HashMap::from([(format!("{note}"), (i128::MIN, f64::MAX))]))).collect(),
        kind: match depth % 4 {
            0 => Kind::Unit,
            1 => Kind::New(u64::MAX),
            2 => Kind::Tuple(-128, "boxed".into()),
            _ => Kind::Struct { at: Duration::new(3, 5), kept: Err("kept".to_owned()) },
        },
    }
}

#[test]
fn nested_values_of_every_shape_survive() {
    for mode in modes() {
        let pool = Carrier::options().mode(mode).init().unwrap();
        let value = tree(6);
        assert_eq!(pool.tree(&value).soon().unwrap(), value, "{mode}");
        let deep = (0..500).fold(tree(0), |inner, _| Tree { branches: vec![inner], ..tree(0) });
        assert_eq!(pool.tree(&deep).soon().unwrap(), deep, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn no_arguments_many_and_borrowed_ones() {
    for mode in modes() {
        let pool = Carrier::options().mode(mode).init().unwrap();
        pool.nothing().soon().unwrap();
        let many = pool.many(1, -2, 3, -4, 5, 6.5, true, 'h', (), [9, 8, 7]).soon().unwrap();
        assert_eq!(many, "1 -2 3 -4 5 6.5 true h () [9, 8, 7]");
        let (text, count, path) = pool.texts("", &["a".to_owned(), "b".to_owned()], "/a b/ü").soon().unwrap();
        assert_eq!((text.as_str(), count, path.to_str()), ("", 2, Some("/a b/ü")), "{mode}");
        pool.stop().unwrap();
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maybe: Option<u8>,
    either: Either,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("no good: {0}")]
struct NoGood(serde_json::Value);

struct Packer(serde_json::Value);

#[worker(codec = "msgpack")]
impl Packer {
    pub fn new(kept: serde_json::Value) -> Self {
        Packer(kept)
    }

    pub fn kept(&self) -> serde_json::Value {
        self.0.clone()
    }

    pub fn json(&self, value: serde_json::Value) -> serde_json::Value {
        value
    }

    pub fn flat(&self, flat: Flat) -> Flat {
        flat
    }

    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub fn fail(&self, value: serde_json::Value) -> Result<u64, NoGood> {
        Err(NoGood(value))
    }
}

#[test]
fn msgpack_carries_what_describes_itself() {
    let value = serde_json::json!({"a": [1, 2.5, null, "x", {"b": true}], "": -7, "big": u64::MAX});
    for mode in modes() {
        let pool = Packer::options().mode(mode).init(value.clone()).unwrap();
        assert_eq!(pool.kept().soon().unwrap(), value, "{mode}");
        assert_eq!(pool.json(&value).soon().unwrap(), value, "{mode}");
        let flat = Flat {
            name: "flat".to_owned(),
            rest: BTreeMap::from([("more".to_owned(), value.clone())]),
            maybe: None,
            either: Either::Text("7".to_owned()),
        };
        assert_eq!(pool.flat(&flat).soon().unwrap(), flat, "{mode}");
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        assert_eq!(pool.bytes(&bytes).soon().unwrap(), bytes, "{mode}");
        let error = pool.fail(&value).soon().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&NoGood(value.clone())), "{mode}: {error:?}");
        pool.stop().unwrap();
    }
}
