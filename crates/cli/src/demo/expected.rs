//! What the sample data must come to, written with them.

use std::collections::BTreeMap;

use anyhow::Result;
use postroad_app::import::ImportReport;
use serde::Deserialize;

use super::summary::{Campaign, Matches, Reasons};

const EXPECTED: &str = include_str!("../../../../demo/expected.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    import: Import,
    campaign: Counts,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    lines: i64,
    created: i64,
    updated: i64,
    invalid: i64,
    errors: BTreeMap<String, i64>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    recipients: u64,
    accepted: u64,
    refused: Reasons,
    waiting: Reasons,
}

impl Expected {
    pub fn read() -> Result<Self> {
        Ok(serde_json::from_str(EXPECTED)?)
    }

    /// Recipients of the campaign.
    pub const fn recipients(&self) -> u64 {
        self.campaign.recipients
    }

    pub fn matches(&self, report: &ImportReport, campaign: &Campaign) -> Matches {
        let import = &report.import;
        let seen = Import {
            lines: import.lines_done,
            created: import.created,
            updated: import.updated,
            invalid: import.invalid,
            errors: report.errors.iter().cloned().collect(),
        };
        Matches {
            import: seen == self.import,
            recipients: campaign.recipients == self.campaign.recipients,
            accepted: campaign.accepted == self.campaign.accepted,
            refused: campaign.refused == self.campaign.refused,
            waiting: campaign.waiting == self.campaign.waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipient_is_expected_somewhere() {
        let counts = Expected::read().unwrap().campaign;
        let told = counts.accepted + counts.refused.values().sum::<u64>() + counts.waiting.values().sum::<u64>();
        assert_eq!(told, counts.recipients);
    }
}
