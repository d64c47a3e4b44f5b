//! Another way to those whom a campaign did not reach.

use chrono::TimeDelta;
use postroad_app::{
    campaigns::{self, CampaignError, NewCampaign},
    credit::{self, Said},
    plan,
};
use postroad_core::{
    actor::Actor,
    campaign::CampaignState,
    ids::{AccountId, CampaignId, TemplateId},
    jobs::PlanCampaign,
};
use postroad_store::campaigns::{Campaign, Fallback, Listed, Variable};
use postroad_testkit::SeedAccount;

use crate::stage::Stage;

/// An account for text messages with a template, and a number there for everybody but the last one.
async fn by_sms(stage: &mut Stage) -> Fallback {
    let account = stage.seed.account(&SeedAccount { channel: "sms", ..SeedAccount::default() }).await;
    let template = TemplateId::from_uuid(uuid::Uuid::new_v4());
    sqlx::query(
        "insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
         values ($1, $2, $3, 'hello', 'en_US', 'marketing', 'approved', 'Hello {{1}}, by SMS', 1, now(), now())",
    )
    .bind(stage.seed.tenant)
    .bind(template)
    .bind(account)
    .execute(stage.seed.conn())
    .await
    .unwrap();
    sqlx::query(
        "insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
         select tenant_id, gen_random_uuid(), contact_id, 'sms', address, created_at from addresses
         where  contact_id <> (select max(contact_id::text)::uuid from addresses)",
    )
    .execute(stage.seed.conn())
    .await
    .unwrap();
    let variables = vec![Variable::Attribute { attribute: "first_name".into(), fallback: None }];
    Fallback { account, template, variables, within_s: 600 }
}

/// A campaign that has begun, and the account of its fallback.
async fn begun(stage: &mut Stage) -> (CampaignId, AccountId) {
    let fallback = by_sms(stage).await;
    let account = fallback.account;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let draft = NewCampaign { fallback: Some(fallback), ..stage.draft() };
    let id = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    (id, account)
}

async fn follower(stage: &Stage, of: CampaignId) -> Campaign {
    let listed = Listed { fallback_of: Some(of), limit: 10, ..Listed::default() };
    campaigns::list(&stage.world.app, stage.seed.tenant, &listed).await.unwrap().remove(0)
}

/// The newest planning job of a campaign, done.
async fn look(stage: &mut Stage, id: CampaignId) -> Option<plan::Planned> {
    let jobs = stage.jobs().await;
    let newest: PlanCampaign = jobs.into_iter().rfind(|job| job.campaign == id).unwrap();
    plan::plan_pages(&stage.world.app, &newest).await.unwrap()
}

async fn set(stage: &mut Stage, state: &'static str, campaign: CampaignId, limit: i64) {
    sqlx::query(
        "update sends set state = $3, state_at = now(), settled_at = now() where tenant_id = $1 and id in (
             select id from sends where campaign_id = $2 and state = 'queued' order by contact_id limit $4)",
    )
    .bind(stage.seed.tenant)
    .bind(campaign)
    .bind(state)
    .bind(limit)
    .execute(stage.seed.conn())
    .await
    .unwrap();
}

