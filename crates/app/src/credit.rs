//! A tenant's credit: reserved when a message is accepted, spent when a provider has it, and given back when it ends unsent.
//!
//! A wallet is sixteen slots and a statement, and what slots hold is the sum of the statement's entries: both are written in one
//! transaction, which is that of whatever they are about. Locks are taken in the order idempotency, quota, allowance, credit, and
//! only the counter of events comes after these.

mod allowances;
mod export;
mod reserving;
mod wallet;

pub use allowances::{Giver, allowances, set_admins_free, set_allowance};
pub use export::StatementExport;
pub(crate) use reserving::{Charge, ForCampaign, end, end_campaign, reserve, reserve_for_campaign};
pub use wallet::{Said, Wallet, WalletError, balance, correct, prices, set_price, statement, top_up, usage, wallet};

pub use postroad_core::credit::segments as segments_of;
use postroad_store::{Result, TenantTx, credit, slots::spread};

/// Why credit was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    #[error("the message costs {wanted} and {balance} is left")]
    Insufficient { wanted: i64, balance: i64 },
    #[error("this costs {wanted}, and you may still spend {allowance}")]
    Allowance { wanted: i64, allowance: i64, balance: i64 },
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Takes all of it or nothing, out of the slots alone: whoever calls writes the entry. One slot at first; only when none has
/// enough, all of them are looked at.
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

/// Where to look first, so that callers do not queue for the same row.
pub(crate) fn any_slot() -> i16 {
    rand::random_range(0..16)
}
