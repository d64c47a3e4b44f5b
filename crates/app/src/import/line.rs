//! One line of a file: a row to be written, or what is wrong with it.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use csv::StringRecord;
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    tag::{self, TagError},
};

use super::{header::Column, options::ImportOptions};
use crate::{
    cells,
    contacts::{
        ContactError, check,
        merge::{Row, Said, Weight},
    },
};

/// What is wrong with a line. Never says an address.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineProblem {
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error("the line has {got} fields, and the header has {expected}")]
    Fields { got: usize, expected: usize },
    #[error("the line is not text in the file's encoding")]
    WrongEncoding,
    #[error("{column} has more than {chars_max} characters")]
    TooLong { column: &'static str, chars_max: usize },
    #[error("the line is about somebody of an earlier line of the file")]
    Duplicate,
    #[error("nothing says that the person agreed")]
    MissingConsent,
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("{column} is neither yes nor no")]
    YesOrNo { column: &'static str },
    #[error(
        "consent_at is neither an instant like 2026-03-02T12:00:00Z nor a date like 2026-03-02, or lies in the future"
    )]
    ConsentAt,
}

impl LineProblem {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Contact(error) => error.code(),
            Self::Fields { .. } => "wrong_number_of_fields",
            Self::WrongEncoding => "wrong_encoding",
            Self::TooLong { .. } => "field_too_long",
            Self::Duplicate => "duplicate",
            Self::MissingConsent => "missing_consent",
            Self::Tags(_) => "invalid_tags",
            Self::YesOrNo { .. } => "not_yes_or_no",
            Self::ConsentAt => "invalid_consent_at",
        }
    }
}

/// Reads lines of one file.
pub(super) struct LineReader {
    columns: Vec<Column>,
    options: ImportOptions,
    /// When undated words of this file were said, as far as anybody knows: when its import began.
    undated_at: DateTime<Utc>,
}

/// The consent columns of one line.
#[derive(Default)]
struct Words<'a> {
    agreed: bool,
    opted_out: bool,
    source: Option<&'a str>,
    text: Option<&'a str>,
    at: Option<DateTime<Utc>>,
}

impl LineReader {
    pub(super) const fn new(columns: Vec<Column>, options: ImportOptions, undated_at: DateTime<Utc>) -> Self {
        Self { columns, options, undated_at }
    }

    pub(super) fn read(&self, record: &StringRecord) -> Result<Row, LineProblem> {
        if record.len() != self.columns.len() {
            return Err(LineProblem::Fields { got: record.len(), expected: self.columns.len() });
        }
        let mut row = Row::default();
        let mut words = Words::default();
        for (column, field) in self.columns.iter().zip(record) {
            let field = cells::unguard(field.trim());
            if !field.is_empty() && *column != Column::Ignored {
                fits(column, field)?;
                self.field(&mut row, &mut words, column, field)?;
            }
        }
        if row.addresses.is_empty() {
            return Err(ContactError::NoAddress.into());
        }
        if row.addresses.len() > check::ADDRESSES_MAX {
            return Err(ContactError::TooManyAddresses.into());
        }
        check::person(&row)?;
        row.consents = self.said(&words);
        let is_silent = !words.agreed && !words.opted_out;
        if is_silent && self.options.require_consent { Err(LineProblem::MissingConsent) } else { Ok(row) }
    }

