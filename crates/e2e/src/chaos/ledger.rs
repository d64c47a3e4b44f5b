//! Rows that other rooms of the product would write: replies of agents and of automations.

use anyhow::{Result, anyhow};
use postroad_core::{
    ids::{AccountId, TenantId},
    send::{flow_of, weight_of},
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::seed::{TEMPLATE, number};

/// Any instant will do: ids only have to sort as they were made.
const FIRST_MS: u64 = 1_767_225_600_000;

/// An id that follows from what it is for, so that a repeated insert writes nothing twice.
pub(super) fn id_of(kind: u8, nth: u32) -> Uuid {
    // The last digit decides whether a message fails after it was accepted: an odd factor brings all of them up.
    let spread = nth.wrapping_mul(0x9e37_79b1);
    let low = (u64::from(kind) << 32) | u64::from(spread);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(FIRST_MS + u64::from(nth), &bytes).into_uuid()
}

pub(super) fn content() -> String {
    format!(r#"{{"type":"template","name":"{TEMPLATE}","language":"en_US","parameters":["Ada"]}}"#)
}

/// Writes messages to people of one lane; those that are there already stay as they are. The sweeper wakes the lane.
#[expect(clippy::too_many_arguments, reason = "each names a column")]
pub(super) async fn write(
    db: &PgPool,
    tenant: TenantId,
    lane: AccountId,
    messages: &[(Uuid, u32)],
    class: &str,
    content: &str,
) -> Result<()> {
    let class_word = class.parse().map_err(|error| anyhow!("{class}: {error}"))?;
    let source = if class == "agent_reply" { "agent" } else { "automation" };
    let (ids, people): (Vec<Uuid>, Vec<String>) = messages.iter().map(|(id, person)| (*id, number(*person))).unzip();
    let sql = "
        with wanted as (
            select x.id, d.id as address, d.contact_id as contact
            from   unnest($3::uuid[], $4::text[]) as x (id, number)
            join   addresses d on d.tenant_id = $1 and d.channel = 'whatsapp' and d.address = x.number
        ), written as (
            insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                  quiet_policy, kind, content, created_at)
            select $1, id, 'outbound', $2, contact, address, 'whatsapp', $5, $6, 'transactional', 'exempt', 'template', $7::jsonb, now()
            from   wanted
            on conflict do nothing
            returning id
        )
        insert into sends (tenant_id, id, lane_id, address_id, contact_id, flow, weight, class, state, run_at, state_at)
        select $1, w.id, $2, w.address, w.contact, $8, $9, $6, 'queued', now(), now()
        from   wanted w join written n on n.id = w.id";
    let query = sqlx::query(sql).bind(tenant).bind(lane).bind(ids).bind(people).bind(source).bind(class).bind(content);
    query.bind(flow_of(class_word)).bind(weight_of(class_word)).execute(db).await?;
    Ok(())
}
