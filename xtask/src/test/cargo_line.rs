//! The summary lines of cargo's own test runner, which writes no JUnit file:
//! `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s`.

use super::tally::Tally;

/// Nothing for any other line.
pub fn count(line: &str) -> Tally {
    let Some(counts) = line.strip_prefix("test result: ") else {
        return Tally::default();
    };
    Tally { passed: number(counts, " passed"), failed: number(counts, " failed"), skipped: number(counts, " ignored") }
}

/// The number that stands before `word`.
fn number(counts: &str, word: &str) -> usize {
    let before = counts.split(word).next().unwrap_or_default();
    before.rsplit([' ', '\t']).next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_is_counted_and_any_other_line_is_not() {
        let line = "test result: FAILED. 13 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(count(line), Tally { passed: 13, failed: 2, skipped: 1 });
        assert_eq!(count("test 4 passed; is a strange name ... ok"), Tally::default());
    }
}
