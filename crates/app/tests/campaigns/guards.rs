//! What keeps a campaign from going wrong faster than people look.

use chrono::TimeDelta;
use postroad_app::{
    campaigns::{self, CampaignError, FollowUp, Guards, NewCampaign},
    dry_run, plan, tenants,
};
use postroad_core::{
    actor::Actor,
    campaign::{CampaignEvent, CampaignState, preflight::Finding},
    forecast::Limit,
    gates::Reason,
    ids::{CampaignId, ClientId},
    limits::PORTFOLIO_WINDOW,
};
use postroad_store::campaigns::Settings;
use sqlx::Executor;

use crate::stage::Stage;

async fn running(stage: &mut Stage) -> CampaignId {
    let id = stage.started().await;
    let job = stage.jobs().await.pop().unwrap();
    plan::plan_pages(&stage.world.app, &job).await.unwrap();
    id
}

async fn end(stage: &mut Stage, state: &str, count: i64) {
    sqlx::query("update sends set state = $1, state_at = now() where id in (select id from sends where state = 'queued' limit $2)")
        .bind(state)
        .bind(count)
        .execute(stage.seed.conn())
        .await
        .unwrap();
}

async fn reason(stage: &Stage, id: CampaignId) -> Option<String> {
    campaigns::fold_all(&stage.world.app).await.unwrap();
    let campaign = campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap();
    (campaign.state == CampaignState::Paused).then_some(campaign.paused_reason).flatten()
}