    fn field<'a>(
        &self,
        row: &mut Row,
        words: &mut Words<'a>,
        column: &Column,
        field: &'a str,
    ) -> Result<(), LineProblem> {
        match column {
            Column::ExternalKey => row.external_key = Some(field.to_owned()),
            Column::DisplayName => row.display_name = Some(field.to_owned()),
            Column::Language => row.language = Some(field.to_owned()),
            Column::TimeZone => row.time_zone = Some(self.zone(field)),
            Column::Phone => self.phone(row, field)?,
            Column::Email => row.addresses.push((Channel::Email, check::address(Channel::Email, field, None)?)),
            Column::Tags => add_tags(&mut row.tags, field)?,
            Column::Consent => words.agreed = yes_or_no(field, "consent")?,
            Column::OptedOut => words.opted_out = yes_or_no(field, "opted_out")?,
            Column::ConsentSource => words.source = Some(field),
            Column::ConsentText => words.text = Some(field),
            Column::ConsentAt => words.at = Some(self.instant(field)?),
            Column::Attribute(name) => {
                row.attributes.insert(name.clone(), field.to_owned());
            }
            Column::Ignored => {}
        }
        Ok(())
    }

    fn zone(&self, name: &str) -> String {
        self.options.zones.get(name).map_or_else(|| name.to_owned(), |zone| zone.name().to_owned())
    }

    fn phone(&self, row: &mut Row, field: &str) -> Result<(), ContactError> {
        for channel in &self.options.channels {
            let address = check::address(*channel, field, self.options.default_region.as_deref())?;
            row.addresses.push((*channel, address));
        }
        Ok(())
    }

    fn instant(&self, field: &str) -> Result<DateTime<Utc>, LineProblem> {
        let date = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        DateTime::parse_from_rfc3339(field)
            .map(|at| at.to_utc())
            .or_else(|_| field.parse().map(date))
            .ok()
            .filter(|at| *at <= self.undated_at)
            .ok_or(LineProblem::ConsentAt)
    }

    /// Who wants nothing any more has ended what they agreed to before.
    fn said(&self, words: &Words<'_>) -> Vec<Said> {
        let action = match words {
            Words { opted_out: true, .. } => ConsentAction::Revoked,
            Words { agreed: true, .. } => ConsentAction::Granted,
            _ => return Vec::new(),
        };
        let said = |purpose: &Purpose| Said {
            purpose: *purpose,
            action,
            source: words.source.unwrap_or("import").to_owned(),
            wording: words.text.map(str::to_owned),
            evidence: "{}".to_owned(),
            occurred_at: words.at.unwrap_or(self.undated_at),
            weight: Weight::Hearsay,
        };
        self.options.purposes.iter().map(said).collect()
    }
}

/// A field that is longer than the database holds is told as such, whatever else may be wrong with it.
fn fits(column: &Column, field: &str) -> Result<(), LineProblem> {
    let (column, chars_max) = match column {
        Column::ExternalKey => ("external_key", 200),
        Column::DisplayName => ("display_name", 200),
        Column::Phone => ("phone", 200),
        Column::Email => ("email", 320),
        Column::Language => ("language", 35),
        Column::TimeZone => ("time_zone", 64),
        Column::ConsentSource => ("consent_source", 100),
        Column::ConsentText => ("consent_text", 2_000),
        Column::Attribute(_) => ("an attribute", 1_000),
        Column::Tags | Column::Consent | Column::ConsentAt | Column::OptedOut | Column::Ignored => return Ok(()),
    };
    // No text has more characters than bytes, so most are not counted.
    let is_long = field.len() > chars_max && field.chars().count() > chars_max;
    if is_long { Err(LineProblem::TooLong { column, chars_max }) } else { Ok(()) }
}

/// Those of the line's columns together. Empty ones are no tags: lists end with a comma at times.
fn add_tags(tags: &mut Vec<String>, field: &str) -> Result<(), TagError> {
    let named = field.split([',', ';', '|']).map(str::trim).filter(|tag| !tag.is_empty());
    *tags = tag::normalise(tags.iter().map(String::as_str).chain(named))?;
    Ok(())
}

fn yes_or_no(field: &str, column: &'static str) -> Result<bool, LineProblem> {
    let is = |words: &[&str]| words.iter().any(|word| field.eq_ignore_ascii_case(word));
    match field {
        _ if is(&["yes", "y", "true", "1", "x"]) => Ok(true),
        _ if is(&["no", "n", "false", "0"]) => Ok(false),
        _ => Err(LineProblem::YesOrNo { column }),
    }
}
