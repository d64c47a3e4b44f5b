//! What the columns of a file mean: what the caller said, else our own names in any case, else a guess by common names of
//! others, else an attribute of the column's name.
//!
//! Columns that begin with `postroad_` are ours to write and are passed over, so that an export or an error file can be
//! imported. That a column means consent a person must say; that it means the opposite is guessed, because passing
//! it over would write to somebody who said no.

use std::collections::{BTreeMap, HashSet};

use csv::StringRecord;

use crate::cells;

/// Columns of one file.
const COLUMNS_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 64;
/// What is before the name of an attribute that has the name of a field.
const ATTRIBUTE: &str = "attribute:";
const OURS: &str = "postroad_";
const IGNORE: &str = "ignore";

/// What a column of a file becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    ExternalKey,
    Phone,
    Email,
    DisplayName,
    Language,
    TimeZone,
    /// Divided by commas, semicolons or bars.
    Tags,
    /// The person agreed: yes or no.
    Consent,
    ConsentSource,
    ConsentText,
    ConsentAt,
    /// The person wants nothing any more: yes or no.
    OptedOut,
    Attribute(String),
    Ignored,
}

/// Our own names. The first of a column is how it is told.
const NAMES: &[(&str, Column)] = &[
    ("external_key", Column::ExternalKey),
    ("phone", Column::Phone),
    ("email", Column::Email),
    ("display_name", Column::DisplayName),
    ("name", Column::DisplayName),
    ("language", Column::Language),
    ("time_zone", Column::TimeZone),
    ("tags", Column::Tags),
    ("consent", Column::Consent),
    ("consent_source", Column::ConsentSource),
    ("consent_text", Column::ConsentText),
    ("consent_at", Column::ConsentAt),
    ("opted_out", Column::OptedOut),
    (IGNORE, Column::Ignored),
];

/// What others call them, without blanks and signs. The likelier first: of two columns that may be one field, the one that
/// is further up in here is, and the other is an attribute.
const GUESSES: &[(&str, Column)] = &[
    ("phonenumber", Column::Phone),
    ("mobile", Column::Phone),
    ("mobilephone", Column::Phone),
    ("mobilenumber", Column::Phone),
    ("mobileno", Column::Phone),
    ("cellphone", Column::Phone),
    ("cell", Column::Phone),
    ("whatsapp", Column::Phone),
    ("whatsappnumber", Column::Phone),
    ("telephone", Column::Phone),
    ("telephonenumber", Column::Phone),
    ("tel", Column::Phone),
    ("phoneno", Column::Phone),
    ("msisdn", Column::Phone),
    ("handy", Column::Phone),
    ("telefon", Column::Phone),
    ("telefono", Column::Phone),
    ("teléfono", Column::Phone),
    ("téléphone", Column::Phone),
    ("portable", Column::Phone),
    ("celular", Column::Phone),
    ("телефон", Column::Phone),
    ("email", Column::Email),
    ("emailaddress", Column::Email),
    ("mail", Column::Email),
    ("correo", Column::Email),
    ("displayname", Column::DisplayName),
    ("fullname", Column::DisplayName),
    ("contactname", Column::DisplayName),
    ("customername", Column::DisplayName),
    ("nombre", Column::DisplayName),
    ("имя", Column::DisplayName),
    ("externalkey", Column::ExternalKey),
    ("externalid", Column::ExternalKey),
    ("customerid", Column::ExternalKey),
    ("contactid", Column::ExternalKey),
    ("customernumber", Column::ExternalKey),
    ("lang", Column::Language),
    ("locale", Column::Language),
    ("preferredlanguage", Column::Language),
    ("sprache", Column::Language),
    ("langue", Column::Language),
    ("idioma", Column::Language),
    ("timezone", Column::TimeZone),
    ("tz", Column::TimeZone),
    ("zeitzone", Column::TimeZone),
    ("tag", Column::Tags),
    ("labels", Column::Tags),
    ("label", Column::Tags),
    ("optout", Column::OptedOut),
    ("optedout", Column::OptedOut),
    ("unsubscribed", Column::OptedOut),
    ("donotcontact", Column::OptedOut),
    ("consentsource", Column::ConsentSource),
    ("consenttext", Column::ConsentText),
    ("consentat", Column::ConsentAt),
    ("consentdate", Column::ConsentAt),
];

/// Attributes by the names that templates use.
const ATTRIBUTE_GUESSES: &[(&str, &str)] = &[
    ("firstname", "first_name"),
    ("givenname", "first_name"),
    ("forename", "first_name"),
    ("vorname", "first_name"),
    ("prénom", "first_name"),
    ("lastname", "last_name"),
    ("surname", "last_name"),
    ("familyname", "last_name"),
    ("nachname", "last_name"),
];

