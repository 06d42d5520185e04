//! Odd but legal signatures: each method is called, and what it returns shows that its arguments arrived as they were.
#![deny(warnings, clippy::all)]
#![allow(clippy::needless_borrows_for_generic_args)]

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};

use concurry::prelude::*;
use concurry_ui_tests::MODES;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub x: i64,
    pub y: i64,
}

/// Not `Clone`: a borrow of it must not need a copy.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket(u64);

#[derive(Default)]
pub struct Odd {
    calls: u64,
}

#[worker]
#[allow(clippy::needless_arbitrary_self_type, clippy::multiple_bound_locations, clippy::ptr_arg, clippy::borrowed_box)]
#[allow(clippy::unused_unit, clippy::toplevel_ref_arg, clippy::too_many_arguments, clippy::needless_lifetimes)]
#[allow(clippy::extra_unused_lifetimes, clippy::missing_const_for_fn)]
impl Odd {
    /// A constant of the block stays where it is.
    pub const FACTOR: u64 = 3;

    /// So does one that a type speaks of.
    pub const SIZE: usize = 2;

    pub fn sized(&self, array: [u8; Self::SIZE], maybe: Option<[u8; Odd::SIZE]>) -> [u8; Self::SIZE] {
        maybe.unwrap_or(array)
    }

    pub fn mutable(&self, mut numbers: Vec<u64>, mut by: u64) -> Vec<u64> {
        by *= Self::FACTOR;
        numbers.push(by);
        numbers
    }

    pub fn patterns(&self, Point { x, y }: Point, (a, [b, c]): (u8, [u8; 2]), _: String, Ticket(id): Ticket) -> String {
        format!("{x} {y} {a} {b} {c} {id}")
    }

    pub fn bound(&self, whole @ Point { x, .. }: Point, ref name: String) -> (Point, i64, usize) {
        (whole, x, name.len())
    }

    pub fn r#type(&self, r#match: u64, r#fn: &str) -> String {
        format!("{}{}", r#match, r#fn)
    }

    pub fn raw_twins(&self, r#struct: u64, struct_: u64) -> u64 {
        r#struct * 10 + struct_
    }

    pub fn borrows(&self, text: &str, numbers: &[u64], point: &Point, path: &Path, ticket: &Ticket) -> String {
        format!("{text} {numbers:?} {} {} {}", point.x, path.display(), ticket.0)
    }

    pub fn more_borrows(&self, name: &OsStr, c: &CStr, bytes: &[u8], owned: &String, list: &Vec<u8>) -> usize {
        name.len() + c.count_bytes() + bytes.len() + owned.len() + list.len()
    }

    pub fn map(&self, map: &HashMap<String, Vec<u8>>, maybe: &Option<Point>, boxed: &Box<Point>) -> (usize, bool, i64) {
        (map.len(), maybe.is_some(), boxed.y)
    }

    pub fn named_lifetimes<'a, 'b: 'a>(&'a self, a: &'a str, b: &'b str) -> usize
    where
        'b: 'a,
    {
        a.len() + b.len()
    }

    pub fn explicit(self: &Self, x: u64) -> u64 {
        x
    }

    pub fn explicit_mut(self: &mut Self, x: u64) -> u64 {
        self.calls += 1;
        x
    }

    pub const fn constant(&self, x: u64) -> u64 {
        x
    }

    pub fn nothing(&mut self) {
        self.calls += 1;
    }

    pub fn unit(&self, (): ()) -> () {}

    #[allow(unused_parens)]
    pub fn parenthesised(&self, x: (u64), y: &(str)) -> (usize) {
        y.len() + usize::try_from(x).unwrap_or(0)
    }

    pub fn context_first(&self, context: &CallContext, x: u64) -> (u64, String) {
        (x, context.method().to_string())
    }

    pub fn context_between(&self, x: u64, _: &concurry::CallContext, y: u64) -> u64 {
        x + y
    }

    pub fn context_last(&mut self, x: u64, #[worker(context)] marked: &CallContext) -> (u64, u32) {
        (x, marked.attempt())
    }

    pub fn context_alone(&self, context: &CallContext) -> usize {
        context.worker_index()
    }

    pub fn context_owned(&self, #[worker(context)] context: CallContext) -> String {
        context.pool_name().to_string()
    }

    pub async fn later(&self, x: u64, text: &str) -> u64 {
        std::future::ready(()).await;
        x + text.len() as u64
    }

    pub async fn later_mut(&mut self, context: &CallContext) -> Result<u64, String> {
        self.calls += u64::from(context.attempt());
        Ok(self.calls)
    }

    pub fn itself(&self, other: Point) -> Result<Point, String> {
        Ok(Self::helper(other))
    }

    pub fn big(&self, a: u128, b: i128, c: char, d: f64, e: [u8; 4], f: BTreeMap<u8, (u8, Option<()>)>) -> String {
        format!("{a} {b} {c} {d} {e:?} {f:?}")
    }

    /// An argument that is only an argument by its lint.
    pub fn attributes(&self, #[allow(unused_variables)] unused: u64, #[expect(unused_variables)] also: u64) {}

    #[cfg(any(unix, windows))]
    pub fn here(&self, #[allow(unused)] x: u64) -> String {
        "here".to_owned()
    }

    #[cfg(not(any(unix, windows)))]
    pub fn here(&self, x: Missing) -> Missing {
        x
    }

    #[cfg(not(any(unix, windows)))]
    pub fn nowhere(&self, x: &Missing) -> Result<Missing, Missing> {
        x
    }

    fn helper(point: Point) -> Point {
        Point { x: point.y, y: point.x }
    }
}

