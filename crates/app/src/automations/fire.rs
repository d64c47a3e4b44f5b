//! Begins runs that wait for no event: at the times of a schedule, and where nobody has said anything for a while.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    automation::trigger::{Awaited, Event, Idle, Timetable, Trigger},
    ids::{ContactId, ConversationId},
};
pub use postroad_store::automations::starting::Firing;
use postroad_store::{
    Result, TenantTx,
    audiences::{self, Meant},
    automations::{self as stored, starting},
    segments,
};
use uuid::Uuid;

use super::{
    next_fire,
    start::{Happened, Ready, start},
};
use crate::App;

/// Conversations one transaction looks at.
const PAGE: i64 = 500;
/// How far back silence is looked for that no look has seen: longer than an installation is away.
const IDLE_BEHIND: TimeDelta = TimeDelta::days(3);

/// What a page of one firing held.
struct Page {
    conversations: Vec<(ConversationId, Event)>,
    /// Where it goes on. None: that was all.
    to: Option<ConversationId>,
}

/// Looks at one page of conversations. False: it is not wanted any more.
pub async fn fire(app: &App, firing: &Firing) -> Result<bool> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, firing.tenant).await?;
    starting::hold_cursor(&mut tx).await?;
    if !starting::take_firing(&mut tx, firing).await? {
        return Ok(false);
    }
    let Some(automation) = stored::find(&mut tx, firing.automation).await? else { return Ok(false) };
    let Some(to) = Ready::of(&app.programs, &automation) else { return Ok(false) };
    let trigger = &to.program.definition().trigger;
    let page = match trigger {
        Trigger::Schedule(timetable) => on_time(&mut tx, timetable, firing).await?,
        Trigger::Idle(idle) => in_silence(&mut tx, idle, firing, now).await?,
        _ => return Ok(false),
    };
    let begin = |(conversation, event)| Happened { to: &to, event, conversation, message: None, depth: 0 };
    let happened: Vec<Happened<'_>> = page.conversations.into_iter().map(begin).collect();
    start(&mut tx, &happened, now).await?;
    let at = if page.to.is_some() { Some(firing.at) } else { next_fire(trigger, now) };
    starting::fired(&mut tx, firing.automation, at, page.to).await?;
    tx.commit().await?;
    Ok(true)
}

async fn on_time(tx: &mut TenantTx, timetable: &Timetable, firing: &Firing) -> Result<Page> {
    let states: Vec<&str> = timetable.statuses.iter().map(|state| state.as_str()).collect();
    let mut found = starting::with_states(tx, &states, firing.after, PAGE).await?;
    let is_full = found.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
    let to = found.last().map(|(conversation, _)| *conversation).filter(|_| is_full);
    if let Some(id) = timetable.segment {
        // A segment that was taken away means nobody.
        let segment = segments::find(tx, id).await?;
        let meant = match &segment {
            Some(segment) => among(tx, Meant { filter: &segment.filter.0, at: firing.at }, &found).await?,
            None => Vec::new(),
        };
        found.retain(|(_, contact)| meant.binary_search(&contact.uuid()).is_ok());
    }
    let conversations = found.into_iter().map(|(conversation, _)| (conversation, Event::Schedule)).collect();
    Ok(Page { conversations, to })
}

/// In the order of their ids.
async fn among(tx: &mut TenantTx, meant: Meant<'_>, found: &[(ConversationId, ContactId)]) -> Result<Vec<Uuid>> {
    let contacts: Vec<Uuid> = found.iter().map(|(_, contact)| contact.uuid()).collect();
    audiences::among(tx, meant, &contacts).await
}

async fn in_silence(tx: &mut TenantTx, idle: &Idle, firing: &Firing, now: DateTime<Utc>) -> Result<Page> {
    let since = now - TimeDelta::seconds(idle.after_s.into());
    let wanted = starting::Idle {
        automation: firing.automation,
        since,
        from: since - IDLE_BEHIND,
        waits_for_us: idle.waiting_for == Awaited::Us,
    };
    let found = starting::idle(tx, &wanted, PAGE).await?;
    let event = |last: DateTime<Utc>| Event::Idle {
        for_s: u32::try_from((now - last).num_seconds()).unwrap_or_default(),
        waiting_for: idle.waiting_for,
    };
    // Those that were found now are not found again, so the next look begins anew.
    Ok(Page { conversations: found.into_iter().map(|(id, last)| (id, event(last))).collect(), to: None })
}
