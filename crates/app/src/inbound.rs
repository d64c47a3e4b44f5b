//! Reads the journal: what providers told us becomes receipts, messages and choices. One transaction per batch, so each
//! webhook is applied exactly once; one that cannot be applied is set aside with its reason and keeps nobody else waiting.

mod messages;

use chrono::{DateTime, Utc};
use postroad_core::{
    consent::{ConsentAction, Purpose, revoked_at},
    ids::{AccountId, JournalId, TenantId},
    inbound::Counted,
    provider::{Effect, Event, EventKind, Fault, Preference, Receipt, Told},
};
use postroad_store::{
    Result, SystemTx,
    inbound::{self, Choice, Unread},
    inbound_counts, pulses,
    receipts::{self, Raised, ReceiptRow},
};

use crate::{
    App, credit,
    outcomes::{Concerned, apply_effect, conversing},
    telling,
};

/// Turns one stored webhook into events, or says why not. The worker hands over the adapters; panics are its business.
pub trait Normalise: Sync {
    fn events(&self, provider: &str, told: &Told<'_>) -> Result<Vec<Event>, String>;
    fn effect(&self, provider: &str, fault: &Fault) -> Effect;
}

/// What one batch held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Read {
    pub webhooks: usize,
    pub quarantined: usize,
    /// What the others held. Each became exactly one of what follows.
    pub events: usize,
    /// Receipts and messages that were new, and those of both that were known.
    pub receipts: usize,
    pub messages: usize,
    pub duplicates: usize,
    pub notices: usize,
    pub ignored: usize,
    /// Of other accounts than the one whose secret verified them.
    pub foreign: usize,
}

impl Read {
    /// As they are counted.
    pub fn counts(&self) -> [(Counted, u64); 9] {
        let applied = self.webhooks - self.quarantined;
        [
            (Counted::Applied, applied),
            (Counted::Quarantined, self.quarantined),
            (Counted::Events, self.events),
            (Counted::Receipt, self.receipts),
            (Counted::Message, self.messages),
            (Counted::Duplicate, self.duplicates),
            (Counted::Notice, self.notices),
            (Counted::Ignored, self.ignored),
            (Counted::Foreign, self.foreign),
        ]
        .map(|(what, count)| (what, count as u64))
    }

    /// Sorts out the events that change nothing here, or are no more than a notice.
    fn sort(&mut self, one: &Understood<'_>) {
        self.events += one.events.len();
        for event in &one.events {
            match &event.kind {
                _ if !concerns(one.hook, event) => self.foreign += 1,
                EventKind::Template(_) | EventKind::Preference(_) | EventKind::Account { .. } => self.notices += 1,
                EventKind::Ignored { .. } => self.ignored += 1,
                EventKind::Inbound(said) if said.from().is_none() => self.ignored += 1,
                EventKind::Inbound(_) | EventKind::Receipt(_) => {}
            }
        }
    }
}

/// Webhooks one transaction applies.
const BATCH: i64 = 500;

/// Applies up to 500 unread webhooks, oldest first. When the batch as a whole fails, the next call goes one by one.
pub async fn read_batch(app: &App, adapters: &dyn Normalise, one_by_one: bool) -> Result<Read> {
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let unread = inbound::take_unread(&mut tx, if one_by_one { 1 } else { BATCH }).await?;
    let read = apply(&mut tx, adapters, &unread, app.clock.now()).await;
    match read {
        Ok((read, told)) => {
            tx.commit().await?;
            app.live.told(told);
            Ok(read)
        }
        Err(error) if one_by_one && !error.is_unavailable() && !unread.is_empty() => {
            drop(tx);
            set_aside(app, unread[0].id, &error.to_string()).await?;
            Ok(Read { webhooks: 1, quarantined: 1, ..Read::default() })
        }
        Err(error) => Err(error),
    }
}

async fn set_aside(app: &App, id: JournalId, error: &str) -> Result<()> {
    let mut tx = SystemTx::begin(&app.store).await?;
    inbound::quarantine(&mut tx, id, error, app.clock.now()).await?;
    inbound_counts::add(&mut tx, &[(Counted::Quarantined, 1)]).await?;
    tx.commit().await
}

/// A webhook's events, ready to be applied.
struct Understood<'a> {
    hook: &'a Unread,
    events: Vec<Event>,
}

