//! Messages of a page whose account seals: they are written without what they say, and that follows here, sealed.

use postroad_core::{
    ids::{AccountId, MessageId},
    message::Content,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Result, TenantTx, bodies::Ward};

/// A message that was written without what it says.
#[derive(Debug, Deserialize)]
pub(super) struct Open {
    id: Uuid,
    content: Content,
}

pub(super) async fn seal(tx: &mut TenantTx, ward: &Ward, account: AccountId, open: &[Open]) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = open.iter().map(|one| one.id).collect();
    let content = |one: &Open| ward.content(account, MessageId::from_uuid(one.id), &one.content);
    let contents = open.iter().map(content).collect::<Result<Vec<_>>>()?;
    sqlx::query!(
        r#"
        update messages m set content = x.content
        from   unnest($2::uuid[], $3::jsonb[]) as x (id, content)
        where  m.tenant_id = $1 and m.id = x.id
        "#,
        tenant.uuid(),
        &ids,
        &contents,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
