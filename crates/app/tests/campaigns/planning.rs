use postroad_app::{campaigns, dry_run, plan};
use postroad_core::{actor::Actor, jobs::Maintain};
use postroad_store::campaigns::{Audience, Variable};
use proptest::prelude::*;

use crate::stage::Stage;

/// Recipients, people who are one, and sends.
async fn written(stage: &mut Stage) -> (i64, i64, i64) {
    (
        stage.count("select count(*) from recipients").await,
        stage.count("select count(distinct contact_id) from recipients").await,
        stage.count("select count(*) from sends where class = 'campaign'").await,
    )
}

#[tokio::test]
async fn every_page_leads_to_the_next_until_everybody_is_a_recipient() {
    let mut stage = Stage::new(11_500).await;
    stage.started().await;
    let mut pages = 0;
    while let Some(job) = stage.jobs().await.get(pages).cloned() {
        plan::plan_page(&stage.world.app, &job).await.unwrap();
        pages += 1;
    }
    assert_eq!((pages, written(&mut stage).await), (3, (11_500, 11_500, 11_500)));
    assert_eq!(stage.count("select count(*) from campaigns where state = 'running' and planned = 11500").await, 1);
    let filled = stage.count("select count(*) from messages where content -> 'parameters' ->> 0 like 'P%'").await;
    assert_eq!(filled, 11_500, "the placeholder is filled from the contact");
}

#[tokio::test]
async fn pages_that_run_twice_at_once_or_late_plan_nobody_twice() {
    let mut stage = Stage::new(11_500).await;
    stage.started().await;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    for _ in 0..12 {
        let jobs = stage.jobs().await;
        let pick = (0..jobs.len()).new_tree(&mut runner).unwrap();
        let job = jobs[proptest::strategy::ValueTree::current(&pick)].clone();
        let (first, second) =
            tokio::join!(plan::plan_page(&stage.world.app, &job), plan::plan_page(&stage.world.app, &job));
        assert!(first.unwrap().is_none() || second.unwrap().is_none());
        let newest = stage.jobs().await.pop().unwrap();
        plan::plan_page(&stage.world.app, &newest).await.unwrap();
    }
    assert_eq!(written(&mut stage).await, (11_500, 11_500, 11_500));
}

#[tokio::test]
async fn who_joins_after_the_start_gets_nothing() {
    let mut stage = Stage::new(10).await;
    let id = stage.started().await;
    sqlx::query(
        "update contacts set created_at = created_at + interval '1 hour' where id in (select id from contacts limit 4)",
    )
    .execute(stage.seed.conn())
    .await
    .unwrap();
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    assert_eq!(written(&mut stage).await, (6, 6, 6));
    assert_eq!(campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().planned, 6);
}

#[tokio::test]
async fn a_pause_stops_planning_and_a_resume_goes_on_behind_the_last_page() {
    let mut stage = Stage::new(11_500).await;
    let id = stage.started().await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&app, &job).await.unwrap();
    campaigns::pause(&app, Actor::Operator, tenant, id, "a look at the text").await.unwrap();
    for job in stage.jobs().await {
        assert!(plan::plan_page(&app, &job).await.unwrap().is_none());
    }
    campaigns::resume(&app, Actor::Operator, tenant, id).await.unwrap();
    for _ in 0..3 {
        for job in stage.jobs().await {
            plan::plan_page(&app, &job).await.unwrap();
        }
    }
    assert_eq!(written(&mut stage).await, (11_500, 11_500, 11_500));
}

#[tokio::test]
async fn two_jobs_that_write_many_pages_at_once_plan_nobody_twice() {
    let mut stage = Stage::new(11_500).await;
    stage.started().await;
    let job = stage.jobs().await.remove(0);
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let (first, second) = tokio::join!(plan::plan_pages(app, &job), plan::plan_pages(app, &job));
    let is_last = |planned: Option<plan::Planned>| planned.is_some_and(|planned| planned.is_last);
    assert!(is_last(first.unwrap()) || is_last(second.unwrap()));
    assert_eq!(written(&mut stage).await, (11_500, 11_500, 11_500));
    let planned = "select count(*) from campaigns where tenant_id = $1 and planned = 11500 and plan_page = 3";
    let row: i64 = sqlx::query_scalar(planned).bind(tenant).fetch_one(stage.seed.conn()).await.unwrap();
    assert_eq!(row, 1);
}

