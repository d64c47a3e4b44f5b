//! Two contacts that are one person become one, and two again.
//!
//! A merge moves what belongs to the other: addresses with their consents and messages, groups, what counts for frequency
//! caps. What the other was called stays with it, out of sight, so that its old key leads to the survivor and the way back
//! needs no copy. The history tells by ids what moved. Whoever is part of somebody is found as that somebody everywhere.

mod blend;

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{ContactId, GroupId, MergeId, TenantId},
    limits::{MERGED_ADDRESSES_MAX, MERGED_CONTACTS_MAX, MERGED_GROUPS_MAX},
};
pub use postroad_store::merges::{Kept, Merge, Moved, MovedGroup};
use postroad_store::{
    Error, Json, TenantTx,
    contacts::{self, Contact},
    erasure,
    merges::{self, Standing},
};

use crate::App;

/// Why two contacts cannot be made one, or two again.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error("a contact cannot be merged into itself")]
    Same,
    #[error("there is no such contact")]
    NotFound,
    #[error("there is no contact {0} that could be merged")]
    UnknownOther(ContactId),
    #[error("the contact is part of {0} now")]
    Merged(ContactId),
    #[error("the other contact is part of {0} already")]
    OtherMerged(ContactId),
    #[error("the two have more than {MERGED_ADDRESSES_MAX} addresses together")]
    TooManyAddresses,
    #[error("the two have more than 50 tags together")]
    TooManyTags,
    #[error("the two have more than 50 attributes together")]
    TooManyAttributes,
    #[error("the other contact is in more than {MERGED_GROUPS_MAX} groups")]
    TooManyGroups,
    #[error("more than {MERGED_CONTACTS_MAX} contacts would be one")]
    TooManyContacts,
    #[error("there is no merge {0} into this contact")]
    UnknownMerge(MergeId),
    #[error("the merge was undone before")]
    Undone,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Makes `other` a part of `contact`, in one transaction, and returns what moved. Whoever merges the same two the other way
/// round at the same time waits, and is told that it is done.
pub async fn merge(app: &App, tenant: TenantId, contact: ContactId, other: ContactId) -> Result<Merge, MergeError> {
    if contact == other {
        return Err(MergeError::Same);
    }
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let (survivor, gone) = pair(&mut tx, contact, other).await?;
    merges::hold_planning(&mut tx).await?;
    let mut moved = Moved::default();
    describe(&mut tx, survivor, &gone, &mut moved, now).await?;
    ledger(&mut tx, contact, other, &mut moved, now).await?;
    groups(&mut tx, contact, other, &mut moved).await?;
    uses(&mut tx, contact, other, &mut moved).await?;
    part_of(&mut tx, contact, other, &mut moved).await?;
    let id = MergeId::new(now);
    let merge = Merge { id, contact, other, moved: Json(moved), merged_at: now, undone_at: None, kept: None };
    merges::insert(&mut tx, &merge).await?;
    tx.commit().await?;
    Ok(merge)
}

/// The same, when the provider says that they are one person; once for each two, so that a merge that somebody undid stays undone.
/// False: they were merged before, or cannot be, and stay as they are.
pub async fn merge_same(app: &App, tenant: TenantId, contact: ContactId, other: ContactId) -> Result<bool, Error> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let known = merges::were_one(&mut tx, contact, other).await?;
    drop(tx);
    if known {
        return Ok(false);
    }
    match merge(app, tenant, contact, other).await {
        Ok(_) => Ok(true),
        Err(MergeError::Store(error)) => Err(error),
        Err(error) => {
            tracing::warn!(contact.id = %contact, %error, "two contacts that are one person stay two");
            Ok(false)
        }
    }
}

/// Both contacts, locked: two that exist, and neither is part of anybody.
async fn pair(tx: &mut TenantTx, contact: ContactId, other: ContactId) -> Result<(Contact, Contact), MergeError> {
    let found = merges::lock(tx, [contact, other]).await?;
    let of = |id: ContactId| found.iter().find(|standing| standing.id == id && !standing.is_erased);
    if let Some(into) = of(contact).ok_or(MergeError::NotFound)?.merged_into {
        return Err(MergeError::Merged(into));
    }
    if let Some(into) = of(other).ok_or(MergeError::UnknownOther(other))?.merged_into {
        return Err(MergeError::OtherMerged(into));
    }
    let survivor = contacts::find(tx, contact).await?.ok_or(MergeError::NotFound)?;
    let gone = contacts::find(tx, other).await?.ok_or(MergeError::UnknownOther(other))?;
    Ok((survivor, gone))
}

