//! Taking a message back, with what it cost.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{
    ids::{ClientId, MessageId},
    send::SendState,
};
use postroad_store::{
    TenantTx, clients,
    messages::{self, MessageRow},
};

use crate::{App, credit, quota, requests::Call, telling};

#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("there is no such message")]
    NotFound,
    /// It will not be sent a second time, whatever comes of the first.
    #[error("the message may be on its way already")]
    AlreadySending,
    #[error("the message is {state} already")]
    AlreadyFinal { state: SendState },
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Cancels a message that nobody started, gives back what was taken for it, and returns it as it stands then. A second
/// cancellation finds it cancelled, and that is fine.
pub async fn cancel(app: &App, call: &Call, id: MessageId) -> Result<MessageRow, CancelError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, call.tenant).await?;
    let cancelled = messages::cancel(&mut tx, call.reach(), id, now).await?.ok_or(CancelError::NotFound)?;
    tx.lift().await?;
    if let Some(client) = cancelled.client.filter(|_| cancelled.moved) {
        give_quota_back(&mut tx, client, cancelled.created_at).await?;
    }
    credit::end(&mut tx, &[(call.tenant, id)], now).await?;
    let row = messages::get(&mut tx, call.reach(), id).await?.ok_or(CancelError::NotFound)?;
    let moved = [(call.tenant, id)];
    let moved = if cancelled.moved { moved.as_slice() } else { &[] };
    let told = telling::moved(&mut tx, moved, call.actor()).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    match cancelled.state {
        SendState::Cancelled => Ok(row),
        SendState::Attempting | SendState::Unknown => Err(CancelError::AlreadySending),
        state => Err(CancelError::AlreadyFinal { state }),
    }
}

async fn give_quota_back(tx: &mut TenantTx, client: ClientId, drawn_at: DateTime<Utc>) -> postroad_store::Result<()> {
    let Some(client) = clients::get(tx, client).await? else { return Ok(()) };
    let zone: Tz = client.time_zone.parse().unwrap_or(Tz::UTC);
    if client.daily_quota.is_some() { quota::refund_one(tx, client.id, zone, drawn_at).await } else { Ok(()) }
}
