//! Writes the recipients of a campaign, page by page. Running a page twice, or crashing anywhere, plans nobody twice: the
//! cursor, the rows and the next page's job are one transaction.

mod wording;

use std::pin::pin;

use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _, stream};
use postroad_core::{
    actor::Actor,
    credit::Category,
    ids::{CampaignId, ContactId, MessageId, TenantId},
    jobs::PlanCampaign,
    limits::{
        CAMPAIGN_LOOK_MAX, CAMPAIGN_PAGE, CAMPAIGN_PAGES_AT_ONCE, CAMPAIGN_PAGES_PER_JOB, FALLBACK_LOOKS_EVERY,
        HANDLER_MAX,
    },
    message::Class,
    segment::Filter,
};
use postroad_store::{
    Error, Result, TenantTx,
    audiences::{self, Meant},
    campaigns::{self as stored, Audience},
    lanes, queue,
    recipients::{self, Page},
};
use uuid::Uuid;
use wording::Wording;

use crate::{
    App, campaigns,
    credit::{self, CreditError, ForCampaign},
};

/// What one page wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Of an audience that is a filter: whom it means.
    pub looked_at: i64,
    pub recipients: i64,
    /// The audience is at its end.
    pub is_last: bool,
}

/// Writes a page and those behind it, as many as one job may, two at a time: while one is being written, the next contacts
/// are looked for and theirs begun. Each is kept after the one before it, or not at all. Returns what the last of them wrote; none: the
/// campaign did not want this page, because somebody wrote it, or it is paused or cancelled.
pub async fn plan_pages(app: &App, job: &PlanCampaign) -> Result<Option<Planned>> {
    plan(app, job, CAMPAIGN_PAGES_PER_JOB).await
}

/// Writes one page, and the job of the next one with it.
pub async fn plan_page(app: &App, job: &PlanCampaign) -> Result<Option<Planned>> {
    plan(app, job, 1).await
}

async fn plan(app: &App, job: &PlanCampaign, pages: usize) -> Result<Option<Planned>> {
    let mut written = pin!(
        drafts(app, job, pages)
            .map(|draft| async move { draft?.write(app, app.clock.now()).await })
            .buffered(CAMPAIGN_PAGES_AT_ONCE)
    );
    let mut planned = None;
    for left in (0..pages).rev() {
        let page = match written.next().await {
            Some(Ok(page)) => page,
            // Somebody else wrote this page meanwhile, and so the ones behind it.
            Some(Err(Error::Taken { .. })) | None => break,
            Some(Err(error)) => return Err(error),
        };
        let follower = match left {
            _ if is_fallback(&page.page) => Follower::Later,
            0 => Follower::Now,
            _ => Follower::WhenLost,
        };
        match page.keep(app, job, follower).await? {
            Some(kept) => planned = Some(kept),
            None => break,
        }
    }
    if planned.is_some_and(|planned| planned.is_last) {
        analyze(app, job.tenant).await;
    }
    Ok(planned)
}

const fn is_fallback(page: &Page) -> bool {
    matches!(page.audience.0, Audience::Fallback { .. })
}

/// When the job of the next page runs.
#[derive(Clone, Copy)]
enum Follower {
    Now,
    /// The next page is written at once, by whoever wrote this one. Its job finds nothing to do then; it is there for the
    /// case that the writer is not any more.
    WhenLost,
    /// Of a fallback: when something may have failed since.
    Later,
}

impl Follower {
    fn runs_at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Now => now,
            Self::WhenLost => now + HANDLER_MAX,
            Self::Later => now + FALLBACK_LOOKS_EVERY,
        }
    }
}

/// Pages one behind the other, each in a transaction of its own, with the contacts that were found for it.
fn drafts<'a>(app: &'a App, job: &'a PlanCampaign, pages: usize) -> impl Stream<Item = Result<Draft>> + 'a {
    let first = Some((job.page, None));
    stream::try_unfold(first, move |place| async move {
        let Some((number, behind)) = place else { return Ok(None) };
        let Some(draft) = Draft::begin(app, job, number, behind).await? else { return Ok(None) };
        let goes_on = !draft.found.is_last && !is_fallback(&draft.page);
        let next = goes_on.then_some((number + 1, draft.found.cursor));
        Ok(Some((draft, next)))
    })
    .take(pages)
}

