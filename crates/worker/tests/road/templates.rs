//! Templates on their way to a simulated provider: put before it once, whatever breaks, and listed from there.

use std::time::Duration;

use postroad_app::{
    accounts,
    templates::{self, Filter, NewTemplate, Template, listing, review},
};
use postroad_core::{
    ids::AccountId,
    jobs::TendTemplates,
    template::{Parts, TemplateCategory, TemplateStatus},
    unknown::Graces,
};
use postroad_providers::reviews_templates;
use postroad_simulators::meta::{AccountEvent, MetaConfig, Number, Template as Theirs};
use postroad_store::{TenantTx, queue};
use postroad_worker::{Transport, Wire};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::world::{WABA_ID, World};

struct Stage {
    world: World,
    account: AccountId,
    stop: CancellationToken,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn offer(account: AccountId) -> NewTemplate {
    NewTemplate {
        account,
        name: "spring_offer".into(),
        language: "en_US".into(),
        category: TemplateCategory::Marketing,
        body: "Hi {{1}}, {{2}} off until Sunday.".into(),
        parts: Parts {
            footer: Some("Stop any time".into()),
            samples: vec!["Ada".into(), "20 %".into()],
            ..Parts::default()
        },
        status: TemplateStatus::Draft,
        provider_ref: None,
    }
}

impl Stage {
    async fn new(config: MetaConfig) -> Self {
        let world = World::new(config).await;
        let account = world.account(100.0).await;
        let (stop, _) = world.work(Graces::default());
        Self { world, account, stop }
    }

    /// A draft that is submitted at once.
    async fn submit(&self, new: NewTemplate) -> Template {
        let (app, tenant) = (&self.world.app, self.world.seed.tenant);
        let made = templates::create(app, tenant, new, reviews_templates).await.unwrap();
        review::submit(app, tenant, made.id, reviews_templates).await.unwrap()
    }

    async fn get(&self, template: &Template) -> Template {
        templates::get(&self.world.app, self.world.seed.tenant, template.id).await.unwrap()
    }

