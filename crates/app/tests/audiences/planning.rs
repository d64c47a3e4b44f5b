//! Campaigns for segments, groups and filters: whom the preview counts is whom they are planned for.

use postroad_app::{
    audiences::{self, Asked, Whom},
    campaigns::{self, CampaignError, NewCampaign},
    contacts, dry_run,
    groups::{self, People},
    plan,
    segments::{self, NewSegment, SegmentChange},
};
use postroad_core::{
    account::Channel,
    actor::Actor,
    consent::Purpose,
    ids::{CampaignId, ContactId, SegmentId},
    segment::{Filter, Recency, TagTest},
};
use postroad_store::campaigns::{Audience, Exclusion};

use crate::stage::Stage;

fn tagged(tag: &str) -> Filter {
    Filter::Tag(TagTest::Has(tag.into()))
}

async fn segment(stage: &Stage, name: &str, filter: Filter) -> SegmentId {
    let new = NewSegment { name: name.into(), filter };
    segments::create(&stage.world.app, stage.seed.tenant, new).await.unwrap().id
}

/// Runs pages until there are no more; returns how many there were.
async fn plan_all(stage: &mut Stage) -> usize {
    let mut pages = 0;
    while let Some(job) = stage.jobs().await.get(pages).cloned() {
        plan::plan_page(&stage.world.app, &job).await.unwrap();
        pages += 1;
    }
    pages
}

async fn planned(stage: &mut Stage, draft: NewCampaign) -> i64 {
    let id = campaigns::create(&stage.world.app, Actor::Operator, stage.seed.tenant, draft).await.unwrap();
    campaigns::start(&stage.world.app, Actor::Operator, stage.seed.tenant, id).await.unwrap();
    plan_all(stage).await;
    campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().planned
}

async fn run(stage: &mut Stage, sql: &'static str) {
    sqlx::query(sql).execute(stage.seed.conn()).await.unwrap();
}

#[tokio::test]
async fn a_campaign_is_planned_for_whom_the_preview_counts() {
    let mut stage = Stage::new(11_500).await;
    run(&mut stage, "update contacts set tags = '{even}' where (attributes ->> 'first_name') ~ '[02468]$'").await;
    // Some of them are reached on another channel only.
    run(&mut stage, "update addresses set channel = 'sms' where address like '%6'").await;
    let id = segment(&stage, "Even", tagged("even")).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let asked = Asked { whom: Whom::Segment(id), channel: Channel::Whatsapp, purpose: Purpose::Marketing };
    let preview = audiences::preview(&app, tenant, &asked).await.unwrap();
    let reached = preview.matched - preview.funnel[&postroad_core::segment::Standing::NoAddress];
    assert_eq!(preview.matched, 5_750);
    assert!(reached < preview.matched);

    let campaign = stage.started_for(Audience::Segment { segment: id }).await;
    assert_eq!(plan_all(&mut stage).await, 2, "a full page, and the rest");
    assert_eq!(campaigns::get(&app, tenant, campaign).await.unwrap().planned, reached);
    let strangers =
        "select count(*) from recipients r join contacts c on c.id = r.contact_id where not 'even' = any(c.tags)";
    assert_eq!(stage.count(strangers).await, 0);
    assert_eq!(stage.count("select count(distinct contact_id) from recipients").await, reached);
}

#[tokio::test]
async fn what_happens_to_the_segment_after_the_start_changes_nothing() {
    let mut stage = Stage::new(11_500).await;
    run(&mut stage, "update contacts set tags = '{a}'").await;
    let id = segment(&stage, "A", tagged("a")).await;
    stage.started_for(Audience::Segment { segment: id }).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let first = stage.jobs().await.remove(0);
    plan::plan_page(&app, &first).await.unwrap();
    let change = SegmentChange { filter: Some(tagged("nobody")), ..SegmentChange::default() };
    segments::update(&app, tenant, id, change).await.unwrap();
    segments::delete(&app, tenant, id).await.unwrap_err();
    plan_all(&mut stage).await;
    assert_eq!(stage.count("select planned from campaigns").await, 11_500);
}

#[tokio::test]
async fn lengths_of_time_count_from_the_start() {
    let mut stage = Stage::new(8).await;
    let recent = Filter::Created(Recency::WithinDays(2));
    let id = stage.started_for(Audience::Filter { filter: recent }).await;
    stage.world.app.clock.advance(chrono::TimeDelta::days(30));
    plan_all(&mut stage).await;
    let campaign = campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap();
    assert_eq!(campaign.planned, 8);
}

/// A campaign for the last of 45,000 contacts.
async fn one_of_many() -> (Stage, CampaignId) {
    let mut stage = Stage::new(45_000).await;
    run(
        &mut stage,
        "update contacts set tags = '{last}' where id = (select id from contacts order by id desc limit 1)",
    )
    .await;
    let id = stage.started_for(Audience::Filter { filter: tagged("last") }).await;
    (stage, id)
}

