//! Messages of API clients: accepted, told, taken back.
//!
//! Accepting is one transaction: the request id, the message, its send, the wake-up of its lane, quota and credit exist
//! together or not at all. What may leave when is decided later, by the gates; the answer says what they say now.

mod cancel;
mod content;
mod files;
mod hold;
mod plan;
mod sandbox;
mod saying;

use chrono::{DateTime, Utc};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, MessageId},
    limits::BATCH_MAX,
    message::{Class, Content},
    provider::Provider,
    send::SendState,
};
use postroad_store::{
    TenantTx, lanes,
    messages::{self, Filter, MessageRow, NewMessage},
};
use serde::Serialize;

pub use cancel::{CancelError, cancel};
pub(crate) use content::is_https;
pub use content::{INTERACTIVE_CHARS_MAX, SEND_AT_AHEAD_MAX};
pub use hold::Hold;
pub use plan::Refused;
pub(crate) use saying::{Saying, say};

use crate::{
    App,
    credit::{self, Charge, CreditError},
    quota::{self, QuotaError},
    requests::{self, Answer, Call, OnceError, Open, Opened},
};
use plan::Planned;

/// Finds the adapter of a provider: the spelling of addresses is its business.
pub type Adapters = fn(&str) -> Option<&'static dyn Provider>;

/// A message that somebody wants to be sent.
#[derive(Debug, Clone)]
pub struct Draft {
    /// As the caller writes it: a telephone number, or the channel's own kind of address.
    pub to: String,
    /// None: the channel of the account, or of the only one there is.
    pub channel: Option<Channel>,
    pub account: Option<AccountId>,
    pub content: Content,
    pub class: Class,
    pub purpose: Purpose,
    /// None: what fits source and class.
    pub quiet_policy: Option<QuietPolicy>,
    /// Not before this instant. In the past: now.
    pub send_at: Option<DateTime<Utc>>,
    /// Not at or after this instant.
    pub not_after: Option<DateTime<Utc>>,
    /// The message it answers, of the same person through the same account.
    pub reply_to: Option<MessageId>,
}

