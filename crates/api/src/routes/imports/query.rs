//! How a file is to be read, as a query says it.

use std::collections::BTreeMap;

use postroad_app::import::ImportOptions;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{problem::Problem, routes::page};

/// How the file is read. Everything that is absent is told from the file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// As people know the file. Absent: `contacts.csv`.
    #[param(min_length = 1, max_length = 200)]
    file_name: Option<String>,
    /// True: further parts of the file follow.
    pub(super) more: Option<bool>,
    /// The channels on which a column of phone numbers is an address, with commas between. Absent: `whatsapp`.
    #[param(example = "whatsapp,sms", max_length = 100)]
    channels: Option<String>,
    /// The two-letter country of telephone numbers without `+`.
    #[param(pattern = "^[A-Z]{2}$")]
    default_region: Option<String>,
    /// A label such as `utf-8`, `utf-16le` or `windows-1252`.
    #[param(max_length = 40)]
    encoding: Option<String>,
    /// `,`, `;`, `|` or `tab`.
    #[param(max_length = 10)]
    delimiter: Option<String>,
    /// A JSON object from the names of columns to a field, `ignore`, or the name of an attribute.
    #[param(example = r#"{"Handy":"phone","Kunde":"external_key","Notes":"ignore"}"#, max_length = 20_000)]
    mapping: Option<String>,
    /// What a "yes" in `consent` agrees to, with commas between. Absent: `marketing,transactional`.
    #[param(max_length = 60)]
    purposes: Option<String>,
    /// True: a line without a "yes" in `consent` or `opted_out` is refused.
    require_consent: Option<bool>,
    /// A line about somebody of an earlier line: `refuse`, or `merge`. Absent: `refuse`.
    #[param(max_length = 10)]
    duplicates: Option<String>,
}

/// The same without what only matters when the file is taken.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PreviewQuery {
    /// As in an import.
    #[param(max_length = 100)]
    channels: Option<String>,
    #[param(pattern = "^[A-Z]{2}$")]
    default_region: Option<String>,
    #[param(max_length = 40)]
    encoding: Option<String>,
    #[param(max_length = 10)]
    delimiter: Option<String>,
    #[param(max_length = 20_000)]
    mapping: Option<String>,
    require_consent: Option<bool>,
}

impl ImportQuery {
    pub(super) fn options(&self) -> Result<ImportOptions, Problem> {
        let default = ImportOptions::default();
        let duplicates = page::parse("duplicates", self.duplicates.as_deref())?;
        Ok(ImportOptions {
            channels: words("channels", self.channels.as_deref())?.unwrap_or(default.channels),
            default_region: self.default_region.clone(),
            purposes: words("purposes", self.purposes.as_deref())?.unwrap_or(default.purposes),
            require_consent: self.require_consent.unwrap_or_default(),
            duplicates: duplicates.unwrap_or(default.duplicates),
            encoding: page::parse("encoding", self.encoding.as_deref())?,
            delimiter: page::parse("delimiter", self.delimiter.as_deref())?,
            mapping: mapping(self.mapping.as_deref())?,
            zones: default.zones,
        })
    }

    pub(super) fn file_name(&self) -> Result<String, Problem> {
        let name = self.file_name.as_deref().unwrap_or("contacts.csv");
        if (1..=200).contains(&name.chars().count()) && !name.contains('\0') {
            return Ok(name.to_owned());
        }
        Err(Problem::invalid("invalid_query", "file_name has 1 to 200 characters"))
    }
}

impl PreviewQuery {
    pub(super) fn options(self) -> Result<ImportOptions, Problem> {
        let Self { channels, default_region, encoding, delimiter, mapping, require_consent } = self;
        let query = ImportQuery {
            file_name: None,
            more: None,
            channels,
            default_region,
            encoding,
            delimiter,
            mapping,
            purposes: None,
            require_consent,
            duplicates: None,
        };
        query.options()
    }
}

fn words<T>(name: &str, text: Option<&str>) -> Result<Option<Vec<T>>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(text) = text else { return Ok(None) };
    let words = text.split(',').map(|word| page::parse(name, Some(word.trim())));
    words.collect::<Result<Option<Vec<T>>, Problem>>()
}

fn mapping(text: Option<&str>) -> Result<BTreeMap<String, String>, Problem> {
    let read = text.map(serde_json::from_str).transpose();
    let mapping: Option<BTreeMap<String, String>> =
        read.map_err(|error| Problem::invalid("invalid_query", format_args!("mapping: {error}")))?;
    let mapping = mapping.unwrap_or_default();
    if mapping.iter().any(|(name, to)| name.contains('\0') || to.contains('\0')) {
        return Err(Problem::invalid("invalid_query", "mapping: no name has the character U+0000"));
    }
    Ok(mapping)
}
