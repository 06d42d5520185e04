//! Expansions as a person reads them: `CONCURRY_EXPAND=Counter cargo build` prints that of `Counter`.
//!
//! The long path of what generated code names is written once, at the top, so that what is printed is Rust all the same.
//! It is laid out well enough to be read; rustfmt, to which it can be piped, does the rest. A formatter of expansions that
//! is a crate would be built by everybody, for something that hardly anybody asks for.

use crate::hygiene::Facade;
use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// Prints an expansion where the environment asks for it.
pub(crate) fn show(name: &str, expansion: &TokenStream, facade: &Facade) {
    if std::env::var_os("CONCURRY_EXPAND").is_some_and(|wanted| wanted == name) {
        eprintln!("{}", shortened(&text(expansion), &facade.text("")));
    }
}

/// A text without most of the `path` that it names things by; what `std` has is said to be of `std`.
fn shortened(text: &str, path: &str) -> String {
    let text = text.replace(&format!("{path}std::"), "::std::").replace(path, "__::");
    format!("use {} as __;\n\n{text}", path.trim_end_matches(':'))
}

/// Tokens as lines.
fn text(tokens: &TokenStream) -> String {
    let mut page = Page { text: String::new(), indent: 0, before: Before::Opening };
    page.block(tokens.clone());
    page.text.truncate(page.text.trim_end().len());
    page.text
}

/// What the last token was, as far as the next one's distance depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A name, a literal, or a closing bracket.
    Word,
    /// A keyword, after which comes a word of its own.
    Keyword,
    /// An opening bracket, the beginning of a line, or an operator that is part of what follows.
    Opening,
    /// The first sign of an operator of several.
    Half,
    /// An operator with space around it.
    Operator,
}

/// Keywords after which an operator or a bracket is not theirs.
const KEYWORDS: &[&str] = &[
    "as", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut", "pub", "ref", "return",
    "static", "use", "where", "while",
];

struct Page {
    text: String,
    indent: usize,
    before: Before,
}

