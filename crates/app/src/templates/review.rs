//! A template's way to its provider: submitted, answered, deleted.
//!
//! What is asked is written down with the job that does it. The job may run twice, or die after its call: it looks at the
//! provider before it acts, and only the answer to the last submission counts.

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::GateName,
    ids::{TemplateId, TenantId},
    jobs::TendTemplates,
    provider::desk::Standing,
    template::{Removal, TemplateStatus},
};
use postroad_store::{
    Error, TenantTx,
    accounts::{self, Account},
    queue,
    templates::{self, tending},
};

use super::{Reviews, Template, TemplateError, lock, release_if_decided};
use crate::{
    App,
    waiting::{self, Waits},
};

/// Asks the provider to approve a draft, or a rejected template again.
pub async fn submit(app: &App, tenant: TenantId, id: TemplateId, reviews: Reviews) -> Result<Template, TemplateError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let old = lock(&mut tx, id).await?;
    let account = accounts::find(&mut tx, old.account).await?.ok_or(TemplateError::UnknownAccount)?;
    if !reviews(&account.provider) {
        return Err(TemplateError::NoReview { provider: account.provider });
    }
    let new = submitted(old, now)?;
    templates::update(&mut tx, &new, now).await?;
    let job = TendTemplates::Submit { tenant, template: id, submission: new.submission, woken: 0 };
    queue::push(&mut tx, &job, now).await?;
    tx.commit().await?;
    super::get(app, tenant, id).await
}

fn submitted(old: Template, now: DateTime<Utc>) -> Result<Template, TemplateError> {
    if !old.status.is_open() {
        return Err(TemplateError::NotSubmittable(old.status));
    }
    if old.parts.samples.len() != old.placeholders {
        return Err(TemplateError::NoSamples { placeholders: old.placeholders });
    }
    Ok(Template {
        status: TemplateStatus::Submitted,
        status_reason: None,
        submission: old.submission + 1,
        asked_at: Some(now),
        ..old
    })
}

/// Deletes a template here, and at a provider that may have it. What waited for it is refused.
pub async fn delete(app: &App, tenant: TenantId, id: TemplateId, reviews: Reviews) -> Result<(), TemplateError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let old = lock(&mut tx, id).await?;
    if old.removal.is_some() {
        return Ok(());
    }
    if templates::is_in_use(&mut tx, id).await? {
        return Err(TemplateError::InUse);
    }
    let account = accounts::find(&mut tx, old.account).await?.ok_or(TemplateError::UnknownAccount)?;
    let new = deleted(&old, reviews(&account.provider), now);
    templates::update(&mut tx, &new, now).await?;
    if new.removal == Some(Removal::Wanted) {
        queue::push(&mut tx, &TendTemplates::Remove { tenant, template: id, woken: 0 }, now).await?;
    }
    tx.commit().await?;
    Ok(waiting::release(app, tenant, Waits::Lane(old.account, GateName::Template)).await?)
}

fn deleted(old: &Template, is_reviewed: bool, now: DateTime<Utc>) -> Template {
    let never_left = old.status == TemplateStatus::Draft && old.submission == 0 && old.provider_ref.is_none();
    let is_there = is_reviewed && !never_left && old.status != TemplateStatus::Deleted;
    let removal = Some(if is_there { Removal::Wanted } else { Removal::Done });
    Template { status: TemplateStatus::Deleted, status_reason: None, removal, asked_at: Some(now), ..old.clone() }
}

/// What a job has to do, and from which account.
pub struct Task {
    pub template: Template,
    pub account: Account,
}

/// The template of a submission that has no answer yet. None: it has one, or somebody has changed or deleted it.
pub async fn to_submit(app: &App, tenant: TenantId, id: TemplateId, submission: i32) -> Result<Option<Task>, Error> {
    let is_open = |template: &Template| {
        template.status == TemplateStatus::Submitted
            && template.submission == submission
            && template.answered < submission
    };
    task(app, tenant, id, is_open).await
}

/// The template that is to be deleted at its provider. None: that is done.
pub async fn to_remove(app: &App, tenant: TenantId, id: TemplateId) -> Result<Option<Task>, Error> {
    task(app, tenant, id, |template| template.removal == Some(Removal::Wanted)).await
}

async fn task(
    app: &App,
    tenant: TenantId,
    id: TemplateId,
    is_open: impl Fn(&Template) -> bool + Send,
) -> Result<Option<Task>, Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(template) = templates::find(&mut tx, id).await?.filter(is_open) else { return Ok(None) };
    let account = accounts::find(&mut tx, template.account).await?;
    Ok(account.map(|account| Task { template, account }))
}

/// How a submission ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The provider has it, wherever it stands there.
    Has(Standing),
    /// It does not want it, in words for a person.
    Refused(String),
}

/// Writes the answer to a submission. False: it was answered before, or is not wanted any more.
pub async fn answer(
    app: &App,
    tenant: TenantId,
    id: TemplateId,
    submission: i32,
    answer: Answer,
) -> Result<bool, TemplateError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(old) = templates::lock(&mut tx, id).await? else { return Ok(false) };
    if old.submission != submission || old.answered >= submission || old.removal.is_some() {
        return Ok(false);
    }
    let new = Template { answered: submission, synced_at: Some(now), ..answered(&old, answer) };
    templates::update(&mut tx, &new, now).await?;
    tx.commit().await?;
    release_if_decided(app, tenant, &old, &new).await?;
    Ok(true)
}

fn answered(old: &Template, answer: Answer) -> Template {
    let mut new = old.clone();
    // A webhook may have been faster: it was sent later than this answer.
    let is_news = old.status == TemplateStatus::Submitted;
    match answer {
        Answer::Has(standing) => {
            new.provider_ref = Some(standing.provider_ref);
            if is_news {
                new.status = standing.status.unwrap_or(TemplateStatus::Submitted);
                new.category = standing.category.unwrap_or(new.category);
                new.status_reason = standing.reason;
            }
        }
        Answer::Refused(words) if is_news => {
            new.status = TemplateStatus::Rejected;
            new.status_reason = Some(words);
        }
        Answer::Refused(_) => {}
    }
    new
}

/// Says why a submission or a deletion is not done yet.
pub async fn note(app: &App, tenant: TenantId, task: &Task, words: &str) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    tending::note(&mut tx, task.template.id, task.template.status, words, app.clock.now()).await?;
    tx.commit().await
}

/// The provider does not have it any more.
pub async fn removed(app: &App, tenant: TenantId, id: TemplateId) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let wanted = |template: &Template| template.removal == Some(Removal::Wanted);
    if let Some(old) = templates::lock(&mut tx, id).await?.filter(wanted) {
        let gone = Template { removal: Some(Removal::Done), status_reason: None, synced_at: Some(now), ..old };
        templates::update(&mut tx, &gone, now).await?;
    }
    tx.commit().await
}
