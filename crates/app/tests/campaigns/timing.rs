//! When campaigns leave by themselves.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use postroad_app::{
    campaigns::{self, CampaignError, Timing},
    plan,
};
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, LocalLate},
    ids::CampaignId,
    time::{self, local_date},
};
use postroad_store::campaigns::Listed;

use crate::stage::Stage;

async fn scheduled(stage: &Stage, timing: &Timing) -> CampaignId {
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let id = campaigns::create(app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    campaigns::schedule(app, Actor::Operator, tenant, id, timing).await.unwrap();
    id
}

fn to(stage: &Stage, at: DateTime<Utc>) {
    stage.world.app.clock.advance(at - stage.world.now());
}

async fn state(stage: &Stage, id: CampaignId) -> CampaignState {
    campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().state
}

/// Gives each person a zone, and the last one none.
async fn spread(stage: &mut Stage, zones: &[&str]) {
    sqlx::query(
        "update contacts c set time_zone = z.zone
         from   (select id, row_number() over (order by id) as n from contacts) x
         join   unnest($1::text[]) with ordinality as z (zone, n) on z.n = x.n
         where  c.id = x.id",
    )
    .bind(zones.iter().map(|zone| (*zone).to_owned()).collect::<Vec<_>>())
    .execute(stage.seed.conn())
    .await
    .unwrap();
}

async fn planned(stage: &mut Stage) -> Vec<(Option<String>, String, DateTime<Utc>, Option<DateTime<Utc>>)> {
    let job = stage.jobs().await.pop().unwrap();
    plan::plan_pages(&stage.world.app, &job).await.unwrap();
    let sql = "select c.time_zone, s.state, s.run_at, s.not_after from sends s join contacts c on c.id = s.contact_id
               order by c.time_zone nulls last";
    sqlx::query_as(sql).fetch_all(stage.seed.conn()).await.unwrap()
}

#[tokio::test]
async fn everybody_gets_it_when_their_own_clock_says_so() {
    let zones = ["Asia/Jakarta", "Australia/Lord_Howe", "America/New_York", "Europe/Berlin", "Africa/Casablanca"];
    let mut stage = Stage::new(6).await;
    spread(&mut stage, &zones).await;
    let at = "2026-03-29T02:30:00".parse().unwrap();
    let id = scheduled(&stage, &Timing::Local { at, late: LocalLate::Send }).await;
    let begins = campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().scheduled_at.unwrap();
    assert_eq!(begins, "2026-03-28T12:30:00Z".parse::<DateTime<Utc>>().unwrap());
    to(&stage, begins);
    campaigns::fold_all(&stage.world.app).await.unwrap();
    let sends = planned(&mut stage).await;
    assert_eq!(sends.len(), 6);
    for (zone, state, run_at, _) in sends {
        let zone: Tz = zone.as_deref().unwrap_or("UTC").parse().unwrap();
        assert_eq!((state.as_str(), run_at), ("scheduled", time::resolve(zone, at)), "{zone}");
    }
}

#[tokio::test]
async fn whom_the_local_time_has_passed_for_gets_it_at_once_or_not_at_all() {
    for (late, expected) in [(LocalLate::Send, None), (LocalLate::Skip, Some("2026-03-02T02:00:00Z"))] {
        let mut stage = Stage::new(2).await;
        spread(&mut stage, &["Asia/Jakarta", "America/New_York"]).await;
        let at = "2026-03-02T09:00:00".parse().unwrap();
        scheduled(&stage, &Timing::Local { at, late }).await;
        campaigns::fold_all(&stage.world.app).await.unwrap();
        let sends = planned(&mut stage).await;
        let now = stage.world.now();
        let before: Option<DateTime<Utc>> = expected.map(|at| at.parse().unwrap());
        assert_eq!((sends[1].1.as_str(), sends[1].2, sends[1].3), ("queued", now, before), "{late}");
        let later: DateTime<Utc> = "2026-03-02T14:00:00Z".parse().unwrap();
        assert_eq!((sends[0].1.as_str(), sends[0].2, sends[0].3), ("scheduled", later, None), "{late}");
    }
}

#[tokio::test]
async fn a_campaign_that_is_later_than_it_may_be_does_not_start() {
    let stage = Stage::new(1).await;
    let begins = stage.world.now() + TimeDelta::minutes(5);
    let id = scheduled(&stage, &Timing::At(begins)).await;
    to(&stage, begins + TimeDelta::seconds(3_601));
    campaigns::fold_all(&stage.world.app).await.unwrap();
    assert_eq!(state(&stage, id).await, CampaignState::Expired);
}

/// A zone, a local time inside its own gap or fold, and the date of that.
const MOVES: [(&str, &str, &str); 9] = [
    ("Europe/Berlin", "30 2 * * *", "2026-03-29"),
    ("Europe/Berlin", "30 2 * * *", "2026-10-25"),
    ("America/New_York", "30 2 * * *", "2027-03-14"),
    ("America/New_York", "30 1 * * *", "2026-11-01"),
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04"),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-05"),
    ("Africa/Casablanca", "30 2 * * *", "2026-03-22"),
    ("Africa/Casablanca", "30 2 * * *", "2027-02-07"),
    ("Asia/Jakarta", "30 2 * * *", "2026-03-29"),
];

