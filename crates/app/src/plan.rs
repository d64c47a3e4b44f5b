//! Writes the recipients of a campaign, page by page. Running a page twice, or crashing anywhere, plans nobody twice: the
//! cursor, the rows and the next page's job are one transaction.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ContactId, MessageId, TenantId},
    jobs::PlanCampaign,
    limits::CAMPAIGN_PAGE,
};
use postroad_store::{
    Result, TenantTx,
    campaigns::Audience,
    lanes, queue,
    recipients::{self, Page, Whom},
};
use uuid::Uuid;

use crate::App;

/// What one page wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planned {
    pub looked_at: i64,
    pub recipients: i64,
    /// The audience is at its end.
    pub is_last: bool,
}

impl Planned {
    /// The campaign did not want this page: somebody wrote it, or the campaign is paused or cancelled.
    pub const fn is_nothing(&self) -> bool {
        self.looked_at == 0 && !self.is_last
    }
}

/// Writes one page, and the job of the next one with it.
pub async fn plan_page(app: &App, job: &PlanCampaign) -> Result<Planned> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, job.tenant).await?;
    let Some(page) = recipients::lock_page(&mut tx, job.campaign, job.generation, job.page).await? else {
        return Ok(Planned::default());
    };
    let step = write(&mut tx, &page, CAMPAIGN_PAGE, now).await?;
    let Step { planned, .. } = step;
    recipients::advance(&mut tx, page.campaign, step.cursor, planned.recipients, planned.is_last.then_some(now))
        .await?;
    if !planned.is_last {
        queue::push(&mut tx, &PlanCampaign { page: job.page + 1, ..job.clone() }, now).await?;
    }
    lanes::wake(&mut tx, page.account, now).await?;
    tx.commit().await?;
    app.nudges.nudge(job.tenant, page.account);
    if planned.is_last {
        analyze(app, job.tenant).await;
    }
    Ok(planned)
}

/// One page and where it ended.
pub(crate) struct Step {
    pub(crate) planned: Planned,
    pub(crate) cursor: Option<ContactId>,
    /// Ids that the page's messages may have.
    pub(crate) ids: Vec<MessageId>,
}

/// Writes up to `size` recipients behind the page's cursor.
pub(crate) async fn write(tx: &mut TenantTx, page: &Page, size: i64, now: DateTime<Utc>) -> Result<Step> {
    let ids: Vec<MessageId> = (0..size).map(|_| MessageId::new(now)).collect();
    let named = named(page, ids.len());
    let whom = match (&named, &page.audience.0) {
        (Some(named), _) => Whom::Named(named),
        (None, Audience::Import { import }) => Whom::Next { import: Some(*import) },
        (None, _) => Whom::Next { import: None },
    };
    let written = recipients::write(tx, page, whom, &ids, now).await?;
    let looked_at = named.as_ref().map_or(written.looked_at, |named| i64::try_from(named.len()).unwrap_or(size));
    let cursor = named.as_ref().map_or(written.last, |named| named.last().copied().map(ContactId::from_uuid));
    let planned = Planned { looked_at, recipients: written.planned, is_last: looked_at < size };
    Ok(Step { planned, cursor, ids })
}

/// Of an audience that names its contacts, those of this page, in the order of their ids.
fn named(page: &Page, size: usize) -> Option<Vec<Uuid>> {
    let Audience::Contacts { contact_ids } = &page.audience.0 else { return None };
    let behind = |id: &&Uuid| page.planned_to.is_none_or(|cursor| **id > cursor.uuid());
    let mut ids: Vec<Uuid> = contact_ids.iter().filter(behind).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(size);
    Some(ids)
}

/// The planner of the database knows the tables as they were; that it learns of a million new rows is worth a moment, and
/// not worth failing for.
async fn analyze(app: &App, tenant: TenantId) {
    let analyzed = async {
        let mut tx = TenantTx::begin(&app.store, tenant).await?;
        recipients::analyze(&mut tx).await?;
        tx.commit().await
    };
    if let Err(error) = analyzed.await {
        tracing::warn!(%error, "the tables could not be analysed after planning");
    }
}
