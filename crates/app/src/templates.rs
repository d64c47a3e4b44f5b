//! Message templates: what a tenant wrote, and what the provider thinks of it. Whether one may be used now is a gate's
//! business; what waited for an approval is due when it comes.
//!
//! How a template gets to its provider is in [`review`], how the provider's own list comes here in [`listing`], how it
//! reads for somebody in [`preview`].

mod check;
pub mod listing;
pub mod preview;
pub mod review;

use postroad_core::{
    gates::GateName,
    ids::{AccountId, ContactId, TemplateId, TenantId},
    template::{PartError, Parts, Removal, TemplateCategory, TemplateError as BodyError, TemplateStatus},
};
pub use postroad_store::templates::{Filter, Template};
use postroad_store::{Error, TenantTx, accounts, templates};

use crate::{
    App,
    patch::Patch,
    waiting::{self, Waits},
};

/// Whether the provider of this name looks at templates before they are used. The caller knows: this room names none.
pub type Reviews = fn(&str) -> bool;

/// A template to be registered.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    pub account: AccountId,
    /// 1 to 512 characters, as the provider knows it.
    pub name: String,
    /// As the provider spells it: `en_US`.
    pub language: String,
    pub category: TemplateCategory,
    /// 1 to 4,096 characters with `{{1}}` to `{{10}}`, without gaps.
    pub body: String,
    pub parts: Parts,
    /// `approved` for one that the provider has approved already. Where nobody approves, every template is.
    pub status: TemplateStatus,
    pub provider_ref: Option<String>,
}

/// What changes of a template by a person's hand. Where somebody approves, words change of a draft or a rejected one only:
/// what was approved is what goes out.
#[derive(Debug, Clone, Default)]
pub struct TemplateUpdate {
    pub category: Option<TemplateCategory>,
    pub status: Option<TemplateStatus>,
    pub body: Option<String>,
    pub header: Patch<String>,
    pub footer: Patch<String>,
    pub buttons: Option<Vec<String>>,
    /// Of any template: they are for whoever looks at it.
    pub samples: Option<Vec<String>>,
    pub provider_ref: Option<String>,
}

/// Why a template cannot be made, changed, submitted, deleted or shown.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the name does not have 1 to 512 characters")]
    Name,
    #[error("{0:?} is no language; one is written like en or en_US")]
    Language(String),
    #[error("the body does not have 1 to 4,096 characters")]
    BodyLength,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Part(#[from] PartError),
    #[error("the provider's id does not have 1 to 200 characters")]
    ProviderRef,
    #[error("the account has this template in this language already")]
    Taken,
    #[error("the template of this name and language is still being deleted at the provider")]
    BeingDeleted,
    #[error("there is no such account")]
    UnknownAccount,
    #[error("the account is inbound only: no template can be sent through it")]
    InboundOnly,
    #[error("the words of a template that is {0} cannot change")]
    BodyIsFixed(TemplateStatus),
    #[error("a template that is {0} cannot be submitted")]
    NotSubmittable(TemplateStatus),
    #[error("the template has {placeholders} placeholders and no samples for whoever approves it")]
    NoSamples { placeholders: usize },
    #[error("{provider} approves no templates: they can be used as they are")]
    NoReview { provider: String },
    #[error("a campaign that has not ended uses the template")]
    InUse,
    #[error("{}", crate::variables::WANTED)]
    BadVariable,
    #[error("{0} contacts are named, and 20 is the most")]
    TooManyContacts(usize),
    #[error("there is no contact {0}")]
    UnknownContact(ContactId),
    #[error("there is no such template")]
    NotFound,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Registers a template. One that was deleted, here or at the provider, comes back under its old id.
pub async fn create(
    app: &App,
    tenant: TenantId,
    new: NewTemplate,
    reviews: Reviews,
) -> Result<Template, TemplateError> {
    let placeholders = check::new_template(&new)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let account = accounts::find(&mut tx, new.account).await?.ok_or(TemplateError::UnknownAccount)?;
    if account.channel.is_inbound_only() {
        return Err(TemplateError::InboundOnly);
    }
    let known = templates::lock_by_name(&mut tx, new.account, &new.name, &new.language).await?;
    let mut template = made(new, placeholders, app.clock.now());
    if !reviews(&account.provider) {
        template.status = TemplateStatus::Approved;
    }
    match known {
        None => insert(&mut tx, &template).await?,
        Some(old) => template = revive(&mut tx, &old, template).await?,
    }
    tx.commit().await?;
    Ok(template)
}

async fn insert(tx: &mut TenantTx, template: &Template) -> Result<(), TemplateError> {
    match templates::insert(tx, template).await {
        Err(Error::Taken { .. }) => Err(TemplateError::Taken),
        other => Ok(other?),
    }
}

async fn revive(tx: &mut TenantTx, old: &Template, new: Template) -> Result<Template, TemplateError> {
    match (old.status, old.removal) {
        (TemplateStatus::Deleted, None | Some(Removal::Done)) => {}
        (_, Some(Removal::Wanted)) => return Err(TemplateError::BeingDeleted),
        _ => return Err(TemplateError::Taken),
    }
    // Jobs of its former life know older submissions.
    let (submission, asked_at) = (old.submission, old.asked_at);
    let revived =
        Template { id: old.id, submission, answered: submission, asked_at, created_at: old.created_at, ..new };
    templates::update(tx, &revived, revived.updated_at).await?;
    templates::find(tx, old.id).await?.ok_or(TemplateError::NotFound)
}

fn made(new: NewTemplate, placeholders: usize, now: chrono::DateTime<chrono::Utc>) -> Template {
    Template {
        id: TemplateId::new(now),
        account: new.account,
        name: new.name,
        language: new.language,
        category: new.category,
        status: new.status,
        status_reason: None,
        body: new.body,
        placeholders,
        parts: new.parts,
        provider_ref: new.provider_ref,
        submission: 0,
        answered: 0,
        asked_at: None,
        removal: None,
        synced_at: None,
        created_at: now,
        updated_at: now,
    }
}

pub async fn get(app: &App, tenant: TenantId, id: TemplateId) -> Result<Template, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    find(&mut tx, id).await
}

