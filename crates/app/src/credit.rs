//! A tenant's credit: what a message costs, taken when it is accepted and given back when it is taken back unsent.
//!
//! Locks are taken in the order idempotency, quota, credit, and these last of all.

use postroad_core::{account::Channel, ids::TenantId, message::Content, segments};
use postroad_store::{Result, TenantTx, credit, slots::spread};

use crate::App;

/// Why credit was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    #[error("the message costs {wanted} and {balance} is left")]
    Insufficient { wanted: i64, balance: i64 },
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Credits a message costs: one, or one per part of an SMS.
pub fn price(channel: Channel, content: &Content) -> i64 {
    segments_of(channel, content).map_or(1, |segments| i64::try_from(segments.max(1)).unwrap_or(i64::MAX))
}

/// Parts that are billed; none where a message is one thing.
pub fn segments_of(channel: Channel, content: &Content) -> Option<usize> {
    match (channel, content) {
        (Channel::Sms, Content::Text { body, .. }) => Some(segments::Estimate::of(&body.0).segments),
        _ => None,
    }
}

/// Takes all of it or nothing. One slot at first; only when none has enough, all of them are looked at.
pub async fn draw(tx: &mut TenantTx, credits: i64) -> Result<(), CreditError> {
    if credits == 0 || credit::draw_from_one(tx, credits, any_slot()).await? {
        return Ok(());
    }
    let slots = credit::lock(tx).await?;
    match spread(&slots, credits) {
        Some(taken) => Ok(credit::take(tx, &taken).await?),
        None => {
            let balance = slots.iter().map(|(_, balance)| balance).sum();
            Err(CreditError::Insufficient { wanted: credits, balance })
        }
    }
}

/// Returns what was drawn and not used.
pub async fn give_back(tx: &mut TenantTx, credits: i64) -> Result<()> {
    if credits > 0 { credit::add(tx, credits, any_slot()).await } else { Ok(()) }
}

/// Adds credit and tells the new balance.
pub async fn top_up(app: &App, tenant: TenantId, credits: u32) -> Result<i64> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    credit::add(&mut tx, credits.into(), any_slot()).await?;
    let balance = credit::balance(&mut tx).await?;
    tx.commit().await?;
    Ok(balance)
}

pub async fn balance(app: &App, tenant: TenantId) -> Result<i64> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    credit::balance(&mut tx).await
}

/// Where to look first, so that callers do not queue for the same row.
pub(crate) fn any_slot() -> i16 {
    rand::random_range(0..16)
}
