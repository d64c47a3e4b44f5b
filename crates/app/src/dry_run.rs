//! What a campaign would do, told by doing it and taking it back: the same planning and the same gates as a real start,
//! in a transaction that is rolled back. Nothing leaves, because nobody else ever sees its rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    campaign::CampaignState,
    gates::{self, Decision, Reason},
    ids::{CampaignId, ContactId, MessageId, TenantId},
    message::Content,
    segment::Filter,
    template,
};
use postroad_store::{
    TenantTx, accounts,
    campaigns::{self, Campaign, Move},
    facts::{self, SendFacts},
    recipients, templates,
};

use crate::{App, audiences, campaigns::CampaignError, plan};

/// Contacts one page of a dry run looks at.
const PAGE: i64 = 1_000;
/// Pages of one dry run: of a larger audience the beginning is a fair sample.
const PAGES_MAX: i32 = 20;
/// Messages a preview shows.
const SAMPLES: i64 = 5;

/// What the gates say now, or at the scheduled time, of the people of a campaign.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    /// Everybody who has an address on the channel.
    pub recipients: i64,
    /// Of these, how many were looked at: all, up to 20,000.
    pub examined: i64,
    pub sent: i64,
    pub waiting: BTreeMap<Reason, i64>,
    pub refused: BTreeMap<Reason, i64>,
    /// Messages per second that the account may send.
    pub per_s: f64,
    /// Seconds that sending takes at that pace.
    pub lasts_s: f64,
}

/// Messages as people would read them.
pub struct Preview {
    pub recipients: i64,
    pub samples: Vec<Sample>,
}

/// One message of a preview. Never printed.
pub struct Sample {
    pub contact: ContactId,
    /// Or why there is none: a value is missing.
    pub text: Result<String, template::TemplateError>,
}

/// Counts what would be sent, wait and be refused if the campaign began now, or at its scheduled time.
pub async fn dry_run(app: &App, tenant: TenantId, id: CampaignId) -> Result<DryRun, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let stage = Stage::set(app, &mut tx, id).await?;
    let mut told = stage.nothing_yet(&mut tx).await?;
    for number in 0..PAGES_MAX {
        let (sends, is_last) = stage.page(app, &mut tx, number, PAGE).await?;
        sends.iter().for_each(|send| told.count(&gates::decide(&send.facts).decision));
        if is_last {
            break;
        }
    }
    tx.roll_back().await?;
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 contacts")]
    let lasts_s = told.sent as f64 / told.per_s;
    Ok(DryRun { lasts_s, ..told })
}

/// The first messages, as they would read.
pub async fn preview(app: &App, tenant: TenantId, id: CampaignId) -> Result<Preview, CampaignError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let stage = Stage::set(app, &mut tx, id).await?;
    let recipients = stage.size(&mut tx).await?;
    let template = templates::find(&mut tx, stage.campaign.template).await?.ok_or(CampaignError::NoGround)?;
    let mut read = Vec::new();
    for number in 0..PAGES_MAX {
        let (sends, is_last) = stage.page(app, &mut tx, number, SAMPLES).await?;
        read.extend(sends);
        if is_last || i64::try_from(read.len()).is_ok_and(|count| count >= SAMPLES) {
            break;
        }
    }
    tx.roll_back().await?;
    let sample = |send: SendFacts| {
        let Content::Template(used) = send.content else { return None };
        let values: Vec<String> = used.parameters.into_iter().map(|value| value.0).collect();
        Some(Sample { contact: send.contact, text: template::render(&template.body, &values) })
    };
    let shown = usize::try_from(SAMPLES).unwrap_or_default();
    Ok(Preview { recipients, samples: read.into_iter().take(shown).filter_map(sample).collect() })
}

/// A campaign that has begun, but only in this transaction.
struct Stage {
    tenant: TenantId,
    campaign: Campaign,
    filter: Option<Filter>,
    run: i32,
    now: DateTime<Utc>,
    at: DateTime<Utc>,
}

impl Stage {
    async fn set(app: &App, tx: &mut TenantTx, id: CampaignId) -> Result<Self, CampaignError> {
        let now = app.clock.now();
        let campaign = campaigns::find(tx, id).await?.ok_or(CampaignError::NotFound)?;
        let filter = audiences::resolve(tx, &campaign.audience.0, &campaign.exclude.0).await?;
        campaigns::freeze(tx, id, filter.as_ref()).await?;
        let (state, wanted) = (campaign.state, CampaignState::Preparing);
        let begins = Move {
            from: state,
            to: wanted,
            paused_reason: None,
            scheduled_at: None,
            replan: true,
            credit_reserved: None,
        };
        let has_not_begun = matches!(state, CampaignState::Draft | CampaignState::Scheduled);
        if !has_not_begun || !campaigns::move_to(tx, id, &begins, now).await? {
            return Err(CampaignError::WrongState { state, wanted });
        }
        let at = campaign.scheduled_at.filter(|_| state == CampaignState::Scheduled).map_or(now, |at| at.max(now));
        Ok(Self { tenant: tx.tenant(), run: campaign.plan_run + 1, filter, now, at, campaign })
    }

    async fn size(&self, tx: &mut TenantTx) -> Result<i64, CampaignError> {
        Ok(audiences::size(tx, &self.campaign, self.filter.as_ref(), self.now).await?)
    }

    async fn nothing_yet(&self, tx: &mut TenantTx) -> Result<DryRun, CampaignError> {
        let account = accounts::find(tx, self.campaign.account).await?.ok_or(CampaignError::NoGround)?;
        Ok(DryRun {
            recipients: self.size(tx).await?,
            examined: 0,
            sent: 0,
            waiting: BTreeMap::new(),
            refused: BTreeMap::new(),
            per_s: account.limits.pace.per_s,
            lasts_s: 0.0,
        })
    }

    /// What a page of up to `size` would send, and whether it is the last one.
    async fn page(
        &self,
        app: &App,
        tx: &mut TenantTx,
        number: i32,
        size: i64,
    ) -> Result<(Vec<SendFacts>, bool), CampaignError> {
        let Some(page) = recipients::lock_page(tx, self.campaign.id, self.run, number).await? else {
            return Ok((Vec::new(), true));
        };
        let step = plan::write(tx, &page, size, self.at).await?;
        let sends = self.facts(app, tx, &step.ids).await?;
        recipients::advance(tx, page.campaign, step.cursor, step.planned.recipients, None).await?;
        Ok((sends, step.planned.is_last))
    }

    async fn facts(&self, app: &App, tx: &mut TenantTx, ids: &[MessageId]) -> Result<Vec<SendFacts>, CampaignError> {
        let ids: Vec<(TenantId, MessageId)> = ids.iter().map(|id| (self.tenant, *id)).collect();
        Ok(facts::read(tx, &ids, app.defaults.quiet_hours, self.at).await?.sends)
    }
}

impl DryRun {
    fn count(&mut self, decision: &Decision) {
        self.examined += 1;
        match decision {
            Decision::Send => self.sent += 1,
            Decision::Wait { reason, .. } => *self.waiting.entry(*reason).or_default() += 1,
            Decision::Refuse { reason, .. } => *self.refused.entry(*reason).or_default() += 1,
        }
    }
}
