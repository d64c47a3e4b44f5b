//! What calls ended in: where each send goes next, and what a fault means for its account and person.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    actor::Actor,
    consent::{ConsentAction, Purpose},
    gates::{GateName, Reason},
    ids::{AccountId, AddressId, ContactId, MessageId, TenantId},
    limits::ATTEMPTS_MAX,
    message::Class,
    provider::{Effect, Fault, FaultClass, Outcome},
    retry,
    send::{AttemptResult, SendState},
};
use postroad_store::{
    Result, SystemTx,
    events::Event,
    facts::SendFacts,
    inbound,
    inbound::Choice,
    outcomes::{self, Settled},
    portfolios::{self, PlaceTaken, PlaceWanted},
    pulses,
};

use crate::{App, credit, telling};

/// How a call ended, the transport's view included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The provider answered, or may have taken the request.
    Outcome(Outcome),
    /// Nothing left: no connection was made.
    NotSent { fault: Fault },
    /// Nothing left: the claim was too old, or the process stops. Due again at once.
    NotTried,
    /// The request cannot be written; no attempt ever can.
    Unsendable { code: String },
}

/// One finished attempt.
#[derive(Debug, Clone)]
pub struct Finished {
    pub tenant: TenantId,
    pub id: MessageId,
    pub account: AccountId,
    pub contact: ContactId,
    pub address: AddressId,
    pub channel: Channel,
    pub class: Class,
    pub number: i32,
    pub ending: Ending,
    pub effect: Effect,
    pub http_status: Option<u16>,
    /// A frequency use was reserved for it.
    pub counted: bool,
    /// A place of this portfolio was.
    pub place: Option<PlaceWanted>,
    pub began_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
}

impl Finished {
    /// It is certain that the person got nothing from this attempt.
    pub const fn certainly_not_sent(&self) -> bool {
        !matches!(self.ending, Ending::Outcome(Outcome::Accepted { .. } | Outcome::Unknown { .. }))
    }
}

/// Where one attempt puts its send. Pure.
pub fn place(finished: &Finished, now: DateTime<Utc>) -> Settled {
    let base = settled(finished);
    match &finished.ending {
        Ending::Outcome(Outcome::Accepted { provider_ref }) => {
            Settled { provider_ref: Some(provider_ref.clone()), ..base }
        }
        Ending::Outcome(Outcome::Unknown { fault }) => {
            with_fault(base, AttemptResult::Unknown, SendState::Unknown, fault)
        }
        Ending::Outcome(Outcome::Rejected { fault }) => {
            with_fault(base, AttemptResult::Rejected, SendState::Rejected, fault)
        }
        Ending::Outcome(Outcome::Retry { fault, after }) => later(base, AttemptResult::Retry, fault, *after, now),
        Ending::NotSent { fault } => later(base, AttemptResult::NotSent, fault, None, now),
        Ending::NotTried => Settled { result: AttemptResult::NotSent, state: SendState::Queued, ..base },
        Ending::Unsendable { code } => {
            Settled { result: AttemptResult::NotSent, state: SendState::Rejected, code: Some(code.clone()), ..base }
        }
    }
}

fn settled(finished: &Finished) -> Settled {
    Settled {
        tenant: finished.tenant,
        id: finished.id,
        account: finished.account,
        attempt: finished.number,
        result: AttemptResult::Accepted,
        state: SendState::Accepted,
        wait: None,
        provider_ref: None,
        code: None,
        fault: None,
        http_status: finished.http_status.and_then(|status| i16::try_from(status).ok()),
        started_at: finished.began_at,
        finished_at: finished.finished_at,
    }
}

fn with_fault(base: Settled, result: AttemptResult, state: SendState, fault: &Fault) -> Settled {
    Settled { result, state, code: Some(fault.code.clone()), fault: Some(fault.class), ..base }
}

/// A definite "not now": waits with backoff, until the attempts are used up.
fn later(base: Settled, result: AttemptResult, fault: &Fault, after: Option<Duration>, now: DateTime<Utc>) -> Settled {
    if base.attempt >= ATTEMPTS_MAX {
        return with_fault(base, result, SendState::Dead, fault);
    }
    let attempt = u32::try_from(base.attempt).unwrap_or(1);
    let delay = retry::delay(attempt, fault.class, after, seed(base.id));
    let until = now + TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX / 2);
    let wait = Some((GateName::Rate, waiting_reason(fault.class), until));
    Settled { wait, ..with_fault(base, result, SendState::Waiting, fault) }
}

/// Spreads the retries of many messages, the same way at every repetition.
fn seed(id: MessageId) -> u64 {
    id.uuid().as_u64_pair().1
}

const fn waiting_reason(class: FaultClass) -> Reason {
    match class {
        FaultClass::RatePair | FaultClass::MarketingCap => Reason::RecipientBackoff,
        FaultClass::RateThroughput | FaultClass::RateApp | FaultClass::RateSpam | FaultClass::Maintenance => {
            Reason::ProviderBackoff
        }
        _ => Reason::Retry,
    }
}