#[tokio::test]
async fn nobody_of_many_is_found_in_bounded_pages() {
    let (mut stage, id) = one_of_many().await;
    assert_eq!(plan_all(&mut stage).await, 3, "each looks at 20,000");
    assert_eq!(campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().planned, 1);
}

#[tokio::test]
async fn a_page_without_anybody_does_not_end_a_job_of_many_pages() {
    let (mut stage, id) = one_of_many().await;
    let job = stage.jobs().await.remove(0);
    let planned = plan::plan_pages(&stage.world.app, &job).await.unwrap().unwrap();
    assert!(planned.is_last);
    assert_eq!(campaigns::get(&stage.world.app, stage.seed.tenant, id).await.unwrap().planned, 1);
}

#[tokio::test]
async fn the_members_of_a_group_are_reached_without_looking_at_everybody() {
    let mut stage = Stage::new(21_000).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let some: Vec<ContactId> = sqlx::query_scalar("select id from contacts order by id desc limit 40")
        .fetch_all(stage.seed.conn())
        .await
        .unwrap();
    let group = groups::create(&app, tenant, "Press").await.unwrap().id;
    groups::add(&app, tenant, group, &People::Contacts(some)).await.unwrap();
    let id = stage.started_for(Audience::Group { group }).await;
    // Who joins later is no recipient.
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let late: Vec<ContactId> =
        sqlx::query_scalar("select id from contacts order by id limit 3").fetch_all(stage.seed.conn()).await.unwrap();
    groups::add(&app, tenant, group, &People::Contacts(late)).await.unwrap();
    assert!(groups::delete(&app, tenant, group).await.is_err());
    assert_eq!(plan_all(&mut stage).await, 1);
    assert_eq!(campaigns::get(&app, tenant, id).await.unwrap().planned, 40);
}

#[tokio::test]
async fn who_is_left_out_gets_nothing_whatever_the_audience_is() {
    let mut stage = Stage::new(10).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let all: Vec<ContactId> =
        sqlx::query_scalar("select id from contacts order by id").fetch_all(stage.seed.conn()).await.unwrap();
    let import = uuid::Uuid::from_u128(1);
    sqlx::query("insert into contact_imports (tenant_id, id, file_name, file_sha256, state, created_at) values ($1, $2, 'f', 's', 'completed', now())")
        .bind(tenant)
        .bind(import)
        .execute(stage.seed.conn())
        .await
        .unwrap();
    sqlx::query("update contacts set tags = '{all}', import_id = $1")
        .bind(import)
        .execute(stage.seed.conn())
        .await
        .unwrap();
    sqlx::query("update contacts set tags = '{all,out}' where id = any($1)")
        .bind(&all[..2])
        .execute(stage.seed.conn())
        .await
        .unwrap();
    let group = groups::create(&app, tenant, "Press").await.unwrap().id;
    groups::add(&app, tenant, group, &People::Contacts(all[2..5].to_vec())).await.unwrap();
    let out = segment(&stage, "Out", tagged("out")).await;
    let exclude = vec![
        Exclusion::Segment { segment: out },
        Exclusion::Group { group },
        Exclusion::Filter { filter: tagged("nobody") },
    ];
    let audiences = [
        (Audience::All { all: true }, 5),
        (Audience::Import { import }, 5),
        (Audience::Filter { filter: tagged("all") }, 5),
        (Audience::Group { group }, 0),
        (Audience::Contacts { contact_ids: all[1..7].iter().map(|id| id.uuid()).collect() }, 2),
    ];
    for (audience, expected) in audiences {
        run(&mut stage, "delete from apalis.jobs").await;
        let draft = NewCampaign { audience: audience.clone(), exclude: exclude.clone(), ..stage.draft() };
        let id = campaigns::create(&app, Actor::Operator, tenant, draft.clone()).await.unwrap();
        let told = dry_run::dry_run(&app, tenant, id).await.unwrap();
        assert_eq!((told.recipients, told.examined), (expected, expected), "{audience:?}");
        assert_eq!(planned(&mut stage, draft).await, expected, "{audience:?}");
    }
}

