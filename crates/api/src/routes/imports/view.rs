//! Imports as callers see them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_app::import::{self, Heading, ImportReport};
use postroad_core::{account::Channel, consent::ConsentAction};
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::{ChannelWord, ConsentActionWord};

/// One reading of one file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactImport)]
pub(super) struct Import {
    #[schema(pattern = "^imp_[0-9a-f]{32}$")]
    id: String,
    file_name: String,
    /// `receiving`, `running`, `completed` or `failed`.
    state: String,
    /// Why a failed one could not be read on. What was read stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    /// Parts that arrived. The next one has this number.
    parts: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<i64>,
    /// Of the file, about.
    read_bytes: i64,
    /// Lines read so far: `created`, `updated` and `invalid` together.
    rows: i64,
    /// From the beginning of the reading until its last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_s: Option<f64>,
    created: i64,
    updated: i64,
    invalid: i64,
    /// How often each thing was wrong with a line. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<BTreeMap<String, i64>>,
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
}

impl Import {
    pub(super) fn of(import: import::Import) -> Self {
        Self {
            id: import.id.to_string(),
            rows_per_s: rows_per_s(&import),
            file_name: import.file_name,
            state: import.state,
            failure: import.failure,
            encoding: import.encoding,
            delimiter: import.delimiter,
            parts: import.parts,
            size_bytes: import.size_bytes,
            read_bytes: import.read_bytes,
            rows: import.lines_done,
            created: import.created,
            updated: import.updated,
            invalid: import.invalid,
            errors: None,
            created_at: import.created_at,
            finished_at: import.finished_at,
        }
    }

    pub(super) fn reported(report: ImportReport) -> Self {
        Self { errors: Some(report.errors.into_iter().collect()), ..Self::of(report.import) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of lines are far below 2^52")]
fn rows_per_s(import: &import::Import) -> Option<f64> {
    let span = import.finished_at.or(import.progressed_at)? - import.started_at?;
    let ms = span.num_milliseconds();
    (ms > 0).then(|| (import.lines_done as f64 * 1_000.0 / ms as f64).round())
}

/// A line that could not be taken.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportError)]
pub(super) struct LineError {
    /// Of the file, from 1; the header is line 1.
    line: i64,
    #[schema(pattern = "^[a-z][a-z0-9_]*$")]
    code: String,
    detail: String,
    /// The line as it stood. Absent: it was too long to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
}

impl LineError {
    pub(super) fn of(row: import::LineError) -> Self {
        Self { line: row.line, code: row.code, detail: row.detail, fields: row.fields }
    }
}

/// How a file would be read.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportPreview)]
pub(super) struct Preview {
    /// Such as `utf-8` or `windows-1252`.
    encoding: String,
    #[schema(value_type = String)]
    delimiter: &'static str,
    columns: Vec<Column>,
    /// The first 20.
    #[schema(max_items = 20)]
    lines: Vec<PreviewLine>,
}

/// What a column of the file becomes.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportColumn)]
struct Column {
    /// As it stands in the file.
    name: String,
    /// A field, `attribute:…`, or `ignore`.
    becomes: String,
    /// `mapped`: as you said; `named`: by our name for it; `guessed`: by a usual name for it; `else`: by none.
    #[schema(value_type = String)]
    found: &'static str,
}

/// A line: `person`, or `code` and `detail`.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportPreviewLine)]
struct PreviewLine {
    /// Of the file, from 1; the header is line 1.
    line: i64,
    fields: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<PreviewPerson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z][a-z0-9_]*$")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Who a line would be.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportPreviewPerson)]
struct PreviewPerson {
    #[serde(skip_serializing_if = "Option::is_none")]
    external_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    tags: Vec<String>,
    attributes: BTreeMap<String, String>,
    addresses: Vec<PreviewAddress>,
    /// What the line says about consent, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConsentActionWord>)]
    consent: Option<&'static str>,
}

/// Where the person would be reached.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactImportPreviewAddress)]
struct PreviewAddress {
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    address: String,
}

impl Preview {
    pub(super) fn of(preview: import::Preview) -> Self {
        Self {
            encoding: preview.encoding,
            delimiter: preview.delimiter.as_str(),
            columns: preview.columns.into_iter().map(Column::of).collect(),
            lines: preview.lines.into_iter().map(PreviewLine::of).collect(),
        }
    }
}

impl Column {
    fn of(heading: Heading) -> Self {
        Self { becomes: heading.column.word(), found: heading.found.as_str(), name: heading.name }
    }
}

impl PreviewLine {
    fn of(line: import::PreviewLine) -> Self {
        let (person, problem) = match line.person {
            Ok(person) => (Some(PreviewPerson::of(person)), None),
            Err(problem) => (None, Some(problem)),
        };
        let (code, detail) = problem.unzip();
        Self { line: line.line, fields: line.fields, person, code, detail }
    }
}

impl PreviewPerson {
    fn of(person: import::PreviewPerson) -> Self {
        let address = |(channel, address): (Channel, String)| PreviewAddress { channel: channel.as_str(), address };
        Self {
            external_key: person.external_key,
            display_name: person.display_name,
            language: person.language,
            time_zone: person.time_zone,
            tags: person.tags,
            attributes: person.attributes,
            addresses: person.addresses.into_iter().map(address).collect(),
            consent: person.consent.map(ConsentAction::as_str),
        }
    }
}
