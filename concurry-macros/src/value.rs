//! The values of options, read from their literals; a bad one names the option, itself, and what is allowed.

use std::time::Duration;

use concurry_options::{BALANCING, Entry as Row, FULL, Kind, MODES, Word, lookup, names};
use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprLit, Ident, Lit, Path, Result};

use crate::diagnostics::Problem;
use crate::options::{Entry, Place};

/// The value of an option of the shared table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// A variant of `Mode`.
    Mode(&'static str),
    /// A variant of `LoadBalancing`.
    Balancing(&'static str),
    /// A variant of `OnFull`.
    Full(&'static str),
    Count(usize),
    Number(u32),
    Truth(bool),
    Time(Duration),
    Size(u64),
    Text(String),
}

/// The value that an entry gives to an option of the shared table.
pub(crate) fn of(row: &Row, entry: &Entry) -> Result<Value> {
    match row.kind {
        Kind::Mode => word(entry, MODES).map(Value::Mode),
        Kind::Balancing => word(entry, BALANCING).map(Value::Balancing),
        Kind::Full => word(entry, FULL).map(Value::Full),
        Kind::Count | Kind::Workers => count(entry, row).map(Value::Count),
        Kind::Number => number(entry).map(Value::Number),
        Kind::Truth => truth(entry).map(Value::Truth),
        Kind::Time | Kind::Span => duration(entry, row.kind).map(Value::Time),
        Kind::Size => size(entry).map(Value::Size),
        Kind::Text => text(entry).map(Value::Text),
    }
}

/// The words for codecs.
pub(crate) const CODECS: &[Word] = &[("Bincode", &["bincode"]), ("MsgPack", &["msgpack"])];

fn bad(entry: &Entry, value: &Expr, allowed: impl Into<String>) -> syn::Error {
    let (name, mut allowed) = (entry.name(), allowed.into());
    // Where a value was computed, it is the literal that is missing; a method has no builder of its own.
    let computed = !matches!(value, Expr::Lit(_) | Expr::Unary(_) | Expr::Group(_));
    let plain = concurry_options::entry(&name)
        .is_some_and(|row| !matches!(row.kind, Kind::Mode | Kind::Balancing | Kind::Full));
    if computed && plain && entry.place != Place::Method {
        allowed += &format!("; what is no literal goes to the builder, as `.{name}({})`", compact(value));
    }
    let problem = Problem::BadValue { name, value: compact(value), allowed };
    syn::Error::new_spanned(value, problem)
}

/// The source of a value, without the blanks that tokens are printed with.
pub(crate) fn compact(value: &Expr) -> String {
    value.to_token_stream().to_string().replace("- ", "-").replace("! ", "!").replace(" :: ", "::").replace(" (", "(")
}

fn missing(entry: &Entry, example: &'static str) -> syn::Error {
    syn::Error::new_spanned(&entry.key, Problem::NoValue { name: entry.name(), example })
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        // A `macro_rules!` fragment.
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// A word of a table, as the variant's name.
pub(crate) fn word(entry: &Entry, table: &[Word]) -> Result<&'static str> {
    let example = match entry.name().as_str() {
        "mode" => "\"process\"",
        "codec" => "\"msgpack\"",
        "on_full" => "\"block\"",
        _ => "\"least_active\"",
    };
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, example))?;
    let listed = || {
        let all: Vec<String> = table.iter().map(|(_, words)| format!("\"{}\"", words.join("\"/\""))).collect();
        format!("one of {}", all.join(", "))
    };
    let refused = |wanted: &str| {
        let every = table.iter().flat_map(|(_, words)| words.iter().copied());
        let near = names::nearest(wanted, every).map(|near| format!(" (did you mean \"{near}\"?)"));
        bad(entry, value, listed() + &near.unwrap_or_default())
    };
    match literal(value) {
        Some(Lit::Str(text)) => {
            let wanted = text.value();
            lookup(table, &wanted).ok_or_else(|| refused(&wanted))
        }
        // `Mode::Process`, as the builder has it.
        _ => match value {
            Expr::Path(path) => {
                Err(refused(&path.path.segments.last().map_or_else(String::new, |last| last.ident.to_string())))
            }
            _ => Err(bad(entry, value, listed())),
        },
    }
}

