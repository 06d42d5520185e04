//! `local` types: whatever is `Send` goes to a worker and comes back, as it is.
#![deny(warnings, clippy::all)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use concurry::prelude::*;

pub trait Shape: Send + Sync {
    fn area(&self) -> f64;
}

pub struct Square(f64);

impl Shape for Square {
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}

/// Neither serializable nor `Clone`.
pub struct Opaque(u64);

pub type Job = Box<dyn FnOnce(u64) -> u64 + Send>;

pub struct Runner {
    name: &'static str,
    counter: Arc<AtomicU64>,
}

#[worker(local)]
impl Runner {
    pub fn new(name: &'static str, counter: Arc<AtomicU64>) -> Self {
        Runner { name, counter }
    }

    pub fn run(&mut self, job: Box<dyn FnOnce(u64) -> u64 + Send>, x: u64) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst);
        job(x)
    }

    pub fn run_alias(&self, job: Job) -> u64 {
        job(1)
    }

    pub fn area(&self, shape: Arc<dyn Shape>) -> f64 {
        shape.area()
    }

    pub fn borrowed(&self, shape: &Square, opaque: &Opaque, all: &[Opaque], text: &str) -> f64 {
        shape.area() + (opaque.0 + all.iter().map(|opaque| opaque.0).sum::<u64>()) as f64 + text.len() as f64
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn fixed(&self, text: &'static str, numbers: &'static [u64], maybe: Option<&'static str>) -> usize {
        text.len() + numbers.len() + maybe.map_or(0, str::len)
    }

    pub fn pointer(&self, f: fn(u64) -> u64, x: u64) -> u64 {
        f(x)
    }

    pub fn reference_pointer(&self, f: fn(&str) -> usize, g: Box<dyn for<'a> Fn(&'a str) -> &'a str + Send>) -> usize {
        f(g("three"))
    }

    pub fn make(&self, by: u64) -> Box<dyn Fn(u64) -> u64 + Send> {
        Box::new(move |x| x * by)
    }

    pub fn opaque(&self, opaque: Opaque) -> Result<Opaque, Box<dyn std::error::Error + Send + Sync>> {
        if opaque.0 == 0 { Err("zero".into()) } else { Ok(opaque) }
    }

    pub async fn later(&self, opaque: Opaque, bytes: Vec<u8>) -> (Opaque, usize) {
        std::future::ready((opaque, bytes.len())).await
    }
}

pub struct Generic<T>(Option<T>);

#[worker(local)]
impl<T> Generic<T> {
    #[worker(init)]
    pub fn empty() -> Self {
        Generic(None)
    }

    pub fn swap(&mut self, value: T) -> Option<T> {
        self.0.replace(value)
    }
}

#[test]
fn what_is_send_travels_as_it_is() -> concurry::Result<()> {
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let counter = Arc::new(AtomicU64::new(0));
        let pool = Runner::options().mode(mode).init("runner", counter.clone())?;
        let by = 3;
        let job: Job = Box::new(move |x| x * by);
        assert_eq!(pool.run(job, 5u64).result()?, 15);
        let job: Job = Box::new(|x| x + 1);
        assert_eq!(pool.run_alias(job).result()?, 2);
        assert_eq!(counter.load(Ordering::SeqCst), 1);
        let shape: Arc<dyn Shape> = Arc::new(Square(2.0));
        assert!((pool.area(shape).result()? - 4.0).abs() < f64::EPSILON);
        let area = pool.borrowed(Square(1.0), Opaque(2), vec![Opaque(3)], "four").result()?;
        assert!((area - 10.0).abs() < f64::EPSILON);
        assert_eq!(pool.name().result()?, "runner");
        assert_eq!(pool.fixed("ab", &[1, 2, 3][..], Some("c")).result()?, 6);
        let double: fn(u64) -> u64 = |x| x * 2;
        assert_eq!(pool.pointer(double, 4u64).result()?, 8);
        let length: fn(&str) -> usize = str::len;
        let same: Box<dyn for<'a> Fn(&'a str) -> &'a str + Send> = Box::new(|text| text);
        assert_eq!(pool.reference_pointer(length, same).result()?, 5);
        assert_eq!(pool.make(7u64).result()?(6), 42);
        assert_eq!(pool.opaque(Opaque(4)).result()?.0, 4);
        assert!(pool.opaque(Opaque(0)).result().is_err_and(|error| error.to_string().contains("zero")));
        let (opaque, length) = pool.later(Opaque(1), [1, 2]).result()?;
        assert_eq!((opaque.0, length), (1, 2));
        let chained = pool.opaque(pool.opaque(Opaque(8))).result()?;
        assert_eq!(chained.0, 8);
        pool.pool().stop()?;
        let generic = Generic::<Box<dyn FnOnce() -> u8 + Send>>::options().mode(mode).init()?;
        assert!(generic.swap(Box::new(|| 1u8) as Box<dyn FnOnce() -> u8 + Send>).result()?.is_none());
        let first = generic.swap(Box::new(|| 2u8) as Box<dyn FnOnce() -> u8 + Send>).result()?;
        assert_eq!(first.map(|first| first()), Some(1));
        generic.stop()?;
    }
    Ok(())
}

#[test]
fn other_modes_refuse_it_and_say_why() {
    for mode in [Mode::Process, Mode::Ray] {
        let error = Runner::options().mode(mode).init("runner", Arc::default()).err();
        let message = error.map(|error| (matches!(error, concurry::Error::Unsupported { .. }), error.to_string()));
        assert!(message.is_some_and(|(kind, text)| kind && text.contains("Runner")), "{mode}");
    }
}
