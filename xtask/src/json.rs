//! As much of JSON as `cargo metadata` needs, so that this package depends on nothing.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// `null`, `true`, `false` and numbers, which nothing here asks for.
    Other,
    /// A string.
    String(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a document; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Json> {
        let mut reader = Reader(text.chars().peekable());
        let value = reader.value()?;
        reader.space();
        reader.0.next().is_none().then_some(value)
    }

    /// The member of an object, or nothing.
    pub(crate) fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => members.get(key).unwrap_or(&Json::Other),
            _ => &Json::Other,
        }
    }

    /// The items of a list; none if it is no list.
    pub(crate) fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            _ => &[],
        }
    }

    /// The keys of an object; none if it is no object.
    pub(crate) fn keys(&self) -> Vec<&str> {
        match self {
            Json::Object(members) => members.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The string, or an empty one.
    pub(crate) fn text(&self) -> &str {
        match self {
            Json::String(text) => text,
            _ => "",
        }
    }
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    fn space(&mut self) {
        while self.0.next_if(|c| c.is_ascii_whitespace()).is_some() {}
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.space();
        self.0.next_if_eq(&wanted).map(|_| ())
    }

    fn value(&mut self) -> Option<Json> {
        self.space();
        match self.0.peek()? {
            '"' => self.string().map(Json::String),
            '[' => self.list(),
            '{' => self.object(),
            _ => {
                let mut any = false;
                while self.0.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)).is_some() {
                    any = true;
                }
                any.then_some(Json::Other)
            }
        }
    }

    fn list(&mut self) -> Option<Json> {
        self.eat('[')?;
        let mut items = Vec::new();
        while self.eat(']').is_none() {
            if !items.is_empty() {
                self.eat(',')?;
            }
            items.push(self.value()?);
        }
        Some(Json::List(items))
    }

    fn object(&mut self) -> Option<Json> {
        self.eat('{')?;
        let mut members = BTreeMap::new();
        while self.eat('}').is_none() {
            if !members.is_empty() {
                self.eat(',')?;
            }
            self.space();
            let key = self.string()?;
            self.eat(':')?;
            members.insert(key, self.value()?);
        }
        Some(Json::Object(members))
    }

    fn string(&mut self) -> Option<String> {
        self.0.next_if_eq(&'"')?;
        let mut text = String::new();
        loop {
            match self.0.next()? {
                '"' => return Some(text),
                '\\' => match self.0.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'u' => {
                        let digits: String = self.0.by_ref().take(4).collect();
                        // Halves of surrogate pairs stand for characters that no name or path of ours has.
                        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?).unwrap_or('\u{fffd}'));
                    }
                    c => text.push(c),
                },
                c => text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn reads_what_cargo_writes() {
        let json = Json::parse(r#" {"a":[{"name":"x\n\u0041\""},null,true,-1.5e3,[]],"f":{"two":[],"one":["a"]}} "#);
        let json = json.unwrap_or(Json::Other);
        assert_eq!(json.get("a").items().len(), 5);
        assert_eq!(json.get("a").items()[0].get("name").text(), "x\nA\"");
        assert_eq!(json.get("f").keys(), ["one", "two"]);
        assert_eq!(json.get("absent").text(), "");
    }

    #[test]
    fn refuses_what_is_cut_or_goes_on() {
        for bad in ["", "{", "[1", "[1 2]", "{\"a\"}", "\"a", "[] []", "{\"a\":}"] {
            assert_eq!(Json::parse(bad), None, "{bad}");
        }
    }
}