/// A header that no file of contacts has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("no column is a phone number or an email")]
    NoAddress,
    #[error("column {0:?} is there twice")]
    Twice(String),
    #[error("the name of column number {0} is longer than {NAME_CHARS_MAX} characters")]
    Name(usize),
    #[error("the mapping names column {0:?}, and the file has none of that name")]
    NotThere(String),
    #[error("the file has {0} columns, and {COLUMNS_MAX} is the most")]
    TooMany(usize),
    #[error("the header is not text in the file's encoding")]
    NotText,
}

/// How a column came to its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The caller said so.
    Mapped,
    /// By one of our own names.
    Named,
    /// By a name that others use.
    Guessed,
    /// No name that we know.
    Else,
}

impl Found {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Named => "named",
            Self::Guessed => "guessed",
            Self::Else => "else",
        }
    }
}

/// One column of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// As it stands in the file.
    pub name: String,
    pub column: Column,
    pub found: Found,
}

impl Column {
    /// As a mapping names it.
    pub fn word(&self) -> String {
        match self {
            Self::Attribute(name) => format!("{ATTRIBUTE}{name}"),
            other => NAMES.iter().find(|(_, column)| column == other).map_or(IGNORE, |(word, _)| word).to_owned(),
        }
    }

    /// What the right side of a mapping means: a field, `ignore`, or the name of an attribute.
    fn of_word(word: &str) -> Self {
        named(word).unwrap_or_else(|| Self::Attribute(word.strip_prefix(ATTRIBUTE).unwrap_or(word).to_owned()))
    }

    /// Two columns of a file may be it.
    const fn may_repeat(&self) -> bool {
        matches!(self, Self::Phone | Self::Email | Self::Tags | Self::Ignored)
    }
}

/// `mapping`: what columns are, by their names in any case.
pub(super) fn read(header: &StringRecord, mapping: &BTreeMap<String, String>) -> Result<Vec<Heading>, HeaderError> {
    if header.len() > COLUMNS_MAX {
        return Err(HeaderError::TooMany(header.len()));
    }
    let names: Vec<&str> = header.iter().map(|name| cells::unguard(name.trim())).collect();
    check_names(&names)?;
    let mut headings = said(&names, mapping)?;
    guess(&mut headings);
    check_meanings(&headings)?;
    Ok(headings)
}

fn check_names(names: &[&str]) -> Result<(), HeaderError> {
    let mut seen = HashSet::new();
    for (name, position) in names.iter().zip(1..) {
        if name.chars().count() > NAME_CHARS_MAX {
            return Err(HeaderError::Name(position));
        }
        if !name.is_empty() && !seen.insert(name.to_lowercase()) {
            return Err(HeaderError::Twice((*name).to_owned()));
        }
    }
    Ok(())
}

/// By the mapping and by our own names; the rest are attributes for now.
fn said(names: &[&str], mapping: &BTreeMap<String, String>) -> Result<Vec<Heading>, HeaderError> {
    let mut mapped: BTreeMap<String, (&String, &String)> =
        mapping.iter().map(|(name, to)| (name.trim().to_lowercase(), (name, to))).collect();
    let heading = |name: &&str| {
        let (column, found) = match mapped.remove(&name.to_lowercase()) {
            Some((_, to)) => (Column::of_word(to.trim()), Found::Mapped),
            None => by_name(name),
        };
        Heading { name: (*name).to_owned(), column, found }
    };
    let headings = names.iter().map(heading).collect();
    match mapped.into_values().next() {
        Some((name, _)) => Err(HeaderError::NotThere(name.clone())),
        None => Ok(headings),
    }
}

fn by_name(name: &str) -> (Column, Found) {
    let lower = name.to_lowercase();
    if name.is_empty() || lower.starts_with(OURS) {
        // Spreadsheets leave columns without a name at the end.
        return (Column::Ignored, Found::Named);
    }
    if let Some((prefix, attribute)) = name.split_at_checked(ATTRIBUTE.len())
        && prefix.eq_ignore_ascii_case(ATTRIBUTE)
        && !attribute.is_empty()
    {
        return (Column::Attribute(attribute.to_owned()), Found::Named);
    }
    match named(&lower).filter(|column| *column != Column::Ignored) {
        Some(column) => (column, Found::Named),
        None => (Column::Attribute(name.to_owned()), Found::Else),
    }
}

/// The heading by which a file has this attribute, whatever it is called.
pub(crate) fn attribute_heading(name: &str) -> String {
    let letters = letters(name);
    let is_plain = by_name(name).0 == Column::Attribute(name.to_owned());
    let is_common = GUESSES.iter().any(|(guess, _)| *guess == letters)
        || ATTRIBUTE_GUESSES.iter().any(|(guess, to)| *guess == letters && *to != name);
    if is_plain && !is_common { name.to_owned() } else { format!("{ATTRIBUTE}{name}") }
}

fn named(word: &str) -> Option<Column> {
    let word = word.to_lowercase();
    NAMES.iter().find(|(name, _)| *name == word).map(|(_, column)| column.clone())
}

