//! One step of a lane: claim, decide, intend, settle. Each function is one short transaction; the calls to the provider lie
//! between them and hold no connection.

mod places;
mod throttled;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use postroad_core::{
    gates::{self, Cap, Decision, GateName, Reason, Ruling},
    ids::{AccountId, ContactId, IncarnationId, MessageId, TenantId},
    message::Class,
    send::SendState,
};
use postroad_store::{
    Result, SystemTx,
    claims::{self, Ask, Claimed},
    decisions::{self, Decided},
    facts::{self, SendFacts},
    incarnations::{self, Incarnation},
    intents::{self, HeldBack, Intended},
    lanes::{self, Lane, Paced},
    reservations::{self, SpacingWanted, UseWanted},
};

use crate::{App, credit, outcomes::conversing, telling};

/// Announces a start of this process; its lease begins now.
pub async fn start(app: &App, incarnation: &Incarnation) -> Result<()> {
    let mut tx = SystemTx::begin(&app.store).await?;
    incarnations::insert(&mut tx, incarnation, app.clock.now()).await?;
    tx.commit().await
}

/// False: the lease is lost, and with it all lanes.
pub async fn renew(app: &App, id: IncarnationId) -> Result<bool> {
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let alive = incarnations::renew(&mut tx, id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(alive)
}

/// Ends the lease and frees every lane.
pub async fn end(app: &App, id: IncarnationId, held: &[(TenantId, AccountId)]) -> Result<()> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    lanes::release(&mut tx, id, held, now).await?;
    incarnations::end(&mut tx, id, now).await?;
    tx.commit().await
}

/// Takes those of `wanted` that nobody alive holds, and tells all lanes that are held now.
pub async fn acquire(app: &App, owner: IncarnationId, wanted: &[(TenantId, AccountId)]) -> Result<Vec<Lane>> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    if !wanted.is_empty() {
        lanes::acquire(&mut tx, owner, wanted, now).await?;
    }
    let held = lanes::held(&mut tx, owner, now).await?;
    tx.commit().await?;
    Ok(held)
}

pub async fn release(app: &App, owner: IncarnationId, freed: &[(TenantId, AccountId)]) -> Result<()> {
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    lanes::release(&mut tx, owner, freed, app.clock.now()).await?;
    tx.commit().await
}

pub async fn claim(app: &App, owner: IncarnationId, asks: &[Ask]) -> Result<Vec<Claimed>> {
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let now = app.clock.now();
    let claimed = claims::claim(&mut tx, owner, asks, now).await?;
    let dead = claimed.iter().filter(|one| one.state == SendState::Dead);
    let dead: Vec<_> = dead.map(|one| (one.tenant, one.id)).collect();
    credit::end(&mut tx, &dead, now).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// The next instant, before `until`, at which one of these lanes has something due.
pub async fn next_due(
    app: &App,
    held: &[(TenantId, AccountId)],
    until: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let next = claims::next_due(&mut tx, held, until).await?;
    tx.commit().await?;
    Ok(next)
}

/// A send that is committed as `attempting`: the call must be made, or settled as not made.
#[derive(Debug)]
pub struct Attempt {
    pub send: SendFacts,
    pub number: i32,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When the intent was written.
    pub began_at: DateTime<Utc>,
}

/// What became of a claim.
#[derive(Debug, Default)]
pub struct Step {
    pub attempts: Vec<Attempt>,
    pub rulings: Vec<Ruling>,
}

/// Decides claimed sends by their facts and moves those that may leave to `attempting`. `fence_of` knows the fence of a
/// lane; `pace` is asked, per lane, what to store for the sends that leave.
pub async fn decide(
    app: &App,
    owner: IncarnationId,
    claimed: &[Claimed],
    fence_of: impl Fn(AccountId) -> i64 + Send,
    mut pace: impl FnMut(&[Attempt]) -> Vec<Paced> + Send,
) -> Result<Step> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_lane(&app.store).await?;
    let (mut judged, mut ended) = judge(app, &mut tx, claimed, fence_of, now).await?;

    let to_send: Vec<Intended> = judged.iter().filter(|j| j.leaves()).map(Judged::intended).collect();
    let intents = intents::intend(&mut tx, owner, &to_send, now).await?;
    note_attempts(&mut judged, &intents);
    reserve(&mut tx, &mut judged, now).await?;
    store_decisions(&mut tx, &judged, now).await?;

    let rulings = judged.iter().map(|j| j.ruling.clone()).collect();
    let refused: Vec<_> = judged.iter().filter(|j| j.is_refused()).map(Judged::conversing).collect();
    let paid = judged.iter().filter(|j| j.is_refused() && j.pays());
    ended.extend(paid.map(|j| (j.send.tenant, j.send.id)));
    let attempts: Vec<Attempt> = judged.into_iter().filter_map(|j| j.into_attempt(now)).collect();
    lanes::write_pace(&mut tx, &pace(&attempts)).await?;
    credit::end(&mut tx, &ended, now).await?;
    let told = conversing(&mut tx, &refused).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(Step { attempts, rulings })
}

