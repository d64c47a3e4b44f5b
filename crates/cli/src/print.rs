//! Data goes to standard output, as a table or as JSON; talk goes to standard error.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;

/// How a read command shows what it found.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Format {
    /// JSON: one object per line for lists
    #[arg(long)]
    pub json: bool,
}

impl Format {
    /// A list: one JSON object per line, or a table under `titles`.
    pub fn list<T: Serialize>(self, rows: &[T], titles: &[&str], cells: impl Fn(&T) -> Vec<String>) -> Result<()> {
        if self.json {
            return rows.iter().try_for_each(json_line);
        }
        if rows.is_empty() {
            return note("there are none");
        }
        out(&format!("{}\n", table(titles, rows.iter().map(cells))))
    }

    /// One thing: pretty JSON, or lines of name and value.
    pub fn item<T: Serialize>(self, item: &T, lines: impl FnOnce(&T) -> Vec<(&'static str, String)>) -> Result<()> {
        if self.json {
            return out(&format!("{}\n", serde_json::to_string_pretty(item)?));
        }
        let rows = lines(item).into_iter().map(|(name, value)| vec![name.to_owned(), value]);
        out(&format!("{}\n", table(&[], rows)))
    }

    /// One thing that has words of its own.
    pub fn told<T: Serialize>(self, item: &T, words: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json { out(&format!("{}\n", serde_json::to_string_pretty(item)?)) } else { out(&words(item)) }
    }
}

/// One object on one line.
pub fn json_line<T: Serialize>(item: &T) -> Result<()> {
    out(&format!("{}\n", serde_json::to_string(item)?))
}

/// Data. Who stops reading has seen enough: that is no error.
pub fn out(text: &str) -> Result<()> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A line of talk.
pub fn note(text: &str) -> Result<()> {
    Ok(writeln!(anstream::stderr(), "{text}")?)
}

/// Columns that fit the terminal; whole on a pipe.
pub fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    if !titles.is_empty() {
        table.set_header(titles.iter().map(|title| title.to_uppercase()));
    }
    table.add_rows(rows);
    trimmed(&table.to_string())
}

/// Without the margins that a table without borders has left.
fn trimmed(table: &str) -> String {
    table.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect::<Vec<_>>().join("\n")
}

/// An instant with its zone: `2026-03-02T12:00:00Z`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A value that may be missing.
pub fn or_dash<T: std::fmt::Display>(value: Option<&T>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_titles_above_and_no_margins() {
        let rows = [["acme", "UTC"], ["a-longer-name", "Europe/Paris"]];
        let text = table(&["slug", "zone"], rows.into_iter().map(|row| row.map(str::to_owned).to_vec()));
        assert_eq!(text, "SLUG           ZONE\nacme           UTC\na-longer-name  Europe/Paris");
    }
}