#[tokio::test]
async fn whoever_was_erased_is_in_no_audience() {
    let mut stage = Stage::new(6).await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let all: Vec<ContactId> =
        sqlx::query_scalar("select id from contacts order by id").fetch_all(stage.seed.conn()).await.unwrap();
    let group = groups::create(&app, tenant, "Press").await.unwrap().id;
    groups::add(&app, tenant, group, &People::Contacts(all.clone())).await.unwrap();
    contacts::erase(&app, tenant, all[2]).await.unwrap();
    let others = Filter::Not(Box::new(tagged("nobody")));
    let asked = Asked { whom: Whom::Filter(others.clone()), channel: Channel::Whatsapp, purpose: Purpose::Marketing };
    let preview = audiences::preview(&app, tenant, &asked).await.unwrap();
    assert_eq!((preview.matched, preview.samples.len()), (5, 5));
    for audience in [
        Audience::All { all: true },
        Audience::Filter { filter: others },
        Audience::Group { group },
        Audience::Contacts { contact_ids: all.iter().map(|id| id.uuid()).collect() },
    ] {
        run(&mut stage, "delete from apalis.jobs").await;
        let draft = NewCampaign { audience: audience.clone(), ..stage.draft() };
        let id = campaigns::create(&app, Actor::Operator, tenant, draft.clone()).await.unwrap();
        let told = dry_run::dry_run(&app, tenant, id).await.unwrap();
        assert_eq!((told.recipients, told.examined), (5, 5), "{audience:?}");
        assert_eq!(planned(&mut stage, draft).await, 5, "{audience:?}");
    }
}

#[tokio::test]
async fn credit_is_reserved_for_whom_the_filter_means() {
    let mut stage = Stage::new(10).await;
    run(&mut stage, "update tenants set credit_enforced = true").await;
    run(&mut stage, "insert into credit_slots (tenant_id, slot, balance) select id, 0, 4 from tenants").await;
    run(&mut stage, "update contacts set tags = '{vip}' where id in (select id from contacts order by id limit 4)")
        .await;
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let reserved = |id: CampaignId| {
        let app = app.clone();
        async move { campaigns::get(&app, tenant, id).await.unwrap().credit_reserved }
    };
    let id = stage.started_for(Audience::Filter { filter: tagged("vip") }).await;
    assert_eq!(reserved(id).await, 4);
    let draft = NewCampaign { audience: Audience::Filter { filter: tagged("vip") }, ..stage.draft() };
    let poor = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    assert!(matches!(campaigns::start(&app, Actor::Operator, tenant, poor).await, Err(CampaignError::Credit(_))));
}

#[tokio::test]
async fn a_dry_run_and_a_preview_look_for_the_few_whom_a_filter_means() {
    let mut stage = Stage::new(30_000).await;
    run(
        &mut stage,
        "update contacts set tags = '{rare}' where id in (select id from contacts order by id desc limit 7)",
    )
    .await;
    let draft = NewCampaign { audience: Audience::Filter { filter: tagged("rare") }, ..stage.draft() };
    let (app, tenant) = (stage.world.app.clone(), stage.seed.tenant);
    let id = campaigns::create(&app, Actor::Operator, tenant, draft).await.unwrap();
    let told = dry_run::dry_run(&app, tenant, id).await.unwrap();
    assert_eq!((told.recipients, told.examined), (7, 7));
    let preview = dry_run::preview(&app, tenant, id).await.unwrap();
    assert_eq!((preview.recipients, preview.samples.len()), (7, 5));
    assert_eq!(
        stage.count("select count(*) from campaigns where frozen is null and state = 'draft'").await,
        1,
        "nothing stays of it"
    );
}

#[tokio::test]
async fn a_campaign_for_what_does_not_exist_is_refused_and_does_not_start() {
    let stage = Stage::new(1).await;
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    let code = |refused: Result<CampaignId, CampaignError>| match refused {
        Err(CampaignError::Audience(error)) => error.code(),
        other => panic!("{other:?}"),
    };
    let of = |audience, exclude| NewCampaign { audience, exclude, ..stage.draft() };
    let nowhere = SegmentId::from_uuid(uuid::Uuid::from_u128(1));
    let group = postroad_core::ids::GroupId::from_uuid(uuid::Uuid::from_u128(1));
    let all = Audience::All { all: true };
    let cases = [
        (of(Audience::Segment { segment: nowhere }, vec![]), "unknown_segment"),
        (of(Audience::Group { group }, vec![]), "unknown_group"),
        (of(Audience::Filter { filter: Filter::Any(vec![]) }, vec![]), "invalid_filter"),
        (of(all.clone(), vec![Exclusion::Segment { segment: nowhere }]), "unknown_segment"),
        (of(all.clone(), vec![Exclusion::Group { group }]), "unknown_group"),
        (of(all, vec![Exclusion::Filter { filter: tagged("a") }; 11]), "too_many_exclusions"),
    ];
    for (draft, expected) in cases {
        assert_eq!(code(campaigns::create(app, Actor::Operator, tenant, draft).await), expected);
    }
    let id = segment(&stage, "A", tagged("a")).await;
    let draft =
        campaigns::create(app, Actor::Operator, tenant, of(Audience::Segment { segment: id }, vec![])).await.unwrap();
    segments::delete(app, tenant, id).await.unwrap();
    let started = campaigns::start(app, Actor::Operator, tenant, draft).await;
    assert!(matches!(started, Err(CampaignError::Audience(audiences::AudienceError::UnknownSegment(_)))));
}
