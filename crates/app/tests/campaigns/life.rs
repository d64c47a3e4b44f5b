use chrono::TimeDelta;
use postroad_app::{
    campaigns::{self, CampaignError, Timing},
    credit::Said,
    plan,
};
use postroad_core::{actor::Actor, campaign::CampaignState, template::TemplateStatus};
use sqlx::Executor;

use crate::stage::Stage;

const PAID: Said<'static> = Said { by: Actor::Operator, note: "Invoice 17" };

/// The kinds of a campaign's lines in the statement, oldest first, with credits, what is spent, and messages.
async fn lines(stage: &mut Stage) -> Vec<(String, i64, i64, i64)> {
    sqlx::query_as(
        "select kind, credits, spent, messages from credit_entries where campaign_id is not null order by at, kind <> 'reserve', kind <> 'settle'",
    )
    .fetch_all(stage.seed.conn())
    .await
    .unwrap()
}

fn line(kind: &str, credits: i64, spent: i64, messages: i64) -> (String, i64, i64, i64) {
    (kind.to_owned(), credits, spent, messages)
}

/// What the slots of all wallets hold, and what their statements say.
async fn sums(stage: &mut Stage) -> (i64, i64) {
    sqlx::query_as(
        "select (select coalesce(sum(balance), 0)::bigint from credit_slots), (select coalesce(sum(credits), 0)::bigint from credit_entries)",
    )
    .fetch_one(stage.seed.conn())
    .await
    .unwrap()
}

async fn state(stage: &Stage, id: postroad_core::ids::CampaignId) -> CampaignState {
    campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().state
}

