//! Every shape is gathered without a type being named.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::*;
use crate::gather::gather;

fn double(x: u32) -> TaskFuture<u32> {
    TaskFuture::ready(2 * x)
}

#[test]
fn sequences() -> Result<()> {
    let futures: Vec<_> = (0..3).map(double).collect();
    assert_eq!(gather(futures).results()?, vec![0, 2, 4]);
    assert_eq!(gather([double(1), double(2)]).results()?, vec![2, 4]);
    assert_eq!(gather((0..9).map(double)).results()?.len(), 9);
    assert_eq!(gather((0..9).map(|x| double(x).map(|y| y as u64 + 1))).results()?.iter().sum::<u64>(), 81);
    assert_eq!(gather(VecDeque::from([double(4)])).results()?, [8]);
    assert_eq!(gather(Some(double(4))).results()?, [8]);
    let mut futures = vec![double(5)];
    assert_eq!(gather(futures.drain(..)).results()?, [10]);
    let nothing: Vec<TaskFuture<u32>> = Vec::new();
    assert!(gather(nothing).results()?.is_empty());
    let settled = gather((0..3).map(double)).settled();
    assert_eq!(settled.into_iter().map(|x| x.unwrap()).collect::<Vec<_>>(), [0, 2, 4]);
    Ok(())
}

#[test]
fn maps() -> Result<()> {
    let make = || ["a", "bb", "ccc"].into_iter().map(|key| (key.to_owned(), double(key.len() as u32)));
    let futures: HashMap<_, _> = make().collect();
    assert_eq!(gather(futures).results()?["bb"], 4);
    let futures: BTreeMap<_, _> = make().collect();
    let sorted = gather(futures).results()?;
    assert_eq!(sorted.into_values().collect::<Vec<_>>(), [2, 4, 6]);
    let futures: HashMap<_, _, BuildHasherDefault<DefaultHasher>> = make().collect();
    let same: HashMap<String, u32, BuildHasherDefault<DefaultHasher>> = gather(futures).results()?;
    assert_eq!(same.len(), 3);
    let futures: HashMap<_, _> = make().collect();
    let mut settled = gather(futures).settled();
    assert_eq!(settled.remove("ccc").unwrap()?, 6);
    let futures: BTreeMap<_, _> = make().collect();
    for (key, result) in gather(futures).as_completed() {
        assert_eq!(result? as usize, 2 * key.len());
    }
    let nothing: HashMap<String, TaskFuture<u32>> = HashMap::new();
    assert!(gather(nothing).results()?.is_empty());
    Ok(())
}

#[test]
fn tuples() -> Result<()> {
    let (a, b, c) = gather((double(1), TaskFuture::ready("x"), TaskFuture::ready(vec![1u8]))).results()?;
    assert_eq!((a, b, c), (2, "x", vec![1]));
    let (only,) = gather((double(1),)).results()?;
    assert_eq!(only, 2);
    let f = double;
    let twelve = (f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), TaskFuture::ready("end"));
    assert_eq!(gather(twelve).results()?.11, "end");
    let (_failing, never) = promise::<String>();
    let (bad, failed) = promise::<u8>();
    bad.settle(Err(oops("bad")));
    assert_eq!(gather((double(1), never, failed)).results().unwrap_err().to_string(), "bad");
    let (bad, failed) = promise::<u8>();
    bad.settle(Err(oops("bad")));
    let (ok, failed) = gather((double(1), failed)).settled();
    assert_eq!((ok?, failed.unwrap_err().to_string().as_str()), (2, "bad"));
    Ok(())
}
