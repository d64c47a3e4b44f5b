//! Which of several messages does better.

use chrono::TimeDelta;
use postroad_app::{
    campaigns::{self, CampaignError, Guards, NewCampaign, NewExperiment, Timing},
    groups, plan,
};
use postroad_core::{
    actor::Actor,
    campaign::{
        CampaignEvent, CampaignState, LocalLate,
        experiment::{Metric, Shares},
    },
    ids::{CampaignId, TemplateId},
};
use postroad_store::campaigns::{Campaign, Exclusion, NewVariant, Variable};

use crate::stage::Stage;

const PEOPLE: i32 = 400;

async fn other_template(stage: &mut Stage) -> TemplateId {
    let id = TemplateId::from_uuid(uuid::Uuid::new_v4());
    let sql = "insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
               values ($1, $2, $3, 'hey', 'en_US', 'marketing', 'approved', 'Hey {{1}}', 1, now(), now())";
    sqlx::query(sql).bind(stage.seed.tenant).bind(id).bind(stage.account).execute(stage.seed.conn()).await.unwrap();
    id
}

fn against(template: TemplateId, shares: Shares) -> NewExperiment {
    let variables = vec![Variable::Attribute { attribute: "first_name".into(), fallback: None }];
    NewExperiment {
        shares,
        metric: Metric::Read,
        decide_after_s: 3_600,
        variants: vec![NewVariant { template, variables }],
    }
}

async fn plan_all(stage: &mut Stage) {
    for job in stage.jobs().await {
        plan::plan_pages(&stage.world.app, &job).await.unwrap();
    }
}

