//! Regular expressions of strangers: bounded in length, in size and, by the crate, in the time of a search.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_CHARS_MAX};

/// Groups in one another.
const NEST_MAX: u32 = 50;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// In the syntax of the `regex` crate, without look-around and back-references. 1 to 500 characters.
    pub pattern: String,
    #[serde(default)]
    pub ignore_case: bool,
}

/// The compiled patterns of one definition.
#[derive(Debug, Clone, Default)]
pub struct Patterns(BTreeMap<Pattern, Regex>);

impl Patterns {
    /// The error says what to do.
    pub(crate) fn add(&mut self, pattern: &Pattern) -> Result<(), String> {
        if !self.has(pattern) {
            self.0.insert(pattern.clone(), pattern.compile()?);
        }
        Ok(())
    }

    pub(crate) fn has(&self, pattern: &Pattern) -> bool {
        self.0.contains_key(pattern)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A pattern that was never added matches nothing.
    pub(super) fn is_match(&self, pattern: &Pattern, text: &str) -> bool {
        self.0.get(pattern).is_some_and(|regex| regex.is_match(text))
    }
}

impl Pattern {
    fn compile(&self) -> Result<Regex, String> {
        if self.pattern.is_empty() || self.pattern.chars().count() > PATTERN_CHARS_MAX {
            return Err(format!("a pattern has 1 to {PATTERN_CHARS_MAX} characters"));
        }
        RegexBuilder::new(&self.pattern)
            .case_insensitive(self.ignore_case)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX)
            .nest_limit(NEST_MAX)
            .build()
            .map_err(|error| told(&error))
    }
}

/// The crate draws the pattern with an arrow; its last line is the reason.
fn told(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern becomes too large; use fewer or smaller repetitions".to_owned(),
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("it is no pattern: {}", reason.trim().trim_start_matches("error: "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern { pattern: text.to_owned(), ignore_case: true }
    }

    #[test]
    fn a_pattern_matches_within_its_bounds() {
        let mut patterns = Patterns::default();
        patterns.add(&pattern(r"order\s+#?\d{4,}")).unwrap();
        assert!(patterns.is_match(&pattern(r"order\s+#?\d{4,}"), "My ORDER #12345"));
        assert!(!patterns.is_match(&pattern("my"), "My ORDER #12345"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused_with_a_reason() {
        let cases = [
            (String::new(), "a pattern has 1 to 500 characters"),
            ("a".repeat(501), "a pattern has 1 to 500 characters"),
            ("(".to_owned(), "it is no pattern: unclosed group"),
            (r"(a)\1".to_owned(), "it is no pattern: backreferences are not supported"),
            (r"\w{1000}".to_owned(), "the pattern becomes too large; use fewer or smaller repetitions"),
            (r"((a{100}){100}){100}".to_owned(), "the pattern becomes too large; use fewer or smaller repetitions"),
            ("(".repeat(60), "it is no pattern: unclosed group"),
        ];
        for (text, expected) in cases {
            assert_eq!(Patterns::default().add(&pattern(&text)).unwrap_err(), expected, "{text}");
        }
        assert!(Patterns::default().add(&pattern(&format!("{}a{}", "(".repeat(51), ")".repeat(51)))).is_err());
    }

    #[test]
    fn a_pattern_that_other_engines_choke_on_answers_at_once() {
        let mut patterns = Patterns::default();
        patterns.add(&pattern("(a+)+$")).unwrap();
        assert!(!patterns.is_match(&pattern("(a+)+$"), &format!("{}b", "a".repeat(10_000))));
    }
}
