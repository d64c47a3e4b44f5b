//! Templates: their places counted, their standing followed, and what waits for an approval released by it.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{
    patch::Patch,
    templates::{
        self, Filter, NewTemplate, Template, TemplateError, TemplateUpdate,
        preview::{self, Wanted},
        review,
    },
};
use postroad_core::{
    ids::{AccountId, ContactId, MessageId, TemplateId, TenantId},
    template::{PartError, Parts, TemplateCategory, TemplateStatus},
};
use postroad_store::{SystemTx, campaigns::Variable, inbound};
use postroad_testkit::{Seed, SeedAccount, SeedMessage};

use crate::world::{World, noon};

/// Which of the providers of these tests looks at templates.
pub(crate) fn reviews(provider: &str) -> bool {
    provider == "whatsapp_cloud"
}

pub(crate) async fn world() -> (World, Seed, AccountId) {
    let world = World::new().await;
    let mut seed = Seed::new(&world.db, noon()).await;
    let account = seed.account(&SeedAccount::default()).await;
    (world, seed, account)
}

pub(crate) fn offer(account: AccountId) -> NewTemplate {
    NewTemplate {
        account,
        name: "spring_offer".into(),
        language: "en".into(),
        category: TemplateCategory::Marketing,
        body: "Hi {{1}}, {{2}} off until Sunday.".into(),
        parts: Parts { samples: vec!["Ada".into(), "20 %".into()], ..Parts::default() },
        status: TemplateStatus::Draft,
        provider_ref: None,
    }
}

pub(crate) async fn create(world: &World, tenant: TenantId, new: NewTemplate) -> Template {
    templates::create(&world.app, tenant, new, reviews).await.unwrap()
}

/// What a webhook says of the offer.
async fn told(
    world: &World,
    of: (TenantId, AccountId),
    to: (Option<TemplateStatus>, Option<TemplateCategory>, Option<&str>),
) -> bool {
    let mut tx = SystemTx::begin_settle(&world.app.store).await.unwrap();
    let known = inbound::change_template(&mut tx, of, ("spring_offer", "en"), to, noon()).await.unwrap();
    tx.commit().await.unwrap();
    known
}