#[tokio::test]
async fn whoever_failed_gets_it_the_other_way_once_and_nobody_else_does() {
    let mut stage = Stage::new(6).await;
    let (id, account) = begun(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = follower(&stage, id).await;
    assert_eq!(
        (other.account, other.state, other.name.as_str()),
        (account, CampaignState::Preparing, "Spring (fallback)")
    );
    look(&mut stage, id).await.unwrap();
    assert_eq!(look(&mut stage, other.id).await.unwrap().recipients, 0, "nothing has failed");
    set(&mut stage, "rejected", id, 2).await;
    set(&mut stage, "unknown", id, 1).await;
    assert_eq!(look(&mut stage, other.id).await.unwrap().recipients, 2);
    // The last of the six has no number for text messages.
    set(&mut stage, "failed", id, 3).await;
    assert_eq!(look(&mut stage, other.id).await.unwrap().recipients, 2);
    assert_eq!(look(&mut stage, other.id).await.unwrap().recipients, 0, "each of them once");
    let by_sms = "select count(*) from sends s join addresses a on a.id = s.address_id join messages m on m.id = s.id
                  where a.channel = 'sms' and m.channel = 'sms' and m.content ->> 'type' = 'template' and s.state = 'queued'";
    assert_eq!(stage.count(by_sms).await, 4);
    assert_eq!(campaigns::get(&app, tenant, other.id).await.unwrap().state, CampaignState::Preparing);
}

#[tokio::test]
async fn it_waits_for_late_failures_and_ends_after_them() {
    let mut stage = Stage::new(3).await;
    let (id, _) = begun(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let other = follower(&stage, id).await.id;
    look(&mut stage, id).await.unwrap();
    set(&mut stage, "delivered", id, 3).await;
    for _ in 0..2 {
        campaigns::fold_all(&app).await.unwrap();
    }
    assert_eq!(campaigns::get(&app, tenant, id).await.unwrap().state, CampaignState::Completed);
    assert!(!look(&mut stage, other).await.unwrap().is_last, "something may still be reported");
    app.clock.advance(TimeDelta::seconds(601));
    assert!(look(&mut stage, other).await.unwrap().is_last);
    for _ in 0..2 {
        campaigns::fold_all(&app).await.unwrap();
    }
    assert_eq!(campaigns::get(&app, tenant, other).await.unwrap().state, CampaignState::Completed);
}

#[tokio::test]
async fn it_is_paused_and_cancelled_with_its_campaign() {
    let mut stage = Stage::new(2).await;
    let (id, _) = begun(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    campaigns::pause(&app, Actor::Operator, tenant, id, "a look").await.unwrap();
    assert_eq!(follower(&stage, id).await.state, CampaignState::Paused);
    campaigns::resume(&app, Actor::Operator, tenant, id).await.unwrap();
    assert_eq!(follower(&stage, id).await.state, CampaignState::Preparing);
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    assert_eq!(follower(&stage, id).await.state, CampaignState::Cancelled);
}

#[tokio::test]
async fn it_pays_for_those_it_is_for_and_stops_when_nothing_is_left() {
    let mut stage = Stage::new(6).await;
    sqlx::query("update tenants set credit_enforced = true").execute(stage.seed.conn()).await.unwrap();
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    credit::top_up(&app, tenant, 8, Said { by: Actor::Operator, note: "Invoice 17" }).await.unwrap();
    let (id, _) = begun(&mut stage).await;
    let other = follower(&stage, id).await.id;
    look(&mut stage, id).await.unwrap();
    set(&mut stage, "rejected", id, 2).await;
    look(&mut stage, other).await.unwrap();
    assert_eq!(credit::balance(&app, tenant).await.unwrap(), 0);
    set(&mut stage, "rejected", id, 1).await;
    assert_eq!(look(&mut stage, other).await, None);
    let stopped = campaigns::get(&app, tenant, other).await.unwrap();
    assert_eq!(stopped.state, CampaignState::Paused);
    assert_eq!(stopped.paused_reason.as_deref(), Some("1 credits are needed, and 0 are left"));
    let by_sms = "select count(*) from sends s join addresses a on a.id = s.address_id where a.channel = 'sms'";
    assert_eq!(stage.count(by_sms).await, 2, "whoever it could not pay for gets nothing");
}

#[tokio::test]
async fn a_fallback_that_cannot_work_is_refused() {
    let mut stage = Stage::new(1).await;
    let sound = by_sms(&mut stage).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let refusal = |fallback: Fallback| {
        let (app, draft) = (app.clone(), NewCampaign { fallback: Some(fallback), ..stage.draft() });
        async move { campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap_err() }
    };
    let same = Fallback { account: stage.account, template: stage.template, ..sound.clone() };
    assert!(matches!(refusal(same).await, CampaignError::SameAccount));
    let foreign = Fallback { template: stage.template, ..sound.clone() };
    assert!(matches!(refusal(foreign).await, CampaignError::OtherAccount));
    assert!(matches!(refusal(Fallback { within_s: 59, ..sound.clone() }).await, CampaignError::BadWithin));
    let short = Fallback { variables: Vec::new(), ..sound };
    assert!(matches!(refusal(short).await, CampaignError::Variables { placeholders: 1, variables: 0 }));
}