impl Page {
    fn line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&"    ".repeat(self.indent));
        self.before = Before::Opening;
    }

    fn put(&mut self, text: &str, spaced: bool, then: Before) {
        if spaced && !self.text.ends_with([' ', '\n']) && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.before = then;
    }

    /// Tokens of which each statement, field, variant or item has a line.
    fn block(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        // Inside `<` and `>` a comma ends nothing.
        let mut angles = 0usize;
        while let Some(token) = tokens.next() {
            if let TokenTree::Punct(punct) = &token {
                match punct.as_char() {
                    '<' => angles += 1,
                    '>' if !self.text.ends_with(['-', '=']) => angles = angles.saturating_sub(1),
                    '>' | ';' => angles = 0,
                    _ => {}
                }
            }
            let attribute = self.text.ends_with('#') || self.text.ends_with("#!");
            match &token {
                TokenTree::Group(group) if attribute => {
                    self.attribute(group);
                    self.line();
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    self.braces(group);
                    angles = 0;
                    let goes_on = match tokens.peek() {
                        Some(TokenTree::Punct(next)) => matches!(next.as_char(), ',' | ';' | '.' | '?' | '='),
                        Some(TokenTree::Ident(next)) => next == "else",
                        _ => false,
                    };
                    if !goes_on && tokens.peek().is_some() {
                        self.line();
                    }
                }
                TokenTree::Punct(end) if end.as_char() == ';' || (end.as_char() == ',' && angles == 0) => {
                    self.put(&end.as_char().to_string(), false, Before::Opening);
                    if tokens.peek().is_some() {
                        self.line();
                    }
                }
                _ => self.token(&token),
            }
        }
    }

    fn braces(&mut self, group: &Group) {
        if group.stream().is_empty() {
            return self.put("{}", true, Before::Word);
        }
        self.put("{", self.before != Before::Opening, Before::Opening);
        self.indent += 1;
        self.line();
        self.block(group.stream());
        self.indent -= 1;
        self.line();
        self.put("}", false, Before::Word);
    }

    /// What follows a `#`; docs become comments.
    fn attribute(&mut self, group: &Group) {
        let inside: Vec<TokenTree> = group.stream().into_iter().collect();
        if let [TokenTree::Ident(doc), TokenTree::Punct(_), TokenTree::Literal(words)] = &inside[..]
            && doc == "doc"
        {
            let words = words.to_string();
            if let Some(words) = words.strip_prefix('"').and_then(|words| words.strip_suffix('"')) {
                self.text.truncate(self.text.len() - 1);
                return words.split("\\n").enumerate().for_each(|(number, words)| {
                    if number > 0 {
                        self.line();
                    }
                    self.put(&format!("///{}", words.replace("\\\"", "\"")), false, Before::Word);
                });
            }
        }
        self.brackets("[", group, "]");
    }

    fn brackets(&mut self, open: &str, group: &Group, close: &str) {
        let spaced = matches!(self.before, Before::Operator | Before::Keyword) && !self.text.ends_with("pub");
        self.put(open, spaced, Before::Opening);
        for token in group.stream() {
            self.token(&token);
        }
        self.put(close, false, Before::Word);
    }

    fn token(&mut self, token: &TokenTree) {
        match token {
            TokenTree::Ident(ident) => {
                let text = ident.to_string();
                let then = if KEYWORDS.contains(&text.as_str()) { Before::Keyword } else { Before::Word };
                self.put(&text, self.before != Before::Opening, then);
            }
            TokenTree::Literal(literal) => self.put(&literal.to_string(), self.before != Before::Opening, Before::Word),
            TokenTree::Group(group) => match group.delimiter() {
                Delimiter::Brace => self.braces(group),
                Delimiter::Parenthesis => self.brackets("(", group, ")"),
                Delimiter::Bracket => self.brackets("[", group, "]"),
                Delimiter::None => group.stream().into_iter().for_each(|token| self.token(&token)),
            },
            TokenTree::Punct(punct) => {
                let joint = punct.spacing() == Spacing::Joint;
                self.punct(punct.as_char(), joint);
            }
        }
    }

    /// Whether what was written last is a lifetime, to which nothing else belongs.
    fn lifetime(&self) -> bool {
        let name = self.text.rfind(|char: char| !char.is_alphanumeric() && char != '_');
        self.before == Before::Word && name.is_some_and(|at| self.text[at..].starts_with('\''))
    }

    fn punct(&mut self, char: char, joint: bool) {
        let text = char.to_string();
        let before = self.before;
        let apart = matches!(before, Before::Operator | Before::Keyword);
        match char {
            ',' | ';' => self.put(&text, false, Before::Operator),
            '.' => self.put(&text, false, Before::Opening),
            '?' => self.put(&text, apart, Before::Opening),
            ':' if joint => self.put(&text, apart || self.lifetime(), Before::Opening),
            ':' if self.text.ends_with(':') => self.put(&text, false, Before::Opening),
            ':' => self.put(&text, false, Before::Operator),
            '<' => {
                self.put(&text, apart && !self.text.ends_with("impl") && !self.text.ends_with("for"), Before::Opening)
            }
            '>' if before != Before::Half => self.put(&text, false, Before::Word),
            '\'' | '#' | '$' => self.put(&text, before != Before::Opening, Before::Opening),
            '!' if !joint => self.put(&text, apart, Before::Opening),
            '&' | '*' | '-' if !matches!(before, Before::Word | Before::Half) => {
                self.put(&text, apart, Before::Opening)
            }
            _ => self.put(&text, before != Before::Half, if joint { Before::Half } else { Before::Operator }),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn items_have_lines_and_docs_are_comments() {
        let tokens = quote! {
            #[doc = " Counts."]
            #[allow(dead_code, unused)]
            pub struct Counter<T: Clone>(::std::vec::Vec<T>) where T: 'static;
            impl<T> Counter<T> {
                pub fn add(&mut self, by: u64, names: &[&'static str]) -> Result<u64, String> {
                    let next = self.0.len() as u64 + by;
                    match next { 0 => Err("none".into()), _ if by > 1 => Ok(-1), other => { Ok(other) } }
                }
                fn empty() {}
            }
        };
        let expected = r#"/// Counts.
#[allow(dead_code, unused)]
pub struct Counter<T: Clone>(::std::vec::Vec<T>) where T: 'static;
impl<T> Counter<T> {
    pub fn add(&mut self, by: u64, names: &[&'static str]) -> Result<u64, String> {
        let next = self.0.len() as u64 + by;
        match next {
            0 => Err("none".into()),
            _ if by> 1 => Ok(-1),
            other => {
                Ok(other)
            }
        }
    }
    fn empty() {}
}"#;
        assert_eq!(text(&tokens), expected);
    }

    #[test]
    fn what_is_printed_is_what_was_written() {
        let tokens = quote! {
            impl ::a::Worker for crate::Counter { const NAMES: &'static [&'static str] = &["a"]; type X<'a> = &'a mut u8; }
            const _: () = { fn f<'a, T: ?Sized + for<'b> Fn(&'b T) -> bool>(x: &'a T) where [u8; 4]: Copy { let y = |(a, b)| a && !b || *a != 1; } };
            macro_call!(0); pub(crate) use a::{b as _, c}; #[serde(bound = "x")] enum E { A { x: u8 }, B(u8, u8), }
        };
        let again: TokenStream = text(&tokens).parse().unwrap();
        // What is joined to what follows is not told by what is printed.
        let plain = |tokens: &TokenStream| tokens.to_string().replace(' ', "");
        assert_eq!(plain(&again), plain(&tokens));
    }
}
