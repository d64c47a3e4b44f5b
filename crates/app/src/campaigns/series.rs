//! When campaigns leave by themselves: at one instant, at everybody's local time, or again and again.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, LocalLate, local},
    ids::{CampaignId, TenantId},
    schedule::Schedule,
};
use postroad_store::{
    TenantTx,
    campaigns::{self, Campaign, Move, Series, When},
};
use serde_json::json;

use super::{
    CampaignError,
    events::{self, Happened},
    find,
    moves::{make, step},
    successor,
};
use crate::{App, text, zone};

/// When a campaign leaves by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    At(DateTime<Utc>),
    /// When each recipient's clock shows it: the contact's zone, else the account's, else the tenant's. A time that a clock
    /// change skips is the first instant after the gap; one that happens twice counts once, the first time.
    Local {
        at: NaiveDateTime,
        late: LocalLate,
    },
    /// At each fire of a cron expression in a zone, a campaign of its own.
    Series {
        cron: String,
        zone: String,
        until: Option<DateTime<Utc>>,
    },
}

/// Makes a draft leave by itself. One that is scheduled must be a draft again first.
pub async fn schedule(
    app: &App,
    by: Actor,
    tenant: TenantId,
    id: CampaignId,
    timing: &Timing,
) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let at = first_instant(timing, now)?;
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    campaigns::lock(&mut tx, id).await?;
    let campaign = find(&mut tx, id).await?;
    if matches!(timing, Timing::Series { .. }) && campaigns::experiment(&mut tx, id).await?.is_some() {
        return Err(CampaignError::SeriesCompares);
    }
    campaigns::time(&mut tx, id, &when(timing)).await?;
    let step = Move { scheduled_at: Some(at), ..step(campaign.state, CampaignState::Scheduled) };
    make(&mut tx, &campaign, &step, by, now).await?;
    tx.commit().await?;
    Ok(())
}

fn when(timing: &Timing) -> When<'_> {
    match timing {
        Timing::At(_) => When::Once,
        Timing::Local { at, late } => When::Local { at: *at, late: *late },
        Timing::Series { cron, zone, until } => When::Series { cron, zone, until: *until },
    }
}

/// When something happens for the first time. Of a local time that has come somewhere already, that is now.
fn first_instant(timing: &Timing, now: DateTime<Utc>) -> Result<DateTime<Utc>, CampaignError> {
    match timing {
        Timing::At(at) if *at <= now => Err(CampaignError::InThePast),
        Timing::At(at) => Ok(*at),
        Timing::Local { at, .. } if local::last(*at) <= now => Err(CampaignError::InThePast),
        Timing::Local { at, .. } => Ok(local::first(*at).max(now)),
        Timing::Series { cron, zone, until } => {
            next_fire(&cron.parse()?, zone::parse(zone)?, *until, now).ok_or(CampaignError::NeverFires)
        }
    }
}

fn next_fire(
    schedule: &Schedule,
    zone: Tz,
    until: Option<DateTime<Utc>>,
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    schedule.next_after(after, zone).filter(|at| until.is_none_or(|until| *at <= until))
}

/// One fire of a series: its campaign and its next fire are one commit, so that neither is missed or made twice. Fires that
/// were missed for longer than a start may be late are left out; the one before them is made, and says so by expiring.
pub(super) async fn fire(app: &App, tenant: TenantId, id: CampaignId) -> Result<(), CampaignError> {
    let now = app.clock.now();
    let mut tx = TenantTx::begin(&app.store, tenant).await?;
    let Some(series) = campaigns::due_series(&mut tx, id, now).await? else { return Ok(()) };
    let campaign = find(&mut tx, id).await?;
    let made = run_of(&campaign, &series, now);
    if campaigns::insert(&mut tx, &made).await? {
        let detail = json!({ "at": series.fire_at, "campaign": made.id });
        events::note(&mut tx, id, Happened { event: CampaignEvent::Fired, detail }, Actor::System, now).await?;
        let created = Happened { event: CampaignEvent::Created, detail: json!({ "series": id }) };
        events::note(&mut tx, made.id, created, Actor::System, now).await?;
    }
    match following(&campaign, &series, now)? {
        Some(next) => {
            campaigns::next_fire(&mut tx, id, series.fire_at, next).await?;
        }
        None => {
            let ends = step(CampaignState::Scheduled, CampaignState::Completed);
            make(&mut tx, &campaign, &ends, Actor::System, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn following(campaign: &Campaign, series: &Series, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, CampaignError> {
    let too_late = now - chrono::TimeDelta::seconds(campaign.start_delay_max_s.into());
    let after = series.fire_at.max(too_late);
    Ok(next_fire(&series.cron.parse()?, zone::parse(&series.zone)?, series.until, after))
}

/// The campaign of one fire, which starts like any other that is due.
fn run_of(series: &Campaign, due: &Series, now: DateTime<Utc>) -> Campaign {
    let date = due
        .zone
        .parse()
        .map_or_else(|_| due.fire_at.date_naive(), |zone: Tz| due.fire_at.with_timezone(&zone).date_naive());
    let name = format!("{}, {date}", text::cut(&series.name, 185));
    Campaign {
        state: CampaignState::Scheduled,
        scheduled_at: Some(due.fire_at),
        series: Some(series.id),
        fire_at: Some(due.fire_at),
        ..successor(series, name, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_timing_begins_where_its_moment_comes_first() {
        let now = at("2026-12-01T00:00:00Z");
        let local = |text: &str| Timing::Local { at: text.parse().unwrap(), late: LocalLate::Send };
        let weekly = |cron: &str, until: Option<&str>| Timing::Series {
            cron: cron.into(),
            zone: "Europe/Berlin".into(),
            until: until.map(at),
        };
        let cases = [
            (Timing::At(at("2026-12-01T00:00:01Z")), Some("2026-12-01T00:00:01Z")),
            (Timing::At(now), None),
            (local("2026-12-02T09:00:00"), Some("2026-12-01T19:00:00Z")),
            // It is 14:00 on Kiritimati, and not yet nine everywhere else.
            (local("2026-12-01T09:00:00"), Some("2026-12-01T00:00:00Z")),
            (local("2026-11-30T09:00:00"), None),
            (weekly("0 9 * * 1", None), Some("2026-12-07T08:00:00Z")),
            (weekly("0 9 * * 1", Some("2026-12-07T08:00:00Z")), Some("2026-12-07T08:00:00Z")),
            (weekly("0 9 * * 1", Some("2026-12-07T07:59:59Z")), None),
            (weekly("0 9 30 2 *", None), None),
        ];
        for (timing, expected) in cases {
            assert_eq!(first_instant(&timing, now).ok(), expected.map(at), "{timing:?}");
        }
    }
}