#[test]
fn every_argument_arrives() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Odd::options().mode(mode).init()?;
        assert_eq!(pool.mutable([1, 2], 4u64).result()?, [1, 2, 12]);
        let point = Point { x: 1, y: -2 };
        assert_eq!(pool.patterns(point, (3, [4, 5]), "", Ticket(6)).result()?, "1 -2 3 4 5 6");
        assert_eq!(pool.bound(point, "four").result()?, (point, 1, 4));
        assert_eq!(pool.r#type(7u64, "x").result()?, "7x");
        assert_eq!(pool.raw_twins(1u64, 2u64).result()?, 12);
        let shown = pool.borrows("text", [1, 2], &point, "a/b", Ticket(9)).result()?;
        assert_eq!(shown, "text [1, 2] 1 a/b 9");
        let count = pool.more_borrows("os", c"c", [1, 2, 3], "own", vec![0u8; 5]);
        let owned = pool.more_borrows(OsString::from("os"), CString::from(c"c"), [1, 2, 3], "own", vec![0u8; 5]);
        let lent = pool.more_borrows(OsStr::new("os"), c"c".to_owned(), [1, 2, 3], "own", vec![0u8; 5]);
        assert_eq!((owned.result()?, lent.result()?), (14, 14));
        assert_eq!(count.result()?, 2 + 1 + 3 + 3 + 5);
        let map = HashMap::from([("a".to_owned(), vec![1u8])]);
        assert_eq!(pool.map(map, Some(point), Box::new(point)).result()?, (1, true, -2));
        assert_eq!(pool.named_lifetimes("a", "bc").result()?, 3);
        assert_eq!(pool.explicit(1u64).result()? + pool.explicit_mut(2u64).result()?, 3);
        assert_eq!(pool.constant(5u64).result()?, 5);
        assert_eq!(pool.sized([1, 2], None).result()?, [1, 2]);
        pool.nothing().result()?;
        pool.unit(()).result()?;
        assert_eq!(pool.parenthesised(2u64, "ab").result()?, 4);
        assert_eq!(pool.context_first(1u64).result()?, (1, "context_first".to_owned()));
        assert_eq!(pool.context_between(1u64, 2u64).result()?, 3);
        assert_eq!(pool.context_last(1u64).result()?, (1, 1));
        assert_eq!(pool.context_alone().result()?, 0);
        assert_eq!(pool.context_owned().result()?, "Odd");
        assert_eq!(pool.later(1u64, "ab").result()?, 3);
        assert_eq!(pool.later_mut().result()?, 3);
        assert_eq!(pool.itself(point).result()?, Point { x: -2, y: 1 });
        let big = pool.big(u128::MAX, i128::MIN, 'ß', 0.5, [1, 2, 3, 4], BTreeMap::from([(1, (2, Some(())))]));
        assert_eq!(
            big.result()?,
            "340282366920938463463374607431768211455 -170141183460469231731687303715884105728 ß 0.5 [1, 2, 3, 4] {1: (2, Some(()))}"
        );
        assert_eq!(pool.here(1u64).result()?, "here");
        pool.attributes(1u64, 2u64).result()?;
        pool.stop()?;
    }
    Ok(())
}

#[test]
fn arguments_convert_as_stubs_say() -> concurry::Result<()> {
    let pool = Odd::options().mode(Mode::Thread).init()?;
    let point = Point { x: 1, y: 2 };
    let path: &Path = Path::new("p");
    let numbers: &[u64] = &[1];
    let earlier: TaskFuture<String> = pool.r#type(1u64, String::from("t"));
    let shown = pool.borrows(earlier, numbers, point, path, Ticket(1)).result()?;
    assert_eq!(shown, "1t [1] 1 p 1");
    let shown = pool.borrows(&String::from("s"), vec![2], &point, &PathBuf::from("q"), Ticket(1)).result()?;
    assert_eq!(shown, "s [2] 1 q 1");
    pool.stop()
}

#[test]
fn the_type_is_still_an_ordinary_one() {
    let mut odd = Odd { calls: 0 };
    odd.nothing();
    assert_eq!((odd.calls, Odd::FACTOR), (1, 3));
    assert_eq!(odd.context_last(1, &CallContext::default()).0, 1);
    assert_eq!(odd.named_lifetimes("a", "b"), 2);
}
