//! Telling people that what they said was read: a courtesy, which is tried once and missed by nobody when it fails.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ConversationId, MessageId, TenantId},
    jobs::Maintain,
    limits::TELL_READ_MAX,
};
pub use postroad_store::reads::ToTell;
use postroad_store::{Result, SystemTx, TenantTx, queue, reads};

use crate::App;

/// Queues the news of the last thing that was said, in the transaction that marks it as read. It stands for everything before
/// it, and is told once, whoever reads it how often.
pub(crate) async fn want(tx: &mut TenantTx, conversation: ConversationId, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    match reads::last_heard(tx, conversation, now - TELL_READ_MAX).await? {
        Some(message) => queue::push(tx, &Maintain::TellRead { tenant, message }, now).await,
        None => Ok(()),
    }
}

/// What there is to tell. None: nothing any more.
pub async fn find(app: &App, tenant: TenantId, message: MessageId) -> Result<Option<ToTell>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    reads::find(&mut tx, tenant, message).await
}