async fn recipients(stage: &mut Stage, campaign: CampaignId) -> i64 {
    sqlx::query_scalar("select count(*) from recipients where campaign_id = $1")
        .bind(campaign)
        .fetch_one(stage.seed.conn())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_rest_gets_what_did_best_and_the_holdout_nothing() {
    let mut stage = Stage::new(PEOPLE).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = other_template(&mut stage).await;
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let shares = Shares { holdout: 10, sample: 40 };
    campaigns::compare(&app, Actor::Operator, tenant, id, against(other, shares)).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    plan_all(&mut stage).await;
    let (experiment, _) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
    let variants: Vec<CampaignId> = experiment.campaigns.iter().map(|id| CampaignId::from_uuid(*id)).collect();
    assert_eq!((variants.len(), variants[0]), (2, id));
    let (one, two) = (recipients(&mut stage, id).await, recipients(&mut stage, variants[1]).await);
    assert!((50..=110).contains(&one) && (50..=110).contains(&two), "about a fifth each: {one}, {two}");

    let read = "update sends set state = case when campaign_id = $1 then 'read' else 'delivered' end";
    sqlx::query(read).bind(variants[1]).execute(stage.seed.conn()).await.unwrap();
    campaigns::fold_all(&app).await.unwrap();
    assert_eq!(campaigns::compared(&app, tenant, id).await.unwrap().unwrap().0.decided_at, None, "not before its time");
    app.clock.advance(TimeDelta::hours(1));
    for _ in 0..3 {
        campaigns::fold_all(&app).await.unwrap();
    }
    let (experiment, scores) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
    assert_eq!((experiment.winner, scores[0].good, scores[1].good), (Some(1), 0, two));
    plan_all(&mut stage).await;
    let rest = campaigns::get(&app, tenant, experiment.rest.unwrap()).await.unwrap();
    assert_eq!((rest.template, rest.name.as_str()), (other, "Spring (the rest, B)"));
    let three = recipients(&mut stage, rest.id).await;
    let sends = stage.count("select count(distinct contact_id) from sends").await;
    assert_eq!(one + two + three, sends, "nobody is in two of them");
    let held = i64::from(PEOPLE) - sends;
    assert!((20..=62).contains(&held), "about a tenth gets nothing: {held}");
}

#[tokio::test]
async fn nothing_is_sent_to_the_rest_of_a_campaign_that_was_cancelled() {
    let mut stage = Stage::new(50).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = other_template(&mut stage).await;
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let shares = Shares { holdout: 0, sample: 20 };
    campaigns::compare(&app, Actor::Operator, tenant, id, against(other, shares)).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    app.clock.advance(TimeDelta::hours(2));
    campaigns::fold_all(&app).await.unwrap();
    let (experiment, _) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
    assert!(experiment.decided_at.is_some() && experiment.rest.is_none());
}

#[tokio::test]
async fn a_holdout_alone_leaves_out_its_share_and_nobody_else() {
    let mut stage = Stage::new(PEOPLE).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let alone = NewExperiment {
        shares: Shares { holdout: 50, sample: 1 },
        metric: Metric::Delivered,
        decide_after_s: 60,
        variants: Vec::new(),
    };
    campaigns::compare(&app, Actor::Operator, tenant, id, alone).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    plan_all(&mut stage).await;
    let reached = recipients(&mut stage, id).await;
    assert!((150..=250).contains(&reached), "about a half: {reached}");
}

#[tokio::test]
async fn an_experiment_that_makes_no_sense_is_refused() {
    let mut stage = Stage::new(1).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = other_template(&mut stage).await;
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    for (holdout, sample) in [(51, 10), (-1, 10), (0, 0), (50, 51)] {
        let refused =
            campaigns::compare(&app, Actor::Operator, tenant, id, against(other, Shares { holdout, sample })).await;
        assert!(matches!(refused, Err(CampaignError::BadExperiment)), "{holdout}, {sample}");
    }
    let mut short = against(other, Shares { holdout: 0, sample: 20 });
    short.variants[0].variables.clear();
    let refused = campaigns::compare(&app, Actor::Operator, tenant, id, short).await;
    assert!(matches!(refused, Err(CampaignError::Variables { placeholders: 1, variables: 0 })));
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    let late =
        campaigns::compare(&app, Actor::Operator, tenant, id, against(other, Shares { holdout: 0, sample: 20 })).await;
    assert!(matches!(late, Err(CampaignError::WrongState { state: CampaignState::Preparing, .. })));
}

const TRIED: Shares = Shares { holdout: 0, sample: 40 };

/// A draft that compares two messages.
async fn compared(stage: &mut Stage, new: NewCampaign) -> (CampaignId, TemplateId) {
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = other_template(stage).await;
    let id = campaigns::create(&app, Actor::Operator, tenant, new).await.unwrap();
    campaigns::compare(&app, Actor::Operator, tenant, id, against(other, TRIED)).await.unwrap();
    (id, other)
}

async fn parts(stage: &Stage, id: CampaignId) -> Vec<Campaign> {
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let (experiment, _) = campaigns::compared(app, tenant, id).await.unwrap().unwrap();
    let mut parts = Vec::new();
    for part in experiment.campaigns {
        parts.push(campaigns::get(app, tenant, CampaignId::from_uuid(part)).await.unwrap());
    }
    parts
}

#[tokio::test]
async fn every_variant_keeps_the_local_time_and_has_its_share_of_the_throttle() {
    let mut stage = Stage::new(10).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let guards = Guards { throttle_per_minute: Some(60), ..Guards::default() };
    let draft = NewCampaign { guards, ..stage.draft() };
    let (id, _) = compared(&mut stage, draft).await;
    let at = (stage.world.now() + TimeDelta::days(3)).naive_utc();
    let timing = Timing::Local { at, late: LocalLate::Skip };
    campaigns::schedule(&app, Actor::Operator, tenant, id, &timing).await.unwrap();
    app.clock.advance(TimeDelta::days(2) + TimeDelta::hours(11));
    campaigns::fold_all(&app).await.unwrap();
    let parts = parts(&stage, id).await;
    let timed = |part: &Campaign| (part.local_at, part.local_late, part.throttle_per_minute);
    assert_eq!(parts.iter().map(timed).collect::<Vec<_>>(), [(Some(at), LocalLate::Skip, Some(30)); 2]);
    let copy = campaigns::clone(&app, Actor::Operator, tenant, id).await.unwrap();
    let copy = campaigns::get(&app, tenant, copy).await.unwrap();
    assert_eq!((copy.throttle_per_minute, copy.local_at), (Some(60), None), "a copy is as it was written");
    plan_all(&mut stage).await;
    assert_eq!(stage.count("select count(*) from sends where state <> 'scheduled'").await, 0, "nothing is due yet");
}

#[tokio::test]
async fn an_experiment_is_as_it_was_when_it_started() {
    for _ in 0..6 {
        let mut stage = Stage::new(1).await;
        let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
        let draft = stage.draft();
        let (id, other) = compared(&mut stage, draft).await;
        let changed = against(other, Shares { holdout: 0, sample: 10 });
        let (started, _) = tokio::join!(
            campaigns::start(&app, Actor::Operator, tenant, id),
            campaigns::compare(&app, Actor::Operator, tenant, id, changed)
        );
        started.unwrap();
        let (experiment, _) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
        let campaign = campaigns::get(&app, tenant, id).await.unwrap();
        let width = campaign.slice_to.unwrap() - campaign.slice_from.unwrap();
        assert_eq!(width, experiment.shares.sample * 100 / 2);
    }
}

#[tokio::test]
async fn a_group_that_the_rest_leaves_out_stays_until_the_decision() {
    let mut stage = Stage::new(20).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let group = groups::create(&app, tenant, "Never").await.unwrap().id;
    let draft = NewCampaign { exclude: vec![Exclusion::Group { group }], ..stage.draft() };
    let (id, _) = compared(&mut stage, draft).await;
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    plan_all(&mut stage).await;
    assert!(matches!(groups::delete(&app, tenant, group).await, Err(groups::GroupError::InUse)));
    app.clock.advance(TimeDelta::hours(2));
    campaigns::fold_all(&app).await.unwrap();
    plan_all(&mut stage).await;
    groups::delete(&app, tenant, group).await.unwrap();
}

#[tokio::test]
async fn a_rest_that_cannot_begin_is_told_once_and_tried_again() {
    let mut stage = Stage::new(20).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let draft = stage.draft();
    let (id, _) = compared(&mut stage, draft).await;
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    plan_all(&mut stage).await;
    sqlx::query("update templates set status = 'paused'").execute(stage.seed.conn()).await.unwrap();
    sqlx::query("update campaigns set ground = null").execute(stage.seed.conn()).await.unwrap();
    app.clock.advance(TimeDelta::hours(2));
    for _ in 0..3 {
        campaigns::fold_all(&app).await.unwrap();
        app.clock.advance(TimeDelta::minutes(2));
    }
    let (experiment, _) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
    assert!(experiment.refused.unwrap().contains("paused"));
    let history = campaigns::history(&app, tenant, id, None, 50).await.unwrap();
    assert_eq!(history.iter().filter(|event| event.event == CampaignEvent::Refused).count(), 1);
    sqlx::query("update templates set status = 'approved'").execute(stage.seed.conn()).await.unwrap();
    campaigns::fold_all(&app).await.unwrap();
    let (experiment, _) = campaigns::compared(&app, tenant, id).await.unwrap().unwrap();
    assert!(experiment.rest.is_some() && experiment.refused.is_none());
}

#[tokio::test]
async fn a_pause_and_a_cancellation_are_for_all_parts() {
    let mut stage = Stage::new(20).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let draft = stage.draft();
    let (id, _) = compared(&mut stage, draft).await;
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::pause(&app, Actor::Operator, tenant, id, "a look").await.unwrap();
    let states = |parts: Vec<Campaign>| parts.into_iter().map(|part| part.state).collect::<Vec<_>>();
    assert_eq!(states(parts(&stage, id).await), [CampaignState::Paused; 2]);
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    assert_eq!(states(parts(&stage, id).await), [CampaignState::Cancelled; 2]);
}

#[tokio::test]
async fn what_was_approved_is_what_leaves() {
    let mut stage = Stage::new(5).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    sqlx::query("update tenants set approval_above = 2").execute(stage.seed.conn()).await.unwrap();
    let writer = Actor::Client(postroad_core::ids::ClientId::from_uuid(uuid::Uuid::now_v7()));
    let id = campaigns::create(&app, writer, tenant, stage.draft()).await.unwrap();
    campaigns::approve(&app, Actor::Operator, tenant, id).await.unwrap();
    let other = other_template(&mut stage).await;
    campaigns::compare(&app, writer, tenant, id, against(other, TRIED)).await.unwrap();
    let refused = campaigns::start(&app, writer, tenant, id).await;
    assert!(matches!(refused, Err(CampaignError::NeedsApproval { size: 5, above: 2 })), "{refused:?}");
    campaigns::approve(&app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::start(&app, writer, tenant, id).await.unwrap();
}

#[tokio::test]
async fn a_series_compares_nothing_and_a_copy_compares_the_same() {
    let mut stage = Stage::new(5).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let draft = stage.draft();
    let (id, other) = compared(&mut stage, draft).await;
    let weekly = Timing::Series { cron: "0 9 * * 1".into(), zone: "Europe/Berlin".into(), until: None };
    let refused = campaigns::schedule(&app, Actor::Operator, tenant, id, &weekly).await;
    assert!(matches!(refused, Err(CampaignError::SeriesCompares)), "{refused:?}");
    let copy = campaigns::clone(&app, Actor::Operator, tenant, id).await.unwrap();
    let (experiment, _) = campaigns::compared(&app, tenant, copy).await.unwrap().unwrap();
    assert_eq!((experiment.shares, experiment.variants[0].template), (TRIED, other));
}
