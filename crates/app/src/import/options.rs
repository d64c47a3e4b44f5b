//! How a file is read. Stored with an import, so that a job that goes on reads as the one before.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;
use postroad_core::{account::Channel, consent::Purpose};
use serde::{Deserialize, Serialize};

use super::dialect::{Delimiter, FileEncoding};

/// How lines are read. A field that is added gets a default: stored ones do not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportOptions {
    /// On which channels a column of phone numbers is an address.
    pub channels: Vec<Channel>,
    /// The two-letter country of numbers without `+`.
    pub default_region: Option<String>,
    /// The file's own names for zones, beside those of IANA.
    pub zones: HashMap<String, Tz>,
    /// What a "yes" in the column `consent` agrees to, and a "yes" in `opted_out` ends.
    pub purposes: Vec<Purpose>,
    /// A line without a "yes" in `consent` or `opted_out` is refused.
    pub require_consent: bool,
    pub duplicates: Duplicates,
    /// None: told from the file's beginning.
    pub encoding: Option<FileEncoding>,
    /// None: told from the file's beginning.
    pub delimiter: Option<Delimiter>,
    /// What columns are: a field of ours, `ignore`, or the name of an attribute. Columns that are not named mean what their
    /// names say.
    pub mapping: BTreeMap<String, String>,
}

/// What becomes of a line about a person of an earlier line of the same file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// It is wrong: one of the two is, and a person must say which.
    #[default]
    Refuse,
    /// It adds to what the earlier line said.
    Merge,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            channels: vec![Channel::Whatsapp],
            default_region: None,
            zones: HashMap::new(),
            purposes: vec![Purpose::Marketing, Purpose::Transactional],
            require_consent: false,
            duplicates: Duplicates::default(),
            encoding: None,
            delimiter: None,
            mapping: BTreeMap::new(),
        }
    }
}

impl Duplicates {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Merge => "merge",
        }
    }
}

/// A word that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lines about one person are told refuse or merge")]
pub struct UnknownDuplicates;

impl std::str::FromStr for Duplicates {
    type Err = UnknownDuplicates;

    fn from_str(word: &str) -> Result<Self, UnknownDuplicates> {
        [Self::Refuse, Self::Merge].into_iter().find(|known| known.as_str() == word).ok_or(UnknownDuplicates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_an_older_version_stored_are_read() {
        let read: ImportOptions = serde_json::from_str(r#"{"channels":["sms"]}"#).unwrap();
        assert_eq!(read, ImportOptions { channels: vec![Channel::Sms], ..ImportOptions::default() });
        let stored = r#"{"channels":["whatsapp"],"default_region":"US","zones":{"day":"Europe/Paris"},"purposes":["marketing"],"require_consent":true,"duplicates":"merge","encoding":"windows-1252","delimiter":";","mapping":{"Handy":"phone"}}"#;
        let read: ImportOptions = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    }
}