/// What the batch held, and of which tenants there is something to tell.
async fn apply(
    tx: &mut SystemTx,
    adapters: &dyn Normalise,
    unread: &[Unread],
    now: DateTime<Utc>,
) -> Result<(Read, Vec<TenantId>)> {
    let mut understood = Vec::with_capacity(unread.len());
    let mut read = Read { webhooks: unread.len(), ..Read::default() };
    for hook in unread {
        match adapters.events(&hook.provider, &told(hook)) {
            Ok(events) => understood.push(Understood { hook, events }),
            Err(error) => {
                read.quarantined += 1;
                inbound::quarantine(tx, hook.id, &error, now).await?;
            }
        }
    }
    let raised = apply_receipts(tx, adapters, &understood, now, &mut read).await?;
    for one in &understood {
        read.sort(one);
        for event in one.events.iter().filter(|event| concerns(one.hook, event)) {
            apply_event(tx, one.hook, event, now).await?;
        }
    }
    let (heard, mut told) = messages::take(tx, &understood, now).await?;
    read.messages = heard.fresh;
    read.duplicates += heard.known;
    let applied: Vec<(JournalId, i32)> =
        understood.iter().map(|one| (one.hook.id, i32::try_from(one.events.len()).unwrap_or(i32::MAX))).collect();
    inbound::mark_applied(tx, &applied, now).await?;
    // Rows that many write are locked in one order everywhere: pulses, counts, events.
    pulses::note_told(tx, &told_to(&understood), now).await?;
    inbound_counts::add(tx, &read.counts()).await?;
    told.extend(account_for(tx, &raised, now).await?);
    telling::tell(tx, &told, now).await?;
    Ok((read, telling::tenants(&told)))
}

fn told(hook: &Unread) -> Told<'_> {
    Told { account: &hook.external_id, url: &hook.url, body: &hook.body, received_at: hook.received_at }
}

/// A signature proves one account's secret. What the body says of other accounts is another journal entry, or a forgery.
fn concerns(hook: &Unread, event: &Event) -> bool {
    event.account_ref == hook.external_id || hook.business_id.as_deref() == Some(event.account_ref.as_str())
}