#[tokio::test]
async fn a_page_that_fails_leaves_the_one_before_it_and_nothing_of_the_one_behind_it() {
    let mut stage = Stage::new(11_500).await;
    stage.started().await;
    let job = stage.jobs().await.remove(0);
    sqlx::query("alter table campaigns add constraint stop check (planned < 6000)")
        .execute(stage.seed.conn())
        .await
        .unwrap();
    plan::plan_pages(&stage.world.app, &job).await.unwrap_err();
    assert_eq!(written(&mut stage).await, (5_000, 5_000, 5_000));
    sqlx::query("alter table campaigns drop constraint stop").execute(stage.seed.conn()).await.unwrap();
    let next = stage.jobs().await.pop().unwrap();
    assert_eq!(next.page, 1, "the job of the next page is there, in case the writer is not any more");
    assert!(plan::plan_pages(&stage.world.app, &next).await.unwrap().unwrap().is_last);
    assert_eq!(written(&mut stage).await, (11_500, 11_500, 11_500));
}

#[tokio::test]
async fn an_audience_of_named_contacts_is_planned_in_pages_and_each_of_them_once() {
    let mut stage = Stage::new(5_200).await;
    let named: Vec<uuid::Uuid> = sqlx::query_scalar("select id from contacts order by random() limit 5100")
        .fetch_all(stage.seed.conn())
        .await
        .unwrap();
    let strangers = (0..40).map(uuid::Uuid::from_u128);
    let twice = named.iter().copied().take(60);
    let contact_ids = named.iter().copied().chain(strangers).chain(twice).collect();
    stage.started_for(Audience::Contacts { contact_ids }).await;
    let mut pages = 0;
    while let Some(job) = stage.jobs().await.get(pages).cloned() {
        plan::plan_page(&stage.world.app, &job).await.unwrap();
        pages += 1;
    }
    assert_eq!((pages, written(&mut stage).await), (2, (5_100, 5_100, 5_100)));
}

#[tokio::test]
async fn an_audience_may_be_who_was_in_a_file() {
    let mut stage = Stage::new(20).await;
    let import = uuid::Uuid::new_v4();
    sqlx::query("update contacts set import_id = $1 where id in (select id from contacts limit 7)")
        .bind(import)
        .execute(stage.seed.conn())
        .await
        .unwrap();
    stage.started_for(Audience::Import { import }).await;
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    assert_eq!(written(&mut stage).await, (7, 7, 7));
}

#[tokio::test]
async fn a_contact_is_reached_at_its_oldest_address_of_the_channel_and_one_without_is_no_recipient() {
    let mut stage = Stage::new(3).await;
    sqlx::query(
        "insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
         select tenant_id, gen_random_uuid(), contact_id, 'whatsapp', address || '0', created_at + interval '1 second' from addresses",
    )
    .execute(stage.seed.conn())
    .await
    .unwrap();
    sqlx::query("insert into contacts (tenant_id, id, created_at, updated_at) values ($1, gen_random_uuid(), $2, $2)")
        .bind(stage.seed.tenant)
        .bind(stage.seed.now)
        .execute(stage.seed.conn())
        .await
        .unwrap();
    stage.started().await;
    let job = stage.jobs().await.remove(0);
    let planned = plan::plan_page(&stage.world.app, &job).await.unwrap().unwrap();
    assert_eq!((planned.looked_at, planned.recipients), (4, 3));
    let later = stage
        .count("select count(*) from sends s join addresses a on a.id = s.address_id where length(a.address) > 12")
        .await;
    assert_eq!(later, 0);
}

