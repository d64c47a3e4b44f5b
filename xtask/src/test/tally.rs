//! Counts of tests, and the line that closes a run.

use std::fmt;
use std::ops::Add;
use std::process::{ExitCode, ExitStatus};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Tally {
    /// A suite that ended badly has at least one failure, counted or not.
    pub fn with_end(self, end: ExitStatus) -> Self {
        let unseen = usize::from(!end.success() && self.failed == 0);
        Self { failed: self.failed + unseen, ..self }
    }

    /// A run in which nothing passed proved nothing.
    pub fn exit_code(self) -> ExitCode {
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_closing_line_names_skipped_tests_only_when_there_are_some() {
        let tally = Tally { passed: 3, failed: 1, skipped: 0 };
        assert_eq!(tally.to_string(), "3 passed, 1 failed");
        assert_eq!((tally + Tally { skipped: 2, ..Tally::default() }).to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_suite_that_ended_badly_without_a_failed_test_counts_as_one_failure() {
        let (good, bad) = (ExitStatus::from_raw(0), ExitStatus::from_raw(256));
        let passed = Tally { passed: 3, ..Tally::default() };
        assert_eq!(passed.with_end(good).failed, 0);
        assert_eq!(passed.with_end(bad).failed, 1);
        assert_eq!(Tally { failed: 2, ..passed }.with_end(bad).failed, 2);
    }
}
