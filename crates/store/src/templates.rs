//! Message templates as the provider knows them.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{AccountId, TemplateId},
    template::{TemplateCategory, TemplateStatus},
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
    /// The provider's id.
    pub provider_ref: Option<String>,
    /// When the provider last said something about it.
    pub synced_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

pub async fn insert(tx: &mut TenantTx, new: &Template) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        insert into templates (tenant_id, id, account_id, name, language, category, status, status_reason, body, placeholders, provider_ref,
                               synced_at, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
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
        new.provider_ref,
        new.synced_at,
        new.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what may change of a template: category, standing, body, the provider's id.
pub async fn update(tx: &mut TenantTx, template: &Template, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update templates
        set    category = $3, status = $4, status_reason = $5, body = $6, placeholders = $7, provider_ref = $8, synced_at = $9,
               updated_at = $10
        where  tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        template.id.uuid(),
        template.category.as_str(),
        template.status.as_str(),
        template.status_reason,
        template.body,
        places(template)?,
        template.provider_ref,
        template.synced_at,
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
               status as "status: TemplateStatus", status_reason, body, placeholders, provider_ref, synced_at, created_at, updated_at
        from   templates where tenant_id = $1 and id = $2
        "#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Template::try_from).transpose()
}

pub async fn find_by_name(
    tx: &mut TenantTx,
    account: AccountId,
    name: &str,
    language: &str,
) -> Result<Option<TemplateId>> {
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

/// Which templates to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub account: Option<AccountId>,
    pub status: Option<TemplateStatus>,
    pub after: Option<TemplateId>,
    /// At least 1.
    pub limit: i64,
}

/// A page, oldest first.
pub async fn list(tx: &mut TenantTx, filter: &Filter) -> Result<Vec<Template>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id: TemplateId", account_id as "account: AccountId", name, language, category as "category: TemplateCategory",
               status as "status: TemplateStatus", status_reason, body, placeholders, provider_ref, synced_at, created_at, updated_at
        from   templates
        where  tenant_id = $1 and ($2::uuid is null or account_id = $2) and ($3::text is null or status = $3)
        and    ($4::uuid is null or id > $4)
        order  by id
        limit  $5
        "#,
        tenant.uuid(),
        filter.account.map(AccountId::uuid),
        filter.status.map(TemplateStatus::as_str),
        filter.after.map(TemplateId::uuid),
        filter.limit,
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
    provider_ref: Option<String>,
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
            provider_ref: row.provider_ref,
            synced_at: row.synced_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