/// A message that will be sent, once nothing holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub id: MessageId,
    /// `queued`, or `scheduled`.
    pub state: SendState,
    /// What the gates say now. None: nothing holds it, or it is wanted later.
    pub held_by: Option<Hold>,
    /// Parts an SMS takes.
    pub segments: Option<usize>,
    /// Credits it costs, where the tenant pays from a wallet.
    pub price: Option<i64>,
    /// What the wallet has left, then.
    pub balance: Option<i64>,
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Of a batch, by place.
    #[error("none of the messages can be sent")]
    AllRefused(Vec<Refused>),
    #[error("a batch has 1 to {BATCH_MAX} messages, not {count}")]
    BatchSize { count: usize },
    #[error(transparent)]
    Once(#[from] OnceError),
    #[error(transparent)]
    Quota(#[from] QuotaError),
    #[error(transparent)]
    Credit(#[from] CreditError),
    #[error(transparent)]
    Sandbox(#[from] crate::accounts::AccountError),
    #[error(transparent)]
    Store(#[from] postroad_store::Error),
}

/// Accepts one message. `answer` writes what is stored and told, and told again when the call is repeated.
pub async fn submit<A: Serialize>(
    app: &App,
    adapters: Adapters,
    call: &Call,
    draft: Draft,
    answer: impl FnOnce(&Accepted) -> A + Send,
) -> Result<Answer, SubmitError> {
    let mut open = match open(app, adapters, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let planned = plan::plan(app, &mut open, adapters, call, vec![draft]).await?.remove(0)?;
    let accepted = accept(app, &mut open, call, std::slice::from_ref(&planned)).await?;
    let answer = open.close(ACCEPTED, &answer(&accepted[0])).await?;
    nudge(app, call, &[planned]);
    Ok(answer)
}

/// Accepts the messages of a batch that can be sent, and tells of each what became of it, by place.
pub async fn submit_batch<A: Serialize>(
    app: &App,
    adapters: Adapters,
    call: &Call,
    drafts: Vec<Draft>,
    answer: impl FnOnce(&[Result<Accepted, Refused>]) -> A + Send,
) -> Result<Answer, SubmitError> {
    if drafts.is_empty() || drafts.len() > BATCH_MAX {
        return Err(SubmitError::BatchSize { count: drafts.len() });
    }
    let mut open = match open(app, adapters, call).await? {
        Opened::Answered(answer) => return Ok(answer),
        Opened::New(open) => open,
    };
    let fates = plan::plan(app, &mut open, adapters, call, drafts).await?;
    let planned: Vec<Planned> = fates.iter().filter_map(|fate| fate.as_ref().ok().cloned()).collect();
    if planned.is_empty() {
        return Err(SubmitError::AllRefused(fates.into_iter().filter_map(Result::err).collect()));
    }
    let mut accepted = accept(app, &mut open, call, &planned).await?.into_iter();
    let outcomes: Vec<Result<Accepted, Refused>> =
        fates.into_iter().filter_map(|fate| fate.map(|_| accepted.next()).transpose()).collect();
    let answer = open.close(ACCEPTED, &answer(&outcomes)).await?;
    nudge(app, call, &planned);
    Ok(answer)
}

/// Accepts one message as a part of a call that does more. Whoever commits it nudges the lane.
pub(crate) async fn place(
    app: &App,
    adapters: Adapters,
    open: &mut Open<'_>,
    call: &Call,
    draft: Draft,
) -> Result<(Accepted, AccountId), SubmitError> {
    let planned = plan::plan(app, open, adapters, call, vec![draft]).await?.remove(0)?;
    let accepted = accept(app, open, call, std::slice::from_ref(&planned)).await?.remove(0);
    Ok((accepted, planned.message.account))
}

/// Of HTTP: it will be done, and is not done yet.
pub(crate) const ACCEPTED: u16 = 202;

async fn open<'a>(app: &App, adapters: Adapters, call: &'a Call) -> Result<Opened<'a>, SubmitError> {
    if !call.live {
        sandbox::ensure(app, adapters, call.tenant).await?;
    }
    Ok(requests::open(app, call).await?)
}

/// Writes everything but the answer. Quota and credit come last: their rows are shared with everybody.
async fn accept(
    app: &App,
    open: &mut Open<'_>,
    call: &Call,
    planned: &[Planned],
) -> Result<Vec<Accepted>, SubmitError> {
    let (tx, now) = (&mut open.tx, open.now);
    let messages: Vec<NewMessage> = planned.iter().map(|one| one.message.clone()).collect();
    messages::insert(tx, &messages, now).await?;
    for lane in lanes_of(planned) {
        lanes::wake(tx, lane, now).await?;
    }
    let mut holds = hold::read(app, tx, &messages, now).await?;
    let balance = pay(tx, call, planned, now).await?;
    let accepted = planned.iter().map(|one| Accepted {
        id: one.message.id,
        state: one.message.state,
        held_by: holds.remove(&one.message.id),
        segments: credit::segments_of(one.message.channel, &one.message.content),
        price: one.price,
        balance: balance.filter(|_| one.price.is_some()),
    });
    Ok(accepted.collect())
}

/// Lanes that have something due now. What is scheduled wakes its lane in time by itself: a job that lies in the future
/// would stand for every wake-up until then.
fn lanes_of(planned: &[Planned]) -> Vec<AccountId> {
    let due = planned.iter().filter(|one| one.message.state == SendState::Queued);
    let mut lanes: Vec<AccountId> = due.map(|one| one.message.account).collect();
    lanes.sort_unstable();
    lanes.dedup();
    lanes
}

/// Tells what the wallet has left, if it is paid from one.
async fn pay(
    tx: &mut TenantTx,
    call: &Call,
    planned: &[Planned],
    now: DateTime<Utc>,
) -> Result<Option<i64>, SubmitError> {
    if let Some(quota) = call.quota() {
        quota::draw(tx, &quota, i64::try_from(planned.len()).unwrap_or(i64::MAX), now).await?;
    }
    let charges: Vec<Charge> = planned.iter().filter_map(Planned::charge).collect();
    Ok(credit::reserve(tx, call.actor(), &charges, now).await?)
}

fn nudge(app: &App, call: &Call, planned: &[Planned]) {
    for lane in lanes_of(planned) {
        app.nudges.nudge(call.tenant, lane);
    }
}

/// A message as the caller may see it; none: it does not exist, or not for this caller.
pub async fn get(app: &App, call: &Call, id: MessageId) -> postroad_store::Result<Option<MessageRow>> {
    let mut tx = TenantTx::begin(&app.store, call.tenant).await?;
    messages::get(&mut tx, call.reach(), id).await
}

/// Up to `limit` messages, newest first.
pub async fn list(app: &App, call: &Call, filter: &Filter, limit: i64) -> postroad_store::Result<Vec<MessageRow>> {
    let mut tx = TenantTx::begin(&app.store, call.tenant).await?;
    messages::list(&mut tx, call.reach(), filter, limit).await
}
