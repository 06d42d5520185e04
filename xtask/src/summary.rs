//! libtest's `test result:` lines, added up.

use std::fmt;
use std::time::Duration;

/// How many tests came to what.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
    measured: u64,
    filtered: u64,
    /// How long they took, all in all.
    pub(crate) took: Duration,
}

impl Summary {
    /// Adds what a line says, if it is a runner's last line. It may be coloured, so only its figures are read.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some((_, figures)) = line.split_once("test result: ") else { return };
        for (word, sum) in [
            (" passed", &mut self.passed),
            (" failed", &mut self.failed),
            (" ignored", &mut self.ignored),
            (" measured", &mut self.measured),
            (" filtered out", &mut self.filtered),
        ] {
            let before = figures.split_once(word).map_or("", |(before, _)| before);
            let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
            *sum += digits.parse::<u64>().unwrap_or(0);
        }
    }

    /// Whether any test ran at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { passed, failed, ignored, measured, filtered, took } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; {measured} measured; "
        )?;
        write!(f, "{filtered} filtered out; finished in {:.2}s", took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Summary;

    #[test]
    fn adds_up_plain_and_coloured_lines() {
        let mut sum = Summary::default();
        sum.add_line(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s\n",
        );
        sum.add_line(
            "test result: \u{1b}[31mFAILED\u{1b}(B\u{1b}[m. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        sum.add_line("test one::two ... ok");
        sum.took = Duration::from_millis(1234);
        assert_eq!(
            sum.to_string(),
            "test result: FAILED. 13 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.23s"
        );
    }

    #[test]
    fn nothing_run_is_not_a_pass() {
        let mut sum = Summary::default();
        sum.add_line("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert!(sum.is_empty());
    }
}
