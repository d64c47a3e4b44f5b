//! The provider's own list of templates, written here page by page: what it has is learnt, what it has no more is marked.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::GateName,
    ids::{AccountId, TemplateId, TenantId},
    jobs::TendTemplates,
    language::is_language,
    limits::{TEMPLATE_STILL_MAX, TEMPLATE_STILL_PAGE},
    provider::desk::{Listed, Text},
    template::{Removal, TemplateCategory, TemplateStatus},
};
use postroad_store::{
    Error, SystemTx, TenantTx, accounts, queue,
    templates::{self, tending},
};

use super::{Reviews, Template, TemplateError, check, release_if_decided};
use crate::{
    App, text,
    waiting::{self, Waits},
};

/// Accounts whose listings are queued in one transaction, and how many such transactions one task makes.
const ACCOUNTS_PAGE: i64 = 1_000;
const ACCOUNTS_PAGES_MAX: usize = 100;

/// Asks for a listing of one account, and returns when it began: what has been `synced_at` since then is as the provider
/// has it. Asking again within a second is asking once.
pub async fn start(
    app: &App,
    tenant: TenantId,
    account: AccountId,
    reviews: Reviews,
) -> Result<DateTime<Utc>, TemplateError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = accounts::find(&mut tx, account).await?.ok_or(TemplateError::NotFound)?;
    if !reviews(&found.provider) {
        return Err(TemplateError::NoReview { provider: found.provider });
    }
    let job = first_page(tenant, account, now.timestamp());
    queue::push(&mut tx, &job, now).await?;
    tx.commit().await?;
    Ok(DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now))
}

const fn first_page(tenant: TenantId, account: AccountId, began: i64) -> TendTemplates {
    TendTemplates::List { tenant, account, began, page: 0, after: None }
}