#[tokio::test]
async fn a_series_makes_one_campaign_for_each_local_date_whatever_the_clocks_do() {
    let mut moves = MOVES;
    moves.sort_by_key(|(.., date)| *date);
    let stage = Stage::new(1).await;
    for (zone, cron, date) in moves {
        let date: NaiveDate = date.parse().unwrap();
        let zone: Tz = zone.parse().unwrap();
        to(&stage, time::day_starts_at(zone, date - TimeDelta::days(1)));
        assert_eq!(fired(&stage, cron, zone).await, expected(date), "{cron} in {zone} around {date}");
    }
}

fn expected(date: NaiveDate) -> Vec<NaiveDate> {
    (-1..=1).map(|days| date + TimeDelta::days(days)).collect()
}

/// Looks twice an hour for three days; returns the local dates of what fired.
async fn fired(stage: &Stage, cron: &str, zone: Tz) -> Vec<NaiveDate> {
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let timing = Timing::Series { cron: cron.into(), zone: zone.name().into(), until: None };
    let series = scheduled(stage, &timing).await;
    for _ in 0..3 * 48 {
        app.clock.advance(TimeDelta::minutes(30));
        campaigns::fold_all(app).await.unwrap();
    }
    let listed = Listed { series: Some(series), limit: 100, ..Listed::default() };
    let mut dates = Vec::new();
    for campaign in campaigns::list(app, tenant, &listed).await.unwrap() {
        assert_eq!(campaign.state, CampaignState::Preparing);
        dates.push(local_date(zone, campaign.fire_at.unwrap()));
        campaigns::cancel(app, Actor::Operator, tenant, campaign.id).await.unwrap();
    }
    campaigns::cancel(app, Actor::Operator, tenant, series).await.unwrap();
    dates.sort_unstable();
    dates
}

#[tokio::test]
async fn two_leaders_make_the_campaign_of_one_fire_once() {
    let stage = Stage::new(1).await;
    let timing = Timing::Series { cron: "*/5 * * * *".into(), zone: "UTC".into(), until: None };
    let series = scheduled(&stage, &timing).await;
    for _ in 0..10 {
        stage.world.app.clock.advance(TimeDelta::minutes(5));
        let (one, other) = (stage.world.app.clone(), stage.world.app.clone());
        let (one, other) = tokio::join!(campaigns::fold_all(&one), campaigns::fold_all(&other));
        one.and(other).unwrap();
    }
    let listed = Listed { series: Some(series), limit: 100, ..Listed::default() };
    let made = campaigns::list(&stage.world.app, stage.seed.tenant, &listed).await.unwrap();
    assert_eq!(made.len(), 10);
}

#[tokio::test]
async fn fires_that_were_missed_for_long_are_not_made_up_for_one_by_one() {
    let stage = Stage::new(1).await;
    let timing = Timing::Series { cron: "*/5 * * * *".into(), zone: "UTC".into(), until: None };
    let series = scheduled(&stage, &timing).await;
    stage.world.app.clock.advance(TimeDelta::days(3));
    for _ in 0..3 {
        campaigns::fold_all(&stage.world.app).await.unwrap();
    }
    let listed = Listed { series: Some(series), limit: 100, ..Listed::default() };
    let made = campaigns::list(&stage.world.app, stage.seed.tenant, &listed).await.unwrap();
    assert!(made.len() <= 3, "{}", made.len());
    assert!(made.iter().any(|campaign| campaign.state == CampaignState::Expired), "the first missed one says so");
}

#[tokio::test]
async fn a_series_ends_behind_its_last_fire_and_nothing_is_started_by_hand() {
    let stage = Stage::new(1).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let until = Some(stage.world.now() + TimeDelta::minutes(6));
    let timing = Timing::Series { cron: "*/5 * * * *".into(), zone: "UTC".into(), until };
    let series = scheduled(&stage, &timing).await;
    let by_hand = campaigns::start(app, Actor::Operator, tenant, series).await;
    assert!(matches!(by_hand, Err(CampaignError::IsSeries)));
    app.clock.advance(TimeDelta::minutes(5));
    campaigns::fold_all(app).await.unwrap();
    assert_eq!(state(&stage, series).await, CampaignState::Completed);
    let again = Timing::Series { cron: "no cron".into(), zone: "UTC".into(), until: None };
    let id = campaigns::create(app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let refused = campaigns::schedule(app, Actor::Operator, tenant, id, &again).await;
    assert!(matches!(refused, Err(CampaignError::Cron(_))));
}

#[tokio::test]
async fn a_start_that_is_refused_is_told_once_and_tried_again_every_minute() {
    let mut stage = Stage::new(1).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let at = stage.world.now() + TimeDelta::hours(1);
    let id = scheduled(&stage, &Timing::At(at)).await;
    sqlx::query("update templates set status = 'paused'").execute(stage.seed.conn()).await.unwrap();
    to(&stage, at);
    for _ in 0..5 {
        campaigns::fold_all(&app).await.unwrap();
        app.clock.advance(TimeDelta::seconds(40));
    }
    let campaign = campaigns::get(&app, tenant, id).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Scheduled);
    assert!(campaign.start_refused.unwrap().contains("paused"));
    let history = campaigns::history(&app, tenant, id, None, 50).await.unwrap();
    assert_eq!(history.iter().filter(|event| event.event == CampaignEvent::Refused).count(), 1);
    sqlx::query("update templates set status = 'approved'").execute(stage.seed.conn()).await.unwrap();
    app.clock.advance(TimeDelta::minutes(1));
    campaigns::fold_all(&app).await.unwrap();
    let campaign = campaigns::get(&app, tenant, id).await.unwrap();
    assert_eq!((campaign.state, campaign.start_refused), (CampaignState::Preparing, None));
}
