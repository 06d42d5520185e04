//! Plans as text: `begun=kill@3#2;answering=cut:40+kill`.

use std::fmt;
use std::str::FromStr;

use super::{Action, Entry, Plan, Point, Spoil};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Entry { point, action, time, incarnation }) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { ";" };
            write!(f, "{between}{}={action}@{time}#{incarnation}", point.text())?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Kill => f.write_str("kill"),
            Action::Stop => f.write_str("stop"),
            Action::Die => f.write_str("die"),
            Action::Panic => f.write_str("panic"),
            Action::Wait(socket) => write!(f, "wait:{}", socket.display()),
            Action::Refuse(number) => write!(f, "refuse:{number}"),
            Action::Cut(length, then) => write!(f, "cut:{length}+{then}"),
            Action::Spoil(Spoil::Byte(at)) => write!(f, "byte:{at}"),
            Action::Spoil(Spoil::Length(length)) => write!(f, "length:{length}"),
            Action::Spoil(Spoil::Id(id)) => write!(f, "id:{id}"),
            Action::Spoil(Spoil::Kind(kind)) => write!(f, "kind:{kind}"),
            Action::Spoil(Spoil::Before) => f.write_str("before"),
            Action::Spoil(Spoil::Twice) => f.write_str("twice"),
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(';').filter(|entry| !entry.is_empty());
        entries
            .map(|entry| read(entry).ok_or_else(|| format!("`{entry}` is no fault")))
            .collect::<Result<_, _>>()
            .map(Plan)
    }
}

fn read(entry: &str) -> Option<Entry> {
    let (point, rest) = entry.split_once('=')?;
    let (rest, incarnation) = rest.rsplit_once('#')?;
    let (action, time) = rest.rsplit_once('@')?;
    let point = Point::ALL.iter().copied().find(|known| known.text() == point)?;
    Some(Entry { point, action: action_of(action)?, time: time.parse().ok()?, incarnation: incarnation.parse().ok()? })
}

fn action_of(text: &str) -> Option<Action> {
    let (word, rest) = text.split_once(':').unwrap_or((text, ""));
    Some(match word {
        "kill" => Action::Kill,
        "stop" => Action::Stop,
        "die" => Action::Die,
        "panic" => Action::Panic,
        "wait" => Action::Wait(rest.into()),
        "refuse" => Action::Refuse(rest.parse().ok()?),
        "cut" => {
            let (length, then) = rest.split_once('+')?;
            Action::Cut(length.parse().ok()?, Box::new(action_of(then)?))
        }
        "byte" => Action::Spoil(Spoil::Byte(rest.parse().ok()?)),
        "length" => Action::Spoil(Spoil::Length(rest.parse().ok()?)),
        "id" => Action::Spoil(Spoil::Id(rest.parse().ok()?)),
        "kind" => Action::Spoil(Spoil::Kind(rest.parse().ok()?)),
        "before" => Action::Spoil(Spoil::Before),
        "twice" => Action::Spoil(Spoil::Twice),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back_from_their_text() {
        let wait = Action::Wait("some/a gate".into());
        let plan = Plan::new()
            .at(Point::Begun, Action::Kill)
            .time(3)
            .incarnation(2)
            .at(Point::Answering, Action::Cut(40, Box::new(wait)))
            .at(Point::Spawn, Action::Refuse(11))
            .at(Point::Answering, Action::Spoil(Spoil::Length(7)))
            .at(Point::Sending, Action::Spoil(Spoil::Before))
            .at(Point::TakeOver, Action::Stop);
        let text = plan.to_string();
        assert!(text.starts_with("begun=kill@3#2;answering=cut:40+wait:some/a gate@1#1;"), "{text}");
        assert_eq!(text.parse::<Plan>().unwrap(), plan);
        assert_eq!("".parse::<Plan>().unwrap(), Plan::new());
        assert!("begun=sing@1#1".parse::<Plan>().unwrap_err().contains("sing"));
    }
}
