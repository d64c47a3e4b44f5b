//! Message templates as the provider knows them. What is still to be done about them there is in [`tending`].

pub mod tending;

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, TemplateId},
    template::{Parts, Removal, TemplateCategory, TemplateStatus},
};

use crate::{Error, Result, TenantTx};

/// A template in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub id: TemplateId,
    pub account: AccountId,
    pub name: String,
    /// As the provider spells it: `en_US`.
    pub language: String,
    pub category: TemplateCategory,
    pub status: TemplateStatus,
    pub status_reason: Option<String>,
    pub body: String,
    /// Values the body needs.
    pub placeholders: usize,
    pub parts: Parts,
    /// The provider's id.
    pub provider_ref: Option<String>,
    /// How often it was submitted, and the last submission that the provider has answered.
    pub submission: i32,
    pub answered: i32,
    /// When submission or deletion was asked of the provider last.
    pub asked_at: Option<DateTime<Utc>>,
    /// Somebody deleted it here.
    pub removal: Option<Removal>,
    /// When the provider last said something about it.
    pub synced_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, new: &Template) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into templates (tenant_id, id, account_id, name, language, category, status, status_reason, body, placeholders, header,
                               footer, buttons, samples, provider_ref, synced_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
        "#,
        tenant.uuid(),
        new.id.uuid(),
        new.account.uuid(),
        new.name,
        new.language,
        new.category.as_str(),
        new.status.as_str(),
        new.status_reason,
        new.body,
        places(new)?,
        new.parts.header,
        new.parts.footer,
        &new.parts.buttons,
        &new.parts.samples,
        new.provider_ref,
        new.synced_at,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what may change of a template: all but its account, name and language.
pub async fn update(tx: &mut TenantTx, template: &Template, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update templates
        set    category = $3, status = $4, status_reason = $5, body = $6, placeholders = $7, header = $8, footer = $9, buttons = $10,
               samples = $11, provider_ref = $12, synced_at = $13, submission = $14, answered = $15, asked_at = $16,
               removal = $17, updated_at = $18
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        template.id.uuid(),
        template.category.as_str(),
        template.status.as_str(),
        template.status_reason,
        template.body,
        places(template)?,
        template.parts.header,
        template.parts.footer,
        &template.parts.buttons,
        &template.parts.samples,
        template.provider_ref,
        template.synced_at,
        template.submission,
        template.answered,
        template.asked_at,
        template.removal.map(Removal::as_str),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn places(template: &Template) -> Result<i32> {
    i32::try_from(template.placeholders).map_err(|_| Error::Corrupt("a template has too many placeholders".into()))
}

/// The template, locked until the transaction ends.
pub async fn lock(tx: &mut TenantTx, id: TemplateId) -> Result<Option<Template>> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select 1 as "one!" from templates where tenant_id = $1 and id = $2 for no key update"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    find(tx, id).await
}

pub async fn find(tx: &mut TenantTx, id: TemplateId) -> Result<Option<Template>> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        r#"
        select id as "id: TemplateId", account_id as "account: AccountId", name, language, category as "category: TemplateCategory",
               status as "status: TemplateStatus", status_reason, body, placeholders, header, footer, buttons, samples, provider_ref,
               submission, answered, asked_at, removal as "removal: Removal", synced_at, created_at, updated_at
        from   templates where tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Template::try_from).transpose()
}

async fn find_by_name(tx: &mut TenantTx, account: AccountId, name: &str, language: &str) -> Result<Option<TemplateId>> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!(
        r#"
        select id as "id: TemplateId" from templates
        where  tenant_id = $1 and account_id = $2 and name = $3 and language = $4
        "#,
        tenant.uuid(),
        account.uuid(),
        name,
        language,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id)
}

/// The template of this name and language, locked until the transaction ends.
pub async fn lock_by_name(
    tx: &mut TenantTx,
    account: AccountId,
    name: &str,
    language: &str,
) -> Result<Option<Template>> {
    match find_by_name(tx, account, name, language).await? {
        Some(id) => lock(tx, id).await,
        None => Ok(None),
    }
}

/// Whether a campaign uses it that has not ended and is no draft.
pub async fn is_in_use(tx: &mut TenantTx, id: TemplateId) -> Result<bool> {
    let tenant = tx.tenant();
    let used = sqlx::query_scalar!(
        r#"
        select exists (select 1 from campaigns c
                       where  c.tenant_id = $1 and (c.template_id = $2 or strpos(c.fallback::text, $3) > 0)
                       and    c.state in ('scheduled', 'preparing', 'running', 'paused', 'completing'))
            or exists (select 1 from experiments e
                       where  e.tenant_id = $1 and e.decide_at is not null and e.decided_at is null
                       and    strpos(e.variants::text, $3) > 0) as "used!"
        "#,
        tenant.uuid(),
        id.uuid(),
        id.to_string(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(used)
}

/// Which templates to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub account: Option<AccountId>,
    /// The whole name: its languages.
    pub name: Option<String>,
    pub status: Option<TemplateStatus>,
    pub after: Option<TemplateId>,
    /// At least 1.
    pub limit: i64,
}

/// A page, oldest first, without those that were deleted for good.
pub async fn list(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<Template>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: TemplateId", account_id as "account: AccountId", name, language, category as "category: TemplateCategory",
               status as "status: TemplateStatus", status_reason, body, placeholders, header, footer, buttons, samples, provider_ref,
               submission, answered, asked_at, removal as "removal: Removal", synced_at, created_at, updated_at
        from   templates
        where  tenant_id = $1 and ($2::uuid is null or account_id = $2) and ($3::text is null or status = $3)
        and    ($4::uuid is null or id > $4) and ($6::text is null or name = $6) and removal is distinct from 'done'
        order  by id
        limit  $5
        "#,
        tenant.uuid(),
        filter.account.map(AccountId::uuid),
        filter.status.map(TemplateStatus::as_str),
        filter.after.map(TemplateId::uuid),
        filter.limit,
        filter.name,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Template::try_from).collect()
}

struct Row {
    id: TemplateId,
    account: AccountId,
    name: String,
    language: String,
    category: TemplateCategory,
    status: TemplateStatus,
    status_reason: Option<String>,
    body: String,
    placeholders: i32,
    header: Option<String>,
    footer: Option<String>,
    buttons: Vec<String>,
    samples: Vec<String>,
    provider_ref: Option<String>,
    submission: i32,
    answered: i32,
    asked_at: Option<DateTime<Utc>>,
    removal: Option<Removal>,
    synced_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Template {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let placeholders = usize::try_from(row.placeholders)
            .map_err(|_| Error::Corrupt(format!("{} placeholders", row.placeholders)))?;
        Ok(Self {
            id: row.id,
            account: row.account,
            name: row.name,
            language: row.language,
            category: row.category,
            status: row.status,
            status_reason: row.status_reason,
            body: row.body,
            placeholders,
            parts: Parts { header: row.header, footer: row.footer, buttons: row.buttons, samples: row.samples },
            provider_ref: row.provider_ref,
            submission: row.submission,
            answered: row.answered,
            asked_at: row.asked_at,
            removal: row.removal,
            synced_at: row.synced_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
