//! Counting the cases of a JUnit file, as nextest, Vitest and Playwright write it.

use std::path::Path;

use anyhow::{Context, Result};
use roxmltree::{Document, Node};

use super::tally::Tally;

/// Nothing when the runner wrote no file: it did not get so far.
pub fn read(path: &Path) -> Result<Tally> {
    if !path.exists() {
        return Ok(Tally::default());
    }
    let text = std::fs::read_to_string(path)?;
    count(&text).with_context(|| format!("{} is not readable", path.display()))
}

/// An old file must not count for a run that wrote none.
pub fn forget(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn count(text: &str) -> Result<Tally> {
    let document = Document::parse(text)?;
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    Ok(cases.fold(Tally::default(), |tally, case| tally + outcome(case)))
}

fn outcome(case: Node<'_, '_>) -> Tally {
    let has = |name| case.children().any(|child| child.has_tag_name(name));
    match () {
        () if has("failure") || has("error") => Tally { failed: 1, ..Tally::default() },
        () if has("skipped") => Tally { skipped: 1, ..Tally::default() },
        () => Tally { passed: 1, ..Tally::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_by_what_they_hold() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="postroad" tests="4" failures="1" errors="1">
              <testsuite name="a" tests="2">
                <testcase name="one" classname="a" time="0.1"><system-out>failure</system-out></testcase>
                <testcase name="two"><failure message="no">stack</failure></testcase>
              </testsuite>
              <testsuite name="b"><testcase name="three"><error/></testcase><testcase name="four"><skipped/></testcase></testsuite>
            </testsuites>"#;
        assert_eq!(count(text).unwrap(), Tally { passed: 1, failed: 2, skipped: 1 });
    }

    #[test]
    fn a_run_that_wrote_nothing_counts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(&folder.path().join("junit.xml")).unwrap(), Tally::default());
        forget(&folder.path().join("junit.xml")).unwrap();
    }

    #[test]
    fn half_a_file_is_an_error_and_not_a_count() {
        assert!(count("<testsuites><testcase name=\"a\">").is_err());
    }
}
