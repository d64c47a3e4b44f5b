//! A template's way to its provider and back: what is asked is written once, and what comes back is believed once.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use postroad_app::templates::{
    self, Filter, NewTemplate, Template, TemplateError, TemplateUpdate, listing,
    review::{self, Answer},
};
use postroad_core::{
    ids::AccountId,
    jobs::TendTemplates,
    provider::desk::{Listed, Standing, Text},
    template::{Parts, TemplateCategory, TemplateStatus},
};
use postroad_testkit::{Seed, SeedMessage};

use crate::{
    templates::{create, jobs, offer, reviews, world},
    world::{World, noon},
};

struct Stage {
    world: World,
    seed: Seed,
    account: AccountId,
    template: Template,
}

impl Stage {
    /// With one draft.
    async fn new() -> Self {
        let (world, seed, account) = world().await;
        let template = create(&world, seed.tenant, offer(account)).await;
        Self { world, seed, account, template }
    }

    /// With one that is submitted.
    async fn submitted() -> Self {
        let stage = Self::new().await;
        stage.submit().await.unwrap();
        stage
    }

    async fn submit(&self) -> Result<Template, TemplateError> {
        review::submit(&self.world.app, self.seed.tenant, self.template.id, reviews).await
    }

    async fn now(&self) -> Template {
        templates::get(&self.world.app, self.seed.tenant, self.template.id).await.unwrap()
    }

    async fn answer(&self, submission: i32, answer: Answer) -> bool {
        review::answer(&self.world.app, self.seed.tenant, self.template.id, submission, answer).await.unwrap()
    }

    async fn change(&self, change: TemplateUpdate) -> Result<Template, TemplateError> {
        templates::update(&self.world.app, self.seed.tenant, self.template.id, change, reviews).await
    }

    async fn learn(&self, listed: &[Listed]) -> listing::Learnt {
        listing::learn(&self.world.app, self.seed.tenant, self.account, listed).await.unwrap()
    }

    async fn set(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(self.seed.conn()).await.unwrap();
    }
}

fn standing(provider_ref: &str, status: TemplateStatus) -> Standing {
    Standing { provider_ref: provider_ref.into(), status: Some(status), category: None, reason: None }
}

fn listed(name: &str, provider_ref: &str, status: TemplateStatus) -> Listed {
    Listed {
        name: name.into(),
        language: "en".into(),
        standing: Standing { category: Some(TemplateCategory::Utility), ..standing(provider_ref, status) },
        text: Some(Text { body: "Hi {{1}}, {{2}} off until Sunday.".into(), parts: Parts::default() }),
    }
}

#[tokio::test]
async fn a_draft_is_submitted_once_with_its_job() {
    let stage = Stage::new().await;
    let submitted = stage.submit().await.unwrap();
    assert_eq!((submitted.status, submitted.submission), (TemplateStatus::Submitted, 1));
    let again = stage.submit().await;
    assert!(matches!(again, Err(TemplateError::NotSubmittable(TemplateStatus::Submitted))));
    assert_eq!(jobs(&stage.world).await, 1);
    let task = review::to_submit(&stage.world.app, stage.seed.tenant, stage.template.id, 1).await.unwrap();
    assert_eq!(task.unwrap().template, submitted);
}

#[tokio::test]
async fn what_has_no_samples_is_not_submitted() {
    let stage = Stage::new().await;
    stage.change(TemplateUpdate { samples: Some(vec![]), ..TemplateUpdate::default() }).await.unwrap();
    assert!(matches!(stage.submit().await, Err(TemplateError::NoSamples { placeholders: 2 })));
    assert_eq!(jobs(&stage.world).await, 0);
}

#[tokio::test]
async fn an_answer_is_written_once_and_only_to_the_last_submission() {
    let stage = Stage::submitted().await;
    let refused = Answer::Refused("2388040: too long".into());
    assert!(stage.answer(1, refused.clone()).await);
    let rejected = stage.now().await;
    assert_eq!(
        (rejected.status, rejected.status_reason.as_deref()),
        (TemplateStatus::Rejected, Some("2388040: too long"))
    );
    assert!(!stage.answer(1, Answer::Has(standing("1", TemplateStatus::Approved))).await);
    assert!(review::to_submit(&stage.world.app, stage.seed.tenant, stage.template.id, 1).await.unwrap().is_none());

    let second = stage.submit().await.unwrap();
    assert_eq!((second.submission, second.status_reason), (2, None));
    assert!(!stage.answer(1, refused).await);
    let taken = Standing { category: Some(TemplateCategory::Utility), ..standing("77", TemplateStatus::Submitted) };
    assert!(stage.answer(2, Answer::Has(taken)).await);
    let now = stage.now().await;
    assert_eq!((now.provider_ref.as_deref(), now.category), (Some("77"), TemplateCategory::Utility));
    assert_eq!((now.status, now.synced_at), (TemplateStatus::Submitted, Some(noon())));
}