/// Asks for a listing of every account of these providers. The second time within one slot nothing is asked.
pub async fn start_all(app: &App, providers: &[String], slot: i64) -> Result<(), Error> {
    let mut after = None;
    for _ in 0..ACCOUNTS_PAGES_MAX {
        let mut tx = SystemTx::begin(&app.store).await?;
        let accounts = tending::accounts(&mut tx, providers, after, ACCOUNTS_PAGE).await?;
        let Some(last) = accounts.last() else { return Ok(()) };
        after = Some(*last);
        let jobs: Vec<TendTemplates> =
            accounts.iter().map(|(tenant, account)| first_page(*tenant, *account, slot)).collect();
        queue::push_all(&mut tx, &jobs, app.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What a page of the provider's templates changed here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Learnt {
    pub created: usize,
    pub updated: usize,
    /// Unknown here, and not to be used either: none of our messages could fill it in.
    pub skipped: usize,
}

/// Writes a page of the provider's templates.
pub async fn learn(app: &App, tenant: TenantId, account: AccountId, page: &[Listed]) -> Result<Learnt, Error> {
    let now = app.clock.now();
    let mut learnt = Learnt::default();
    let mut decided = Vec::new();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    for listed in page {
        let old = templates::lock_by_name(&mut tx, account, &listed.name, &listed.language).await?;
        match (known(old.as_ref(), listed, now), old) {
            (Some(new), Some(old)) => {
                templates::update(&mut tx, &new, now).await?;
                learnt.updated += 1;
                decided.push((old, new));
            }
            (None, Some(_)) => {}
            (_, None) => match unknown(account, listed, now) {
                Some(new) => {
                    templates::insert(&mut tx, &new).await?;
                    learnt.created += 1;
                }
                None => learnt.skipped += 1,
            },
        }
    }
    tx.commit().await?;
    for (old, new) in &decided {
        release_if_decided(app, tenant, old, new).await?;
    }
    Ok(learnt)
}

/// What the list makes of a template that is here. None: nothing.
fn known(old: Option<&Template>, listed: &Listed, now: DateTime<Utc>) -> Option<Template> {
    let old = old?;
    let is_same = old.provider_ref.as_deref() == Some(listed.standing.provider_ref.as_str());
    let is_leaving = listed.standing.status == Some(TemplateStatus::Deleted);
    match (old.status, old.removal) {
        (_, Some(Removal::Wanted)) => None,
        // A provider may list what it is about to delete.
        (_, Some(Removal::Done)) if is_same || is_leaving => None,
        (TemplateStatus::Draft, None) => Some(draft(old, listed, now)),
        // Its job will read the answer.
        (TemplateStatus::Submitted, None) if old.answered < old.submission => None,
        _ => Some(taught(old, listed, now)),
    }
}

/// A draft is somebody's work: the provider's text does not replace it.
fn draft(old: &Template, listed: &Listed, now: DateTime<Utc>) -> Template {
    if old.submission > 0 {
        let provider_ref = Some(listed.standing.provider_ref.clone());
        return Template { provider_ref, synced_at: Some(now), ..old.clone() };
    }
    if listed.text.as_ref().is_some_and(|text| text.body == old.body && text.parts.reads_as(&old.parts)) {
        return taught(old, listed, now);
    }
    let status_reason = Some("the provider has a template of this name in this language with another text".to_owned());
    Template { status_reason, ..old.clone() }
}

fn taught(old: &Template, listed: &Listed, now: DateTime<Utc>) -> Template {
    let standing = &listed.standing;
    let mut new = Template {
        status: standing.status.unwrap_or(old.status),
        category: standing.category.unwrap_or(old.category),
        status_reason: standing.reason.clone(),
        provider_ref: Some(standing.provider_ref.clone()),
        answered: old.submission,
        removal: None,
        synced_at: Some(now),
        ..old.clone()
    };
    if let Some((text, placeholders)) = listed.text.as_ref().and_then(usable) {
        let samples = std::mem::take(&mut new.parts.samples);
        (new.body, new.parts, new.placeholders) = (text.body.clone(), text.parts.clone(), placeholders);
        // Our samples stay when the provider shows none that fit.
        if new.parts.samples.is_empty() && samples.len() == placeholders {
            new.parts.samples = samples;
        }
    }
    new
}

/// A template that nobody has registered here, if a message could use it.
fn unknown(account: AccountId, listed: &Listed, now: DateTime<Utc>) -> Option<Template> {
    let (text, placeholders) = listed.text.as_ref().and_then(usable)?;
    let names = text::fits(&listed.name, 1..=512) && is_language(&listed.language) && listed.language.len() <= 15;
    let status = listed.standing.status.filter(|status| names && *status != TemplateStatus::Deleted)?;
    Some(Template {
        id: TemplateId::new(now),
        account,
        name: listed.name.clone(),
        language: listed.language.clone(),
        category: listed.standing.category.unwrap_or(TemplateCategory::Marketing),
        status,
        status_reason: listed.standing.reason.clone(),
        body: text.body.clone(),
        placeholders,
        parts: text.parts.clone(),
        provider_ref: Some(listed.standing.provider_ref.clone()),
        submission: 0,
        answered: 0,
        asked_at: None,
        removal: None,
        synced_at: Some(now),
        created_at: now,
        updated_at: now,
    })
}

fn usable(text: &Text) -> Option<(&Text, usize)> {
    check::words(&text.body, &text.parts).ok().map(|placeholders| (text, placeholders))
}

/// Ends a listing that saw everything: what was not seen is gone, and what still waits for the provider is woken. Returns
/// how many are gone.
pub async fn end(app: &App, tenant: TenantId, account: AccountId, began: i64) -> Result<u64, Error> {
    let now = app.clock.now();
    let since = DateTime::from_timestamp(began, 0).unwrap_or(now);
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let gone = tending::mark_vanished(&mut tx, account, since, now).await?;
    let still = tending::pending(&mut tx, account, now - TEMPLATE_STILL_MAX, TEMPLATE_STILL_PAGE).await?;
    let jobs: Vec<TendTemplates> = still.iter().map(|pending| woken(tenant, *pending, began)).collect();
    if !jobs.is_empty() {
        queue::push_all(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    if gone > 0 {
        waiting::release(app, tenant, Waits::Lane(account, GateName::Template)).await?;
    }
    Ok(gone)
}

const fn woken(tenant: TenantId, pending: tending::Pending, woken: i64) -> TendTemplates {
    match pending {
        tending::Pending { id, removal: true, .. } => TendTemplates::Remove { tenant, template: id, woken },
        tending::Pending { id, submission, .. } => TendTemplates::Submit { tenant, template: id, submission, woken },
    }
}

/// Goes on with a listing behind a page.
pub async fn go_on(app: &App, next: &TendTemplates) -> Result<(), Error> {
    let TendTemplates::List { tenant, .. } = next else { return Ok(()) };
    let mut tx = TenantTx::begin(&app.store, *tenant).await?;
    queue::push(&mut tx, next, app.clock.now()).await?;
    tx.commit().await
}
