//! What a rule found, and what to do about it.

use std::fmt;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    /// From 1; 0 means the file or package as a whole.
    pub line: usize,
    pub said: String,
    /// Completes "to fix it, …".
    pub fix: String,
}

impl Finding {
    pub fn new(path: &str, line: usize, said: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, said: said.into(), fix: fix.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}; {}", self.path, self.said, self.fix),
            line => write!(f, "{}:{line}: {}; {}", self.path, self.said, self.fix),
        }
    }
}
