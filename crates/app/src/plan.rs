//! Writes the recipients of a campaign, page by page. Running a page twice, or crashing anywhere, plans nobody twice: the
//! cursor, the rows and the next page's job are one transaction.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ContactId, MessageId, TenantId},
    jobs::PlanCampaign,
    limits::{CAMPAIGN_LOOK_MAX, CAMPAIGN_PAGE, CAMPAIGN_PAGES_PER_JOB, HANDLER_MAX},
    segment::Filter,
};
use postroad_store::{
    Result, TenantTx,
    audiences::{self, Meant},
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

/// Writes a page and those behind it, as many as one job may. Returns what the last of them wrote.
pub async fn plan_pages(app: &App, job: &PlanCampaign) -> Result<Planned> {
    let mut planned = Planned::default();
    let mut page = job.clone();
    for left in (0..CAMPAIGN_PAGES_PER_JOB).rev() {
        let follower = if left == 0 { Follower::Now } else { Follower::WhenLost };
        let written = page_and_follower(app, &page, follower).await?;
        if written.is_nothing() {
            return Ok(planned);
        }
        planned = written;
        if planned.is_last {
            break;
        }
        page.page += 1;
    }
    Ok(planned)
}

/// Writes one page, and the job of the next one with it.
pub async fn plan_page(app: &App, job: &PlanCampaign) -> Result<Planned> {
    page_and_follower(app, job, Follower::Now).await
}

/// When the job of the next page runs.
#[derive(Clone, Copy)]
enum Follower {
    Now,
    /// The next page is written at once, by whoever wrote this one. Its job finds nothing to do then; it is there for the
    /// case that the writer is not any more.
    WhenLost,
}

impl Follower {
    fn runs_at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Now => now,
            Self::WhenLost => now + HANDLER_MAX,
        }
    }
}

async fn page_and_follower(app: &App, job: &PlanCampaign, follower: Follower) -> Result<Planned> {
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
        queue::push(&mut tx, &PlanCampaign { page: job.page + 1, ..job.clone() }, follower.runs_at(now)).await?;
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
    let found = match (&page.audience.0, &page.frozen) {
        (Audience::Contacts { contact_ids }, frozen) => {
            named(tx, page, contact_ids, frozen.as_deref(), ids.len()).await?
        }
        (_, Some(filter)) => meant(tx, page, filter, size).await?,
        (Audience::Import { import }, None) => return next(tx, page, Some(*import), ids, now).await,
        (_, None) => return next(tx, page, None, ids, now).await,
    };
    let written = recipients::write(tx, page, Whom::Named(&found.contacts), &ids, now).await?;
    let planned = Planned { looked_at: found.looked_at, recipients: written.planned, is_last: found.is_last };
    Ok(Step { planned, cursor: found.cursor, ids })
}

/// The next contacts of all, or of an import.
async fn next(
    tx: &mut TenantTx,
    page: &Page,
    import: Option<Uuid>,
    ids: Vec<MessageId>,
    now: DateTime<Utc>,
) -> Result<Step> {
    let written = recipients::write(tx, page, Whom::Next { import }, &ids, now).await?;
    let is_last = usize::try_from(written.looked_at).is_ok_and(|looked_at| looked_at < ids.len());
    let planned = Planned { looked_at: written.looked_at, recipients: written.planned, is_last };
    Ok(Step { planned, cursor: written.last, ids })
}

/// Contacts of one page, before they are written.
struct Found {
    contacts: Vec<Uuid>,
    looked_at: i64,
    cursor: Option<ContactId>,
    is_last: bool,
}

/// The next of whom the campaign's filter holds. In a page there may be nobody, and more behind it.
async fn meant(tx: &mut TenantTx, page: &Page, filter: &Filter, size: i64) -> Result<Found> {
    let step = audiences::Step { after: page.planned_to, take: size, look: CAMPAIGN_LOOK_MAX.max(size) };
    let walked = audiences::walk(tx, Meant { filter, at: page.started_at }, step).await?;
    Ok(Found {
        looked_at: count(&walked.meant),
        cursor: walked.to,
        is_last: walked.to.is_none(),
        contacts: walked.meant,
    })
}

/// Of an audience that names its contacts, those of this page, in the order of their ids, but for who is left out.
async fn named(
    tx: &mut TenantTx,
    page: &Page,
    contact_ids: &[Uuid],
    filter: Option<&Filter>,
    size: usize,
) -> Result<Found> {
    let contacts = following(contact_ids, page.planned_to, size);
    let (cursor, is_last) = (contacts.last().copied().map(ContactId::from_uuid), contacts.len() < size);
    let looked_at = count(&contacts);
    let contacts = match filter {
        Some(filter) => audiences::among(tx, Meant { filter, at: page.started_at }, &contacts).await?,
        None => contacts,
    };
    Ok(Found { contacts, looked_at, cursor, is_last })
}

fn count(contacts: &[Uuid]) -> i64 {
    i64::try_from(contacts.len()).unwrap_or(i64::MAX)
}

/// The first `size` behind the cursor, in the order of their ids, each once.
fn following(contact_ids: &[Uuid], after: Option<ContactId>, size: usize) -> Vec<Uuid> {
    let behind = |id: &&Uuid| after.is_none_or(|cursor| **id > cursor.uuid());
    let mut ids: Vec<Uuid> = contact_ids.iter().filter(behind).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(size);
    ids
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