/// Settles finished attempts in one transaction; returns the ids that this call settled.
pub async fn settle(app: &App, finished: &[Finished]) -> Result<Vec<MessageId>> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let rows: Vec<Settled> = finished.iter().map(|one| place(one, now)).collect();
    let settled = outcomes::settle(&mut tx, &rows, now).await?;
    return_places(&mut tx, finished).await?;
    return_uses(&mut tx, finished).await?;
    for one in finished.iter().filter(|one| one.effect != Effect::None || is_pair_limit(&one.ending)) {
        carry_out(&mut tx, one, now).await?;
    }
    pulses::note_accepted(&mut tx, &accepted(finished), now).await?;
    let paid: Vec<_> = settled.iter().filter(|one| one.holds_credit).map(|one| (one.tenant, one.id)).collect();
    credit::end(&mut tx, &paid, now).await?;
    let ended: Vec<_> = finished.iter().map(|one| (one.tenant, one.id, one.class)).collect();
    let told = conversing(&mut tx, &ended).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(settled.into_iter().map(|one| one.id).collect())
}

/// Accounts from which the provider took something, with when each call began.
fn accepted(finished: &[Finished]) -> Vec<(TenantId, AccountId, DateTime<Utc>)> {
    let accepted = finished.iter().filter(|one| matches!(one.ending, Ending::Outcome(Outcome::Accepted { .. })));
    accepted.map(|one| (one.tenant, one.account, one.began_at)).collect()
}

/// What conversations are told of messages that moved. Those of campaigns cost nothing: they belong to none.
pub(crate) async fn conversing(
    tx: &mut SystemTx,
    moved: &[(TenantId, MessageId, Class)],
) -> Result<Vec<(TenantId, Event)>> {
    let conversing = moved.iter().filter(|(.., class)| class.converses());
    let ids: Vec<(TenantId, MessageId)> = conversing.map(|(tenant, id, _)| (*tenant, *id)).collect();
    telling::moved(tx, &ids, Actor::System).await
}

/// The place that a message needs, and holds once it is attempted.
pub fn place_of(send: &SendFacts) -> Option<PlaceWanted> {
    let portfolio = send.portfolio.clone()?;
    Some(PlaceWanted { tenant: send.tenant, portfolio, address: send.address_id })
}

async fn return_places(tx: &mut SystemTx, finished: &[Finished]) -> Result<()> {
    let unused = finished.iter().filter(|one| one.certainly_not_sent());
    let taken: Vec<PlaceTaken> =
        unused.filter_map(|one| Some(PlaceTaken { wanted: one.place.clone()?, at: one.began_at })).collect();
    if taken.is_empty() { Ok(()) } else { portfolios::give_back(tx, &taken).await }
}

async fn return_uses(tx: &mut SystemTx, finished: &[Finished]) -> Result<()> {
    let unused = finished.iter().filter(|one| one.counted && one.certainly_not_sent());
    let uses: Vec<_> = unused.map(|one| (one.tenant, one.contact, one.began_at)).collect();
    if uses.is_empty() { Ok(()) } else { outcomes::return_uses(tx, &uses).await }
}

const fn is_pair_limit(ending: &Ending) -> bool {
    matches!(ending, Ending::Outcome(Outcome::Retry { fault, .. }) if matches!(fault.class, FaultClass::RatePair))
}

async fn carry_out(tx: &mut SystemTx, one: &Finished, now: DateTime<Utc>) -> Result<()> {
    if is_pair_limit(&one.ending) {
        outcomes::back_off(tx, one.tenant, one.account, one.address, now).await?;
    }
    let concerned = Concerned {
        tenant: one.tenant,
        account: one.account,
        message: one.id,
        address: one.address,
        channel: one.channel,
    };
    apply_effect(tx, &concerned, one.effect, now).await
}

/// Whom an effect concerns.
#[derive(Debug, Clone, Copy)]
pub struct Concerned {
    pub tenant: TenantId,
    pub account: AccountId,
    pub message: MessageId,
    pub address: AddressId,
    pub channel: Channel,
}

/// What a fault does beyond its message. The pace of the lane is its runner's business.
pub async fn apply_effect(tx: &mut SystemTx, concerned: &Concerned, effect: Effect, now: DateTime<Utc>) -> Result<()> {
    match effect {
        Effect::Stop => {
            let stopped = outcomes::stop_account(
                tx,
                concerned.tenant,
                concerned.account,
                "disconnected",
                "the provider refuses this account",
            )
            .await?;
            if stopped {
                tracing::error!(account.id = %concerned.account, "the provider refuses this account: it is stopped until somebody reconnects it");
            }
            Ok(())
        }
        Effect::OptOut => inbound::record_choice(tx, &opt_out(concerned, now), now).await,
        Effect::PauseTemplate => outcomes::pause_template_of(tx, concerned.tenant, concerned.message, now).await,
        Effect::PauseMarketing => {
            let paused = outcomes::pause_marketing(
                tx,
                concerned.tenant,
                concerned.account,
                "the provider complains about quality",
            )
            .await?;
            if paused > 0 {
                tracing::error!(account.id = %concerned.account, campaigns = paused, "the provider complains about quality: marketing is paused");
            }
            Ok(())
        }
        Effect::None | Effect::SlowDown | Effect::Rest(_) => Ok(()),
    }
}

const fn opt_out(concerned: &Concerned, now: DateTime<Utc>) -> Choice<'static> {
    Choice {
        tenant: concerned.tenant,
        address: concerned.address,
        channel: concerned.channel,
        purpose: Purpose::Marketing,
        action: ConsentAction::Revoked,
        source: "provider",
        wording: None,
        at: now,
    }
}