async fn apply_receipts(
    tx: &mut SystemTx,
    adapters: &dyn Normalise,
    understood: &[Understood<'_>],
    now: DateTime<Utc>,
    read: &mut Read,
) -> Result<Vec<Raised>> {
    let rows: Vec<ReceiptRow> = understood.iter().flat_map(receipt_rows).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = receipts::insert(tx, &rows, now).await?;
    read.receipts += fresh.len();
    read.duplicates += rows.len() - fresh.len();
    let fresh: Vec<&ReceiptRow> = fresh.into_iter().filter_map(|place| rows.get(place)).collect();
    let raised = receipts::apply(tx, &fresh, now).await?;
    for row in fresh.iter().filter(|row| row.fault.is_some()) {
        let hook = understood.iter().find(|one| one.hook.account == row.account).map(|one| one.hook);
        if let Some(hook) = hook {
            apply_fault(tx, adapters, hook, row, now).await?;
        }
    }
    Ok(raised)
}

/// The time of each receipt, by its account.
fn told_to(understood: &[Understood<'_>]) -> Vec<(TenantId, AccountId, DateTime<Utc>)> {
    understood.iter().flat_map(receipt_rows).map(|row| (row.tenant, row.account, row.provider_at)).collect()
}

fn receipt_rows<'a>(one: &'a Understood<'_>) -> impl Iterator<Item = ReceiptRow> + 'a {
    one.events.iter().filter(|event| concerns(one.hook, event)).filter_map(|event| match &event.kind {
        EventKind::Receipt(receipt) => Some(receipt_row(one.hook, event, receipt)),
        _ => None,
    })
}

fn receipt_row(hook: &Unread, event: &Event, receipt: &Receipt) -> ReceiptRow {
    ReceiptRow {
        tenant: hook.tenant,
        account: hook.account,
        event_key: event.key.chars().take(300).collect(),
        message: receipt.correlation.map(|correlation| (correlation.message, correlation.attempt)),
        state: receipt.state,
        provider_ref: receipt.provider_ref.clone(),
        code: receipt.fault.as_ref().map(|fault| fault.code.clone()),
        fault: receipt.fault.as_ref().map(|fault| fault.class),
        price_category: receipt.price_category.clone(),
        provider_at: event.at,
    }
}

/// A delivery that failed may say that the person opted out, or that the account is dead: the same effects as a refused
/// call.
async fn apply_fault(
    tx: &mut SystemTx,
    adapters: &dyn Normalise,
    hook: &Unread,
    row: &ReceiptRow,
    now: DateTime<Utc>,
) -> Result<()> {
    let (Some(class), Some((message, _))) = (row.fault, row.message) else { return Ok(()) };
    let fault = Fault { code: row.code.clone().unwrap_or_default(), class };
    let effect = adapters.effect(&hook.provider, &fault);
    let Some(address) = receipts::address_of(tx, row.tenant, message).await? else { return Ok(()) };
    let concerned = Concerned { tenant: row.tenant, account: row.account, message, address, channel: hook.channel };
    apply_effect(tx, &concerned, effect, now).await
}

/// Applies what the sandbox reports: no webhook, no journal, the same path from there on.
pub async fn apply_events(app: &App, adapters: &dyn Normalise, account: &Unread, events: Vec<Event>) -> Result<()> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let understood = [Understood { hook: account, events }];
    let raised = apply_receipts(&mut tx, adapters, &understood, now, &mut Read::default()).await?;
    pulses::note_told(&mut tx, &told_to(&understood), now).await?;
    let told = account_for(&mut tx, &raised, now).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    Ok(())
}

/// What receipts mean for credit that is reserved, and what conversations are told of them.
async fn account_for(
    tx: &mut SystemTx,
    raised: &[Raised],
    now: DateTime<Utc>,
) -> Result<Vec<(TenantId, postroad_store::events::Event)>> {
    let paid: Vec<_> = raised.iter().filter(|one| one.holds_credit).map(|one| (one.tenant, one.id)).collect();
    credit::end(tx, &paid, now).await?;
    let raised: Vec<_> = raised.iter().map(|one| (one.tenant, one.id, one.class)).collect();
    conversing(tx, &raised).await
}

async fn apply_event(tx: &mut SystemTx, hook: &Unread, event: &Event, now: DateTime<Utc>) -> Result<()> {
    match &event.kind {
        EventKind::Preference(preference) => take_preference(tx, hook, event, preference, now).await,
        EventKind::Template(change) => {
            let to = (change.status, change.category, change.reason.as_deref());
            let known =
                inbound::change_template(tx, (hook.tenant, hook.account), (&change.name, &change.language), to, now)
                    .await?;
            if !known {
                tracing::info!(account.id = %hook.account, "the provider speaks of a template that is not known here");
            }
            Ok(())
        }
        EventKind::Account { what, .. } => {
            tracing::warn!(account.id = %hook.account, provider.event = %what, "the provider says something about the account");
            Ok(())
        }
        EventKind::Inbound(_) | EventKind::Receipt(_) | EventKind::Ignored { .. } => Ok(()),
    }
}

async fn take_preference(
    tx: &mut SystemTx,
    hook: &Unread,
    event: &Event,
    preference: &Preference,
    now: DateTime<Utc>,
) -> Result<()> {
    let Some(from) = preference.phone.as_deref().or(preference.scoped_id.as_deref()) else { return Ok(()) };
    let (_, address) = inbound::address(tx, hook.tenant, hook.channel, from, None, now).await?;
    let action = if preference.wants_marketing { ConsentAction::Granted } else { ConsentAction::Revoked };
    let at = if preference.wants_marketing { event.at.min(now) } else { revoked_at(event.at, now) };
    let choice = choice(hook, address, Purpose::Marketing, action, "provider", at);
    inbound::record_choice(tx, &choice, now).await
}

#[expect(clippy::too_many_arguments, reason = "each names one column")]
const fn choice<'a>(
    hook: &Unread,
    address: postroad_core::ids::AddressId,
    purpose: Purpose,
    action: ConsentAction,
    source: &'a str,
    at: DateTime<Utc>,
) -> Choice<'a> {
    Choice { tenant: hook.tenant, address, channel: hook.channel, purpose, action, source, wording: None, at }
}
