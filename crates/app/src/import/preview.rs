//! The beginning of a file as an import would read it. Nothing is written, and nothing is asked of the database: whether
//! somebody is known already, only the import tells.

use std::{collections::BTreeMap, io::Read};

use chrono::{DateTime, Utc};
use csv::ByteRecord;
use postroad_core::{account::Channel, consent::ConsentAction, limits::IMPORT_PREVIEW_LINES};

use super::{ImportError, ImportOptions, chunks, dialect::Delimiter, header::Heading, line::LineReader};
use crate::contacts::merge::Row;

/// How a file would be read. Never printed: it has lines of it.
pub struct Preview {
    /// `utf-8`, `windows-1252`: said, or told from the file.
    pub encoding: String,
    pub delimiter: Delimiter,
    pub columns: Vec<Heading>,
    /// The first 20.
    pub lines: Vec<PreviewLine>,
}

pub struct PreviewLine {
    /// Of the file, from 1; the header is line 1.
    pub line: i64,
    /// As it stands in the file.
    pub fields: Vec<String>,
    /// Who it would be, or a code and words for what is wrong with it.
    pub person: Result<PreviewPerson, (String, String)>,
}

pub struct PreviewPerson {
    pub external_key: Option<String>,
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub tags: Vec<String>,
    pub addresses: Vec<(Channel, String)>,
    /// What the line says about consent, if anything.
    pub consent: Option<ConsentAction>,
}

/// Reads the first lines; `file` needs no more than these. `now`: when the import would begin.
pub fn preview(file: impl Read, options: &ImportOptions, now: DateTime<Utc>) -> Result<Preview, ImportError> {
    let mut opened = chunks::open(file, options)?;
    let lines = LineReader::new(opened.columns(), options.clone(), now);
    let (mut record, mut shown) = (ByteRecord::new(), Vec::new());
    while shown.len() < IMPORT_PREVIEW_LINES {
        let Some((line, fields, row)) = opened.next(&mut record, &lines)? else { break };
        let person = row.map(PreviewPerson::of).map_err(|problem| (problem.code().to_owned(), problem.to_string()));
        shown.push(PreviewLine { line, fields: fields.iter().map(str::to_owned).collect(), person });
    }
    let (encoding, delimiter) = (opened.encoding.to_string(), opened.delimiter);
    Ok(Preview { encoding, delimiter, columns: opened.headings, lines: shown })
}

impl PreviewPerson {
    fn of(row: Row) -> Self {
        Self {
            consent: row.consents.first().map(|said| said.action),
            external_key: row.external_key,
            display_name: row.display_name,
            language: row.language,
            time_zone: row.time_zone,
            attributes: row.attributes,
            tags: row.tags,
            addresses: row.addresses,
        }
    }
}
