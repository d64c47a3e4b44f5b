//! In what a file is written, and what stands between its cells: said by whoever sends it, or told from its beginning.

use std::{fmt, str::FromStr};

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

/// Records that decide about the delimiter.
const RECORDS: usize = 25;

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Delimiter {
    Comma,
    Semicolon,
    Tab,
    Pipe,
}

/// A character that no file of ours has between its cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a delimiter is one of , ; | and tab")]
pub struct UnknownDelimiter;

impl Delimiter {
    /// The likeliest first: of two that fit as well, it counts.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Tab => "tab",
            Self::Pipe => "|",
        }
    }

    pub(super) const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The one by which the lines have as many cells as the header.
    pub(super) fn sniff(sample: &str) -> Self {
        let mut best = (Self::Comma, Score::default());
        for delimiter in Self::ALL {
            let score = Score::of(delimiter, sample);
            if score > best.1 {
                best = (delimiter, score);
            }
        }
        best.0
    }
}

/// How well a delimiter fits: first the share of lines, then the number of cells.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    per_mille: usize,
    cells: usize,
}

impl Score {
    fn of(delimiter: Delimiter, sample: &str) -> Self {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .flexible(true)
            .has_headers(false)
            .from_reader(sample.as_bytes());
        let records: Vec<StringRecord> = reader.records().take(RECORDS).filter_map(Result::ok).collect();
        let Some((header, lines)) = records.split_first().filter(|(header, _)| header.len() > 1) else {
            return Self::default();
        };
        let fit = lines.iter().filter(|line| line.len() == header.len()).count();
        // A header alone fits half: lines that agree are better evidence.
        let per_mille = if lines.is_empty() { 500 } else { fit * 1_000 / lines.len() };
        Self { per_mille: per_mille.max(1), cells: header.len() }
    }
}

impl FromStr for Delimiter {
    type Err = UnknownDelimiter;

    fn from_str(text: &str) -> Result<Self, UnknownDelimiter> {
        match text {
            "," | "comma" => Ok(Self::Comma),
            ";" | "semicolon" => Ok(Self::Semicolon),
            "\t" | "\\t" | "tab" => Ok(Self::Tab),
            "|" | "pipe" => Ok(Self::Pipe),
            _ => Err(UnknownDelimiter),
        }
    }
}

impl TryFrom<String> for Delimiter {
    type Error = UnknownDelimiter;

    fn try_from(text: String) -> Result<Self, UnknownDelimiter> {
        text.parse()
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        delimiter.as_str().to_owned()
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In what a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FileEncoding(pub(super) &'static Encoding);

/// A name that stands for no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no encoding; one is named like utf-8, utf-16le or windows-1252")]
pub struct UnknownEncoding(String);

impl FromStr for FileEncoding {
    type Err = UnknownEncoding;

    /// Reads any label of the WHATWG's list: `latin1`, `cp1252`, `shift_jis`.
    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        let encoding = Encoding::for_label_no_replacement(label.as_bytes());
        encoding.map(Self).ok_or_else(|| UnknownEncoding(label.chars().take(40).collect()))
    }
}

impl TryFrom<String> for FileEncoding {
    type Error = UnknownEncoding;

    fn try_from(label: String) -> Result<Self, UnknownEncoding> {
        label.parse()
    }
}

impl From<FileEncoding> for String {
    fn from(encoding: FileEncoding) -> Self {
        encoding.to_string()
    }
}

impl fmt::Display for FileEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_by_which_lines_are_as_long_as_the_header() {
        let cases = [
            ("phone,name\n+1,Ada\n", ","),
            ("phone;name\n+1;\"Ada, of London\"\n", ";"),
            ("phone;name, first\n+1;Ada\n", ";"),
            ("phone\tname\n+1\tAda, B; C\n", "tab"),
            ("phone|name|tags\n+1|Ada|a,b;c\n", "|"),
            ("phone\n+1\n", ","),
            ("phone;name", ";"),
            ("", ","),
            ("a;b,c\n1;2,3\n1;2,3\n4;5\n", ";"),
        ];
        for (sample, expected) in cases {
            assert_eq!(Delimiter::sniff(sample).as_str(), expected, "{sample:?}");
        }
    }

    #[test]
    fn words_for_them_read_as_they_are_written() {
        for delimiter in Delimiter::ALL {
            assert_eq!(delimiter.as_str().parse(), Ok(delimiter));
        }
        for (label, name) in [("UTF8", "utf-8"), ("latin1", "windows-1252"), ("utf-16", "utf-16le")] {
            assert_eq!(label.parse::<FileEncoding>().unwrap().to_string(), name);
        }
        assert!("klingon".parse::<FileEncoding>().is_err());
    }
}
