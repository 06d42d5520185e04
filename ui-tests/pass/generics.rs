//! Blocks with parameters: types, constants, conditions, and the types that methods make of them.
#![deny(warnings, clippy::all)]

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use concurry::prelude::*;
use concurry_ui_tests::MODES;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A type parameter in every place where one can stand.
pub struct Store<T> {
    held: Vec<T>,
}

#[worker(mode = "thread")]
impl<T: Clone> Store<T> {
    pub fn new(first: T, more: &[T]) -> Self {
        Store { held: std::iter::once(first).chain(more.iter().cloned()).collect() }
    }

    pub fn push(&mut self, value: T) -> usize {
        self.held.push(value);
        self.held.len()
    }

    pub fn push_all(&mut self, values: &[T], maybe: &Option<T>) -> usize {
        self.held.extend_from_slice(values);
        self.held.extend(maybe.clone());
        self.held.len()
    }

    pub fn all(&self) -> Vec<T> {
        self.held.clone()
    }

    pub fn get(&self, at: usize) -> Result<T, String> {
        self.held.get(at).cloned().ok_or_else(|| format!("there are {}", self.held.len()))
    }

    pub fn shown(&self) -> String
    where
        T: Debug,
    {
        format!("{:?}", self.held)
    }

    pub fn count(&self) -> usize {
        self.held.len()
    }
}

/// A constant, and conditions that stand in a `where` clause.
pub struct Grid<K, const N: usize>
where
    K: Ord,
{
    cells: BTreeMap<K, [u8; N]>,
}

#[worker]
impl<K, const N: usize> Grid<K, N>
where
    K: Ord + Clone + Display,
    [u8; N]: Default,
{
    #[worker(init)]
    pub fn empty() -> Self {
        Grid { cells: BTreeMap::new() }
    }

    pub fn set(&mut self, at: K, cells: [u8; N]) -> Option<[u8; N]> {
        self.cells.insert(at, cells)
    }

    pub fn width(&self) -> usize {
        N
    }

    pub fn keys(&self) -> String {
        self.cells.keys().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

/// What a trait's types are.
pub trait Format {
    type Item;
    type Error;
    /// # Errors
    /// Where the text is of another format.
    fn parse(text: &str) -> Result<Self::Item, Self::Error>;
}

pub struct Numbers;

impl Format for Numbers {
    type Item = i32;
    type Error = std::num::ParseIntError;
    fn parse(text: &str) -> Result<i32, Self::Error> {
        i32::from_str(text)
    }
}

pub struct Parser<F>(std::marker::PhantomData<fn() -> F>);

impl<F> Default for Parser<F> {
    fn default() -> Self {
        Parser(std::marker::PhantomData)
    }
}

#[worker]
impl<F: Format> Parser<F>
where
    F::Error: std::error::Error + Send + Sync + 'static,
{
    pub fn parse(&self, text: &str) -> Result<F::Item, F::Error> {
        F::parse(text)
    }

    pub fn parse_all(&self, texts: &[String]) -> Result<Vec<<F as Format>::Item>, String> {
        texts.iter().map(|text| F::parse(text).map_err(|error| error.to_string())).collect()
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Wrapped<E>(E);

impl<E: Debug> Display for Wrapped<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "wrapped {:?}", self.0)
    }
}

impl<E: Debug> std::error::Error for Wrapped<E> {}

pub struct Fails<E>(Option<E>);

#[worker]
impl<E: Debug + Send + Sync + 'static> Fails<E> {
    pub fn new(error: Option<E>) -> Self {
        Fails(error)
    }

    pub fn once(&mut self) -> Result<u8, Wrapped<E>> {
        self.0.take().map_or(Ok(0), |error| Err(Wrapped(error)))
    }
}

/// A block for some of a type's parameters.
pub struct Pair<A, B>(A, B);

