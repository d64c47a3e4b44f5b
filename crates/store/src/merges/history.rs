//! What each merge moved, and what its way back could not bring back.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AddressId, CampaignId, ContactId, GroupId, MergeId, MessageId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::{Result, TenantTx};

/// What a merge moved to the survivor: enough to take it back. Names nobody: values stay with the contact that had them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moved {
    pub addresses: Vec<AddressId>,
    /// `display_name`, `language`, `time_zone`: the survivor had none.
    pub fields: Vec<String>,
    /// Names of attributes that the survivor did not have.
    pub attributes: Vec<String>,
    pub tags: Vec<String>,
    pub groups: Vec<MovedGroup>,
    /// Contacts that had been merged into the other before.
    pub contacts: Vec<ContactId>,
    /// What counted for the survivor's frequency caps before, and what came to it.
    pub uses_before: Vec<DateTime<Utc>>,
    pub uses_added: Vec<DateTime<Utc>>,
    /// Messages of campaigns that the person would have got twice.
    pub cancelled: Vec<MessageId>,
    /// Campaigns that had planned the other and not yet the survivor: they will not.
    pub planned: Vec<CampaignId>,
}

/// A group of the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedGroup {
    pub group: GroupId,
    pub added_at: DateTime<Utc>,
    /// The survivor was no member before.
    pub joined: bool,
}

/// What a way back left as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Fields and attributes of the survivor that came from the other and were changed since.
    pub fields: Vec<String>,
    pub attributes: Vec<String>,
    /// Groups that the person was taken out of since, or that are gone.
    pub groups: Vec<GroupId>,
    /// Messages that were cancelled stay so.
    pub cancelled: Vec<MessageId>,
    /// Campaigns that leave the survivor out still.
    pub planned: Vec<CampaignId>,
}

/// One merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    pub id: MergeId,
    /// Who remained.
    pub contact: ContactId,
    pub other: ContactId,
    pub moved: Json<Moved>,
    pub merged_at: DateTime<Utc>,
    pub undone_at: Option<DateTime<Utc>>,
    /// Of one that was undone.
    pub kept: Option<Json<Kept>>,
}

pub async fn insert(tx: &mut TenantTx, merge: &Merge) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into contact_merges (tenant_id, id, contact_id, other_id, moved, merged_at) values ($1, $2, $3, $4, $5, $6)",
        tenant.uuid(),
        merge.id.uuid(),
        merge.contact.uuid(),
        merge.other.uuid(),
        serde_json::to_value(&merge.moved)?,
        merge.merged_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A merge into this contact, undone or not.
pub async fn find(tx: &mut TenantTx, contact: ContactId, id: MergeId) -> Result<Option<Merge>> {
    let tenant = tx.tenant();
    let merge = sqlx::query_as!(
        Merge,
        r#"
        select id as "id: MergeId", contact_id as "contact: ContactId", other_id as "other: ContactId", moved as "moved: Json<Moved>",
               merged_at, undone_at, kept as "kept: Json<Kept>"
        from   contact_merges where tenant_id = $1 and contact_id = $2 and id = $3
        "#,
        tenant.uuid(),
        contact.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(merge)
}

/// Up to `limit` merges into a contact before `before`, the newest first.
pub async fn list(tx: &mut TenantTx, contact: ContactId, before: Option<MergeId>, limit: i64) -> Result<Vec<Merge>> {
    let tenant = tx.tenant();
    let merges = sqlx::query_as!(
        Merge,
        r#"
        select id as "id: MergeId", contact_id as "contact: ContactId", other_id as "other: ContactId", moved as "moved: Json<Moved>",
               merged_at, undone_at, kept as "kept: Json<Kept>"
        from   contact_merges
        where  tenant_id = $1 and contact_id = $2 and ($3::uuid is null or id < $3)
        order  by id desc
        limit  $4
        "#,
        tenant.uuid(),
        contact.uuid(),
        before.map(MergeId::uuid),
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(merges)
}

/// False: it was undone before.
pub async fn mark_undone(tx: &mut TenantTx, id: MergeId, kept: &Kept, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        r#"
        update contact_merges set state = 'undone', undone_at = $3, kept = $4
        where  tenant_id = $1 and id = $2 and state = 'standing'
        "#,
        tenant.uuid(),
        id.uuid(),
        now,
        serde_json::to_value(kept)?,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets what merges from and into a contact moved: names of attributes and tags may say who it was.
pub async fn blank(tx: &mut TenantTx, contact: ContactId) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        r#"
        update contact_merges set moved = '{}', kept = case when kept is not null then '{}'::jsonb end
        where  tenant_id = $1 and (contact_id = $2 or other_id = $2)
        "#,
        tenant.uuid(),
        contact.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the two are one, or were until somebody undid it, whichever way round.
pub async fn were_one(tx: &mut TenantTx, one: ContactId, two: ContactId) -> Result<bool> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"
        select exists (select 1 from contact_merges
                       where  tenant_id = $1 and ((contact_id = $2 and other_id = $3) or (contact_id = $3 and other_id = $2))) as "found!"
        "#,
        tenant.uuid(),
        one.uuid(),
        two.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}
