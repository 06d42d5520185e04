//! Enums that are written as words: one table for parsing, printing and for the error that lists what is allowed.

use crate::error::Error;

/// An enum with a table of its words; the first of each row is how it prints.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// What a value is called in an error.
    const WHAT: &'static str;
    /// Each value with the words for it.
    const TABLE: &'static [(Self, &'static [&'static str])];
}

/// How `value` is written.
pub(crate) fn word<T: Words>(value: T) -> &'static str {
    T::TABLE.iter().find(|(known, _)| *known == value).map_or("unknown", |(_, words)| words[0])
}

/// The value that `text` stands for; case and the difference between `-` and `_` do not matter.
pub(crate) fn parse<T: Words>(text: &str) -> Result<T, Error> {
    let wanted = text.trim().to_ascii_lowercase().replace('-', "_");
    T::TABLE.iter().find(|(_, words)| words.contains(&wanted.as_str())).map(|(value, _)| *value).ok_or_else(|| {
        let allowed: Vec<String> = T::TABLE.iter().map(|(_, words)| format!("`{}`", words.join("`, `"))).collect();
        Error::config(format!("unknown {} `{text}`; allowed are {}", T::WHAT, allowed.join("; ")))
    })
}

#[cfg(test)]
mod tests {
    use crate::balance::LoadBalancing;
    use crate::mode::Mode;

    #[test]
    fn every_word_is_parsed_and_the_error_lists_them() {
        assert_eq!("RR".parse::<LoadBalancing>().unwrap(), LoadBalancing::RoundRobin);
        assert_eq!("least-active".parse::<LoadBalancing>().unwrap(), LoadBalancing::LeastActive);
        let error = "fibre".parse::<Mode>().unwrap_err().to_string();
        assert!(error.contains("fibre") && error.contains("`thread`") && error.contains("`proc`"), "{error}");
    }
}
