//! How the text of a value is read, wherever it stands: in an attribute, in a variable of the environment.

use std::time::Duration;

/// A number from 1.
pub fn count(text: &str) -> Option<usize> {
    // Digits alone: `parse` would take a sign too.
    digits(text)?.parse().ok().filter(|count| *count > 0)
}

/// A number from 0.
pub fn number(text: &str) -> Option<u32> {
    digits(text)?.parse().ok()
}

fn digits(text: &str) -> Option<&str> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text)
}

/// `true` or `false`.
pub fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A text that is not empty.
pub fn name(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// A time: `250ms`, `5s`, `1.5s`, `2m`, `1h`, `1d`. At most what nanoseconds in 64 bits can say, some 584 years.
pub fn duration(text: &str) -> Option<Duration> {
    let nanos = |unit: &str| {
        Some(match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" | "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        })
    };
    measure(text, nanos).map(Duration::from_nanos)
}

/// A number of bytes, more than none: `512MiB`, `1.5GiB`, `2GB`, `4096B`. `KiB` and its like go by 1024, `KB` by 1000.
pub fn size(text: &str) -> Option<u64> {
    let bytes = |unit: &str| {
        Some(match unit.to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return None,
        })
    };
    measure(text, bytes).filter(|size| *size > 0)
}

/// How a size is written, exactly: in the longest unit that leaves no fraction.
pub fn size_text(size: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, bits)| size > 0 && size.is_multiple_of(1 << bits)) {
        Some((unit, bits)) => format!("{}{unit}", size >> bits),
        None => format!("{size}B"),
    }
}

/// A number with a unit that is worth what `worth` says.
fn measure(text: &str, worth: impl Fn(&str) -> Option<u128>) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let worth = worth(unit.trim())?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (number.contains('.') && fraction.is_empty()) || fraction.len() > 9 {
        return None;
    }
    let mut total = whole.parse::<u64>().map(u128::from).ok()?.checked_mul(worth)?;
    if !fraction.is_empty() {
        let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        total += fraction.parse::<u64>().map(u128::from).ok()? * worth / scale;
    }
    u64::try_from(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("2 GB", 2_000_000_000),
            ("1kb", 1000),
            ("1KiB", 1024),
            ("4096b", 4096),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
            assert_eq!(size(&size_text(bytes)), Some(bytes), "{text}");
        }
        for text in ["", "512", "MiB", "0MiB", "0.1B", "-1MiB", "1PiB", "99999999999999TiB", "1.MiB"] {
            assert_eq!(size(text), None, "{text}");
        }
        assert_eq!(
            (size_text(512 << 20), size_text(1000), size_text(u64::MAX)),
            ("512MiB".to_owned(), "1000B".to_owned(), format!("{}B", u64::MAX),)
        );
    }

    #[test]
    fn numbers_truths_and_names() {
        assert_eq!((count("8"), count(" 1 "), count("0")), (Some(8), Some(1), None));
        assert_eq!((number("0"), number("4294967295"), number("4294967296")), (Some(0), Some(u32::MAX), None));
        for text in ["", " ", "-1", "+1", "1.0", "four", "1_000", "0x10"] {
            assert_eq!((count(text), number(text)), (None, None), "{text}");
        }
        assert_eq!((truth("true"), truth("FALSE"), truth("yes"), truth("1")), (Some(true), Some(false), None, None));
        assert_eq!((name("cpu"), name(" "), name("")), (Some("cpu".to_owned()), None, None));
    }
}
