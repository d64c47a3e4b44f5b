//! What a campaign stands on.

use postroad_core::{
    account::{AccountStatus, Channel},
    campaign::preflight,
    ids::{AccountId, CampaignId, TemplateId},
    template::{TemplateCategory, TemplateStatus},
};
use sqlx::types::Json;

use crate::{Result, TenantTx};

/// As it is now, and as it was when the campaign started.
#[derive(Debug, Clone)]
pub struct Ground {
    pub now: preflight::Ground,
    /// The template belongs to the campaign's account.
    pub same_account: bool,
    pub channel: Channel,
    pub credit_enforced: bool,
    /// A second person approves audiences above this.
    pub approval_above: Option<i64>,
}

/// None: the template or the account does not exist.
pub async fn ground(tx: &mut TenantTx, account: AccountId, template: TemplateId) -> Result<Option<Ground>> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"
        select a.status as "account_status: AccountStatus", t.sending_paused or i.sending_paused as "sending_paused!",
               exists (select 1 from provider_switches w where w.provider = a.provider) as "provider_off!",
               p.status as "template_status: TemplateStatus", p.category as "template_category: TemplateCategory", p.placeholders,
               encode(sha256(convert_to(p.body, 'UTF8')), 'hex') as "body_sha256!",
               p.account_id = a.id as "same_account!", a.channel as "channel: Channel", t.credit_enforced, t.approval_above
        from   templates p
        join   accounts a on a.tenant_id = p.tenant_id and a.id = $2
        join   tenants t on t.id = p.tenant_id
        join   installation i on i.only_row
        where  p.tenant_id = $1 and p.id = $3
        "#,
        tenant.uuid(),
        account.uuid(),
        template.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Ground {
        now: preflight::Ground {
            account_status: row.account_status,
            provider_off: row.provider_off,
            sending_paused: row.sending_paused,
            template_status: row.template_status,
            template_category: row.template_category,
            placeholders: usize::try_from(row.placeholders).unwrap_or_default(),
            body_sha256: row.body_sha256,
        },
        same_account: row.same_account,
        channel: row.channel,
        credit_enforced: row.credit_enforced,
        approval_above: row.approval_above,
    }))
}

/// Keeps what a campaign stands on from now on; what was kept is returned by [`kept_ground`].
pub async fn save_ground(tx: &mut TenantTx, id: CampaignId, ground: &preflight::Ground) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update campaigns set ground = $3 where tenant_id = $1 and id = $2",
        tenant.uuid(),
        id.uuid(),
        serde_json::to_value(ground)?,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// None: it started before there was such a thing.
pub async fn kept_ground(tx: &mut TenantTx, id: CampaignId) -> Result<Option<preflight::Ground>> {
    let tenant = tx.tenant();
    let kept = sqlx::query_scalar!(
        r#"select ground as "ground: Json<preflight::Ground>" from campaigns where tenant_id = $1 and id = $2"#,
        tenant.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(kept.flatten().map(|json| json.0))
}