#[tokio::test]
async fn a_webhook_that_was_faster_than_the_answer_is_not_undone_by_it() {
    let mut stage = Stage::submitted().await;
    stage.set("update templates set status = 'approved'").await;
    assert!(stage.answer(1, Answer::Has(standing("77", TemplateStatus::Submitted))).await);
    let now = stage.now().await;
    assert_eq!((now.status, now.provider_ref.as_deref()), (TemplateStatus::Approved, Some("77")));
}

#[tokio::test]
async fn an_immediate_approval_makes_due_what_waited() {
    let mut stage = Stage::submitted().await;
    let to = stage.seed.contact(1).await;
    let held = stage.seed.message(stage.account, to, &SeedMessage::default()).await;
    stage.set("update sends set state = 'waiting', gate = 'template', reason = 'template_not_approved', run_at = '2026-03-02T12:15:00Z'").await;
    assert!(stage.answer(1, Answer::Has(standing("77", TemplateStatus::Approved))).await);
    let due: chrono::DateTime<chrono::Utc> = sqlx::query_scalar("select run_at from sends where id = $1")
        .bind(held)
        .fetch_one(stage.seed.conn())
        .await
        .unwrap();
    assert_eq!(due, noon());
}

#[tokio::test]
async fn a_rejected_template_that_is_reworded_is_a_draft_that_no_news_touches() {
    let stage = Stage::submitted().await;
    stage.answer(1, Answer::Has(standing("77", TemplateStatus::Rejected))).await;
    let change = TemplateUpdate { body: Some("Hello {{1}}: {{2}}".into()), ..TemplateUpdate::default() };
    assert_eq!(stage.change(change).await.unwrap().status, TemplateStatus::Draft);
    stage.learn(&[listed("spring_offer", "77", TemplateStatus::Rejected)]).await;
    let now = stage.now().await;
    assert_eq!((now.status, now.body.as_str()), (TemplateStatus::Draft, "Hello {{1}}: {{2}}"));
    assert_eq!(stage.submit().await.unwrap().provider_ref.as_deref(), Some("77"));
}

#[tokio::test]
async fn a_listing_teaches_standings_and_brings_what_is_unknown() {
    let stage = Stage::submitted().await;
    stage.answer(1, Answer::Has(standing("77", TemplateStatus::Submitted))).await;
    let mut foreign = listed("picture", "79", TemplateStatus::Approved);
    foreign.text = None;
    let paused = Listed {
        standing: Standing { reason: Some("PROMOTIONAL".into()), ..listed("x", "77", TemplateStatus::Paused).standing },
        ..listed("spring_offer", "77", TemplateStatus::Paused)
    };
    let page = [paused, listed("welcome", "78", TemplateStatus::Approved), foreign];
    assert_eq!(stage.learn(&page).await, listing::Learnt { created: 1, updated: 1, skipped: 1 });
    assert_eq!(stage.learn(&page).await, listing::Learnt { created: 0, updated: 2, skipped: 1 });
    let now = stage.now().await;
    assert_eq!((now.status, now.category), (TemplateStatus::Paused, TemplateCategory::Utility));
    assert_eq!(now.status_reason.as_deref(), Some("PROMOTIONAL"));
    assert_eq!(now.parts.samples, ["Ada", "20 %"], "the provider showed none");
    let all = Filter { limit: 10, ..Filter::default() };
    let all = templates::list(&stage.world.app, stage.seed.tenant, &all).await.unwrap();
    let names: BTreeSet<&str> = all.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["spring_offer", "welcome"]));
}

#[tokio::test]
async fn a_listing_leaves_work_in_hand_alone() {
    let stage = Stage::new().await;
    let mut other = listed("spring_offer", "77", TemplateStatus::Approved);
    other.text = Some(Text { body: "Something else".into(), parts: Parts::default() });
    stage.learn(std::slice::from_ref(&other)).await;
    let draft = stage.now().await;
    assert_eq!((draft.status, draft.body), (TemplateStatus::Draft, stage.template.body.clone()));
    assert!(draft.status_reason.unwrap().contains("another text"));
    stage.submit().await.unwrap();
    stage.learn(&[other]).await;
    let submitted = stage.now().await;
    assert_eq!((submitted.status, submitted.provider_ref), (TemplateStatus::Submitted, None));
}

