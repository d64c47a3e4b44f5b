//! One line of a file: a row to be written, or what is wrong with it.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use csv::StringRecord;
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    tag,
};

use super::header::Column;
use crate::{
    contacts::{
        ContactError, check,
        merge::{Row, Said, Weight},
    },
    text,
};

/// How lines are read.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// On which channels the column `phone` is an address.
    pub channels: Vec<Channel>,
    /// The two-letter country of numbers without `+`.
    pub default_region: Option<String>,
    /// The file's own names for zones, beside those of IANA.
    pub zones: HashMap<String, Tz>,
    /// What a "yes" in the column `consent` agrees to, and a "yes" in `opted_out` ends.
    pub purposes: Vec<Purpose>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            channels: vec![Channel::Whatsapp],
            default_region: None,
            zones: HashMap::new(),
            purposes: vec![Purpose::Marketing, Purpose::Transactional],
        }
    }
}

/// What is wrong with a line. Never says an address.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineProblem {
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error("the line has {got} fields, and the header has {expected}")]
    Fields { got: usize, expected: usize },
    #[error("the line is not text in UTF-8")]
    NotText,
    #[error("{column} is neither yes nor no")]
    YesOrNo { column: &'static str },
    #[error(
        "consent_at is neither an instant like 2026-03-02T12:00:00Z nor a date like 2026-03-02, or lies in the future"
    )]
    ConsentAt,
    #[error("consent_source has more than 100 characters, or consent_text more than 2,000")]
    ConsentWords,
}

impl LineProblem {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Contact(error) => error.code(),
            Self::Fields { .. } => "wrong_number_of_fields",
            Self::NotText => "not_text",
            Self::YesOrNo { .. } => "not_yes_or_no",
            Self::ConsentAt => "invalid_consent_at",
            Self::ConsentWords => "invalid_consent_words",
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
            let field = field.trim();
            if !field.is_empty() {
                self.field(&mut row, &mut words, column, field)?;
            }
        }
        if row.addresses.is_empty() {
            return Err(ContactError::NoAddress.into());
        }
        check::person(&row)?;
        row.consents = self.said(&words)?;
        Ok(row)
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
            Column::Consent => words.agreed = yes_or_no(field, "consent")?,
            Column::OptedOut => words.opted_out = yes_or_no(field, "opted_out")?,
            Column::ConsentSource => words.source = Some(field),
            Column::ConsentText => words.text = Some(field),
            Column::ConsentAt => words.at = Some(self.instant(field)?),
            Column::Tags => row.tags = tags(field)?,
            Column::Attribute(name) => {
                row.attributes.insert(name.clone(), field.to_owned());
            }
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
    fn said(&self, words: &Words<'_>) -> Result<Vec<Said>, LineProblem> {
        let source = words.source.unwrap_or("import");
        if !text::fits(source, 1..=100) || !words.text.is_none_or(|words| text::fits(words, 0..=2_000)) {
            return Err(LineProblem::ConsentWords);
        }
        let action = match words {
            Words { opted_out: true, .. } => ConsentAction::Revoked,
            Words { agreed: true, .. } => ConsentAction::Granted,
            _ => return Ok(Vec::new()),
        };
        let said = |purpose: &Purpose| Said {
            purpose: *purpose,
            action,
            source: source.to_owned(),
            wording: words.text.map(str::to_owned),
            evidence: "{}".to_owned(),
            occurred_at: words.at.unwrap_or(self.undated_at),
            weight: Weight::Hearsay,
        };
        Ok(self.options.purposes.iter().map(said).collect())
    }
}

/// Empty ones are no tags: lists end with a comma at times.
fn tags(field: &str) -> Result<Vec<String>, ContactError> {
    let named = field.split([',', ';']).map(str::trim).filter(|tag| !tag.is_empty());
    Ok(tag::normalise(named)?)
}

fn yes_or_no(field: &str, column: &'static str) -> Result<bool, LineProblem> {
    let is = |words: &[&str]| words.iter().any(|word| field.eq_ignore_ascii_case(word));
    match field {
        _ if is(&["yes", "y", "true", "1", "x"]) => Ok(true),
        _ if is(&["no", "n", "false", "0"]) => Ok(false),
        _ => Err(LineProblem::YesOrNo { column }),
    }
}
