//! Just enough of Rust's lexical grammar to tell code from comments and strings.

/// A source with its parts told apart. Both have the lines of the source, so that line numbers agree.
pub(crate) struct Parts {
    /// The code, with comments and what strings hold blanked out.
    pub(crate) code: Vec<String>,
    /// The comments, with everything else blanked out.
    pub(crate) comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum In {
    Code,
    LineComment,
    /// How deep, since they nest.
    BlockComment(u32),
    String,
    /// How many `#` close it.
    RawString(usize),
}

/// Tells the parts of a source apart.
pub(crate) fn split(source: &str) -> Parts {
    let chars: Vec<char> = source.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut state = In::Code;
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        let (length, next) = step(state, rest, at.checked_sub(1).map(|before| chars[before]));
        let comment = matches!(state, In::LineComment | In::BlockComment(_))
            || matches!(next, In::LineComment | In::BlockComment(_));
        // Quotes stay in the code, so that an emptied string still reads as one.
        let plain = state == In::Code && !comment;
        for &c in rest.iter().take(length) {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if plain { c } else { blank });
            comments.push(if comment { c } else { blank });
        }
        state = if c == '\n' && state == In::LineComment { In::Code } else { next };
        at += length;
    }
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    Parts { code: lines(code), comments: lines(comments) }
}

/// How many characters come next as one, and what follows them.
fn step(state: In, rest: &[char], before: Option<char>) -> (usize, In) {
    let two = (rest[0], rest.get(1).copied().unwrap_or(' '));
    match state {
        In::Code => match two {
            ('/', '/') => (2, In::LineComment),
            ('/', '*') => (2, In::BlockComment(1)),
            ('"', _) => (1, In::String),
            // A lifetime has no second quote: 'a, but 'a' and '\''.
            ('\'', '\\') => (3 + rest.iter().skip(3).take_while(|c| **c != '\'').count() + 1, In::Code),
            ('\'', _) if rest.get(2) == Some(&'\'') => (3, In::Code),
            ('r', '"' | '#') if !before.is_some_and(|c| c.is_alphanumeric() && c != 'b' && c != 'c' || c == '_') => {
                let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
                match rest.get(1 + hashes) {
                    Some('"') => (2 + hashes, In::RawString(hashes)),
                    _ => (1, In::Code),
                }
            }
            _ => (1, In::Code),
        },
        In::LineComment => (1, In::LineComment),
        In::BlockComment(depth) => match two {
            ('/', '*') => (2, In::BlockComment(depth + 1)),
            ('*', '/') if depth == 1 => (2, In::Code),
            ('*', '/') => (2, In::BlockComment(depth - 1)),
            _ => (1, In::BlockComment(depth)),
        },
        In::String => match two {
            ('\\', _) => (2, In::String),
            ('"', _) => (1, In::Code),
            _ => (1, In::String),
        },
        In::RawString(hashes) => {
            let closes = rest[0] == '"' && rest[1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
            if closes { (1 + hashes, In::Code) } else { (1, In::RawString(hashes)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn strings_and_comments_are_no_code() {
        let source = concat!(
            "let a = \"unsafe // \\\" no\"; // dbg one\n",
            "let b = r#\"x \" unsafe\"#; /* two /* nested */ dbg */ let c = '\"';\n",
            "let d: &'static str = b\"unsafe\"; let e = '\\''; real(e);\n",
        );
        let parts = split(source);
        assert_eq!(parts.code.len(), 3);
        assert!(parts.code.iter().all(|line| !line.contains("unsafe") && !line.contains("dbg")));
        assert!(parts.code[1].contains("let c = '\"';"));
        assert!(parts.code[2].contains("&'static str") && parts.code[2].contains("real(e);"));
        assert!(parts.comments[0].contains("dbg one") && !parts.comments[0].contains("unsafe"));
        assert!(parts.comments[1].contains("nested */ dbg */"));
    }
}