/// Reads the facts and asks the gates, in the order of the claims. What cannot be read ends here, and is told.
async fn judge<'a>(
    app: &App,
    tx: &mut SystemTx,
    claimed: &'a [Claimed],
    fence_of: impl Fn(AccountId) -> i64,
    now: DateTime<Utc>,
) -> Result<(Vec<Judged<'a>>, Vec<(TenantId, MessageId)>)> {
    let ids: Vec<(TenantId, MessageId)> = claimed.iter().map(|claimed| (claimed.tenant, claimed.id)).collect();
    let read = facts::read(tx, &ids, app.defaults.quiet_hours, now).await?;
    for corrupt in &read.corrupt {
        tracing::error!(message.id = %corrupt.id, why = %corrupt.why, "a message cannot be read: it is dead");
    }
    if !read.corrupt.is_empty() {
        decisions::bury(tx, &read.corrupt, now).await?;
    }
    let buried = read.corrupt.iter().map(|corrupt| (corrupt.tenant, corrupt.id)).collect();
    let mut sends: HashMap<MessageId, SendFacts> = read.sends.into_iter().map(|send| (send.id, send)).collect();
    let known = claimed.iter().filter_map(|claimed| Some((claimed, sends.remove(&claimed.id)?)));
    Ok((known.map(|(claimed, send)| Judged::new(claimed, fence_of(send.account), send)).collect(), buried))
}

/// A claimed send, its facts, what the gates say, and how far it got.
struct Judged<'a> {
    claimed: &'a Claimed,
    fence: i64,
    send: SendFacts,
    ruling: Ruling,
    /// The number of the attempt, once it is intended.
    attempt: Option<i32>,
}

impl<'a> Judged<'a> {
    fn new(claimed: &'a Claimed, fence: i64, send: SendFacts) -> Self {
        let ruling = gates::decide(&send.facts);
        Self { claimed, fence, send, ruling, attempt: None }
    }

    fn leaves(&self) -> bool {
        self.ruling.decision == Decision::Send
    }

    const fn is_refused(&self) -> bool {
        matches!(self.ruling.decision, Decision::Refuse { .. })
    }

    /// From the wallet, for itself: what campaigns reserve is returned at their end.
    fn pays(&self) -> bool {
        self.send.facts.credit.enforced && self.send.facts.class != Class::Campaign
    }

    const fn conversing(&self) -> (TenantId, MessageId, Class) {
        (self.send.tenant, self.send.id, self.send.facts.class)
    }

    fn intended(&self) -> Intended {
        Intended {
            tenant: self.send.tenant,
            id: self.send.id,
            lane: self.send.account,
            fence: self.fence,
            consent_version: self.send.consent_version,
        }
    }

    fn decided(&self) -> Decided<'_> {
        Decided { claimed: self.claimed, fence: self.fence, facts: &self.send.facts, ruling: self.ruling.clone() }
    }

    fn hold(&mut self, gate: GateName, reason: Reason, until: DateTime<Utc>) -> Option<HeldBack> {
        let attempt = self.attempt.take()?;
        self.ruling.decision = Decision::Wait { gate, until, reason };
        Some(HeldBack { tenant: self.send.tenant, id: self.send.id, attempt, gate, reason, until })
    }

    fn into_attempt(self, began_at: DateTime<Utc>) -> Option<Attempt> {
        let number = self.attempt?;
        Some(Attempt { send: self.send, number, due_at: self.claimed.run_at, began_at })
    }
}

