//! What a person may ask for: everything that is known about them, and that it is forgotten.
//!
//! Forgotten is who they are and what was said. What stays is a row without a name, because messages and the consent ledger
//! point to it, and each address on the suppression list with the reason `erased`: else the next import of an old file would
//! write to the person again. Why the list keeps the address and not its hash stands in ARCHITECTURE.md.

use chrono::{DateTime, Utc};
use postroad_core::{
    consent::SuppressionReason,
    ids::{AddressId, ContactId, SuppressionId, TenantId},
};
use postroad_store::{
    SystemTx, TenantTx, attachments, clicks, contact_links, contacts, erasure,
    merges::{self, Standing},
    opt_ins, ratings,
    suppressions::{self, Suppression},
    texts,
};

use super::{ContactError, absent};
use crate::App;

/// Everything that is stored about a person, as one JSON object.
pub async fn everything(app: &App, tenant: TenantId, id: ContactId) -> Result<serde_json::Value, ContactError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    match erasure::everything(&mut tx, id).await? {
        Some(everything) => Ok(everything),
        None => Err(absent(&mut tx, id).await),
    }
}

/// Forgets a person, with everybody who became part of them. Doing it again does what a crash left undone.
pub async fn erase(app: &App, tenant: TenantId, id: ContactId) -> Result<(), ContactError> {
    let everybody = forget(app, tenant, id).await?;
    forget_evidence(app, tenant, &everybody).await
}

/// From its commit on nobody writes to the person: the addresses are on the list before they are blanked, and the blank
/// ones are on it too, for messages that were accepted and have not left. Returns the contact and those merged into it.
async fn forget(app: &App, tenant: TenantId, id: ContactId) -> Result<Vec<ContactId>, ContactError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let found = merges::lock(&mut tx, [id, id]).await?;
    if let Some(into) = found.first().ok_or(ContactError::NotFound).map(part_of)? {
        return Err(ContactError::Merged(into));
    }
    // A page that has read the person and is not kept yet would keep the name.
    merges::hold_planning(&mut tx).await?;
    let merged = merges::merged_contacts(&mut tx, id).await?;
    suppress(&mut tx, id, now).await?;
    let everybody: Vec<ContactId> = std::iter::once(id).chain(merged).collect();
    for contact in &everybody {
        blank(&mut tx, *contact, now).await?;
    }
    tx.commit().await?;
    Ok(everybody)
}

/// Of somebody who was not erased: whose addresses these are is for the survivor to say.
const fn part_of(standing: &Standing) -> Option<ContactId> {
    if standing.is_erased { None } else { standing.merged_into }
}

/// Every address as it is and as it will be, on every channel.
async fn suppress(tx: &mut TenantTx, id: ContactId, now: DateTime<Utc>) -> Result<(), ContactError> {
    let addresses = contacts::addresses(tx, &[id]).await?;
    let spellings = addresses.iter().flat_map(|address| [address.address.clone(), blank_word(address.id)]);
    let entry = |address: String| Suppression {
        id: SuppressionId::new(now),
        channel: None,
        address,
        reason: SuppressionReason::Erased,
        note: None,
        created_at: now,
    };
    let entries: Vec<Suppression> = spellings.map(entry).collect();
    suppressions::insert(tx, &entries).await?;
    Ok(())
}

async fn blank(tx: &mut TenantTx, id: ContactId, now: DateTime<Utc>) -> Result<(), ContactError> {
    erasure::blank_contact(tx, id, now).await?;
    erasure::blank_addresses(tx, id).await?;
    erasure::blank_sends(tx, id).await?;
    erasure::blank_messages(tx, id).await?;
    erasure::blank_conversations(tx, id).await?;
    erasure::blank_runs(tx, id, now).await?;
    texts::forget(tx, id).await?;
    attachments::forget(tx, id, now).await?;
    erasure::leave_groups(tx, id).await?;
    clicks::forget(tx, id).await?;
    merges::blank(tx, id).await?;
    contact_links::forget(tx, id).await?;
    opt_ins::forget(tx, id).await?;
    ratings::forget(tx, id).await?;
    Ok(())
}

/// What only the system role may change.
async fn forget_evidence(app: &App, tenant: TenantId, everybody: &[ContactId]) -> Result<(), ContactError> {
    let mut tx = SystemTx::begin(&app.store).await?;
    for id in everybody {
        erasure::blank_consents(&mut tx, tenant, *id).await?;
        erasure::blank_attempts(&mut tx, tenant, *id).await?;
        erasure::delete_receipts(&mut tx, tenant, *id).await?;
    }
    Ok(tx.commit().await?)
}

/// As the store spells it.
fn blank_word(id: AddressId) -> String {
    format!("erased:{}", id.uuid().simple())
}