/// A page before it is written.
struct Draft {
    tx: TenantTx,
    page: Page,
    found: Found,
}

impl Draft {
    /// `behind` is where the page before it ends, if that may not be kept yet.
    async fn begin(app: &App, job: &PlanCampaign, number: i32, behind: Option<ContactId>) -> Result<Option<Self>> {
        let mut tx = TenantTx::begin(&app.store, job.tenant).await?;
        let Some(kept) = recipients::share(&mut tx, job.campaign, job.generation).await? else { return Ok(None) };
        if number == job.page && kept.number != number {
            return Ok(None);
        }
        let page = Page { number, planned_to: behind.or(kept.planned_to), ..kept };
        let found = find(&mut tx, &page, CAMPAIGN_PAGE, app.clock.now()).await?;
        Ok(Some(Self { tx, page, found }))
    }

    async fn write(mut self, app: &App, now: DateTime<Utc>) -> Result<Written> {
        let written = write(app, &mut self.tx, &self.page, &self.found.contacts, now).await?;
        let planned =
            Planned { looked_at: self.found.looked_at, recipients: count(&written), is_last: self.found.is_last };
        Ok(Written { tx: self.tx, page: self.page, cursor: self.found.cursor, planned })
    }
}

/// Writes to those of the contacts whom the page reaches. Returns the messages.
async fn write(
    app: &App,
    tx: &mut TenantTx,
    page: &Page,
    contacts: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<MessageId>> {
    let key = app.keyring.link_key(&app.store, tx.tenant(), now).await?;
    let people = recipients::people(tx, page, contacts).await?;
    let ids = message_ids(people.len(), now);
    let wording = Wording::new(page, tx.tenant(), &app.public_url, &key);
    let drafts: Vec<_> = people.iter().zip(&ids).map(|(person, id)| wording.draft(person, *id, now)).collect();
    recipients::write(tx, page, &drafts, now).await?;
    Ok(ids)
}

/// A page that is written, and that nobody else sees yet.
struct Written {
    tx: TenantTx,
    page: Page,
    cursor: Option<ContactId>,
    planned: Planned,
}

impl Written {
    /// Keeps it, if the campaign still wants it: with its cursor, and the job of the next page.
    async fn keep(mut self, app: &App, job: &PlanCampaign, follower: Follower) -> Result<Option<Planned>> {
        let (planned, account, now) = (self.planned, self.page.account, app.clock.now());
        let ended_at = planned.is_last.then_some(now);
        if !recipients::advance(&mut self.tx, &self.page, self.cursor, planned.recipients, ended_at).await? {
            self.tx.roll_back().await?;
            return Ok(None);
        }
        if let Some(reason) = self.unpaid(now).await? {
            self.tx.roll_back().await?;
            campaigns::stop(app, job.tenant, job.campaign, &reason).await?;
            return Ok(None);
        }
        if !planned.is_last {
            let next = PlanCampaign { page: self.page.number + 1, ..job.clone() };
            queue::push(&mut self.tx, &next, follower.runs_at(now)).await?;
        }
        lanes::wake(&mut self.tx, account, now).await?;
        self.tx.commit().await?;
        app.nudges.nudge(job.tenant, account);
        Ok(Some(planned))
    }
}

impl Written {
    /// Nobody knew before how many a fallback would be for: it pays page by page. Some: there is not enough left.
    async fn unpaid(&mut self, now: DateTime<Utc>) -> Result<Option<String>> {
        if !self.page.credit_enforced || !is_fallback(&self.page) {
            return Ok(None);
        }
        let wanted = ForCampaign {
            campaign: self.page.campaign,
            channel: self.page.channel,
            category: Category::of(Class::Campaign, self.page.purpose),
            messages: self.planned.recipients,
            price: self.page.credit_price,
        };
        let by = campaigns::payer(Actor::System, &self.page.created_by);
        match credit::reserve_for_campaign(&mut self.tx, by, &wanted, now).await {
            Ok(()) => stored::reserve_more(&mut self.tx, self.page.campaign, wanted.credits()).await?,
            Err(
                CreditError::Insufficient { wanted, balance: left }
                | CreditError::Allowance { wanted, allowance: left, .. },
            ) => {
                return Ok(Some(format!("{wanted} credits are needed, and {left} are left")));
            }
            Err(CreditError::Store(error)) => return Err(error),
        }
        Ok(None)
    }
}

/// What a page in a transaction that is taken back would be.
pub(crate) struct Glance {
    pub(crate) cursor: Option<ContactId>,
    pub(crate) is_last: bool,
    /// Of the page's messages.
    pub(crate) ids: Vec<MessageId>,
}

/// Writes up to `size` recipients behind the page's cursor.
pub(crate) async fn glance(app: &App, tx: &mut TenantTx, page: &Page, size: i64, now: DateTime<Utc>) -> Result<Glance> {
    let found = find(tx, page, size, now).await?;
    let ids = write(app, tx, page, &found.contacts, now).await?;
    Ok(Glance { cursor: found.cursor, is_last: found.is_last, ids })
}

/// In ascending order: whatever is ordered by them grows at its end.
fn message_ids(count: usize, now: DateTime<Utc>) -> Vec<MessageId> {
    let mut ids: Vec<MessageId> = (0..count).map(|_| MessageId::new(now)).collect();
    ids.sort_unstable();
    ids
}

/// Contacts of one page, before they are written.
struct Found {
    contacts: Vec<Uuid>,
    looked_at: i64,
    cursor: Option<ContactId>,
    is_last: bool,
}

impl Found {
    /// Fewer than were asked for: the audience is at its end.
    fn all_of(contacts: Vec<Uuid>, size: i64) -> Self {
        let looked_at = count(&contacts);
        let cursor = contacts.last().copied().map(ContactId::from_uuid);
        Self { looked_at, cursor, is_last: looked_at < size, contacts }
    }
}

/// The next up to `size` contacts behind the page's cursor.
async fn find(tx: &mut TenantTx, page: &Page, size: i64, now: DateTime<Utc>) -> Result<Found> {
    match (&page.audience.0, &page.frozen) {
        (Audience::Contacts { contact_ids }, frozen) => named(tx, page, contact_ids, frozen.as_deref(), size).await,
        (Audience::Fallback { fallback_of }, _) => unreached(tx, page, *fallback_of, size, now).await,
        (_, Some(filter)) => meant(tx, page, filter, size).await,
        (Audience::Import { import }, None) => next(tx, page, Some(*import), size).await,
        (_, None) => next(tx, page, None, size).await,
    }
}

/// The next of all, or of an import.
async fn next(tx: &mut TenantTx, page: &Page, import: Option<Uuid>, size: i64) -> Result<Found> {
    Ok(Found::all_of(recipients::next(tx, page, import, size).await?, size))
}

/// Who failed since the last look. There is no cursor: failures come in any order.
async fn unreached(tx: &mut TenantTx, page: &Page, other: CampaignId, size: i64, now: DateTime<Utc>) -> Result<Found> {
    let is_over = recipients::is_over(tx, other, now).await?;
    let contacts = recipients::unreached(tx, page, other, size).await?;
    let looked_at = count(&contacts);
    Ok(Found { looked_at, cursor: None, is_last: is_over && looked_at < size, contacts })
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
    size: i64,
) -> Result<Found> {
    let found = Found::all_of(following(contact_ids, page.planned_to, size), size);
    let Some(filter) = filter else { return Ok(found) };
    let contacts = audiences::among(tx, Meant { filter, at: page.started_at }, &found.contacts).await?;
    Ok(Found { contacts, ..found })
}

fn count<T>(all: &[T]) -> i64 {
    i64::try_from(all.len()).unwrap_or(i64::MAX)
}

/// The first `size` behind the cursor, in the order of their ids, each once.
fn following(contact_ids: &[Uuid], after: Option<ContactId>, size: i64) -> Vec<Uuid> {
    let behind = |id: &&Uuid| after.is_none_or(|cursor| **id > cursor.uuid());
    let mut ids: Vec<Uuid> = contact_ids.iter().filter(behind).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(usize::try_from(size).unwrap_or_default());
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
