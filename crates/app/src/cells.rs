//! Cells of the files that we write, safe to be opened by a spreadsheet: none is a formula.
//!
//! What a spreadsheet would calculate begins with an apostrophe, which it does not show (OWASP, "CSV injection"). A number
//! in E.164 begins with `+` and is guarded like the rest; else it would be shown as 1.2E+10. Reading takes the apostrophe
//! off again, so that what was exported can be imported and is the same.

use std::borrow::Cow;

/// What a cell must not begin with. The wide forms are formulas in East Asian spreadsheets.
const TRIGGERS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
const GUARD: char = '\'';

/// The cell as it is written.
fn guard(cell: &str) -> Cow<'_, str> {
    if needs_guard(cell) { Cow::Owned(format!("{GUARD}{cell}")) } else { Cow::Borrowed(cell) }
}

/// The cell as it was before [`guard`].
pub fn unguard(cell: &str) -> &str {
    cell.strip_prefix(GUARD).filter(|rest| needs_guard(rest)).unwrap_or(cell)
}

/// One cell of a line.
#[derive(Debug, Clone)]
pub enum Cell<'a> {
    /// Guarded, whoever wrote it.
    Text(Cow<'a, str>),
    /// Digits of ours: they stay a number, so that a spreadsheet can add them up.
    Number(i64),
}

impl<'a> Cell<'a> {
    /// Empty, if there is none.
    pub(crate) fn maybe(text: Option<&'a str>) -> Self {
        text.unwrap_or_default().into()
    }

    fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => guard(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// Lines of cells as CSV, each as long as it is.
pub(crate) fn rows<'a>(rows: impl IntoIterator<Item: IntoIterator<Item = Cell<'a>>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        let cells: Vec<Cell<'a>> = row.into_iter().collect();
        let written: Vec<Cow<'_, str>> = cells.iter().map(Cell::written).collect();
        writer.write_record(written.iter().map(|cell| cell.as_bytes())).expect("memory takes every line");
    }
    writer.into_inner().expect("memory takes every line")
}

/// Apostrophes before a trigger are guarded too: else two cells would become one.
fn needs_guard(cell: &str) -> bool {
    cell.trim_start_matches(GUARD).starts_with(TRIGGERS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_never_begins_like_a_formula() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("+12025550173", "'+12025550173"),
            ("-2", "'-2"),
            ("@sum(a1)", "'@sum(a1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("O'Hara", "O'Hara"),
            ("'tis", "'tis"),
            ("", ""),
            ("ada@example.com", "ada@example.com"),
        ];
        for (cell, expected) in cases {
            assert_eq!(guard(cell), expected, "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_guarded_reads_as_before(cell in "['=+@a-]{0,6}") {
            let guarded = guard(&cell);
            prop_assert_eq!(unguard(&guarded), cell.as_str());
            prop_assert!(!guarded.starts_with(TRIGGERS));
        }
    }
}
