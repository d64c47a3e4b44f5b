//! What a person may ask for: everything that is known about them, and that it is forgotten.
//!
//! Forgotten is who they are and what was said. What stays is a row without a name, because messages and the consent ledger
//! point to it, and each address on the suppression list with the reason `erased`: else the next import of an old file would
//! write to the person again. Why the list keeps the address and not its hash stands in ARCHITECTURE.md.

use postroad_core::{
    consent::SuppressionReason,
    ids::{AddressId, ContactId, SuppressionId, TenantId},
};
use postroad_store::{
    SystemTx, TenantTx, contacts, erasure,
    suppressions::{self, Suppression},
};

use super::ContactError;
use crate::App;

/// Everything that is stored about a person, as one JSON object.
pub async fn everything(app: &App, tenant: TenantId, id: ContactId) -> Result<serde_json::Value, ContactError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    erasure::everything(&mut tx, id).await?.ok_or(ContactError::NotFound)
}

/// Forgets a person. Doing it again does what a crash left undone.
pub async fn erase(app: &App, tenant: TenantId, id: ContactId) -> Result<(), ContactError> {
    forget(app, tenant, id).await?;
    forget_evidence(app, tenant, id).await
}

/// From its commit on nobody writes to the person: the addresses are on the list before they are blanked, and the blank
/// ones are on it too, for messages that were accepted and have not left.
async fn forget(app: &App, tenant: TenantId, id: ContactId) -> Result<(), ContactError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if !erasure::blank_contact(&mut tx, id, now).await? {
        return Err(ContactError::NotFound);
    }
    let addresses = contacts::addresses(&mut tx, &[id]).await?;
    let spellings = addresses.iter().flat_map(|address| [address.address.clone(), blank(address.id)]);
    let entry = |address: String| Suppression {
        id: SuppressionId::new(now),
        channel: None,
        address,
        reason: SuppressionReason::Erased,
        note: None,
        created_at: now,
    };
    let entries: Vec<Suppression> = spellings.map(entry).collect();
    suppressions::insert(&mut tx, &entries).await?;
    erasure::blank_addresses(&mut tx, id).await?;
    erasure::blank_sends(&mut tx, id).await?;
    erasure::blank_messages(&mut tx, id).await?;
    erasure::leave_groups(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// What only the system role may change.
async fn forget_evidence(app: &App, tenant: TenantId, id: ContactId) -> Result<(), ContactError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    erasure::blank_consents(&mut tx, tenant, id).await?;
    erasure::blank_attempts(&mut tx, tenant, id).await?;
    erasure::delete_receipts(&mut tx, tenant, id).await?;
    Ok(tx.commit().await?)
}

/// As the store spells it.
fn blank(id: AddressId) -> String {
    format!("erased:{}", id.uuid().simple())
}