/// What the survivor is called, and is told of.
async fn describe(
    tx: &mut TenantTx,
    mut survivor: Contact,
    gone: &Contact,
    moved: &mut Moved,
    now: DateTime<Utc>,
) -> Result<(), MergeError> {
    blend::fill(&mut survivor, gone, moved)?;
    contacts::update(tx, &survivor, now).await?;
    Ok(())
}

/// Addresses, and what was said at them. A campaign that means to write to both writes to one.
async fn ledger(
    tx: &mut TenantTx,
    contact: ContactId,
    other: ContactId,
    moved: &mut Moved,
    now: DateTime<Utc>,
) -> Result<(), MergeError> {
    moved.cancelled = merges::cancel_surplus(tx, contact, other, now).await?;
    moved.planned = merges::mark_planned(tx, contact, other).await?;
    moved.addresses = merges::move_addresses(tx, other, contact, None).await?;
    merges::move_messages(tx, other, contact, &moved.addresses).await?;
    if contacts::addresses(tx, &[contact]).await?.len() > MERGED_ADDRESSES_MAX {
        return Err(MergeError::TooManyAddresses);
    }
    Ok(())
}

async fn groups(tx: &mut TenantTx, contact: ContactId, other: ContactId, moved: &mut Moved) -> Result<(), MergeError> {
    let memberships = merges::group_memberships(tx, other).await?;
    if memberships.len() > MERGED_GROUPS_MAX {
        return Err(MergeError::TooManyGroups);
    }
    let joined = merges::join_groups(tx, contact, &memberships).await?;
    erasure::leave_groups(tx, other).await?;
    let told = |(group, added_at): (GroupId, _)| MovedGroup { group, added_at, joined: joined.contains(&group) };
    moved.groups = memberships.into_iter().map(told).collect();
    Ok(())
}

/// Two who are one get no more than one: what either got counts.
async fn uses(tx: &mut TenantTx, contact: ContactId, other: ContactId, moved: &mut Moved) -> Result<(), MergeError> {
    let (own, others) = both_uses(tx, contact, other).await?;
    let together = blend::uses(&own, &others);
    moved.uses_added = others.into_iter().filter(|at| !own.contains(at)).collect();
    moved.uses_before = own;
    Ok(merges::set_uses(tx, contact, &together).await?)
}

/// Held in the order of their ids, as everybody who reserves holds them.
async fn both_uses(
    tx: &mut TenantTx,
    contact: ContactId,
    other: ContactId,
) -> Result<(Vec<DateTime<Utc>>, Vec<DateTime<Utc>>), Error> {
    if contact < other {
        let own = merges::uses(tx, contact).await?;
        return Ok((own, merges::uses(tx, other).await?));
    }
    let others = merges::uses(tx, other).await?;
    Ok((merges::uses(tx, contact).await?, others))
}

/// The other, and whoever became part of it before: one look leads from each to the survivor.
async fn part_of(tx: &mut TenantTx, contact: ContactId, other: ContactId, moved: &mut Moved) -> Result<(), MergeError> {
    moved.contacts = merges::merged_contacts(tx, other).await?;
    merges::mark_merged(tx, &[other], contact).await?;
    merges::mark_merged(tx, &moved.contacts, contact).await?;
    if merges::merged_contacts(tx, contact).await?.len() > MERGED_CONTACTS_MAX {
        return Err(MergeError::TooManyContacts);
    }
    Ok(())
}