fn whole(entry: &Entry, allowed: &str) -> Result<u64> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "4"))?;
    match literal(value) {
        Some(Lit::Int(number)) => number.base10_parse().map_err(|_| bad(entry, value, allowed)),
        Some(Lit::Str(text)) if text.value().trim().parse::<u64>().is_ok() => {
            Err(bad(entry, value, format!("{allowed}, without quotes")))
        }
        _ => Err(bad(entry, value, allowed)),
    }
}

/// A number from 1.
fn count(entry: &Entry, row: &Row) -> Result<usize> {
    let allowed = row.kind.in_source() + row.hint;
    let number = whole(entry, &allowed)?;
    match usize::try_from(number) {
        Ok(count) if (1..=row.kind.most()).contains(&number) => Ok(count),
        _ => Err(entry.value.as_ref().map_or_else(|| missing(entry, "4"), |value| bad(entry, value, allowed))),
    }
}

/// A number from 0.
fn number(entry: &Entry) -> Result<u32> {
    let allowed = Kind::Number.in_source();
    let number = whole(entry, &allowed)?;
    u32::try_from(number)
        .map_err(|_| entry.value.as_ref().map_or_else(|| missing(entry, "3"), |value| bad(entry, value, allowed)))
}

/// `true` or `false`.
fn truth(entry: &Entry) -> Result<bool> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "true"))?;
    match literal(value) {
        Some(Lit::Bool(truth)) => Ok(truth.value),
        _ => Err(bad(entry, value, Kind::Truth.in_source())),
    }
}

/// A time, such as `"1.5s"`.
fn duration(entry: &Entry, kind: Kind) -> Result<Duration> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"5s\""))?;
    let time = match literal(value) {
        Some(Lit::Str(text)) => concurry_options::text::duration(&text.value()),
        _ => None,
    };
    match time {
        None => Err(bad(entry, value, Kind::Time.in_source())),
        Some(time) if time.is_zero() && kind == Kind::Span => Err(bad(entry, value, kind.in_source())),
        Some(time) => Ok(time),
    }
}

/// A number of bytes, such as `"512MiB"`.
fn size(entry: &Entry) -> Result<u64> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"512MiB\""))?;
    let size = match literal(value) {
        Some(Lit::Str(text)) => concurry_options::text::size(&text.value()),
        _ => None,
    };
    size.ok_or_else(|| bad(entry, value, Kind::Size.in_source()))
}

/// A text that is not empty.
fn text(entry: &Entry) -> Result<String> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"cpu\""))?;
    match literal(value) {
        Some(Lit::Str(text)) if !text.value().trim().is_empty() => Ok(text.value()),
        _ => Err(bad(entry, value, Kind::Text.in_source())),
    }
}

/// An option without a value.
pub(crate) fn flag(entry: &Entry) -> Result<()> {
    match &entry.value {
        None => Ok(()),
        Some(value) => Err(syn::Error::new_spanned(value, Problem::NeedlessValue { name: entry.name() })),
    }
}

/// A path in quotes.
pub(crate) fn path(entry: &Entry) -> Result<Path> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"::my_crate::concurry\""))?;
    let allowed = "a path in quotes, such as \"::my_crate::concurry\"";
    match literal(value) {
        Some(Lit::Str(text)) => text
            .parse_with(Path::parse_mod_style)
            .map(|mut path| {
                for segment in &mut path.segments {
                    segment.ident.set_span(Span::call_site().located_at(text.span()));
                }
                path
            })
            .map_err(|_| bad(entry, value, allowed)),
        _ => Err(bad(entry, value, allowed)),
    }
}

/// An identifier in quotes.
pub(crate) fn ident(entry: &Entry) -> Result<Ident> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"MyName\""))?;
    let allowed = "the name of a type in quotes, such as \"MyName\"";
    match literal(value) {
        Some(Lit::Str(text)) => text.parse::<Ident>().map_err(|_| bad(entry, value, allowed)),
        _ => Err(bad(entry, value, allowed)),
    }
}
