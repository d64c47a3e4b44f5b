//! Templates: their places counted, their standing followed, and what waits for an approval released by it.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::templates::{self, Filter, NewTemplate, Template, TemplateError, TemplateUpdate};
use postroad_core::{
    ids::{AccountId, MessageId, TenantId},
    provider::TemplateChange,
    template::{TemplateCategory, TemplateStatus},
};
use postroad_testkit::{Seed, SeedAccount, SeedMessage};

use crate::{
    accounts::wake_ups,
    world::{World, noon},
};

async fn world() -> (World, Seed, AccountId) {
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
        status: TemplateStatus::Draft,
        provider_ref: None,
    }
}

async fn create(world: &World, tenant: TenantId, new: NewTemplate) -> Template {
    templates::create(&world.app, tenant, new).await.unwrap()
}

#[tokio::test]
async fn a_template_is_known_once_per_account_name_and_language() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    assert_eq!(made.placeholders, 2);
    assert_eq!(templates::get(&world.app, seed.tenant, made.id).await.unwrap(), made);
    let again = templates::create(&world.app, seed.tenant, offer(account)).await;
    assert!(matches!(again, Err(TemplateError::Taken)));
    let german = NewTemplate { language: "de".into(), ..offer(account) };
    create(&world, seed.tenant, german).await;
    let filter = Filter { account: Some(account), limit: 10, ..Filter::default() };
    assert_eq!(templates::list(&world.app, seed.tenant, &filter).await.unwrap().len(), 2);
    let approved = Filter { status: Some(TemplateStatus::Approved), ..filter };
    assert!(templates::list(&world.app, seed.tenant, &approved).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_no_provider_would_take_is_refused_by_name() {
    let (world, seed, account) = world().await;
    let refused = async |new| templates::create(&world.app, seed.tenant, new).await.unwrap_err();
    let body = |body: &str| NewTemplate { body: body.into(), ..offer(account) };
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
    let refused = templates::create(&world.app, ours, offer(theirs)).await;
    assert!(matches!(refused, Err(TemplateError::UnknownAccount)));
}

#[tokio::test]
async fn a_preview_fills_in_the_values() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let values = ["Ada".to_owned(), "20 %".to_owned()];
    let text = templates::preview(&world.app, seed.tenant, made.id, &values).await.unwrap();
    assert_eq!(text, "Hi Ada, 20 % off until Sunday.");
    let short = templates::preview(&world.app, seed.tenant, made.id, &values[..1]).await;
    assert!(matches!(short, Err(TemplateError::Body(_))));
}

#[tokio::test]
async fn the_provider_has_the_last_word_about_a_template_and_only_about_known_ones() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let rejected = TemplateChange {
        name: "spring_offer".into(),
        language: "en".into(),
        status: Some(TemplateStatus::Rejected),
        category: Some(TemplateCategory::Utility),
        reason: Some("PROMOTIONAL".into()),
    };
    let known = templates::apply_change(&world.app, seed.tenant, account, &rejected).await.unwrap();
    assert_eq!(known, Some(made.id));
    let now = templates::get(&world.app, seed.tenant, made.id).await.unwrap();
    assert_eq!((now.status, now.category), (TemplateStatus::Rejected, TemplateCategory::Utility));
    assert_eq!((now.status_reason.as_deref(), now.synced_at), (Some("PROMOTIONAL"), Some(noon())));

    let stranger = TemplateChange { language: "fr".into(), ..rejected };
    let unknown = templates::apply_change(&world.app, seed.tenant, account, &stranger).await.unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn a_body_changes_while_it_is_a_draft_and_not_after_its_approval() {
    let (world, seed, account) = world().await;
    let made = create(&world, seed.tenant, offer(account)).await;
    let body = |body: &str| TemplateUpdate { body: Some(body.into()), ..TemplateUpdate::default() };
    let changed = templates::update(&world.app, seed.tenant, made.id, body("Hi {{1}}")).await.unwrap();
    assert_eq!((changed.body.as_str(), changed.placeholders), ("Hi {{1}}", 1));
    let approve = TemplateUpdate { status: Some(TemplateStatus::Approved), ..TemplateUpdate::default() };
    templates::update(&world.app, seed.tenant, made.id, approve).await.unwrap();
    let fixed = templates::update(&world.app, seed.tenant, made.id, body("Bye")).await;
    assert!(matches!(fixed, Err(TemplateError::BodyIsFixed(TemplateStatus::Approved))));
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
    let change = TemplateChange {
        name: made.name,
        language: made.language,
        status: Some(TemplateStatus::Approved),
        category: None,
        reason: None,
    };
    templates::apply_change(&world.app, seed.tenant, account, &change).await.unwrap();
    assert_eq!(run_at(&world, held).await, noon());
    assert_eq!(run_at(&world, night).await, noon() + TimeDelta::minutes(15));
    assert_eq!(wake_ups(&world).await, 1);
}

async fn run_at(world: &World, id: MessageId) -> DateTime<Utc> {
    sqlx::query_scalar("select run_at from sends where id = $1")
        .bind(id)
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap()
}
