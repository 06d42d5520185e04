//! libtest's `test result:` lines, added up.

use std::fmt;
use std::time::Duration;

/// How many tests came to what.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
    measured: u64,
    filtered: u64,
    /// How many runners have said that they begin, and how many what came of it.
    begun: u64,
    ended: u64,
    /// How long they took, all in all.
    pub(crate) took: Duration,
    /// What runners said of tests that did not pass.
    failures: Vec<String>,
    /// Whether the lines that come are of that kind.
    telling: bool,
}

/// How many lines of [`Summary::failures`] are kept.
const LINES: usize = 150;

impl Summary {
    /// Adds what a line says, if it is a runner's last line. It may be coloured, so only its figures are read.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some((_, figures)) = line.split_once("test result: ") else { return self.listen(line.trim_end()) };
        self.telling = false;
        self.ended += 1;
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

    /// Keeps the line if it tells of a failure. Frames of backtraces are left out: they would fill it.
    fn listen(&mut self, line: &str) {
        let count = line.strip_prefix("running ").and_then(|rest| rest.split_once(" test"));
        self.begun +=
            u64::from(count.is_some_and(|(count, s)| count.parse::<u32>().is_ok() && (s.is_empty() || s == "s")));
        self.telling |= line == "failures:";
        let frame = line.trim_start().split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        if self.telling && !line.is_empty() && !frame && !line.trim_start().starts_with("at ") {
            self.failures.push(line.chars().take(1000).collect());
            self.failures.truncate(LINES);
        }
    }

    /// What was said of tests that did not pass: a log that somebody cut still has it, near its end.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many runners were gone before they said what came of their tests, which may look like success.
    pub(crate) fn lost(&self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }

    /// Whether any test ran at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { passed, failed, ignored, measured, filtered, took, .. } = self;
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
    fn a_runner_that_ends_without_a_word_is_missed() {
        let mut sum = Summary::default();
        for line in ["running 1 test", "test one ... ok", "test result: ok. 1 passed; 0 failed", "running 12 tests"] {
            sum.add_line(&format!("{line}\n"));
        }
        assert_eq!(sum.lost(), 1);
        sum.add_line("running out of tests");
        sum.add_line("what it printed before test result: ok. 12 passed; 0 failed");
        assert_eq!(sum.lost(), 0);
    }

    #[test]
    fn what_is_said_of_failures_is_kept_without_backtraces() {
        let mut sum = Summary::default();
        for line in [
            "test one ... FAILED",
            "",
            "failures:",
            "",
            "---- one stdout ----",
            "thread 'one' (7) panicked at tests/one.rs:3:5:",
            "left: 1",
            "  12: core::ops::function::FnOnce::call_once",
            "             at /rustc/library/core/src/ops/function.rs:250:5",
            "failures:",
            "    one",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "running 3 tests",
        ] {
            sum.add_line(&format!("{line}\n"));
        }
        let kept = [
            "failures:",
            "---- one stdout ----",
            "thread 'one' (7) panicked at tests/one.rs:3:5:",
            "left: 1",
            "failures:",
            "    one",
        ];
        assert_eq!(sum.failures(), kept);
    }

    #[test]
    fn nothing_run_is_not_a_pass() {
        let mut sum = Summary::default();
        sum.add_line("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert!(sum.is_empty());
    }
}