    /// Waits until the template is so, at most a minute.
    async fn until(&self, template: &Template, reached: impl Fn(&Template) -> bool) -> Template {
        for _ in 0..600 {
            let now = self.get(template).await;
            if reached(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not reached within a minute: {:?}", self.get(template).await);
    }

    async fn sync(&self) {
        listing::start(&self.world.app, self.world.seed.tenant, self.account, reviews_templates).await.unwrap();
    }

    async fn all(&self) -> Vec<Template> {
        let filter = Filter { limit: 200, ..Filter::default() };
        templates::list(&self.world.app, self.world.seed.tenant, &filter).await.unwrap()
    }

    /// What the provider has under this name.
    async fn theirs(&self, name: &str) -> Vec<Value> {
        let url = format!("{}/v25.0/{WABA_ID}/message_templates?name={name}", self.world.sim.base_url());
        let request = http::Request::get(url).header("authorization", "Bearer t").body(Vec::new()).unwrap();
        let Wire::Answered(answer) = Transport::new().send(request).await else { panic!("the simulator answers") };
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer["data"].as_array().unwrap().clone()
    }
}

fn answered(template: &Template) -> bool {
    template.answered == template.submission
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submitted_template_is_put_before_the_provider_once() {
    let mut stage = Stage::new(MetaConfig::default()).await;
    let submitted = stage.submit(offer(stage.account)).await;
    let now = stage.until(&submitted, answered).await;
    let theirs = stage.theirs("spring_offer").await;
    assert_eq!((theirs.len(), now.status), (1, TemplateStatus::Submitted));
    assert_eq!(theirs[0]["id"].as_str(), now.provider_ref.as_deref());
    assert_eq!(theirs[0]["components"][0]["example"]["body_text"][0][1], "20 %");
    assert_eq!(theirs[0]["components"][1]["text"], "Stop any time");

    // The process died before it wrote the answer down.
    sqlx::query("update templates set answered = 0, provider_ref = null")
        .execute(stage.world.seed.conn())
        .await
        .unwrap();
    let tenant = stage.world.seed.tenant;
    let again = TendTemplates::Submit { tenant, template: submitted.id, submission: 1, woken: 1 };
    let mut tx = TenantTx::begin(&stage.world.app.store, tenant).await.unwrap();
    queue::push(&mut tx, &again, stage.world.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let now = stage.until(&submitted, answered).await;
    assert_eq!(stage.theirs("spring_offer").await.len(), 1);
    assert_eq!(theirs[0]["id"].as_str(), now.provider_ref.as_deref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_whose_answer_was_lost_is_looked_up_and_not_made_again() {
    let stage = Stage::new(MetaConfig { cut_template_creations: 1, ..MetaConfig::default() }).await;
    let submitted = stage.submit(offer(stage.account)).await;
    let now = stage.until(&submitted, answered).await;
    assert_eq!(stage.theirs("spring_offer").await.len(), 1);
    assert_eq!((now.status, now.status_reason), (TemplateStatus::Submitted, None));
    assert!(now.provider_ref.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_does_not_want_is_rejected_in_words() {
    let stage = Stage::new(MetaConfig::default()).await;
    stage.world.sim.register_template(Theirs { name: "taken".into(), ..Theirs::default() });
    for (name, words) in [("taken", "another text under this name"), ("Spring", "small letters a to z")] {
        let submitted = stage.submit(NewTemplate { name: name.into(), ..offer(stage.account) }).await;
        let now = stage.until(&submitted, answered).await;
        let reason = now.status_reason.unwrap();
        assert!(now.status == TemplateStatus::Rejected && reason.contains(words), "{name}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_template_is_edited_at_the_provider_and_not_made_anew() {
    let stage = Stage::new(MetaConfig::default()).await;
    let submitted = stage.submit(offer(stage.account)).await;
    let first = stage.until(&submitted, answered).await;
    let status = |status: &str| AccountEvent::TemplateStatus {
        waba_id: None,
        name: "spring_offer".into(),
        language: "en_US".into(),
        status: status.into(),
        reason: Some("PROMOTIONAL".into()),
        title: None,
    };
    stage.world.sim.event(status("REJECTED")).unwrap();
    stage.sync().await;
    let rejected = stage.until(&submitted, |now| now.status == TemplateStatus::Rejected).await;
    assert_eq!(rejected.status_reason.as_deref(), Some("PROMOTIONAL"));

    let (app, tenant) = (&stage.world.app, stage.world.seed.tenant);
    let change = templates::TemplateUpdate { body: Some("Hello {{1}}: {{2}} off.".into()), ..Default::default() };
    templates::update(app, tenant, submitted.id, change, reviews_templates).await.unwrap();
    review::submit(app, tenant, submitted.id, reviews_templates).await.unwrap();
    let second = stage.until(&submitted, |now| now.answered == 2).await;
    assert_eq!((second.status, second.provider_ref), (TemplateStatus::Submitted, first.provider_ref));
    let theirs = stage.theirs("spring_offer").await;
    assert_eq!((theirs.len(), &theirs[0]["status"]), (1, &Value::from("PENDING")));
    assert_eq!(theirs[0]["components"][0]["text"], "Hello {{1}}: {{2}} off.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_brings_every_page_and_marks_what_is_gone() {
    let stage = Stage::new(MetaConfig::default()).await;
    for number in 0..59 {
        let name = format!("template_{number}");
        stage.world.sim.register_template(Theirs { name, body_params: number % 3, ..Theirs::default() });
    }
    stage.sync().await;
    // With the one that every simulator has.
    let mut all = Vec::new();
    for _ in 0..600 {
        all = stage.all().await;
        if all.len() == 60 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(all.len(), 60);
    assert!(all.iter().all(|found| found.status == TemplateStatus::Approved && found.provider_ref.is_some()));
    let two = all.iter().find(|found| found.name == "template_2").unwrap();
    assert_eq!((two.placeholders, two.parts.samples.len()), (2, 2));

    let (app, tenant) = (&stage.world.app, stage.world.seed.tenant);
    review::delete(app, tenant, two.id, reviews_templates).await.unwrap();
    for _ in 0..600 {
        if stage.theirs("template_2").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(stage.theirs("template_2").await.is_empty());

    let three = all.iter().find(|found| found.name == "template_3").unwrap();
    let url = format!("{}/v25.0/{WABA_ID}/message_templates?name=template_3", stage.world.sim.base_url());
    let request = http::Request::delete(url).header("authorization", "Bearer t").body(Vec::new()).unwrap();
    assert!(matches!(Transport::new().send(request).await, Wire::Answered(_)));
    // Listings of one second are one.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    stage.sync().await;
    stage.until(three, |now| now.status == TemplateStatus::Deleted).await;
    let left = stage.all().await.iter().filter(|found| found.status == TemplateStatus::Approved).count();
    assert_eq!(left, 58);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_learns_how_many_people_the_portfolio_may_write_to() {
    let numbers = vec![Number { messaging_limit: "TIER_2K".into(), ..Number::default() }];
    let stage = Stage::new(MetaConfig { numbers, ..MetaConfig::default() }).await;
    stage.sync().await;
    for _ in 0..600 {
        let account = accounts::get(&stage.world.app, stage.world.seed.tenant, stage.account).await.unwrap();
        if account.portfolio.people_max == Some(2_000) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing was learnt within a minute");
}