/// Makes two of them again: what the merge moved goes back, and what was changed since stays. Returns what could not go back.
pub async fn undo(app: &App, tenant: TenantId, contact: ContactId, id: MergeId) -> Result<Merge, MergeError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let merge = known(&mut tx, contact, id).await?;
    let (survivor, gone) = parts(&mut tx, contact, &merge).await?;
    let moved = &merge.moved;
    let mut kept = Kept { cancelled: moved.cancelled.clone(), planned: moved.planned.clone(), ..Kept::default() };
    let mut described = survivor;
    blend::take_back(&mut described, &gone, moved, &mut kept);
    contacts::update(&mut tx, &described, now).await?;
    merges::move_addresses(&mut tx, contact, gone.id, Some(&moved.addresses)).await?;
    merges::move_messages(&mut tx, contact, gone.id, &moved.addresses).await?;
    groups_back(&mut tx, &merge, &mut kept).await?;
    uses_back(&mut tx, &merge).await?;
    if !merges::mark_undone(&mut tx, id, &kept, now).await? {
        return Err(MergeError::Undone);
    }
    tx.commit().await?;
    Ok(Merge { undone_at: Some(now), kept: Some(Json(kept)), ..merge })
}

/// The merge as it stands while both contacts are held.
async fn known(tx: &mut TenantTx, contact: ContactId, id: MergeId) -> Result<Merge, MergeError> {
    let Some(merge) = merges::find(tx, contact, id).await? else {
        let stands = contacts::find(tx, contact).await?.is_some();
        return Err(if stands { MergeError::UnknownMerge(id) } else { absent(tx, contact).await });
    };
    let found = merges::lock(tx, [contact, merge.other]).await?;
    match found.iter().find(|standing| standing.id == contact) {
        Some(Standing { is_erased: false, merged_into: None, .. }) => {}
        Some(Standing { is_erased: false, merged_into: Some(into), .. }) => return Err(MergeError::Merged(*into)),
        _ => return Err(MergeError::NotFound),
    }
    let merge = merges::find(tx, contact, id).await?.ok_or(MergeError::UnknownMerge(id))?;
    if merge.undone_at.is_some() { Err(MergeError::Undone) } else { Ok(merge) }
}

async fn absent(tx: &mut TenantTx, contact: ContactId) -> MergeError {
    match merges::survivor(tx, contact).await {
        Ok(into) => into.map_or(MergeError::NotFound, MergeError::Merged),
        Err(error) => error.into(),
    }
}

/// Who remained, and the other as somebody by itself again.
async fn parts(tx: &mut TenantTx, contact: ContactId, merge: &Merge) -> Result<(Contact, Contact), MergeError> {
    merges::stand_alone(tx, merge.other).await?;
    merges::mark_merged(tx, &merge.moved.contacts, merge.other).await?;
    let survivor = contacts::find(tx, contact).await?.ok_or(MergeError::NotFound)?;
    let gone = contacts::find(tx, merge.other).await?.ok_or(MergeError::NotFound)?;
    Ok((survivor, gone))
}

async fn groups_back(tx: &mut TenantTx, merge: &Merge, kept: &mut Kept) -> Result<(), Error> {
    let groups: Vec<(GroupId, DateTime<Utc>)> = merge.moved.groups.iter().map(|g| (g.group, g.added_at)).collect();
    let joined: Vec<GroupId> = merge.moved.groups.iter().filter(|g| g.joined).map(|g| g.group).collect();
    let back = merges::groups_back(tx, merge.contact, merge.other, &groups, &joined).await?;
    kept.groups = groups.into_iter().map(|(group, _)| group).filter(|group| !back.contains(group)).collect();
    Ok(())
}

/// What was sent to the one person meanwhile counts for both: nobody gets more by having been one.
async fn uses_back(tx: &mut TenantTx, merge: &Merge) -> Result<(), Error> {
    let (now_own, others) = both_uses(tx, merge.contact, merge.other).await?;
    let (own, other) = blend::uses_back(&now_own, &others, merge);
    merges::set_uses(tx, merge.contact, &own).await?;
    merges::set_uses(tx, merge.other, &other).await
}

/// Merges into a contact, the newest first, undone ones too.
pub async fn list(
    app: &App,
    tenant: TenantId,
    contact: ContactId,
    before: Option<MergeId>,
    limit: i64,
) -> Result<Vec<Merge>, MergeError> {
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    if contacts::find(&mut tx, contact).await?.is_none() {
        return Err(absent(&mut tx, contact).await);
    }
    Ok(merges::list(&mut tx, contact, before, limit).await?)
}