#[tokio::test]
async fn a_campaign_that_fails_too_often_pauses_and_what_a_person_has_seen_does_not_pause_it_again() {
    let mut stage = Stage::new(200).await;
    let id = running(&mut stage).await;
    end(&mut stage, "delivered", 41).await;
    end(&mut stage, "rejected", 9).await;
    assert_eq!(reason(&stage, id).await, None);
    end(&mut stage, "failed", 2).await;
    let told = reason(&stage, id).await.expect("it pauses");
    assert_eq!(told, "11 of 52 messages failed (21 %), and it pauses at 20 %");
    campaigns::resume(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await.unwrap();
    assert_eq!(reason(&stage, id).await, None);
    end(&mut stage, "delivered", 30).await;
    end(&mut stage, "dead", 20).await;
    assert_eq!(reason(&stage, id).await.unwrap(), "20 of 50 messages failed (40 %), and it pauses at 20 %");
}

#[tokio::test]
async fn a_campaign_pauses_when_what_it_stands_on_changes_and_says_what() {
    let cases = [
        ("update templates set status = 'paused'", "the template was approved, and is paused"),
        ("update templates set body = 'Bye {{1}}'", "the text of the template has changed"),
        ("update accounts set status = 'restricted'", "the account was active, and is restricted"),
    ];
    for (change, expected) in cases {
        let mut stage = Stage::new(2).await;
        let id = running(&mut stage).await;
        assert_eq!(reason(&stage, id).await, None);
        stage.seed.conn().execute(change).await.unwrap();
        assert_eq!(reason(&stage, id).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn no_timer_undoes_a_pause() {
    let mut stage = Stage::new(3).await;
    let id = running(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    campaigns::pause(&app, Actor::Operator, tenant, id, "wrong link").await.unwrap();
    for _ in 0..20 {
        app.clock.advance(TimeDelta::hours(7));
        assert_eq!(reason(&stage, id).await.as_deref(), Some("wrong link"));
    }
}

#[tokio::test]
async fn an_account_that_a_person_paused_holds_a_campaign_and_does_not_pause_it() {
    let mut stage = Stage::new(2).await;
    let id = running(&mut stage).await;
    stage.seed.conn().execute("update accounts set status = 'paused'").await.unwrap();
    assert_eq!(reason(&stage, id).await, None);
}

fn client(number: u128) -> Actor {
    Actor::Client(ClientId::from_uuid(uuid::Uuid::from_u128(number)))
}

#[tokio::test]
async fn a_large_campaign_needs_the_word_of_somebody_else() {
    let stage = Stage::new(11).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    tenants::approve_above(app, tenant, Some(10)).await.unwrap();
    let id = campaigns::create(app, client(1), tenant, stage.draft()).await.unwrap();
    let alone = campaigns::start(app, client(1), tenant, id).await;
    assert!(matches!(alone, Err(CampaignError::NeedsApproval { size: 11, above: 10 })));
    assert!(matches!(campaigns::approve(app, client(1), tenant, id).await, Err(CampaignError::OwnApproval)));
    campaigns::approve(app, client(2), tenant, id).await.unwrap();
    campaigns::start(app, client(1), tenant, id).await.unwrap();
    let history = campaigns::history(app, tenant, id, None, 10).await.unwrap();
    let told: Vec<_> = history.iter().rev().map(|event| (event.event, event.actor.clone())).collect();
    let (one, other) = (client(1).to_string(), client(2).to_string());
    assert_eq!(
        told,
        [(CampaignEvent::Created, one.clone()), (CampaignEvent::Approved, other), (CampaignEvent::Started, one)]
    );
}

#[tokio::test]
async fn changes_are_checked_and_kept_with_both_ends() {
    let stage = Stage::new(1).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let id = campaigns::create(app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let throttle = |throttle| Settings { throttle_per_minute: Some(throttle), ..Settings::default() };
    for wrong in [Some(0), Some(600_001)] {
        let refused = campaigns::change(app, Actor::Operator, tenant, id, &throttle(wrong)).await;
        assert!(matches!(refused, Err(CampaignError::BadThrottle)), "{wrong:?}");
    }
    campaigns::change(app, Actor::Operator, tenant, id, &throttle(Some(60))).await.unwrap();
    campaigns::change(app, Actor::Operator, tenant, id, &throttle(None)).await.unwrap();
    let history = campaigns::history(app, tenant, id, None, 2).await.unwrap();
    let told: Vec<_> = history.iter().map(|event| event.detail["throttle_per_minute"].clone()).collect();
    assert_eq!(told, [serde_json::json!({ "from": 60, "to": null }), serde_json::json!({ "from": null, "to": 60 })]);
    let guards = Guards { pause_at_failures: Some(0), ..Guards::default() };
    let draft = NewCampaign { guards, ..stage.draft() };
    let refused = campaigns::create(app, Actor::Operator, tenant, draft).await;
    assert!(matches!(refused, Err(CampaignError::BadShare)));
}

#[tokio::test]
async fn a_campaign_after_a_campaign_is_for_whom_the_first_did_not_reach() {
    let mut stage = Stage::new(10).await;
    let id = running(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let early = campaigns::follow_up(&app, Actor::Operator, tenant, id, FollowUp::NotReached).await;
    assert!(matches!(early, Err(CampaignError::WrongState { .. })));
    for (state, count) in [("delivered", 4), ("rejected", 2), ("dead", 1), ("read", 1)] {
        end(&mut stage, state, count).await;
    }
    stage
        .seed
        .conn()
        .execute("update sends set state = 'unknown', settled_at = now() where state = 'queued'")
        .await
        .unwrap();
    for _ in 0..2 {
        campaigns::fold_all(&app).await.unwrap();
    }
    for (outcome, expected) in [(FollowUp::NotReached, 3), (FollowUp::Retryable, 1), (FollowUp::Unknown, 2)] {
        app.clock.advance(TimeDelta::seconds(1));
        let (draft, people) = campaigns::follow_up(&app, Actor::Operator, tenant, id, outcome).await.unwrap();
        assert_eq!(people, expected, "{outcome}");
        campaigns::start(&app, Actor::Operator, tenant, draft).await.unwrap();
        let job = stage.jobs().await.pop().unwrap();
        plan::plan_pages(&app, &job).await.unwrap();
        assert_eq!(campaigns::get(&app, tenant, draft).await.unwrap().planned, expected, "{outcome}");
    }
}

#[tokio::test]
async fn a_report_counts_every_recipient_once() {
    let mut stage = Stage::new(10).await;
    let id = running(&mut stage).await;
    for (state, count) in [("delivered", 3), ("read", 2), ("rejected", 1), ("cancelled", 1)] {
        end(&mut stage, state, count).await;
    }
    stage
        .seed
        .conn()
        .execute("update sends set fault_class = 'permanent_recipient' where state = 'rejected'")
        .await
        .unwrap();
    let report = campaigns::report(&stage.world.app, stage.seed.tenant, id).await.unwrap();
    assert_eq!((report.recipients, report.queued, report.delivered, report.read), (10, 3, 3, 2));
    assert_eq!(report.failed, [("permanent_recipient".to_owned(), 1)].into());
    let mut file = campaigns::Recipients::open(&stage.world.app, stage.seed.tenant, id).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = file.next(&stage.world.app).await.unwrap() {
        text.push_str(&String::from_utf8(piece).unwrap());
    }
    assert_eq!(text.lines().count(), 11);
    assert_eq!(text.lines().filter(|line| line.contains("rejected,permanent_recipient")).count(), 1);
}

#[tokio::test]
async fn only_what_is_at_rest_is_put_away() {
    let stage = Stage::new(1).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let id = stage.started().await;
    assert!(matches!(
        campaigns::archive(app, Actor::Operator, tenant, id).await,
        Err(CampaignError::WrongState { .. })
    ));
    campaigns::cancel(app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::archive(app, Actor::Operator, tenant, id).await.unwrap();
    let listed = postroad_store::campaigns::Listed { limit: 10, ..Default::default() };
    assert!(campaigns::list(app, tenant, &listed).await.unwrap().is_empty());
    let copy = campaigns::clone(app, Actor::Operator, tenant, id).await.unwrap();
    let copy = campaigns::get(app, tenant, copy).await.unwrap();
    assert_eq!((copy.state, copy.name.as_str(), copy.archived_at), (CampaignState::Draft, "Spring (copy)", None));
    campaigns::restore(app, Actor::Operator, tenant, id).await.unwrap();
    assert_eq!(campaigns::list(app, tenant, &listed).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_preflight_names_everything_that_is_not_as_it_should_be() {
    let mut stage = Stage::new(3).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let clear = campaigns::preflight(&app, tenant, id).await.unwrap();
    assert!(clear.is_clear() && clear.noticed.is_empty() && clear.recipients == 3, "{clear:?}");
    let wrong = "update templates set status = 'paused'; update accounts set status = 'restricted';
                 update contacts set attributes = '{}'; update tenants set credit_enforced = true;";
    stage.seed.conn().execute(wrong).await.unwrap();
    let found = campaigns::preflight(&app, tenant, id).await.unwrap();
    let findings: Vec<Finding> = found.noticed.iter().map(|noticed| noticed.finding).collect();
    let expected =
        [Finding::AccountNotActive, Finding::TemplateNotApproved, Finding::CreditTooLow, Finding::MissingValues];
    assert_eq!(findings, expected);
    assert!(!found.is_clear());
}

#[tokio::test]
async fn an_audience_larger_than_its_portfolio_is_told_before_it_starts_and_takes_days() {
    let mut stage = Stage::new(25).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let limit = "update accounts set portfolio = 'pf';
                 update addresses set marketing_action = 'granted', marketing_at = now();
                 insert into portfolios (tenant_id, id, people_max, people, updated_at) select id, 'pf', 10, 0, now() from tenants;";
    stage.seed.conn().execute(limit).await.unwrap();
    let found = campaigns::preflight(&app, tenant, id).await.unwrap();
    let told: Vec<(Finding, &str)> =
        found.noticed.iter().map(|noticed| (noticed.finding, noticed.detail.as_str())).collect();
    let words = "it is for 25 people, and the portfolio's limit of 10 new people in 24 hours leaves 10 now: \
                 the others wait until a day is over";
    assert_eq!(told, [(Finding::PortfolioTooSmall, words)]);
    assert!(found.is_clear(), "it may start all the same");

    let forecast = dry_run::dry_run(&app, tenant, id).await.unwrap().forecast;
    assert_eq!(forecast.limited_by, Limit::Portfolio { people_max: 10 });
    let days =
        (forecast.p50_at.unwrap() - forecast.first_at.unwrap()).as_seconds_f64() / PORTFOLIO_WINDOW.as_seconds_f64();
    assert!((days - 2.0).abs() < 0.001, "{days}");
    stage.seed.conn().execute("update portfolios set people_max = 25").await.unwrap();
    assert!(campaigns::preflight(&app, tenant, id).await.unwrap().noticed.is_empty());
}

#[tokio::test]
async fn people_whom_the_portfolio_wrote_to_today_leave_fewer_places_to_a_forecast() {
    let mut stage = Stage::new(25).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    // Thirty of thirty places were taken ten hours ago.
    let full = "update accounts set portfolio = 'pf';
                update addresses set marketing_action = 'granted', marketing_at = now();
                insert into portfolios (tenant_id, id, people_max, people, updated_at) select id, 'pf', 30, 30, now() from tenants;
                insert into portfolio_people (tenant_id, portfolio_id, address_id, reached)
                select id, 'pf', gen_random_uuid(), array['2026-03-02T02:00:00Z'::timestamptz] from tenants, generate_series(1, 30);";
    stage.seed.conn().execute(full).await.unwrap();
    let told = dry_run::dry_run(&app, tenant, id).await.unwrap();
    let back = stage.world.now() - TimeDelta::hours(10) + PORTFOLIO_WINDOW;
    assert_eq!((told.sent, told.waiting[&Reason::QuotaUsed]), (0, 25));
    let (first, last) = (told.forecast.first_at.unwrap(), told.forecast.p50_at.unwrap());
    let half_hour = TimeDelta::minutes(30);
    assert!(first >= back - half_hour && last <= back + half_hour, "{first} to {last}, from {back} on");
}
