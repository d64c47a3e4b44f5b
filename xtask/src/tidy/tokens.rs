//! Rust source as a flat list of tokens: comments and doc comments are gone, macro bodies are not.
//!
//! Flat, because the rules look for short sequences (`. begin (`) wherever they stand, inside macros too.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Mark,
    /// The inside of a string literal, escapes as written.
    Text,
    /// A number or character.
    Value,
    Open,
    Close,
}

#[derive(Debug)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    /// From 1.
    pub line: usize,
    /// Inside an item under `#[cfg(test)]` or `#[test]`.
    pub in_test: bool,
}

/// A function and how long it is, from `fn` to its closing brace.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
    pub in_test: bool,
}

pub fn read(source: &str) -> Result<Vec<Token>> {
    let stream = source.parse().map_err(|error| anyhow!("not readable as Rust: {error}"))?;
    let mut reader = Reader::default();
    reader.stream(stream);
    Ok(reader.tokens)
}

/// Where `pattern` stands: tokens parted by spaces, a trailing `*` matches any ending of a word.
pub fn find<'a>(tokens: &'a [Token], pattern: &str) -> Vec<&'a Token> {
    let pattern: Vec<&str> = pattern.split(' ').collect();
    let matches = |window: &&[Token]| window.iter().zip(&pattern).all(|(token, part)| token.is(part));
    tokens.windows(pattern.len()).filter(matches).map(|window| &window[0]).collect()
}

pub fn functions(tokens: &[Token]) -> Vec<Function> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].is("fn") && pair[1].kind == Kind::Word);
    starts
        .filter_map(|(at, pair)| {
            let lines = last_line(&tokens[at..])? - pair[0].line + 1;
            Some(Function { name: pair[1].text.clone(), line: pair[0].line, lines, in_test: pair[0].in_test })
        })
        .collect()
}

/// The line of the brace that closes the body; none for a function without one.
fn last_line(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_body = false;
    for token in tokens {
        match token.kind {
            Kind::Open => {
                in_body |= depth == 0 && token.text == "{";
                depth += 1;
            }
            Kind::Close => depth = depth.checked_sub(1)?,
            Kind::Mark if token.text == ";" && depth == 0 => return None,
            _ => {}
        }
        if in_body && depth == 0 {
            return Some(token.line);
        }
    }
    None
}

impl Token {
    pub fn is(&self, part: &str) -> bool {
        if matches!(self.kind, Kind::Text | Kind::Value) {
            return false;
        }
        match part.strip_suffix('*') {
            Some(start) if !start.is_empty() => self.kind == Kind::Word && self.text.starts_with(start),
            _ => self.text == part,
        }
    }
}

#[derive(Default)]
struct Reader {
    tokens: Vec<Token>,
    /// Whether what is read now is test code.
    in_test: bool,
}

impl Reader {
    fn stream(&mut self, stream: TokenStream) {
        let around = self.in_test;
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            if is_mark(&tree, '#') {
                trees.next_if(|next| is_mark(next, '!'));
                if let Some(TokenTree::Group(attribute)) = trees.next_if(is_attribute) {
                    self.attribute(&attribute);
                    continue;
                }
            }
            let ends_item = is_mark(&tree, ';') || is_braced(&tree);
            self.tree(tree);
            if ends_item {
                self.in_test = around;
            }
        }
        self.in_test = around;
    }

    fn attribute(&mut self, attribute: &Group) {
        if is_doc(attribute) {
            return;
        }
        self.in_test |= marks_test(attribute);
        self.push(Kind::Mark, "#", attribute.span_open());
        self.group(attribute);
    }

    fn tree(&mut self, tree: TokenTree) {
        let span = tree.span();
        match tree {
            TokenTree::Group(group) => self.group(&group),
            TokenTree::Ident(word) => self.push(Kind::Word, &word.to_string(), span),
            TokenTree::Punct(mark) => self.push(Kind::Mark, &mark.as_char().to_string(), span),
            TokenTree::Literal(literal) => self.literal(&literal.to_string(), span),
        }
    }

    fn literal(&mut self, written: &str, span: Span) {
        match string_inside(written) {
            Some(text) => self.push(Kind::Text, text, span),
            None => self.push(Kind::Value, written, span),
        }
    }

    fn group(&mut self, group: &Group) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => return self.stream(group.stream()),
        };
        self.push(Kind::Open, open, group.span_open());
        self.stream(group.stream());
        self.push(Kind::Close, close, group.span_close());
    }

    fn push(&mut self, kind: Kind, text: &str, span: Span) {
        let line = span.start().line;
        self.tokens.push(Token { kind, text: text.to_owned(), line, in_test: self.in_test });
    }
}