#[tokio::test]
async fn a_template_is_known_once_per_account_name_and_language() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    assert_eq!(made.placeholders, 2);
    assert_eq!(templates::get(&world.app, seed.tenant, made.id).await.unwrap(), made);
    let again = templates::create(&world.app, seed.tenant, offer(account), reviews).await;
    assert!(matches!(again, Err(TemplateError::Taken)));
    let german = NewTemplate { language: "de".into(), ..offer(account) };
    create(&world, seed.tenant, german).await;
    let filter = Filter { account: Some(account), limit: 10, ..Filter::default() };
    assert_eq!(templates::list(&world.app, seed.tenant, &filter).await.unwrap().len(), 2);
    create(&world, seed.tenant, NewTemplate { name: "other".into(), ..offer(account) }).await;
    let languages = Filter { name: Some("spring_offer".into()), ..filter.clone() };
    let languages = templates::list(&world.app, seed.tenant, &languages).await.unwrap();
    let languages: BTreeSet<&str> = languages.iter().map(|found| found.language.as_str()).collect();
    assert_eq!(languages, BTreeSet::from(["de", "en"]));
    let approved = Filter { status: Some(TemplateStatus::Approved), ..filter };
    assert!(templates::list(&world.app, seed.tenant, &approved).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_no_provider_would_take_is_refused_by_name() {
    let (world, seed, account) = world().await;
    let refused = async |new| templates::create(&world.app, seed.tenant, new, reviews).await.unwrap_err();
    let body = |body: &str| NewTemplate { body: body.into(), parts: Parts::default(), ..offer(account) };
    assert!(matches!(refused(body("")).await, TemplateError::BodyLength));
    assert!(matches!(refused(body("{{1}} and {{3}}")).await, TemplateError::Body(_)));
    assert!(matches!(refused(body("{{name}}")).await, TemplateError::Body(_)));
    assert!(matches!(refused(body(&"x".repeat(4_097))).await, TemplateError::BodyLength));
    let language = NewTemplate { language: "English".into(), ..offer(account) };
    assert!(matches!(refused(language).await, TemplateError::Language(_)));
    assert!(matches!(refused(NewTemplate { name: String::new(), ..offer(account) }).await, TemplateError::Name));
    let stranger = AccountId::from_uuid(uuid::Uuid::from_u128(9));
    assert!(matches!(refused(offer(stranger)).await, TemplateError::UnknownAccount));
}

#[tokio::test]
async fn another_tenants_account_cannot_carry_a_template() {
    let (world, _, theirs) = world().await;
    let ours = Seed::new(&world.db, noon()).await.tenant;
    let refused = templates::create(&world.app, ours, offer(theirs), reviews).await;
    assert!(matches!(refused, Err(TemplateError::UnknownAccount)));
}

#[tokio::test]
async fn the_provider_has_the_last_word_about_a_template_and_only_about_known_ones() {
    let (world, mut seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let (rejected, utility) = (Some(TemplateStatus::Rejected), Some(TemplateCategory::Utility));
    assert!(told(&world, (seed.tenant, account), (rejected, utility, Some("PROMOTIONAL"))).await);
    let now = templates::get(&world.app, seed.tenant, made.id).await.unwrap();
    assert_eq!((now.status, now.category), (TemplateStatus::Rejected, TemplateCategory::Utility));
    assert_eq!((now.status_reason.as_deref(), now.synced_at), (Some("PROMOTIONAL"), Some(noon())));
    let other = seed.account(&SeedAccount::default()).await;
    assert!(!told(&world, (seed.tenant, other), (rejected, None, None)).await);
}

#[tokio::test]
async fn a_body_changes_while_it_is_a_draft_and_not_after_its_approval() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let body = |body: &str, samples: &[&str]| TemplateUpdate {
        body: Some(body.into()),
        samples: Some(samples.iter().map(|sample| (*sample).to_owned()).collect()),
        ..TemplateUpdate::default()
    };
    let update = async |change| templates::update(&world.app, seed.tenant, made.id, change, reviews).await;
    let alone = update(TemplateUpdate { samples: None, ..body("Hi {{1}}", &[]) }).await;
    assert!(matches!(alone, Err(TemplateError::Part(PartError::SampleCount { placeholders: 1, samples: 2 }))));
    let changed = update(body("Hi {{1}}", &["Ada"])).await.unwrap();
    assert_eq!((changed.body.as_str(), changed.placeholders), ("Hi {{1}}", 1));
    update(TemplateUpdate { status: Some(TemplateStatus::Approved), ..TemplateUpdate::default() }).await.unwrap();
    let fixed = update(body("Bye", &[])).await;
    assert!(matches!(fixed, Err(TemplateError::BodyIsFixed(TemplateStatus::Approved))));
    let fixed = update(TemplateUpdate { footer: Patch::Set("Bye".into()), ..TemplateUpdate::default() }).await;
    assert!(matches!(fixed, Err(TemplateError::BodyIsFixed(_))));
    let samples = TemplateUpdate { samples: Some(vec!["Eve".into()]), ..TemplateUpdate::default() };
    assert_eq!(update(samples).await.unwrap().parts.samples, ["Eve"]);
}

#[tokio::test]
async fn the_parts_of_a_template_are_kept_changed_and_taken_away() {
    let (world, seed, account) = world().await;
    let parts = Parts {
        header: Some("Sale".into()),
        footer: Some("Stop any time".into()),
        buttons: vec!["Stop".into(), "More".into()],
        samples: vec!["Ada".into(), "20 %".into()],
    };
    let made = create(&world, seed.tenant, NewTemplate { parts: parts.clone(), ..offer(account) }).await;
    assert_eq!(templates::get(&world.app, seed.tenant, made.id).await.unwrap().parts, parts);
    let change = TemplateUpdate {
        header: Patch::Clear,
        footer: Patch::Set("Bye".into()),
        buttons: Some(vec![]),
        ..TemplateUpdate::default()
    };
    let changed = templates::update(&world.app, seed.tenant, made.id, change, reviews).await.unwrap();
    let expected = Parts { header: None, footer: Some("Bye".into()), buttons: vec![], ..parts };
    assert_eq!(changed.parts, expected);
    let long = NewTemplate { parts: Parts { header: Some("x".repeat(61)), ..Parts::default() }, ..offer(account) };
    let refused = templates::create(&world.app, seed.tenant, long, reviews).await;
    assert!(matches!(refused, Err(TemplateError::Part(PartError::Header))));
}

#[tokio::test]
async fn where_nobody_approves_a_template_is_approved_at_once_and_may_be_reworded() {
    let (world, mut seed, _) = world().await;
    let sms = SeedAccount { provider: "plain", channel: "sms", ..SeedAccount::default() };
    let account = seed.account(&sms).await;
    let made = create(&world, seed.tenant, offer(account)).await;
    assert_eq!(made.status, TemplateStatus::Approved);
    let change = TemplateUpdate { body: Some("Hi {{1}}: {{2}}".into()), ..TemplateUpdate::default() };
    let changed = templates::update(&world.app, seed.tenant, made.id, change, reviews).await.unwrap();
    assert_eq!((changed.status, changed.body.as_str()), (TemplateStatus::Approved, "Hi {{1}}: {{2}}"));
    let refused = review::submit(&world.app, seed.tenant, made.id, reviews).await;
    assert!(matches!(refused, Err(TemplateError::NoReview { provider }) if provider == "plain"));
    let shown = preview::preview(&world.app, seed.tenant, made.id, &Wanted::default()).await.unwrap();
    let estimate = shown.readings[0].estimate.unwrap();
    assert_eq!((shown.readings[0].text.as_deref(), estimate.segments), (Some("Hi Ada: 20 %"), 1));
    review::delete(&world.app, seed.tenant, made.id, reviews).await.unwrap();
    assert!(matches!(templates::get(&world.app, seed.tenant, made.id).await, Err(TemplateError::NotFound)));
    assert_eq!(jobs(&world).await, 0, "nobody else has to be told");
}

pub(crate) async fn jobs(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from apalis.jobs where job_type = 'template'")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}

async fn campaign(seed: &mut Seed, template: TemplateId, account: AccountId, state: &str) {
    sqlx::query("delete from campaigns").execute(seed.conn()).await.unwrap();
    let tenant = seed.tenant;
    sqlx::query(
        "insert into campaigns (tenant_id, id, name, account_id, template_id, purpose, audience, state, paused_reason, scheduled_at,
                                created_at, updated_at)
         values ($1, gen_random_uuid(), 'Spring', $2, $3, 'marketing', '{\"all\": true}', $4, 'x', now(), now(), now())",
    )
    .bind(tenant)
    .bind(account)
    .bind(template)
    .bind(state)
    .execute(seed.conn())
    .await
    .unwrap();
}

#[tokio::test]
async fn a_template_goes_when_no_open_campaign_uses_it_and_its_name_is_free_then() {
    let (world, mut seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    for state in ["scheduled", "preparing", "running", "paused", "completing"] {
        campaign(&mut seed, made.id, account, state).await;
        let refused = review::delete(&world.app, seed.tenant, made.id, reviews).await;
        assert!(matches!(refused, Err(TemplateError::InUse)), "{state}");
    }
    campaign(&mut seed, made.id, account, "completed").await;
    review::delete(&world.app, seed.tenant, made.id, reviews).await.unwrap();
    assert!(matches!(templates::get(&world.app, seed.tenant, made.id).await, Err(TemplateError::NotFound)));
    let all = Filter { limit: 10, ..Filter::default() };
    assert!(templates::list(&world.app, seed.tenant, &all).await.unwrap().is_empty());
    assert!(matches!(review::delete(&world.app, seed.tenant, made.id, reviews).await, Err(TemplateError::NotFound)));
    assert_eq!(jobs(&world).await, 0, "a draft never left");

    let again = NewTemplate { body: "Bye {{1}} {{2}}".into(), ..offer(account) };
    let revived = create(&world, seed.tenant, again).await;
    assert_eq!(
        (revived.id, revived.body.as_str(), revived.status),
        (made.id, "Bye {{1}} {{2}}", TemplateStatus::Draft)
    );
}

#[tokio::test]
async fn a_preview_shows_each_person_their_own_text_and_what_is_missing() {
    let (world, mut seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let (ada, _) = seed.contact(1).await;
    let (nobody, _) = seed.contact(2).await;
    sqlx::query("update contacts set attributes = '{\"first_name\": \"Ada\", \"off\": \"\"}' where id = $1")
        .bind(ada)
        .execute(seed.conn())
        .await
        .unwrap();
    let attribute = |name: &str, fallback: Option<&str>| Variable::Attribute {
        attribute: name.into(),
        fallback: fallback.map(str::to_owned),
    };
    let wanted = Wanted {
        variables: vec![attribute("first_name", None), attribute("off", Some("10 %"))],
        contacts: vec![ada, nobody],
    };
    let shown = preview::preview(&world.app, seed.tenant, made.id, &wanted).await.unwrap();
    let texts: Vec<_> = shown.readings.iter().map(|reading| reading.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["Hi Ada, 10 % off until Sunday.", "Hi {{1}}, 10 % off until Sunday."]);
    assert_eq!(shown.readings[0].missing, [0_usize; 0]);
    assert_eq!((shown.readings[1].contact, &shown.readings[1].missing), (Some(nobody), &vec![1]));
    assert_eq!((shown.readings[0].chars, shown.readings[0].estimate), (30, None));
}

#[tokio::test]
async fn a_preview_for_nobody_shows_the_samples() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let show = async |wanted: Wanted| preview::preview(&world.app, seed.tenant, made.id, &wanted).await;
    let shown = show(Wanted::default()).await.unwrap();
    assert_eq!(shown.readings[0].text.as_deref(), Some("Hi Ada, 20 % off until Sunday."));
    let value = |value: &str| Variable::Value { value: value.into() };
    let one = Wanted { variables: vec![value("Eve")], ..Wanted::default() };
    assert!(matches!(show(one).await, Err(TemplateError::Body(_))));
    let empty = Wanted { variables: vec![value(""), value("x")], ..Wanted::default() };
    assert!(matches!(show(empty).await, Err(TemplateError::BadVariable)));
    let values = vec![value("Eve"), value("5 %")];
    let stranger = ContactId::from_uuid(uuid::Uuid::from_u128(9));
    let unknown = Wanted { variables: values.clone(), contacts: vec![stranger] };
    assert!(matches!(show(unknown).await, Err(TemplateError::UnknownContact(id)) if id == stranger));
    let crowd = Wanted { variables: values, contacts: vec![stranger; 21] };
    assert!(matches!(show(crowd).await, Err(TemplateError::TooManyContacts(21))));
}

#[tokio::test]
async fn an_approval_makes_due_what_waited_for_it() {
    let (world, mut seed, account) = world().await;
    let made = create(&world, seed.tenant, NewTemplate { status: TemplateStatus::Submitted, ..offer(account) }).await;
    let to = seed.contact(1).await;
    let held = seed.message(account, to, &SeedMessage::default()).await;
    let night = seed.message(account, to, &SeedMessage::default()).await;
    for (id, gate, reason) in [(held, "template", "template_not_approved"), (night, "quiet_hours", "quiet_hours")] {
        sqlx::query("update sends set state = 'waiting', gate = $2, reason = $3, run_at = $4 where id = $1")
            .bind(id)
            .bind(gate)
            .bind(reason)
            .bind(noon() + TimeDelta::minutes(15))
            .execute(seed.conn())
            .await
            .unwrap();
    }
    assert_eq!(made.status, TemplateStatus::Submitted);
    told(&world, (seed.tenant, account), (Some(TemplateStatus::Approved), None, None)).await;
    assert_eq!(run_at(&world, held).await, noon());
    assert_eq!(run_at(&world, night).await, noon() + TimeDelta::minutes(15));
}

async fn run_at(world: &World, id: MessageId) -> DateTime<Utc> {
    sqlx::query_scalar("select run_at from sends where id = $1")
        .bind(id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}
