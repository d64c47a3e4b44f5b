//! Reservations, and their ends. Each is an entry of the statement, in the transaction of what it is about.

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    actor::Actor,
    credit::{Category, EntryKind},
    ids::{CampaignId, EntryId, MemberId, MessageId, TenantId},
};
use postroad_store::{
    AnyTx, Result, TenantTx,
    campaigns::Held,
    credit::{
        self, allowances, ending,
        entries::{self, Entry},
    },
};

use super::{CreditError, any_slot, draw};

/// What one message costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) message: MessageId,
    pub(crate) credits: i64,
    pub(crate) channel: Channel,
    pub(crate) category: Category,
}

/// Takes what messages cost from the wallet and from the allowance of whoever asks, all of it or nothing, and tells what the
/// wallet has left. None: nobody pays. An error leaves a transaction that must be dropped.
pub(crate) async fn reserve(
    tx: &mut TenantTx,
    by: Actor,
    charges: &[Charge],
    now: DateTime<Utc>,
) -> Result<Option<i64>, CreditError> {
    if charges.is_empty() {
        return Ok(None);
    }
    let payer = take(tx, by, charges.iter().map(|charge| charge.credits).sum()).await?;
    let paid = charges.iter().filter(|charge| charge.credits > 0);
    let lines: Vec<Entry> = paid.map(|charge| payer.line(charge, now)).collect();
    if !lines.is_empty() {
        entries::insert(tx, &lines).await?;
    }
    Ok(Some(credit::balance(tx).await?))
}

/// Messages of a campaign that cost the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForCampaign {
    pub(crate) campaign: CampaignId,
    pub(crate) channel: Channel,
    pub(crate) category: Category,
    pub(crate) messages: i64,
    /// Of each.
    pub(crate) price: i64,
}

impl ForCampaign {
    pub(crate) const fn credits(&self) -> i64 {
        self.messages.saturating_mul(self.price)
    }
}

/// Takes what so many messages cost, with one entry for all of them.
pub(crate) async fn reserve_for_campaign(
    tx: &mut TenantTx,
    by: Actor,
    wanted: &ForCampaign,
    now: DateTime<Utc>,
) -> Result<(), CreditError> {
    let credits = wanted.credits();
    if credits == 0 {
        return Ok(());
    }
    let payer = take(tx, by, credits).await?;
    let line = Entry {
        credits: -credits,
        messages: wanted.messages,
        campaign: Some(wanted.campaign),
        member: payer.member,
        allowance: payer.of_allowance(credits),
        channel: Some(wanted.channel),
        category: Some(wanted.category),
        made_by: by.to_string(),
        ..blank(EntryKind::Reserve, now)
    };
    Ok(entries::insert(tx, &[line]).await?)
}

/// Who asks, and whether it goes off an allowance.
struct Payer {
    by: Actor,
    member: Option<MemberId>,
    is_limited: bool,
}

/// The allowance first: everybody of a tenant wants the slots.
async fn take(tx: &mut TenantTx, by: Actor, credits: i64) -> Result<Payer, CreditError> {
    let member = member_of(by);
    let is_limited = match member {
        Some(member) if credits > 0 => take_allowance(tx, member, credits).await?,
        _ => false,
    };
    draw(tx, credits).await?;
    Ok(Payer { by, member, is_limited })
}

/// A program, a rule or the operator has no allowance.
const fn member_of(by: Actor) -> Option<MemberId> {
    match by {
        Actor::Member(member) => Some(member),
        _ => None,
    }
}

/// False: the member needs none.
async fn take_allowance(tx: &mut TenantTx, member: MemberId, credits: i64) -> Result<bool, CreditError> {
    match allowances::lock(tx, member).await? {
        None => Ok(false),
        Some(allowance) if allowance < credits => {
            let balance = credit::balance(tx).await?;
            Err(CreditError::Allowance { wanted: credits, allowance, balance })
        }
        Some(_) => {
            allowances::take(tx, member, credits).await?;
            Ok(true)
        }
    }
}

impl Payer {
    fn line(&self, charge: &Charge, now: DateTime<Utc>) -> Entry {
        Entry {
            credits: -charge.credits,
            messages: 1,
            message: Some(charge.message),
            member: self.member,
            allowance: self.of_allowance(charge.credits),
            channel: Some(charge.channel),
            category: Some(charge.category),
            made_by: self.by.to_string(),
            ..blank(EntryKind::Reserve, now)
        }
    }

    const fn of_allowance(&self, credits: i64) -> i64 {
        if self.is_limited { -credits } else { 0 }
    }
}

/// A line about nothing yet.
pub(super) fn blank(kind: EntryKind, now: DateTime<Utc>) -> Entry {
    Entry {
        id: EntryId::new(now),
        kind,
        credits: 0,
        spent: 0,
        messages: 0,
        message: None,
        campaign: None,
        member: None,
        allowance: 0,
        channel: None,
        category: None,
        made_by: Actor::System.to_string(),
        note: None,
        at: now,
    }
}

/// Accounts for those of these messages that have ended and still hold credit, in the transaction that ended them. Called
/// twice, or for messages that hold nothing, it does nothing.
pub(crate) async fn end(tx: &mut impl AnyTx, messages: &[(TenantId, MessageId)], now: DateTime<Utc>) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let ended = ending::end(tx, messages, now).await?;
    let allowed = ended.iter().filter(|one| one.allowance > 0);
    let allowed: Vec<_> = allowed.filter_map(|one| Some((one.tenant, one.member?, one.allowance))).collect();
    if !allowed.is_empty() {
        allowances::give_back(tx, &allowed).await?;
    }
    let credits: Vec<_> = ended.iter().filter(|one| one.credits > 0).map(|one| (one.tenant, one.credits)).collect();
    if credits.is_empty() { Ok(()) } else { credit::return_to(tx, &credits, any_slot()).await }
}

/// Accounts for what a campaign held, `used` messages of which may have been sent.
pub(crate) async fn end_campaign(
    tx: &mut TenantTx,
    campaign: CampaignId,
    held: Held,
    used: i64,
    now: DateTime<Utc>,
) -> Result<()> {
    let spent = used.saturating_mul(held.price).min(held.credits);
    let unused = held.credits - spent;
    let taken = entries::taken_by_campaign(tx, campaign).await?;
    let about = Entry {
        campaign: Some(campaign),
        member: taken.and_then(|taken| taken.member),
        channel: taken.and_then(|taken| taken.channel),
        category: taken.and_then(|taken| taken.category),
        ..blank(EntryKind::Settle, now)
    };
    let mut lines = Vec::new();
    if spent > 0 {
        lines.push(Entry { spent, messages: used, ..about.clone() });
    }
    if unused > 0 {
        let allowance = taken.map_or(0, |taken| taken.allowance).clamp(0, unused);
        let messages = if held.price > 0 { unused / held.price } else { 0 };
        let back =
            Entry { kind: EntryKind::Refund, id: EntryId::new(now), credits: unused, messages, allowance, ..about };
        give_back(tx, &back).await?;
        lines.push(back);
    }
    if lines.is_empty() { Ok(()) } else { entries::insert(tx, &lines).await }
}

async fn give_back(tx: &mut TenantTx, back: &Entry) -> Result<()> {
    if let Some(member) = back.member.filter(|_| back.allowance > 0) {
        let tenant = tx.tenant();
        allowances::give_back(tx, &[(tenant, member, back.allowance)]).await?;
    }
    credit::add(tx, back.credits, any_slot()).await
}
