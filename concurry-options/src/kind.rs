//! What the values of an option are.

use crate::words::{BALANCING, FULL, MODES, Word};

/// What the values of an option are, and so how they are written and which are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A mode's word.
    Mode,
    /// A word for load balancing.
    Balancing,
    /// A word for what becomes of a call when a pool is full.
    Full,
    /// A number from 1.
    Count,
    /// A number of workers: from 1, and not so many that it must be a slip of the pen.
    Workers,
    /// A number from 0.
    Number,
    /// `true` or `false`.
    Truth,
    /// A time, which may be nothing.
    Time,
    /// A time that is longer than nothing.
    Span,
    /// A number of bytes, from 1.
    Size,
    /// A text that is not empty.
    Text,
}

impl Kind {
    /// The highest number that is allowed, if the values are numbers.
    pub const fn most(self) -> u64 {
        match self {
            Kind::Workers => 65_536,
            _ => u32::MAX as u64,
        }
    }

    /// The words that the values are written as, if they are.
    pub fn words(self) -> Option<&'static [Word]> {
        match self {
            Kind::Mode => Some(MODES),
            Kind::Balancing => Some(BALANCING),
            Kind::Full => Some(FULL),
            _ => None,
        }
    }

    /// What is allowed, as a source of Rust has it: texts in quotes.
    pub fn in_source(self) -> String {
        match self {
            Kind::Mode | Kind::Balancing | Kind::Full => listed(self.words(), "\"", "/"),
            Kind::Time => "a time in quotes, such as \"250ms\", \"5s\", \"2m\", \"1h\" or \"1d\"".to_owned(),
            Kind::Span => format!("{}, longer than nothing", Kind::Time.in_source()),
            Kind::Size => "a size in quotes, such as \"512MiB\", \"1.5GiB\" or \"2GB\"".to_owned(),
            Kind::Text => "a text in quotes that is not empty".to_owned(),
            Kind::Count | Kind::Workers | Kind::Number | Kind::Truth => self.in_text(),
        }
    }

    /// What is allowed, as plain text has it.
    pub fn in_text(self) -> String {
        match self {
            Kind::Mode | Kind::Balancing | Kind::Full => listed(self.words(), "`", " or "),
            Kind::Count => "a whole number from 1".to_owned(),
            Kind::Workers => format!("a whole number from 1 to {}", self.most()),
            Kind::Number => format!("a whole number from 0 to {}", self.most()),
            Kind::Truth => "`true` or `false`".to_owned(),
            Kind::Time => "a time such as 250ms, 5s, 2m, 1h or 1d".to_owned(),
            Kind::Span => format!("{}, longer than nothing", Kind::Time.in_text()),
            Kind::Size => "a size such as 512MiB, 1.5GiB or 2GB".to_owned(),
            Kind::Text => "a text that is not empty".to_owned(),
        }
    }
}

/// All words, in quotes; those for the same value are joined.
fn listed(words: Option<&[Word]>, quote: &str, join: &str) -> String {
    let quoted = |(_, words): &Word| {
        let words: Vec<String> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
        words.join(join)
    };
    let all: Vec<String> = words.unwrap_or(&[]).iter().map(quoted).collect();
    format!("one of {}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_listed_in_both_spellings() {
        assert!(Kind::Mode.in_source().starts_with("one of \"sync\"/\"inline\", \"thread\"/\"threads\", "));
        assert!(Kind::Mode.in_text().starts_with("one of `sync` or `inline`, `thread` or `threads`, "));
        assert!(Kind::Span.in_source().ends_with("\"1d\", longer than nothing"));
        assert!(!Kind::Time.in_text().contains('"'));
    }
}
