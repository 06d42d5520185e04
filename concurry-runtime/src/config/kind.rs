//! The kinds of values that options have: how each is read, shown, and what of its type is allowed.

use std::time::Duration;

use concurry_options::text;

use crate::balance::LoadBalancing;
use crate::full::OnFull;
use crate::mode::Mode as AnyMode;

/// A kind of the shared table, with its type. The implementations bear the names that the table uses.
pub(super) trait Kind {
    type Value: Clone + PartialEq;
    const KIND: concurry_options::Kind;
    /// The value that a text stands for, if it is allowed.
    fn read(text: &str) -> Option<Self::Value>;
    /// Whether a value that somebody gave as a value is allowed.
    fn allows(_value: &Self::Value) -> bool {
        true
    }
    fn show(value: &Self::Value) -> String;
}

pub(super) struct Mode;
pub(super) struct Balancing;
pub(super) struct Full;
pub(super) struct Count;
pub(super) struct Workers;
pub(super) struct Number;
pub(super) struct Truth;
pub(super) struct Time;
pub(super) struct Span;
pub(super) struct Size;
pub(super) struct Text;

impl Kind for Mode {
    type Value = AnyMode;
    const KIND: concurry_options::Kind = concurry_options::Kind::Mode;
    fn read(text: &str) -> Option<AnyMode> {
        text.parse().ok()
    }
    fn show(value: &AnyMode) -> String {
        value.to_string()
    }
}

impl Kind for Balancing {
    type Value = LoadBalancing;
    const KIND: concurry_options::Kind = concurry_options::Kind::Balancing;
    fn read(text: &str) -> Option<LoadBalancing> {
        text.parse().ok()
    }
    fn show(value: &LoadBalancing) -> String {
        value.to_string()
    }
}

impl Kind for Full {
    type Value = OnFull;
    const KIND: concurry_options::Kind = concurry_options::Kind::Full;
    fn read(text: &str) -> Option<OnFull> {
        text.parse().ok()
    }
    fn show(value: &OnFull) -> String {
        value.to_string()
    }
}

impl Kind for Count {
    type Value = usize;
    const KIND: concurry_options::Kind = concurry_options::Kind::Count;
    fn read(text: &str) -> Option<usize> {
        text::count(text)
    }
    fn allows(value: &usize) -> bool {
        *value > 0
    }
    fn show(value: &usize) -> String {
        value.to_string()
    }
}

impl Kind for Workers {
    type Value = usize;
    const KIND: concurry_options::Kind = concurry_options::Kind::Workers;
    fn read(text: &str) -> Option<usize> {
        text::count(text).filter(Self::allows)
    }
    fn allows(value: &usize) -> bool {
        (1..=Self::KIND.most()).contains(&(*value as u64))
    }
    fn show(value: &usize) -> String {
        value.to_string()
    }
}

impl Kind for Number {
    type Value = u32;
    const KIND: concurry_options::Kind = concurry_options::Kind::Number;
    fn read(text: &str) -> Option<u32> {
        text::number(text)
    }
    fn show(value: &u32) -> String {
        value.to_string()
    }
}

impl Kind for Truth {
    type Value = bool;
    const KIND: concurry_options::Kind = concurry_options::Kind::Truth;
    fn read(text: &str) -> Option<bool> {
        text::truth(text)
    }
    fn show(value: &bool) -> String {
        value.to_string()
    }
}

impl Kind for Time {
    type Value = Duration;
    const KIND: concurry_options::Kind = concurry_options::Kind::Time;
    fn read(text: &str) -> Option<Duration> {
        text::duration(text)
    }
    fn show(value: &Duration) -> String {
        format!("{value:?}")
    }
}

impl Kind for Span {
    type Value = Duration;
    const KIND: concurry_options::Kind = concurry_options::Kind::Span;
    fn read(text: &str) -> Option<Duration> {
        text::duration(text).filter(Self::allows)
    }
    fn allows(value: &Duration) -> bool {
        !value.is_zero()
    }
    fn show(value: &Duration) -> String {
        Time::show(value)
    }
}

impl Kind for Size {
    type Value = u64;
    const KIND: concurry_options::Kind = concurry_options::Kind::Size;
    fn read(text: &str) -> Option<u64> {
        text::size(text)
    }
    fn allows(value: &u64) -> bool {
        *value > 0
    }
    fn show(value: &u64) -> String {
        text::size_text(*value)
    }
}

impl Kind for Text {
    type Value = String;
    const KIND: concurry_options::Kind = concurry_options::Kind::Text;
    fn read(text: &str) -> Option<String> {
        text::name(text)
    }
    fn allows(value: &String) -> bool {
        !value.trim().is_empty()
    }
    fn show(value: &String) -> String {
        value.clone()
    }
}