#[worker(client = "Bytes", options = "BytesOptions", message = "BytesMessage")]
impl Pair<u8, u8> {
    #[worker(init)]
    pub fn of_bytes(a: u8) -> Self {
        Pair(a, a)
    }

    pub fn sum(&self) -> u8 {
        self.0 + self.1
    }
}

#[worker(client = "Text", options = "TextOptions", message = "TextMessage")]
impl<B> Pair<String, B> {
    #[worker(init)]
    pub fn of_text(a: &str, b: B) -> Self {
        Pair(a.to_owned(), b)
    }

    pub fn first(&self) -> String {
        let _ = &self.1;
        self.0.clone()
    }
}

#[test]
fn type_parameters_travel() -> concurry::Result<()> {
    for mode in MODES {
        let pool: StoreClient<u64> = Store::options().mode(mode).init(1, &[2])?;
        assert_eq!(pool.push(3u64).result()?, 3);
        assert_eq!(pool.push_all([4, 5], None).result()?, 5);
        assert_eq!(pool.all().result()?, [1, 2, 3, 4, 5]);
        assert_eq!(pool.get(0usize).result()?, 1);
        assert!(pool.get(9usize).result().is_err_and(|error| error.to_string().contains("there are 5")));
        assert_eq!(pool.shown().result()?, "[1, 2, 3, 4, 5]");
        assert_eq!(pool.clone().count().result()?, 5);
        pool.stop()?;
        let bytes = Store::<Vec<u8>>::options().mode(mode).init(vec![0; 3], &[])?;
        assert_eq!(bytes.push(vec![255u8; 1000]).result()?, 2);
        assert_eq!(bytes.get(1usize).result()?.len(), 1000);
        bytes.stop()?;
    }
    Ok(())
}

/// From a function that is generic itself.
fn through<T>(value: T, mode: Mode) -> concurry::Result<T>
where
    T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let pool: StoreClient<T> = Store::<T>::options().mode(mode).init(value, &[])?;
    let value = pool.get(0usize).result()?;
    pool.stop()?;
    Ok(value)
}

#[test]
fn generic_functions_make_pools() -> concurry::Result<()> {
    for mode in MODES {
        assert_eq!(through("text".to_owned(), mode)?, "text");
        assert_eq!(through((1u8, Some('x')), mode)?, (1, Some('x')));
    }
    Ok(())
}

#[test]
fn constants_and_conditions() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Grid::<u32, 4>::options().mode(mode).init()?;
        assert_eq!(pool.set(7u32, [1, 2, 3, 4]).result()?, None);
        assert_eq!(pool.set(7u32, [0; 4]).result()?, Some([1, 2, 3, 4]));
        assert_eq!((pool.width().result()?, pool.keys().result()?), (4, "7".to_owned()));
        pool.stop()?;
    }
    Ok(())
}

#[test]
fn associated_types_and_generic_errors() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Parser::<Numbers>::options().mode(mode).init()?;
        assert_eq!(pool.parse("-5").result()?, -5);
        assert!(pool.parse("five").result().is_err_and(|error| error.to_string().contains("invalid digit")));
        assert_eq!(pool.parse_all(["1".to_owned(), "2".to_owned()]).result()?, [1, 2]);
        pool.stop()?;
        let fails = Fails::options().mode(mode).init(Some("why".to_owned()))?;
        let error = fails.once().result().err();
        assert!(error.is_some_and(|error| error.to_string().contains("wrapped \"why\"")));
        assert_eq!(fails.once().result()?, 0);
        fails.stop()?;
    }
    Ok(())
}

#[test]
fn two_blocks_of_one_generic_type() -> concurry::Result<()> {
    let bytes: Bytes = Pair::<u8, u8>::options().mode(Mode::Sync).init(4)?;
    assert_eq!(bytes.sum().result()?, 8);
    let text: Text<bool> = Pair::<String, bool>::init("a", true)?;
    assert_eq!(text.first().result()?, "a");
    text.stop()
}