fn note_attempts(judged: &mut [Judged<'_>], intents: &[(MessageId, i32)]) {
    let numbers: HashMap<MessageId, i32> = intents.iter().copied().collect();
    for one in judged {
        one.attempt = numbers.get(&one.send.id).copied();
    }
}

/// Reservations come after the decision: they can turn a send into a wait, never the other way.
async fn reserve(tx: &mut SystemTx, judged: &mut [Judged<'_>], now: DateTime<Utc>) -> Result<()> {
    let mut held = places::reserve(tx, judged, now).await?;
    held.extend(throttled::reserve(tx, judged, now).await?);
    held.extend(reserve_spacing(tx, judged, now).await?);
    held.extend(reserve_uses(tx, judged, now).await?);
    places::give_back(tx, judged, &held, now).await?;
    intents::hold_back(tx, &held, now).await
}

async fn reserve_spacing(tx: &mut SystemTx, judged: &mut [Judged<'_>], now: DateTime<Utc>) -> Result<Vec<HeldBack>> {
    let wanted: Vec<SpacingWanted> = judged.iter().filter(|j| j.attempt.is_some()).filter_map(spacing_wanted).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let got = reservations::reserve_spacing(tx, &wanted, now).await?;
    let is_missing = |j: &Judged<'_>| j.send.spacing.is_some() && !got.contains(&(j.send.account, j.send.address_id));
    let missed = judged.iter_mut().filter(|j| j.attempt.is_some() && is_missing(j));
    Ok(missed.filter_map(|one| one.hold(GateName::Spacing, Reason::PairLimit, pair_free_at(one, now))).collect())
}

fn spacing_wanted(one: &Judged<'_>) -> Option<SpacingWanted> {
    let spacing = one.send.spacing?;
    Some(SpacingWanted { tenant: one.send.tenant, account: one.send.account, address: one.send.address_id, spacing })
}

/// The bucket was emptied after the facts were read: one refill from now, or what the facts already knew.
fn pair_free_at(one: &Judged<'_>, now: DateTime<Utc>) -> DateTime<Utc> {
    let refill = one.send.spacing.map_or(1, |spacing| i64::from(spacing.every_s));
    let known = one.send.facts.spacing.as_ref().and_then(|facts| facts.free_at.max(facts.backoff_until));
    known.map_or(now, |at| at.max(now)) + chrono::TimeDelta::seconds(refill)
}

/// A person who has several sends here, in several lanes or under several addresses, gets one of them now.
async fn reserve_uses(tx: &mut SystemTx, judged: &mut [Judged<'_>], now: DateTime<Utc>) -> Result<Vec<HeldBack>> {
    let mut first: HashMap<ContactId, MessageId> = HashMap::new();
    let mut wanted: Vec<UseWanted> = Vec::new();
    for (one, want) in judged.iter().filter(|j| j.attempt.is_some()).filter_map(|j| Some((j, use_wanted(j, now)?))) {
        first.entry(one.send.contact).or_insert_with(|| {
            wanted.push(want);
            one.send.id
        });
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let got = reservations::reserve_uses(tx, &wanted, now).await?;
    let has_one = |j: &Judged<'_>| first.get(&j.send.contact) == Some(&j.send.id) && got.contains(&j.send.contact);
    let missed = judged.iter_mut().filter(|j| j.attempt.is_some() && j.send.facts.caps.is_some() && !has_one(j));
    // Another lane used the person's slot in this instant. The next check reads fresh facts and names the exact moment.
    Ok(missed
        .filter_map(|one| one.hold(GateName::FrequencyCap, Reason::FrequencyCap, now + chrono::TimeDelta::seconds(1)))
        .collect())
}

fn use_wanted(one: &Judged<'_>, now: DateTime<Utc>) -> Option<UseWanted> {
    let caps = one.send.facts.caps.as_ref()?;
    let counted = |cap: &Cap| (cap.counts_after(caps.zone, now), i32::try_from(cap.max).unwrap_or(i32::MAX));
    Some(UseWanted {
        tenant: one.send.tenant,
        contact: one.send.contact,
        caps: caps.caps.iter().map(counted).collect(),
    })
}

/// Waits and refusals move their rows; a send that turned out not to be wanted any more goes back to the queue, where the
/// next look names the reason.
async fn store_decisions(tx: &mut SystemTx, judged: &[Judged<'_>], now: DateTime<Utc>) -> Result<()> {
    let leave: Vec<Decided<'_>> = judged.iter().filter(|j| j.attempt.is_some()).map(Judged::decided).collect();
    let stay: Vec<Decided<'_>> = judged.iter().filter(|j| !j.leaves()).map(Judged::decided).collect();
    let dropped = judged.iter().filter(|j| j.leaves() && j.attempt.is_none());
    let back: Vec<(TenantId, MessageId, i64)> = dropped.map(|j| (j.send.tenant, j.send.id, j.fence)).collect();
    decisions::record(tx, &stay, now).await?;
    decisions::write_verdicts(tx, &leave, now).await?;
    intents::give_back(tx, &back, now).await
}
