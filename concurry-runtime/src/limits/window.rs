//! Over which time a rate counts: [`Window`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::words::{self, Words};

/// The time over which a rate counts.
///
/// Windows begin when they begin, not with the hour or the day of the calendar. As a word, `Every` is written with its
/// length: `every 250ms`.
///
/// ```
/// use concurry::prelude::*;
/// use std::time::Duration;
///
/// assert_eq!("minutely".parse::<Window>()?, Window::Minutely);
/// assert_eq!("every 1.5s".parse::<Window>()?, Window::from(Duration::from_millis(1500)));
/// assert_eq!(Window::Every(Duration::from_millis(1500)).to_string(), "every 1500ms");
/// assert_eq!(Window::Hourly.duration(), Duration::from_secs(3600));
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Window {
    /// 1 second.
    Secondly,
    /// 60 seconds.
    Minutely,
    /// 60 minutes.
    Hourly,
    /// 24 hours.
    Daily,
    /// 7 days.
    Weekly,
    /// As long as it says; from 1 ns to 100 years.
    Every(Duration),
}

/// So long that nobody means it, and short enough for all arithmetic on it.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

impl Window {
    /// How long it is.
    pub fn duration(self) -> Duration {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        match self {
            Window::Secondly => Duration::from_secs(1),
            Window::Minutely => Duration::from_secs(MINUTE),
            Window::Hourly => Duration::from_secs(HOUR),
            Window::Daily => Duration::from_secs(DAY),
            Window::Weekly => Duration::from_secs(7 * DAY),
            Window::Every(duration) => duration,
        }
    }

    /// Its length in nanoseconds; `None` where it is none or absurdly long.
    pub(super) fn nanos(self) -> Option<u64> {
        let duration = self.duration();
        if duration > LONGEST { None } else { u64::try_from(duration.as_nanos()).ok().filter(|nanos| *nanos > 0) }
    }
}

impl From<Duration> for Window {
    fn from(duration: Duration) -> Self {
        Window::Every(duration)
    }
}

impl Words for Window {
    const WHAT: &'static str = "window";
    const TABLE: &'static [(Self, &'static [&'static str])] = &[
        (Window::Secondly, &["secondly", "second"]),
        (Window::Minutely, &["minutely", "minute"]),
        (Window::Hourly, &["hourly", "hour"]),
        (Window::Daily, &["daily", "day"]),
        (Window::Weekly, &["weekly", "week"]),
    ];
    const ALSO: &'static str = "; `every` and a time, as in `every 250ms`";
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Every(duration) => write!(f, "every {}", words::duration_text(*duration)),
            named => f.write_str(words::word(*named)),
        }
    }
}

impl FromStr for Window {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let time = text.get(..5).filter(|start| start.eq_ignore_ascii_case("every")).and_then(|_| text.get(5..));
        match time.and_then(words::duration) {
            Some(duration) => Ok(Window::Every(duration)),
            None => words::parse(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read() {
        let every = [0, 1, 999, 1_000, 1_500_000, 250_000_000, 1_000_000_000, 90_000_000_000, u64::MAX]
            .map(|nanos| Window::Every(Duration::from_nanos(nanos)));
        for window in Window::TABLE.iter().map(|(window, _)| *window).chain(every) {
            assert_eq!(window.to_string().parse::<Window>().unwrap(), window);
        }
        assert_eq!("EVERY 2h".parse::<Window>().unwrap().duration(), Window::Hourly.duration() * 2);
        assert_eq!("every2ms".parse::<Window>().unwrap().duration(), Duration::from_millis(2));
    }

    #[test]
    fn an_unknown_word_is_told_what_there_is() {
        for text in ["fortnightly", "every", "every now and then", "every 5", "every -1s", "€€€"] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("`weekly`") && error.contains("`every 250ms`"), "{error}");
        }
    }

    #[test]
    fn only_windows_of_some_length_have_nanoseconds() {
        assert_eq!(Window::Secondly.nanos(), Some(1_000_000_000));
        assert_eq!(Window::Every(Duration::ZERO).nanos(), None);
        assert_eq!(Window::Every(LONGEST + Duration::from_nanos(1)).nanos(), None);
        assert!(Window::Every(LONGEST).nanos().is_some());
    }
}
