//! The values of options, read from their literals; a bad one names the option, itself, and what is allowed.

use std::time::Duration;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprLit, Ident, Lit, Path, Result};

use crate::diagnostics::Problem;
use crate::options::Entry;
use crate::words;

/// A variant, and the words for it.
type Words = (&'static str, &'static [&'static str]);

/// The words for modes.
pub(crate) const MODES: &[Words] = &[
    ("Sync", &["sync", "inline"]),
    ("Thread", &["thread", "threads"]),
    ("Async", &["async", "asyncio", "tokio"]),
    ("Process", &["process", "processes", "proc"]),
    ("Ray", &["ray"]),
];

/// The words for load balancing.
pub(crate) const BALANCING: &[Words] = &[
    ("RoundRobin", &["round_robin", "rr", "roundrobin"]),
    ("LeastActive", &["least_active", "active", "leastactive"]),
    ("LeastTotal", &["least_total", "total", "leasttotal"]),
    ("Random", &["random", "rand"]),
    ("PowerOfTwo", &["power_of_two", "p2c", "poweroftwo"]),
    ("Shared", &["shared"]),
];

/// The words for codecs.
pub(crate) const CODECS: &[Words] = &[("Bincode", &["bincode"]), ("MsgPack", &["msgpack"])];

fn bad(entry: &Entry, value: &Expr, allowed: impl Into<String>) -> syn::Error {
    let problem = Problem::BadValue { name: entry.name(), value: compact(value), allowed: allowed.into() };
    syn::Error::new_spanned(value, problem)
}

/// The source of a value, without the blanks that tokens are printed with.
pub(crate) fn compact(value: &Expr) -> String {
    value.to_token_stream().to_string().replace("- ", "-").replace(" :: ", "::")
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
pub(crate) fn word(entry: &Entry, table: &[Words]) -> Result<&'static str> {
    let example = match entry.name().as_str() {
        "mode" => "\"process\"",
        "codec" => "\"msgpack\"",
        _ => "\"least_active\"",
    };
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, example))?;
    let listed = || {
        let all: Vec<String> = table.iter().map(|(_, words)| format!("\"{}\"", words.join("\"/\""))).collect();
        format!("one of {}", all.join(", "))
    };
    let refused = |wanted: &str| {
        let every = table.iter().flat_map(|(_, words)| words.iter().copied());
        let near = words::nearest(wanted, every).map(|near| format!(" (did you mean \"{near}\"?)"));
        bad(entry, value, listed() + &near.unwrap_or_default())
    };
    match literal(value) {
        Some(Lit::Str(text)) => {
            let wanted = words::normal(&text.value());
            let found = table.iter().find(|(_, words)| words.contains(&wanted.as_str()));
            found.map(|(variant, _)| *variant).ok_or_else(|| refused(&wanted))
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

/// More workers than this the runtime refuses; a builder's value is refused there.
const MOST_WORKERS: u64 = 65_536;

/// A number from 1.
pub(crate) fn count(entry: &Entry) -> Result<usize> {
    let allowed = match entry.name().as_str() {
        "max_queued_tasks" => "a whole number from 1; leave it out for the mode's default",
        _ => "a whole number from 1 to 65536",
    };
    let most = if entry.name() == "max_queued_tasks" { u64::from(u32::MAX) } else { MOST_WORKERS };
    let number = whole(entry, allowed)?;
    match usize::try_from(number) {
        Ok(count) if (1..=most).contains(&number) => Ok(count),
        _ => Err(entry.value.as_ref().map_or_else(|| missing(entry, "4"), |value| bad(entry, value, allowed))),
    }
}

/// A number from 0.
pub(crate) fn number(entry: &Entry) -> Result<u32> {
    let allowed = "a whole number from 0 to 4294967295";
    let number = whole(entry, allowed)?;
    u32::try_from(number)
        .map_err(|_| entry.value.as_ref().map_or_else(|| missing(entry, "3"), |value| bad(entry, value, allowed)))
}

/// `true` or `false`.
pub(crate) fn truth(entry: &Entry) -> Result<bool> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "true"))?;
    match literal(value) {
        Some(Lit::Bool(truth)) => Ok(truth.value),
        _ => Err(bad(entry, value, "`true` or `false`")),
    }
}

/// A time, such as `"1.5s"`.
pub(crate) fn duration(entry: &Entry, zero: bool) -> Result<Duration> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"5s\""))?;
    let allowed = "a time in quotes, such as \"250ms\", \"5s\", \"2m\", \"1h\" or \"1d\"";
    let Some(Lit::Str(text)) = literal(value) else {
        return Err(bad(entry, value, allowed));
    };
    match words::duration(&text.value()) {
        Some(time) if time.is_zero() && !zero => Err(bad(entry, value, format!("{allowed}, longer than nothing"))),
        Some(time) => Ok(time),
        None => Err(bad(entry, value, allowed)),
    }
}

/// A text that is not empty.
pub(crate) fn text(entry: &Entry) -> Result<String> {
    let value = entry.value.as_ref().ok_or_else(|| missing(entry, "\"cpu\""))?;
    match literal(value) {
        Some(Lit::Str(text)) if !text.value().trim().is_empty() => Ok(text.value()),
        _ => Err(bad(entry, value, "a text in quotes that is not empty")),
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
