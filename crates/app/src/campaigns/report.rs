//! What became of a campaign: counts, and every recipient as a file that a spreadsheet may open.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use postroad_core::ids::{CampaignId, ContactId, TenantId};
use postroad_store::{
    TenantTx,
    campaigns::{self, Tally},
    reports::{self, Line, Reactions},
};

use serde::Serialize;

use super::{CampaignError, find};
use crate::{
    App,
    cells::Cell,
    lines::{Export, Lines},
};

/// Each recipient is counted once, where its message stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub recipients: i64,
    /// Nothing holds them but their turn.
    pub queued: i64,
    /// By the reason that holds them.
    pub waiting: BTreeMap<String, i64>,
    /// The provider took it, and has told nothing yet.
    pub accepted: i64,
    pub sent: i64,
    pub delivered: i64,
    pub read: i64,
    /// By what the provider said against it.
    pub failed: BTreeMap<String, i64>,
    /// By the gate's reason.
    pub refused: BTreeMap<String, i64>,
    pub expired: i64,
    pub cancelled: i64,
    /// Nobody knows, and some of them got it.
    pub unknown: i64,
    /// People who wrote within seven days after the start.
    pub replied: i64,
    /// People who opened a link of the message within seven days after the start.
    pub clicked: i64,
    /// People who took back their consent within seven days after the start.
    pub opted_out: i64,
}

impl Report {
    fn of(tallies: &[Tally], reactions: Reactions) -> Self {
        let Reactions { replied, clicked, opted_out } = reactions;
        let mut report = Self { replied, clicked, opted_out, ..Self::default() };
        for tally in tallies {
            report.add(tally);
        }
        report
    }

    fn add(&mut self, tally: &Tally) {
        self.recipients += tally.count;
        let reason = || tally.reason.clone().unwrap_or_else(|| "unspecified".to_owned());
        let place = match tally.state.as_str() {
            "waiting" => self.waiting.entry(reason()).or_default(),
            "accepted" => &mut self.accepted,
            "sent" => &mut self.sent,
            "delivered" => &mut self.delivered,
            "read" => &mut self.read,
            "rejected" | "failed" | "dead" => self.failed.entry(reason()).or_default(),
            "refused" => self.refused.entry(reason()).or_default(),
            "expired" => &mut self.expired,
            "cancelled" => &mut self.cancelled,
            "unknown" => &mut self.unknown,
            _ => &mut self.queued,
        };
        *place += tally.count;
    }
}

pub async fn report(app: &App, tenant: TenantId, id: CampaignId) -> Result<Report, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let campaign = find(&mut tx, id).await?;
    let tallies = campaigns::tallies(&mut tx, tenant, id).await?;
    let reactions = match campaign.started_at {
        // What the rest of an experiment gets was written later than its audience was frozen.
        Some(since) => reports::reactions(&mut tx, id, since.max(campaign.created_at)).await?,
        None => Reactions::default(),
    };
    Ok(Report::of(&tallies, reactions))
}

const COLUMNS: [&str; 10] = [
    "external_key",
    "display_name",
    "address",
    "state",
    "reason",
    "provider_code",
    "state_at",
    "clicked_at",
    "postroad_contact",
    "postroad_message",
];

/// Every recipient as a file.
pub type Recipients = Export<RecipientLines>;

#[derive(Debug)]
pub struct RecipientLines {
    campaign: CampaignId,
}

impl Recipients {
    pub async fn open(app: &App, tenant: TenantId, campaign: CampaignId) -> Result<Self, CampaignError> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        find(&mut tx, campaign).await?;
        Ok(Self::of(tenant, RecipientLines { campaign }))
    }
}

impl Lines for RecipientLines {
    type Line = Line;
    type Key = ContactId;

    fn header(&self) -> Vec<Cell<'_>> {
        COLUMNS.map(Cell::from).into()
    }

    async fn page(&self, tx: &mut TenantTx, after: Option<ContactId>, limit: i64) -> postroad_store::Result<Vec<Line>> {
        reports::lines(tx, self.campaign, after, limit).await
    }

    fn key(line: &Line) -> ContactId {
        line.contact
    }

    fn cells<'a>(&'a self, line: &'a Line) -> Vec<Cell<'a>> {
        vec![
            Cell::maybe(line.external_key.as_deref()),
            Cell::maybe(line.display_name.as_deref()),
            line.address.as_str().into(),
            line.state.as_str().into(),
            Cell::maybe(line.reason.as_deref()),
            Cell::maybe(line.provider_code.as_deref()),
            instant(line.state_at).into(),
            line.clicked_at.map(instant).unwrap_or_default().into(),
            line.contact.to_string().into(),
            line.message.to_string().into(),
        ]
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
