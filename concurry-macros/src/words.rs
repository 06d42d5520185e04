//! Words: camel case for variants, nearest names for typing errors, durations as text.

use std::time::Duration;

/// `do_it_2` as `DoIt2`: the name of a method's variant.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len() + 1);
    for part in name.split('_') {
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            camel.extend(first.to_uppercase());
            camel.push_str(chars.as_str());
        }
    }
    match camel.chars().next() {
        None => "Method".to_owned(),
        Some(first) if first.is_numeric() => format!("Method{camel}"),
        // The one camel-cased word that is no identifier.
        Some(_) if camel == "Self" => "Self_".to_owned(),
        Some(_) => camel,
    }
}

/// The known name that `word` was most likely meant to be, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    known
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(2) && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Case and the difference between `-` and `_` do not matter.
pub(crate) fn normal(word: &str) -> String {
    word.trim().to_lowercase().replace('-', "_")
}

/// How many letters must be put in, left out, or replaced to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// `"250ms"`, `"5s"`, `"1.5s"`, `"2m"`, `"1h"`, `"1d"`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let nanos: u128 = match unit.trim() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let mut total = whole.parse::<u64>().map(u128::from).ok()?.checked_mul(nanos)?;
    if !fraction.is_empty() {
        let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        total += fraction.parse::<u64>().map(u128::from).ok()? * nanos / scale;
    }
    u64::try_from(total).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_of_methods() {
        for (name, camel) in [
            ("compute", "Compute"),
            ("compute_all", "ComputeAll"),
            ("a1", "A1"),
            ("a_1", "A1"),
            ("_hidden", "Hidden"),
            ("self_", "Self_"),
            ("_1", "Method1"),
            ("__", "Method"),
            ("getURL", "GetURL"),
            ("ßen", "SSen"),
        ] {
            assert_eq!(camel_case(name), camel);
        }
    }

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["mode", "max_workers", "max_queued_tasks", "timeout", "name"];
        assert_eq!(nearest("max_worker", known), Some("max_workers"));
        assert_eq!(nearest("max-workers", known), Some("max_workers"));
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("Mode", known), Some("mode"));
        assert_eq!(nearest("priority", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn durations() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("0s", 0),
            ("1 s", 1_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5 parsecs", "-5s", ".5s", "5.s", "1.2.3s", "99999999999d", "1e3s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