#[tokio::test]
async fn a_campaign_ends_when_none_of_its_sends_can_move_any_more() {
    let cases = [
        ("delivered", None, CampaignState::Completed),
        ("refused", Some("no_consent"), CampaignState::Completed),
        ("rejected", None, CampaignState::PartiallyFailed),
        ("waiting", Some("quiet_hours"), CampaignState::Running),
        ("attempting", None, CampaignState::Completing),
        ("unknown", None, CampaignState::Completing),
    ];
    let mut stage = Stage::new(5).await;
    for (sends, reason, expected) in cases {
        let id = stage.started().await;
        let job = stage.jobs().await.pop().unwrap();
        plan::plan_page(&stage.world.app, &job).await.unwrap();
        sqlx::query("update sends set state = $1, gate = $2, reason = $2 where campaign_id = $3")
            .bind(sends)
            .bind(reason)
            .bind(id)
            .execute(stage.seed.conn())
            .await
            .unwrap();
        for _ in 0..3 {
            campaigns::fold_all(&stage.world.app).await.unwrap();
        }
        assert_eq!(state(&stage, id).await, expected, "{sends}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_counts_as_final_once_it_is_settled() {
    let mut stage = Stage::new(1).await;
    let id = stage.started().await;
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    stage.seed.conn().execute("update sends set state = 'unknown', settled_at = now()").await.unwrap();
    for _ in 0..3 {
        campaigns::fold_all(&stage.world.app).await.unwrap();
    }
    assert_eq!(state(&stage, id).await, CampaignState::PartiallyFailed);
}

#[tokio::test]
async fn a_scheduled_campaign_starts_when_its_time_has_come() {
    let stage = Stage::new(1).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let id = campaigns::create(app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let past = campaigns::schedule(app, Actor::Operator, tenant, id, &Timing::At(stage.world.now())).await;
    assert!(matches!(past, Err(CampaignError::InThePast)));
    campaigns::schedule(app, Actor::Operator, tenant, id, &Timing::At(stage.world.now() + TimeDelta::minutes(5)))
        .await
        .unwrap();
    campaigns::fold_all(app).await.unwrap();
    assert_eq!(state(&stage, id).await, CampaignState::Scheduled);
    app.clock.advance(TimeDelta::minutes(5));
    campaigns::fold_all(app).await.unwrap();
    assert_eq!(state(&stage, id).await, CampaignState::Preparing);
}

#[tokio::test]
async fn a_cancelled_campaign_keeps_nothing_that_could_leave() {
    let mut stage = Stage::new(5).await;
    let id = stage.started().await;
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    campaigns::cancel(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await.unwrap();
    assert_eq!(stage.count("select count(*) from sends where state = 'cancelled'").await, 5);
    let again = campaigns::resume(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await;
    assert!(matches!(again, Err(CampaignError::WrongState { state: CampaignState::Cancelled, .. })));
}

#[tokio::test]
async fn a_campaign_does_not_start_on_a_template_that_is_not_approved() {
    let mut stage = Stage::new(1).await;
    let id = campaigns::create(&stage.world.app, Actor::Operator, stage.seed.tenant, stage.draft()).await.unwrap();
    stage.seed.conn().execute("update templates set status = 'paused'").await.unwrap();
    let refused = campaigns::start(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await;
    assert!(matches!(refused, Err(CampaignError::TemplateNotApproved { status: TemplateStatus::Paused })));
}

#[tokio::test]
async fn values_must_match_the_placeholders_of_the_template() {
    let stage = Stage::new(1).await;
    let mut draft = stage.draft();
    draft.variables.clear();
    let refused = campaigns::create(&stage.world.app, Actor::Operator, stage.seed.tenant, draft).await;
    assert!(matches!(refused, Err(CampaignError::Variables { placeholders: 1, variables: 0 })));
}

#[tokio::test]
async fn credit_is_reserved_at_the_start_and_what_was_not_used_comes_back() {
    let mut stage = Stage::new(5).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    stage.seed.conn().execute("update tenants set credit_enforced = true").await.unwrap();
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    assert!(matches!(campaigns::start(&app, Actor::Operator, tenant, id).await, Err(CampaignError::Credit(_))));
    postroad_app::credit::top_up(&app, tenant, 8, PAID).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    assert_eq!(postroad_app::credit::balance(&app, tenant).await.unwrap(), 3);
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&app, &job).await.unwrap();
    stage
        .seed
        .conn()
        .execute("update sends set state = 'delivered' where id in (select id from sends limit 2)")
        .await
        .unwrap();
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::fold_all(&app).await.unwrap();
    assert_eq!(postroad_app::credit::balance(&app, tenant).await.unwrap(), 6);
    let expected = [line("reserve", -5, 0, 5), line("settle", 0, 2, 2), line("refund", 3, 0, 3)];
    assert_eq!(lines(&mut stage).await, expected);
    assert_eq!(sums(&mut stage).await, (6, 6));
}

#[tokio::test]
async fn a_campaign_costs_the_price_at_its_start_and_what_is_on_its_way_stays_reserved() {
    let mut stage = Stage::new(5).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let dear = "update tenants set credit_enforced = true; insert into credit_prices select id, 'whatsapp', 'marketing', 3 from tenants";
    stage.seed.conn().execute(dear).await.unwrap();
    postroad_app::credit::top_up(&app, tenant, 14, PAID).await.unwrap();
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    assert!(matches!(campaigns::start(&app, Actor::Operator, tenant, id).await, Err(CampaignError::Credit(_))));
    postroad_app::credit::top_up(&app, tenant, 1, PAID).await.unwrap();
    campaigns::start(&app, Actor::Operator, tenant, id).await.unwrap();
    stage.seed.conn().execute("update credit_prices set credits = 100").await.unwrap();
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&app, &job).await.unwrap();
    let unknown = "update sends set state = 'unknown' where id = (select min(id::text)::uuid from sends)";
    stage.seed.conn().execute(unknown).await.unwrap();
    campaigns::cancel(&app, Actor::Operator, tenant, id).await.unwrap();
    campaigns::fold_all(&app).await.unwrap();
    assert_eq!(lines(&mut stage).await, [line("reserve", -15, 0, 5)], "one outcome is not known");
    stage.seed.conn().execute("update sends set settled_at = now() where state = 'unknown'").await.unwrap();
    for _ in 0..2 {
        campaigns::fold_all(&app).await.unwrap();
    }
    let expected = [line("reserve", -15, 0, 5), line("settle", 0, 3, 1), line("refund", 12, 0, 4)];
    assert_eq!(lines(&mut stage).await, expected);
    assert_eq!(sums(&mut stage).await, (12, 12));
}

#[tokio::test]
async fn credit_of_a_cancelled_campaign_comes_back_though_whoever_cancelled_it_went_away() {
    let mut stage = Stage::new(5).await;
    stage.seed.conn().execute("update tenants set credit_enforced = true").await.unwrap();
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    postroad_app::credit::top_up(&app, tenant, 8, PAID).await.unwrap();
    let id = stage.started().await;
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&app, &job).await.unwrap();
    // As the first transaction of a cancellation leaves it.
    let cancelled = "update campaigns set state = 'cancelled', finished_at = $2 where id = $1";
    sqlx::query(cancelled).bind(id).bind(stage.world.now()).execute(stage.seed.conn()).await.unwrap();
    for _ in 0..2 {
        campaigns::fold_all(&app).await.unwrap();
    }
    assert_eq!(stage.count("select count(*) from sends where state = 'cancelled'").await, 5);
    assert_eq!(postroad_app::credit::balance(&app, tenant).await.unwrap(), 8);
}

#[tokio::test]
async fn a_person_is_forgotten_after_the_page_that_has_read_the_name() {
    let mut stage = Stage::new(1).await;
    stage.started().await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let contact = sqlx::query_scalar("select id from contacts").fetch_one(stage.seed.conn()).await.unwrap();
    stage.seed.conn().execute("begin; select id from campaigns for key share").await.unwrap();
    let mut erasing = tokio::spawn(async move { postroad_app::contacts::erase(&app, tenant, contact).await });
    let waits = tokio::time::timeout(std::time::Duration::from_millis(300), &mut erasing).await;
    assert!(waits.is_err(), "a page is being written");
    stage.seed.conn().execute("commit").await.unwrap();
    erasing.await.unwrap().unwrap();
}
