//! What the demonstration came to, for people and for programs.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

/// Messages by reason.
pub type Reasons = BTreeMap<String, u64>;

/// The last line of `postroad demo --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub campaign: Campaign,
    /// What the campaign was told to come to, before it began. Its duration ends with the last one whom the night holds.
    pub dry_run: Option<Campaign>,
    pub api: Api,
    pub automation: Automation,
    /// As the simulators count, not we.
    pub provider: Provider,
    /// Accepted by us and neither ended, nor waiting with a reason, nor known to the provider.
    pub lost: u64,
    /// Messages that the provider took more than once.
    pub doubled: u64,
    /// Whether the counts are those of demo/expected.json.
    pub expected: Matches,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Campaign {
    pub recipients: u64,
    /// Taken by the provider, whatever it reported later.
    pub accepted: u64,
    pub refused: Reasons,
    pub waiting: Reasons,
    pub unknown: u64,
    pub failed: u64,
    /// From the start to the last attempt.
    pub duration_s: f64,
    pub per_s: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Api {
    pub sent: u64,
    pub accepted: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// People who wrote, and what the automation said to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Automation {
    pub inbound: u64,
    /// Taken by the provider.
    pub replies: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Provider {
    pub accepted: u64,
    pub duplicates: u64,
    /// Arrivals that found a limit used up, over every sliding window.
    pub over_limit: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "answers to separate questions")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Matches {
    pub import: bool,
    pub recipients: bool,
    pub accepted: bool,
    pub refused: bool,
    pub waiting: bool,
}

impl Matches {
    pub const fn all(self) -> bool {
        self.import && self.recipients && self.accepted && self.refused && self.waiting
    }
}

impl Summary {
    /// Nothing was lost, nothing was said twice, no limit was broken, and the counts are the expected ones.
    pub const fn is_good(&self) -> bool {
        let provider = &self.provider;
        self.lost == 0
            && self.doubled == 0
            && provider.duplicates == 0
            && provider.over_limit == 0
            && self.expected.all()
            && self.api.accepted == self.api.sent
            && self.automation.replies == self.automation.inbound
    }

    /// For people.
    pub fn words(&self) -> String {
        let mut text = String::new();
        if let Some(told) = &self.dry_run {
            let waiting: u64 = told.waiting.values().sum();
            let refused: u64 = told.refused.values().sum();
            let _ = writeln!(text, "Dry run     {} would leave, {waiting} wait, {refused} be refused", told.accepted);
        }
        let campaign = &self.campaign;
        let _ = writeln!(
            text,
            "Campaign    {} recipients in {:.1} s, {:.0}/s",
            campaign.recipients, campaign.duration_s, campaign.per_s
        );
        let _ = writeln!(text, "  accepted  {}", campaign.accepted);
        reasons(&mut text, "refused", &campaign.refused);
        reasons(&mut text, "waiting", &campaign.waiting);
        let _ = writeln!(text, "  unknown   {}\n  failed    {}", campaign.unknown, campaign.failed);
        let api = &self.api;
        let _ = writeln!(
            text,
            "API         {} of {} accepted; half within {} ms, 99 % within {} ms",
            api.accepted, api.sent, api.p50_ms, api.p99_ms
        );
        let automation = &self.automation;
        let _ = writeln!(text, "Automation  {} people wrote, {} replies", automation.inbound, automation.replies);
        let provider = &self.provider;
        let _ = writeln!(
            text,
            "Provider    {} accepted, {} duplicates, {} over a limit (the simulator counts)",
            provider.accepted, provider.duplicates, provider.over_limit
        );
        let _ = writeln!(text, "Lost {}, doubled {}: {}", self.lost, self.doubled, self.verdict());
        text
    }

    fn verdict(&self) -> String {
        if self.is_good() {
            return "every message is accounted for".to_owned();
        }
        let expected = self.expected;
        let parts = [
            ("import", expected.import),
            ("recipients", expected.recipients),
            ("accepted", expected.accepted),
            ("refused", expected.refused),
            ("waiting", expected.waiting),
        ];
        let off: Vec<&str> = parts.into_iter().filter(|(_, matches)| !matches).map(|(name, _)| name).collect();
        if off.is_empty() { "NOT as it should be".to_owned() } else { format!("NOT as expected: {}", off.join(", ")) }
    }
}

fn reasons(text: &mut String, name: &str, reasons: &Reasons) {
    let told: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    let _ = writeln!(text, "  {name:9} {} ({})", reasons.values().sum::<u64>(), told.join(", "));
}