#[tokio::test]
async fn a_value_comes_from_the_contact_else_from_the_fallback_else_it_is_missing() {
    let mut stage = Stage::new(1).await;
    sqlx::query("update templates set placeholders = 5").execute(stage.seed.conn()).await.unwrap();
    sqlx::query(r#"update contacts set display_name = 'Ada L.', attributes = '{"first_name": "Ada", "empty": ""}'"#)
        .execute(stage.seed.conn())
        .await
        .unwrap();
    let attribute = |attribute: &str, fallback: Option<&str>| Variable::Attribute {
        attribute: attribute.into(),
        fallback: fallback.map(str::to_owned),
    };
    let variables = vec![
        attribute("first_name", Some("there")),
        attribute("display_name", None),
        attribute("empty", Some("fallback")),
        Variable::Value { value: "20 %".into() },
        attribute("unknown", None),
    ];
    let draft = postroad_app::campaigns::NewCampaign { variables, ..stage.draft() };
    let id = campaigns::create(&stage.world.app, Actor::Operator, stage.seed.tenant, draft).await.unwrap();
    campaigns::start(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await.unwrap();
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    let content: serde_json::Value =
        sqlx::query_scalar("select content from messages").fetch_one(stage.seed.conn()).await.unwrap();
    // Four of five: the template gate refuses it with the number that is missing.
    assert_eq!(content["parameters"], serde_json::json!(["Ada", "Ada L.", "fallback", "20 %"]));
    assert_eq!(
        (&content["type"], &content["name"], &content["language"]),
        (&"template".into(), &"hello".into(), &"en_US".into())
    );
}

#[tokio::test]
async fn planning_whose_job_was_lost_gets_it_back() {
    let mut stage = Stage::new(3).await;
    stage.started().await;
    sqlx::query("delete from apalis.jobs where job_type = 'campaign'").execute(stage.seed.conn()).await.unwrap();
    campaigns::fold_all(&stage.world.app).await.unwrap();
    assert!(stage.jobs().await.is_empty(), "a page may take a while");
    // Rows carry the database's own time here, and the clock of the test stands still at another.
    stage.world.app.clock.advance(chrono::TimeDelta::days(36_500));
    campaigns::fold_all(&stage.world.app).await.unwrap();
    let job = stage.jobs().await.remove(0);
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    assert_eq!(written(&mut stage).await, (3, 3, 3));
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_page_leaves_nothing_of_it() {
    let mut stage = Stage::new(12).await;
    stage.started().await;
    let job = stage.jobs().await.remove(0);
    // The page fails in its last statements, after recipients, messages and sends were written.
    sqlx::query("alter table campaigns add constraint stop check (planned = 0)")
        .execute(stage.seed.conn())
        .await
        .unwrap();
    plan::plan_page(&stage.world.app, &job).await.unwrap_err();
    assert_eq!(written(&mut stage).await, (0, 0, 0));
    assert_eq!(stage.count("select count(*) from messages").await, 0);
    sqlx::query("alter table campaigns drop constraint stop").execute(stage.seed.conn()).await.unwrap();
    plan::plan_page(&stage.world.app, &job).await.unwrap();
    assert_eq!(written(&mut stage).await, (12, 12, 12));
}

/// What the worker would do for the dry run.
async fn look_on(stage: &mut Stage) -> usize {
    let sql =
        "with taken as (delete from apalis.jobs where job_type = 'maintenance' returning job) select job from taken";
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar(sql).fetch_all(stage.seed.conn()).await.unwrap();
    for body in &bodies {
        let Maintain::DryRun { tenant, campaign, asked, .. } = serde_json::from_slice(body).unwrap() else { continue };
        dry_run::go_on(&stage.world.app, tenant, campaign, asked).await.unwrap();
        assert!(dry_run::go_on(&stage.world.app, tenant, campaign, asked - 1).await.is_ok_and(|went| !went));
    }
    bodies.len()
}

#[tokio::test]
async fn a_dry_run_looks_at_everybody_however_many_they_are() {
    let mut stage = Stage::new(31_500).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let agreed =
        "update addresses set marketing_action = 'granted', marketing_at = now() where right(address, 1) <> '7'";
    sqlx::query(agreed).execute(stage.seed.conn()).await.unwrap();
    let id = campaigns::create(&app, Actor::Operator, tenant, stage.draft()).await.unwrap();
    let first = dry_run::dry_run(&app, tenant, id).await.unwrap();
    assert_eq!((first.recipients, first.examined), (31_500, 20_000));
    let mut rounds = 0;
    while look_on(&mut stage).await > 0 {
        rounds += 1;
        assert!(rounds < 5);
    }
    let (told, _) = dry_run::last(&app, tenant, id).await.unwrap().unwrap();
    assert_eq!((told.examined, told.sent), (31_500, 28_350));
    assert_eq!(told.refused.values().sum::<i64>(), 3_150);
    assert_eq!(stage.count("select count(*) from recipients").await, 0);
}
