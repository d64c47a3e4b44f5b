//! What became of a campaign: counts, and every recipient as a file that a spreadsheet may open.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, SecondsFormat, Utc};
use postroad_core::{
    ids::{CampaignId, ContactId, TenantId},
    limits::EXPORT_PAGE,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Tally},
    reports::{self, Line, Reactions},
};

use serde::Serialize;

use super::{CampaignError, find};
use crate::{App, cells};

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

/// Every recipient, read piece by piece. Cells that a spreadsheet would calculate are guarded.
#[derive(Debug)]
pub struct Recipients {
    tenant: TenantId,
    campaign: CampaignId,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Header,
    After(Option<ContactId>),
    Nothing,
}

impl Recipients {
    pub async fn open(app: &App, tenant: TenantId, campaign: CampaignId) -> Result<Self, CampaignError> {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        find(&mut tx, campaign).await?;
        Ok(Self { tenant, campaign, next: Next::Header })
    }

    /// The next piece; none behind the last.
    pub async fn next(&mut self, app: &App) -> postroad_store::Result<Option<Vec<u8>>> {
        match self.next {
            Next::Header => {
                self.next = Next::After(None);
                Ok(Some(cells::rows([COLUMNS.into_iter().map(Cow::Borrowed)])))
            }
            Next::After(after) => self.page(app, after).await,
            Next::Nothing => Ok(None),
        }
    }

    async fn page(&mut self, app: &App, after: Option<ContactId>) -> postroad_store::Result<Option<Vec<u8>>> {
        let mut tx = TenantTx::begin(&app.store, self.tenant).await?;
        let lines = reports::lines(&mut tx, self.campaign, after, EXPORT_PAGE).await?;
        let is_last = i64::try_from(lines.len()).unwrap_or(i64::MAX) < EXPORT_PAGE;
        self.next = match lines.last() {
            Some(last) if !is_last => Next::After(Some(last.contact)),
            _ => Next::Nothing,
        };
        Ok((!lines.is_empty()).then(|| cells::rows(lines.iter().map(line))))
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn line(line: &Line) -> impl Iterator<Item = Cow<'_, str>> {
    let text = |text: &'_ Option<String>| Cow::Owned(cells::guard(text.as_deref().unwrap_or_default()).into_owned());
    [
        text(&line.external_key),
        text(&line.display_name),
        cells::guard(&line.address),
        Cow::Borrowed(line.state.as_str()),
        text(&line.reason),
        text(&line.provider_code),
        Cow::Owned(instant(line.state_at)),
        Cow::Owned(line.clicked_at.map(instant).unwrap_or_default()),
        Cow::Owned(line.contact.to_string()),
        Cow::Owned(line.message.to_string()),
    ]
    .into_iter()
}
