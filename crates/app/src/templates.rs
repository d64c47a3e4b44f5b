//! Message templates: what a tenant wrote, and what the provider thinks of it. Whether one may be used now is a gate's
//! business; what waited for an approval is due when it comes.

use postroad_core::{
    gates::GateName,
    ids::{AccountId, TemplateId, TenantId},
    language::is_language,
    provider::TemplateChange,
    template::{self, TemplateCategory, TemplateError as BodyError, TemplateStatus},
};
pub use postroad_store::templates::{Filter, Template};
use postroad_store::{Error, TenantTx, accounts, templates};

use crate::{
    App, text,
    waiting::{self, Waits},
};

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
    /// `approved` for one that the provider has approved already.
    pub status: TemplateStatus,
    pub provider_ref: Option<String>,
}

/// What changes of a template by a person's hand.
#[derive(Debug, Clone, Default)]
pub struct TemplateUpdate {
    pub category: Option<TemplateCategory>,
    pub status: Option<TemplateStatus>,
    /// Of a draft or a rejected one only: what was approved is what goes out.
    pub body: Option<String>,
    pub provider_ref: Option<String>,
}

/// Why a template cannot be made or changed.
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
    #[error("the provider's id does not have 1 to 200 characters")]
    ProviderRef,
    #[error("the account has this template in this language already")]
    Taken,
    #[error("there is no such account")]
    UnknownAccount,
    #[error("the body of a template that is {0} cannot change")]
    BodyIsFixed(TemplateStatus),
    #[error("there is no such template")]
    NotFound,
    #[error(transparent)]
    Store(#[from] Error),
}

pub async fn create(app: &App, tenant: TenantId, new: NewTemplate) -> Result<Template, TemplateError> {
    let placeholders = check(&new)?;
    let now = app.clock.now();
    let template = Template {
        id: TemplateId::new(now),
        account: new.account,
        name: new.name,
        language: new.language,
        category: new.category,
        status: new.status,
        status_reason: None,
        body: new.body,
        placeholders,
        provider_ref: new.provider_ref,
        synced_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    accounts::find(&mut tx, template.account).await?.ok_or(TemplateError::UnknownAccount)?;
    match templates::insert(&mut tx, &template).await {
        Err(Error::Taken { .. }) => return Err(TemplateError::Taken),
        other => other?,
    }
    tx.commit().await?;
    Ok(template)
}

fn check(new: &NewTemplate) -> Result<usize, TemplateError> {
    if !text::fits(&new.name, 1..=512) {
        return Err(TemplateError::Name);
    }
    if !is_language(&new.language) || new.language.len() > 15 {
        return Err(TemplateError::Language(new.language.chars().take(40).collect()));
    }
    check_ref(new.provider_ref.as_deref())?;
    check_body(&new.body)
}

fn check_body(body: &str) -> Result<usize, TemplateError> {
    if !text::fits(body, 1..=postroad_core::limits::BODY_CHARS_MAX) {
        return Err(TemplateError::BodyLength);
    }
    Ok(template::placeholders(body)?)
}

fn check_ref(provider_ref: Option<&str>) -> Result<(), TemplateError> {
    match provider_ref {
        Some(id) if !text::fits(id, 1..=200) => Err(TemplateError::ProviderRef),
        _ => Ok(()),
    }
}

pub async fn get(app: &App, tenant: TenantId, id: TemplateId) -> Result<Template, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    templates::find(&mut tx, id).await?.ok_or(TemplateError::NotFound)
}

/// A page, oldest first.
pub async fn list(app: &App, tenant: TenantId, filter: &Filter) -> Result<Vec<Template>, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    Ok(templates::list(&mut tx, filter).await?)
}

/// The text with values filled in, the first for `{{1}}`.
pub async fn preview(app: &App, tenant: TenantId, id: TemplateId, values: &[String]) -> Result<String, TemplateError> {
    let template = get(app, tenant, id).await?;
    Ok(template::render(&template.body, values)?)
}

/// Changes what is named, and returns the template as it is then.
pub async fn update(
    app: &App,
    tenant: TenantId,
    id: TemplateId,
    change: TemplateUpdate,
) -> Result<Template, TemplateError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let old = templates::lock(&mut tx, id).await?.ok_or(TemplateError::NotFound)?;
    let new = changed(&old, change)?;
    templates::update(&mut tx, &new, app.clock.now()).await?;
    tx.commit().await?;
    release_if_approved(app, tenant, &old, &new).await?;
    get(app, tenant, id).await
}

fn changed(old: &Template, change: TemplateUpdate) -> Result<Template, TemplateError> {
    let mut new = old.clone();
    if let Some(body) = change.body.filter(|body| *body != old.body) {
        if !matches!(old.status, TemplateStatus::Draft | TemplateStatus::Rejected) {
            return Err(TemplateError::BodyIsFixed(old.status));
        }
        new.placeholders = check_body(&body)?;
        new.body = body;
    }
    check_ref(change.provider_ref.as_deref())?;
    new.provider_ref = change.provider_ref.or(new.provider_ref);
    new.category = change.category.unwrap_or(new.category);
    if let Some(status) = change.status {
        new.status = status;
        new.status_reason = None;
    }
    Ok(new)
}

/// What the provider says of a template. None: it is not known here.
pub async fn apply_change(
    app: &App,
    tenant: TenantId,
    account: AccountId,
    change: &TemplateChange,
) -> Result<Option<TemplateId>, TemplateError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(id) = templates::find_by_name(&mut tx, account, &change.name, &change.language).await? else {
        return Ok(None);
    };
    let old = templates::lock(&mut tx, id).await?.ok_or(TemplateError::NotFound)?;
    let new = Template {
        status: change.status.unwrap_or(old.status),
        category: change.category.unwrap_or(old.category),
        status_reason: change.reason.clone(),
        synced_at: Some(now),
        ..old.clone()
    };
    templates::update(&mut tx, &new, now).await?;
    tx.commit().await?;
    release_if_approved(app, tenant, &old, &new).await?;
    Ok(Some(id))
}

async fn release_if_approved(app: &App, tenant: TenantId, old: &Template, new: &Template) -> Result<(), Error> {
    if new.status != TemplateStatus::Approved || old.status == TemplateStatus::Approved {
        return Ok(());
    }
    waiting::release(app, tenant, Waits::Lane(new.account, GateName::Template)).await
}
