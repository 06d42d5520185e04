//! The values that are written as words, once for the macros, which need their names, and for the runtime, which needs
//! the values themselves.

use crate::names::normal;

/// A variant's name, and the words for it; the first is how it prints.
pub type Word = (&'static str, &'static [&'static str]);

/// Hands the modes and their words to a macro: `modes!([path::of] context)` becomes
/// `path::of! { context Variant: "word" "word"; .. }`.
#[macro_export]
macro_rules! modes {
    ([$($to:tt)*] $($context:tt)*) => {
        $($to)*! {
            $($context)*
            Sync: "sync" "inline";
            Thread: "thread" "threads";
            Async: "async" "asyncio" "tokio";
            Process: "process" "processes" "proc";
            Ray: "ray";
        }
    };
}

/// The same for load balancing.
#[macro_export]
macro_rules! balancing {
    ([$($to:tt)*] $($context:tt)*) => {
        $($to)*! {
            $($context)*
            RoundRobin: "round_robin" "rr" "roundrobin";
            LeastActive: "least_active" "active" "leastactive";
            LeastTotal: "least_total" "total" "leasttotal";
            Random: "random" "rand";
            PowerOfTwo: "power_of_two" "p2c" "poweroftwo";
            Shared: "shared";
        }
    };
}

/// The same for what becomes of a call when a pool is full.
#[macro_export]
macro_rules! full {
    ([$($to:tt)*] $($context:tt)*) => {
        $($to)*! {
            $($context)*
            Reject: "reject" "error";
            Block: "block" "wait";
        }
    };
}

macro_rules! names {
    ($($variant:ident: $($word:literal)*;)*) => {
        &[$((stringify!($variant), &[$($word),*])),*]
    };
}

/// The words for modes.
pub const MODES: &[Word] = modes!([names]);

/// The words for load balancing.
pub const BALANCING: &[Word] = balancing!([names]);

/// The words for what becomes of a call when a pool is full.
pub const FULL: &[Word] = full!([names]);

/// The name of the variant that `text` stands for; case and the difference between `-` and `_` do not matter.
pub fn lookup(words: &[Word], text: &str) -> Option<&'static str> {
    let wanted = normal(text);
    words.iter().find(|(_, words)| words.contains(&wanted.as_str())).map(|(variant, _)| *variant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_leads_to_its_variant_and_to_no_other() {
        for table in [MODES, BALANCING, FULL] {
            for (variant, words) in table {
                for word in *words {
                    assert_eq!(lookup(table, word), Some(*variant), "{word}");
                }
            }
        }
        assert_eq!(lookup(MODES, " PROC "), Some("Process"));
        assert_eq!(lookup(BALANCING, "Least-Active"), Some("LeastActive"));
        assert_eq!(lookup(MODES, "fibre"), None);
    }
}