#[tokio::test]
async fn what_the_provider_has_no_more_is_marked_and_what_it_never_had_is_not() {
    let mut stage = Stage::submitted().await;
    stage.answer(1, Answer::Has(standing("77", TemplateStatus::Approved))).await;
    let by_hand = NewTemplate { name: "by_hand".into(), status: TemplateStatus::Approved, ..offer(stage.account) };
    let by_hand = create(&stage.world, stage.seed.tenant, by_hand).await;
    let began = noon().timestamp() + 60;
    stage.world.app.clock.advance(TimeDelta::seconds(61));
    stage.learn(&[listed("welcome", "78", TemplateStatus::Approved)]).await;
    let end = async || listing::end(&stage.world.app, stage.seed.tenant, stage.account, began).await.unwrap();
    assert_eq!((end().await, end().await), (1, 0));
    let gone = stage.now().await;
    assert_eq!(gone.status, TemplateStatus::Deleted);
    assert_eq!(gone.status_reason.as_deref(), Some("the provider does not have it any more"));
    let kept = templates::get(&stage.world.app, stage.seed.tenant, by_hand.id).await.unwrap();
    assert_eq!(kept.status, TemplateStatus::Approved);
    stage.learn(&[listed("spring_offer", "77", TemplateStatus::Approved)]).await;
    assert_eq!(stage.now().await.status, TemplateStatus::Approved, "it has come back");
    stage.set("delete from apalis.jobs").await;
}

#[tokio::test]
async fn a_deletion_at_the_provider_is_a_job_and_no_listing_brings_the_template_back() {
    let stage = Stage::submitted().await;
    let (app, tenant, id) = (&stage.world.app, stage.seed.tenant, stage.template.id);
    stage.answer(1, Answer::Has(standing("77", TemplateStatus::Approved))).await;
    review::delete(app, tenant, id, reviews).await.unwrap();
    review::delete(app, tenant, id, reviews).await.unwrap();
    assert_eq!(jobs(&stage.world).await, 2, "one submission, one deletion");
    assert_eq!(stage.now().await.status, TemplateStatus::Deleted);
    let again = templates::create(app, tenant, offer(stage.account), reviews).await;
    assert!(matches!(again, Err(TemplateError::BeingDeleted)));
    stage.learn(&[listed("spring_offer", "77", TemplateStatus::Approved)]).await;
    assert_eq!(stage.now().await.status, TemplateStatus::Deleted);
    assert!(review::to_remove(app, tenant, id).await.unwrap().is_some());
    review::removed(app, tenant, id).await.unwrap();
    assert!(review::to_remove(app, tenant, id).await.unwrap().is_none());
    stage.learn(&[listed("spring_offer", "77", TemplateStatus::Approved)]).await;
    assert!(matches!(templates::get(app, tenant, id).await, Err(TemplateError::NotFound)));
    stage.learn(&[listed("spring_offer", "99", TemplateStatus::Approved)]).await;
    assert_eq!(stage.now().await.provider_ref.as_deref(), Some("99"), "somebody made it anew over there");
}

#[tokio::test]
async fn a_submission_that_lost_its_job_is_woken_by_the_next_listing() {
    let stage = Stage::submitted().await;
    let app = &stage.world.app;
    let end = async |at: i64| listing::end(app, stage.seed.tenant, stage.account, at).await.unwrap();
    end(noon().timestamp()).await;
    assert_eq!(jobs(&stage.world).await, 1, "it was asked for just now");
    app.clock.advance(TimeDelta::minutes(61));
    end(noon().timestamp() + 3_660).await;
    assert_eq!(jobs(&stage.world).await, 2);
}

#[tokio::test]
async fn the_hourly_listing_asks_once_for_each_account_that_works() {
    let mut stage = Stage::new().await;
    let providers = ["whatsapp_cloud".to_owned()];
    let other = postroad_testkit::SeedAccount { provider: "plain", channel: "sms", ..Default::default() };
    stage.seed.account(&other).await;
    for _ in 0..2 {
        listing::start_all(&stage.world.app, &providers, 3_600).await.unwrap();
    }
    assert_eq!(jobs(&stage.world).await, 1);
    let job: Vec<u8> = sqlx::query_scalar("select job from apalis.jobs").fetch_one(stage.seed.conn()).await.unwrap();
    let expected =
        TendTemplates::List { tenant: stage.seed.tenant, account: stage.account, began: 3_600, page: 0, after: None };
    assert_eq!(serde_json::from_slice::<TendTemplates>(&job).unwrap(), expected);
    stage.set("update accounts set status = 'disconnected'").await;
    listing::start_all(&stage.world.app, &providers, 7_200).await.unwrap();
    assert_eq!(jobs(&stage.world).await, 1);
}
