//! Counting lines. Test functions count as tests, not as functions: a long table of cases is no fault.

use std::collections::BTreeMap;

use crate::tidy::tokens;
use crate::tidy::tree::{File, Tree};

#[derive(Debug, Default)]
pub struct Figures {
    pub files: usize,
    pub lines: usize,
    pub tests: usize,
    pub longest_file: Longest,
    pub longest_function: Longest,
}

/// `name` is a path for a file; 0 lines when the room has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Longest {
    pub name: String,
    pub path: String,
    pub line: usize,
    pub lines: usize,
}

/// The figures of each room that has Rust in it.
pub fn of(tree: &Tree) -> BTreeMap<&str, Figures> {
    let mut rooms = BTreeMap::<&str, Figures>::new();
    for file in tree.rust().filter(|file| !file.is_generated()) {
        rooms.entry(file.room()).or_default().add(file);
    }
    rooms
}

impl Figures {
    fn add(&mut self, file: &File) {
        self.files += 1;
        self.lines += file.lines();
        self.tests += tests(file);
        self.longest_file.keep_longer(longest_file(file));
        for function in
            tokens::functions(&file.tokens).into_iter().filter(|function| !function.in_test && !file.is_test())
        {
            self.longest_function.keep_longer(Longest {
                name: function.name,
                path: file.path.clone(),
                line: function.line,
                lines: function.lines,
            });
        }
    }
}

impl Longest {
    fn keep_longer(&mut self, other: Self) {
        if other.lines > self.lines {
            *self = other;
        }
    }
}

fn longest_file(file: &File) -> Longest {
    Longest { name: file.path.clone(), path: file.path.clone(), line: 0, lines: file.lines() }
}

/// Attributes that make a test: `#[test]`, `#[tokio::test]`, `#[sqlx::test(…)]`.
fn tests(file: &File) -> usize {
    ["[ test ]", ": test ]", ": test ("].iter().map(|pattern| tokens::find(&file.tokens, pattern).len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_knows_its_longest_file_and_function_and_counts_its_tests() {
        let one = "fn short() {}\nfn long() {\n    x();\n}\n";
        let two = "#[test]\nfn a_story() {\n\n\n\n\n}\n#[tokio::test]\nasync fn another() {}\n";
        let tree = Tree::of(&[("crates/app/src/one.rs", one), ("crates/app/src/two.rs", two)]);
        let figures = &of(&tree)["crates/app"];
        assert_eq!((figures.files, figures.lines, figures.tests), (2, 13, 2));
        assert_eq!((figures.longest_file.name.as_str(), figures.longest_file.lines), ("crates/app/src/two.rs", 9));
        assert_eq!((figures.longest_function.name.as_str(), figures.longest_function.lines), ("long", 3));
    }
}
