//! Enums that are written as words: one table for parsing, printing and for the error that lists what is allowed.
//! Times are written as words too: `250ms`.

use std::time::Duration;

use crate::error::Error;

/// An enum with a table of its words; the first of each row is how it prints.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// What a value is called in an error.
    const WHAT: &'static str;
    /// Each value with the words for it.
    const TABLE: &'static [(Self, &'static [&'static str])];
    /// What else is allowed, for the end of the error's list.
    const ALSO: &'static str = "";
}

/// The table of an enum, of what `concurry_options` hands over.
macro_rules! table {
    ($type:ident $($variant:ident: $($word:literal)*;)*) => { &[$(($type::$variant, &[$($word),*])),*] };
}
pub(crate) use table;

/// All values of an enum, in the same order.
macro_rules! all {
    ($type:ident $($variant:ident: $($word:literal)*;)*) => { [$($type::$variant),*] };
}
pub(crate) use all;

/// Prints an enum by its words, and parses it.
macro_rules! in_words {
    ($type:ty) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::words::word(*self))
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::words::parse(text)
            }
        }
    };
}
pub(crate) use in_words;

/// How `value` is written.
pub(crate) fn word<T: Words>(value: T) -> &'static str {
    T::TABLE.iter().find(|(known, _)| *known == value).map_or("unknown", |(_, words)| words[0])
}

/// The value that `text` stands for; case and the difference between `-` and `_` do not matter.
pub(crate) fn parse<T: Words>(text: &str) -> Result<T, Error> {
    let wanted = text.trim().to_ascii_lowercase().replace('-', "_");
    T::TABLE.iter().find(|(_, words)| words.contains(&wanted.as_str())).map(|(value, _)| *value).ok_or_else(|| {
        let allowed: Vec<String> = T::TABLE.iter().map(|(_, words)| format!("`{}`", words.join("`, `"))).collect();
        Error::config(format!("unknown {} `{text}`; allowed are {}{}", T::WHAT, allowed.join("; "), T::ALSO))
    })
}

/// The units of times, the longest last.
const UNITS: [(&str, u128); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The time that `text` stands for: `250ms`, `1.5s`, `2m`. No more than nine digits after the point.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?);
    let nanos = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, nanos)| *nanos)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let parts = u128::from(fraction.parse::<u64>().ok()?) * nanos / scale;
    let total = whole.parse::<u128>().ok()?.checked_mul(nanos)?.checked_add(parts)?;
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    u32::try_from(total % 1_000_000_000).ok().map(|nanos| Duration::new(seconds, nanos))
}

/// How `duration` is written, exactly: in seconds or the longest smaller unit that leaves no fraction.
pub(crate) fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = ["s", "ms", "us"].iter().filter_map(|unit| UNITS.iter().find(|(name, _)| name == unit));
    match units.into_iter().find(|(_, unit)| nanos.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, duration_text};
    use crate::balance::LoadBalancing;
    use crate::mode::Mode;

    #[test]
    fn every_word_is_parsed_and_the_error_lists_them() {
        assert_eq!("RR".parse::<LoadBalancing>().unwrap(), LoadBalancing::RoundRobin);
        assert_eq!("least-active".parse::<LoadBalancing>().unwrap(), LoadBalancing::LeastActive);
        let error = "fibre".parse::<Mode>().unwrap_err().to_string();
        assert!(error.contains("fibre") && error.contains("`thread`") && error.contains("`proc`"), "{error}");
    }

    #[test]
    fn times_are_read_and_written() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            (" 5 s ", 5_000_000_000),
            ("1.5s", 1_500_000_000),
            ("0.000000001s", 1),
            ("1.5ns", 1),
            ("2min", 120_000_000_000),
            ("7d", 604_800_000_000_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "5", "s", ".5s", "5.s", "-1s", "1.2.3s", "5 weeks", "1e3s", "18446744073709551616s"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for time in [Duration::ZERO, Duration::MAX, Duration::from_nanos(1), Duration::from_micros(1500)] {
            assert_eq!(duration(&duration_text(time)), Some(time));
        }
        assert_eq!(duration_text(Duration::from_secs(90)), "90s");
    }
}