/// A field that no column is yet is the column with the likeliest name.
fn guess(headings: &mut [Heading]) {
    for (name, column) in GUESSES {
        if !headings.iter().any(|heading| heading.column == *column) {
            take(headings, name, column);
        }
    }
    for (name, attribute) in ATTRIBUTE_GUESSES {
        let column = Column::Attribute((*attribute).to_owned());
        if !headings.iter().any(|heading| heading.column == column) {
            take(headings, name, &column);
        }
    }
}

fn take(headings: &mut [Heading], name: &str, column: &Column) {
    let fits = |heading: &&mut Heading| heading.found == Found::Else && letters(&heading.name) == name;
    if let Some(heading) = headings.iter_mut().find(fits) {
        heading.column = column.clone();
        heading.found = Found::Guessed;
    }
}

/// `E-Mail Address` and `email_address` are one name.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn check_meanings(headings: &[Heading]) -> Result<(), HeaderError> {
    for (position, heading) in headings.iter().enumerate() {
        let column = &heading.column;
        if matches!(column, Column::Attribute(name) if !(1..=NAME_CHARS_MAX).contains(&name.chars().count())) {
            return Err(HeaderError::Name(position + 1));
        }
        if !column.may_repeat() && headings[..position].iter().any(|other| other.column == *column) {
            return Err(HeaderError::Twice(column.word()));
        }
    }
    let reaches = headings.iter().any(|heading| matches!(heading.column, Column::Phone | Column::Email));
    if reaches { Ok(()) } else { Err(HeaderError::NoAddress) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str], mapping: &[(&str, &str)]) -> Result<Vec<String>, HeaderError> {
        let mapping = mapping.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let headings = read(&StringRecord::from(names.to_vec()), &mapping)?;
        Ok(headings.iter().map(|heading| heading.column.word()).collect())
    }

    #[test]
    fn known_names_count_in_any_case_and_the_rest_are_attributes() {
        let columns = header(&["External_Key", " PHONE ", "Tier", "attribute:Phone"], &[]).unwrap();
        assert_eq!(columns, ["external_key", "phone", "attribute:Tier", "attribute:Phone"]);
    }

    #[test]
    fn common_names_are_guessed_for_fields_that_no_column_is() {
        let columns =
            header(&["Phone Number", "E-Mail", "First name", "Full Name", "Time zone", "Labels"], &[]).unwrap();
        assert_eq!(columns, ["phone", "email", "attribute:first_name", "display_name", "time_zone", "tags"]);
        assert_eq!(header(&["mobile", "phone"], &[]).unwrap(), ["attribute:mobile", "phone"]);
        assert_eq!(header(&["tel", "Mobile"], &[]).unwrap(), ["attribute:tel", "phone"]);
        assert_eq!(header(&["phone", "opt in", "Opt-out"], &[]).unwrap(), ["phone", "attribute:opt in", "opted_out"]);
    }

    #[test]
    fn what_the_caller_says_counts_before_any_name() {
        let mapping =
            [("PHONE", "attribute:phone"), ("Handy 1", "phone"), ("handy 2", "phone"), ("x", "ignore"), ("y", "tier")];
        let columns = header(&["phone", "Handy 1", "Handy 2", "X", "Y", "Z"], &mapping).unwrap();
        assert_eq!(columns, ["attribute:phone", "phone", "phone", "ignore", "attribute:tier", "attribute:Z"]);
    }

    #[test]
    fn an_attribute_has_a_heading_that_means_it() {
        for name in ["tier", "phone", "First Name", "first_name", "tel", "postroad_x", "attribute:x", "Tier"] {
            let heading = attribute_heading(name);
            assert_eq!(header(&["email", &heading], &[]).unwrap()[1], format!("attribute:{name}"), "{heading}");
        }
    }

    #[test]
    fn columns_without_a_name_and_those_of_our_own_files_are_passed_over() {
        let columns = header(&["phone", "", "", "postroad_code", "Postroad_Reason"], &[]).unwrap();
        assert_eq!(columns, ["phone", "ignore", "ignore", "ignore", "ignore"]);
    }

    #[test]
    fn a_header_that_makes_no_sense_is_refused() {
        assert_eq!(header(&["name"], &[]), Err(HeaderError::NoAddress));
        assert_eq!(header(&["phone", "Phone"], &[]), Err(HeaderError::Twice("Phone".into())));
        assert_eq!(header(&["phone", "name", "display_name"], &[]), Err(HeaderError::Twice("display_name".into())));
        assert_eq!(header(&["phone", &"x".repeat(65)], &[]), Err(HeaderError::Name(2)));
        assert_eq!(header(&["phone", "x"], &[("x", "")]), Err(HeaderError::Name(2)));
        assert_eq!(header(&["phone"], &[("Mobil", "phone")]), Err(HeaderError::NotThere("Mobil".into())));
        assert_eq!(header(&["phone"; 201], &[]), Err(HeaderError::TooMany(201)));
        assert_eq!(header(&[], &[]), Err(HeaderError::NoAddress));
    }
}
