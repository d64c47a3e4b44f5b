//! Calls without an answer are looked for in their provider's list, where there is one: when, by whom, and what a find means.
//!
//! Only a find is evidence. That a message is not in the list proves nothing, since it may get there later: then the policy
//! for its class applies, as everywhere.

use chrono::{DateTime, Utc};
use postroad_core::{
    ids::{JournalId, MessageId, TenantId},
    jobs::Maintain,
    provider::{Event, EventKind, Receipt, Trace},
    send::{AttemptResult, Correlation, SendState},
    unknown::{Graces, LOOKS},
};
pub use postroad_store::lost::Lost;
use postroad_store::{
    Result, SystemTx,
    facts::{self, SendFacts},
    inbound::Unread,
    lost,
    outcomes::{self, Settled},
    queue,
};

use crate::{
    App, credit,
    inbound::{self, Normalise},
    outcomes::conversing,
    telling,
};

/// Calls one sweep asks about. The oldest come first, and what was asked for already costs nothing.
const LOOKS_MAX: i64 = 500;

/// Asks workers to look for calls of these providers whose time has come; each is looked for at most twice.
pub async fn look(app: &App, graces: Graces, providers: &[String]) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = SystemTx::begin(&app.store).await?;
    let mut jobs = Vec::new();
    for (part, nth) in LOOKS.into_iter().zip(1..) {
        let due = lost::due(&mut tx, providers, graces.look_before(part, now), LOOKS_MAX).await?;
        let job = |(tenant, message, attempt)| Maintain::LookUp { tenant, message, attempt, nth };
        jobs.extend(due.into_iter().map(job));
    }
    if !jobs.is_empty() {
        queue::push_all(&mut tx, &jobs, now).await?;
    }
    tx.commit().await?;
    Ok(jobs.len())
}

/// What was sent and by whom. None: something was heard of it meanwhile.
pub async fn find(app: &App, tenant: TenantId, message: MessageId, attempt: i32) -> Result<Option<(Lost, SendFacts)>> {
    let mut tx = SystemTx::begin(&app.store).await?;
    let Some(lost) = lost::find(&mut tx, tenant, message, attempt).await? else { return Ok(None) };
    let sends = facts::read(&mut tx, &[(tenant, message)], app.defaults.quiet_hours, app.clock.now()).await?.sends;
    Ok(sends.into_iter().next().map(|send| (lost, send)))
}

/// Takes the one message that nobody else is known by as the answer, and what is said of it as a receipt. Several are a
/// riddle, and none is no evidence. Returns whether it was found.
pub async fn take(
    app: &App,
    adapters: &dyn Normalise,
    (lost, send): (&Lost, &SendFacts),
    attempt: i32,
    traces: Vec<Trace>,
) -> Result<bool> {
    let mut tx = SystemTx::begin_settle(&app.store).await?;
    let refs: Vec<String> = traces.iter().map(|trace| trace.provider_ref.clone()).collect();
    let known = lost::known_refs(&mut tx, send.tenant, lost.account, &refs).await?;
    let mut unknown = traces.into_iter().filter(|trace| !known.contains(&trace.provider_ref));
    let (Some(trace), None) = (unknown.next(), unknown.next()) else { return Ok(false) };
    let now = app.clock.now();
    let answer = Settled {
        tenant: send.tenant,
        id: send.id,
        account: lost.account,
        attempt,
        result: AttemptResult::Accepted,
        state: SendState::Accepted,
        wait: None,
        provider_ref: Some(trace.provider_ref.clone()),
        code: None,
        fault: None,
        http_status: None,
        started_at: lost.began_at,
        finished_at: now,
    };
    outcomes::settle(&mut tx, &[answer], now).await?;
    credit::end(&mut tx, &[(send.tenant, send.id)], now).await?;
    let told = conversing(&mut tx, &[(send.tenant, send.id, send.facts.class)]).await?;
    telling::tell(&mut tx, &told, now).await?;
    tx.commit().await?;
    app.live.told(telling::tenants(&told));
    if let Some(state) = trace.state {
        let told = event(lost, Correlation { message: send.id, attempt }, &trace, state, now);
        inbound::apply_events(app, adapters, &source(lost, send, now), vec![told]).await?;
    }
    Ok(true)
}

/// As if the provider had told it.
fn event(lost: &Lost, correlation: Correlation, trace: &Trace, state: SendState, now: DateTime<Utc>) -> Event {
    Event {
        account_ref: lost.external_id.clone(),
        key: format!("found|{}|{state}", trace.provider_ref),
        at: now,
        kind: EventKind::Receipt(Receipt {
            provider_ref: trace.provider_ref.clone(),
            correlation: Some(correlation),
            state,
            fault: trace.fault.clone(),
            price_category: None,
        }),
    }
}

fn source(lost: &Lost, send: &SendFacts, now: DateTime<Utc>) -> Unread {
    Unread {
        id: JournalId::from_uuid(send.id.uuid()),
        provider: lost.provider.clone(),
        tenant: send.tenant,
        account: lost.account,
        external_id: lost.external_id.clone(),
        business_id: None,
        channel: lost.channel,
        url: String::new(),
        body: Vec::new(),
        sealed: false,
        received_at: now,
    }
}