async fn find(tx: &mut TenantTx, id: TemplateId) -> Result<Template, TemplateError> {
    templates::find(tx, id).await?.filter(is_here).ok_or(TemplateError::NotFound)
}

async fn lock(tx: &mut TenantTx, id: TemplateId) -> Result<Template, TemplateError> {
    templates::lock(tx, id).await?.filter(is_here).ok_or(TemplateError::NotFound)
}

fn is_here(template: &Template) -> bool {
    template.removal != Some(Removal::Done)
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, filter: &Filter) -> Result<Vec<Template>, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(templates::list(&mut tx, filter).await?)
}

/// Changes what is named, and returns the template as it is then. A rejected one whose words change is a draft again.
pub async fn update(
    app: &App,
    tenant: TenantId,
    id: TemplateId,
    change: TemplateUpdate,
    reviews: Reviews,
) -> Result<Template, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let old = lock(&mut tx, id).await?;
    if old.removal.is_some() {
        return Err(TemplateError::BeingDeleted);
    }
    let account = accounts::find(&mut tx, old.account).await?.ok_or(TemplateError::UnknownAccount)?;
    let mut new = changed(&old, change)?;
    if reviews(&account.provider) {
        new = reopened(&old, new)?;
    }
    templates::update(&mut tx, &new, app.clock.now()).await?;
    tx.commit().await?;
    release_if_decided(app, tenant, &old, &new).await?;
    get(app, tenant, id).await
}

fn changed(old: &Template, change: TemplateUpdate) -> Result<Template, TemplateError> {
    check::provider_ref(change.provider_ref.as_deref())?;
    let mut new = old.clone();
    new.body = change.body.unwrap_or(new.body);
    change.header.apply(&mut new.parts.header);
    change.footer.apply(&mut new.parts.footer);
    new.parts.buttons = change.buttons.unwrap_or(new.parts.buttons);
    new.parts.samples = change.samples.unwrap_or(new.parts.samples);
    new.placeholders = check::words(&new.body, &new.parts)?;
    new.provider_ref = change.provider_ref.or(new.provider_ref);
    new.category = change.category.unwrap_or(new.category);
    if let Some(status) = change.status {
        new.status = status;
        new.status_reason = None;
    }
    Ok(new)
}

/// Words that somebody approves do not change after that; other words are a draft.
fn reopened(old: &Template, mut new: Template) -> Result<Template, TemplateError> {
    if new.body == old.body && new.parts.reads_as(&old.parts) {
        return Ok(new);
    }
    if !old.status.is_open() {
        return Err(TemplateError::BodyIsFixed(old.status));
    }
    if new.status == old.status {
        new.status = TemplateStatus::Draft;
    }
    Ok(new)
}

/// What waits for a template is looked at again when the provider has decided.
async fn release_if_decided(app: &App, tenant: TenantId, old: &Template, new: &Template) -> Result<(), Error> {
    if new.status == old.status || !new.status.is_decided() {
        return Ok(());
    }
    waiting::release(app, tenant, Waits::Lane(new.account, GateName::Template)).await
}