/// What stands between the quotes of `"…"`, `r#"…"#` or `b"…"`.
fn string_inside(written: &str) -> Option<&str> {
    let quoted = written.trim_start_matches(['b', 'c', 'r']).trim_matches('#');
    quoted.strip_prefix('"')?.strip_suffix('"')
}

fn is_mark(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark)
}

fn is_braced(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_attribute(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}

fn is_doc(attribute: &Group) -> bool {
    matches!(attribute.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "doc")
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`, `#[sqlx::test(…)]`; not `#[cfg(not(test))]`.
fn marks_test(attribute: &Group) -> bool {
    let mut words = Vec::new();
    words_of(attribute.stream(), &mut words);
    match words.first().map(String::as_str) {
        Some("cfg") => words.iter().any(|word| word == "test") && !words.iter().any(|word| word == "not"),
        Some("test") => true,
        Some(_) => words.get(1).is_some_and(|word| word == "test"),
        None => false,
    }
}

fn words_of(stream: TokenStream, words: &mut Vec<String>) {
    for tree in stream {
        match tree {
            TokenTree::Ident(word) => words.push(word.to_string()),
            TokenTree::Group(group) => words_of(group.stream(), words),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str, pattern: &str) -> Vec<usize> {
        find(&read(source).unwrap(), pattern).iter().map(|token| token.line).collect()
    }

    #[test]
    fn a_sequence_is_found_in_code_and_macros_but_not_in_comments_or_strings() {
        let source = "
            /// pool.begin()
            fn a() { pool.begin(); }
            // pool.begin()
            fn b() { join!(pool.begin()); let s = \"pool.begin()\"; }
        ";
        assert_eq!(lines(source, ". begin ("), [3, 5]);
    }

    #[test]
    fn a_star_matches_the_end_of_a_word() {
        assert_eq!(lines("use apalis_core::x;\nuse other::apalis;", "apalis*"), [1, 2]);
    }

    #[test]
    fn tests_are_told_from_code() {
        let source = "
            fn code() { one(); }
            #[cfg(test)]
            mod tests { fn f() { two(); } }
            fn more() { three(); }
            #[tokio::test]
            async fn story() { four(); }
            #[cfg(not(test))]
            fn real() { five(); }
        ";
        let tokens = read(source).unwrap();
        let in_test = |word| find(&tokens, word)[0].in_test;
        let seen = ["one", "two", "three", "four", "five"].map(in_test);
        assert_eq!(seen, [false, true, false, true, false]);
    }

    #[test]
    fn a_function_is_as_long_as_its_lines() {
        let source = "trait T { fn none(&self); }\nfn one() {}\nfn three(a: [u8; 2])\n{\n}\n";
        let found = functions(&read(source).unwrap());
        let found: Vec<_> = found.iter().map(|function| (function.name.as_str(), function.lines)).collect();
        assert_eq!(found, [("one", 1), ("three", 3)]);
    }

    #[test]
    fn the_inside_of_every_kind_of_string_is_read() {
        let tokens = read(r##"f("a", r#"b"#, b"c", 'd', 1)"##).unwrap();
        let texts: Vec<_> = tokens.iter().filter(|t| t.kind == Kind::Text).map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
