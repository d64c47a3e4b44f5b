//! What the columns of a file mean. Names are known in any case; a column of another name is an attribute.

use std::collections::HashSet;

use csv::StringRecord;

/// Columns of one file.
const COLUMNS_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    ExternalKey,
    Phone,
    Email,
    DisplayName,
    Language,
    TimeZone,
    /// The person agreed: yes or no.
    Consent,
    ConsentSource,
    ConsentText,
    ConsentAt,
    /// The person wants nothing any more: yes or no.
    OptedOut,
    /// Divided by commas or semicolons.
    Tags,
    Attribute(String),
}

/// A header that no file of contacts has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the file has neither a column phone nor a column email")]
    NoAddress,
    #[error("column {0:?} is there twice")]
    Twice(String),
    #[error("column number {0} has no name, or one longer than 64 characters")]
    Name(usize),
    #[error("the file has {0} columns, and {COLUMNS_MAX} is the most")]
    TooMany(usize),
    #[error("the header is not UTF-8")]
    NotUtf8,
}

pub(super) fn read(header: &StringRecord) -> Result<Vec<Column>, HeaderError> {
    if header.len() > COLUMNS_MAX {
        return Err(HeaderError::TooMany(header.len()));
    }
    let mut columns = Vec::with_capacity(header.len());
    let mut seen = HashSet::new();
    for (name, position) in header.iter().zip(1..) {
        // Spreadsheets begin a file with a byte order mark.
        let name = name.trim_start_matches('\u{feff}').trim();
        if !(1..=64).contains(&name.chars().count()) {
            return Err(HeaderError::Name(position));
        }
        if !seen.insert(name.to_lowercase()) {
            return Err(HeaderError::Twice(name.to_owned()));
        }
        columns.push(column(name));
    }
    let reaches = columns.iter().any(|column| matches!(column, Column::Phone | Column::Email));
    if reaches { Ok(columns) } else { Err(HeaderError::NoAddress) }
}

fn column(name: &str) -> Column {
    match name.to_lowercase().as_str() {
        "external_key" => Column::ExternalKey,
        "phone" => Column::Phone,
        "email" => Column::Email,
        "display_name" | "name" => Column::DisplayName,
        "language" => Column::Language,
        "time_zone" => Column::TimeZone,
        "consent" => Column::Consent,
        "consent_source" => Column::ConsentSource,
        "consent_text" => Column::ConsentText,
        "consent_at" => Column::ConsentAt,
        "opted_out" => Column::OptedOut,
        "tags" => Column::Tags,
        _ => Column::Attribute(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Result<Vec<Column>, HeaderError> {
        read(&StringRecord::from(names.to_vec()))
    }

    #[test]
    fn known_names_count_in_any_case_and_the_rest_are_attributes() {
        let columns = header(&["\u{feff}External_Key", " PHONE ", "Tier"]).unwrap();
        assert_eq!(columns, [Column::ExternalKey, Column::Phone, Column::Attribute("Tier".into())]);
    }

    #[test]
    fn a_header_that_makes_no_sense_is_refused() {
        assert_eq!(header(&["name"]), Err(HeaderError::NoAddress));
        assert_eq!(header(&["phone", "Phone"]), Err(HeaderError::Twice("Phone".into())));
        assert_eq!(header(&["phone", ""]), Err(HeaderError::Name(2)));
        assert_eq!(header(&["phone"; 201]), Err(HeaderError::TooMany(201)));
        assert_eq!(header(&[]), Err(HeaderError::NoAddress));
    }
}
