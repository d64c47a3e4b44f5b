//! Campaigns that leave no faster than a person wants.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{campaigns, explain, requests::Call};
use postroad_core::{
    actor::Actor,
    gates::{Decision, Reason},
    ids::{AccountId, CampaignId, IncarnationId},
};
use postroad_store::campaigns::Settings;
use postroad_testkit::{Seed, SeedMessage};
use proptest::prelude::*;

use crate::{
    lane::{claim, decide, seed, take, worker},
    world::World,
};

struct Throttled {
    world: World,
    seed: Seed,
    account: AccountId,
    campaign: CampaignId,
    owner: IncarnationId,
    fence: i64,
}

impl Throttled {
    /// A running campaign with this many messages that nothing else holds.
    async fn new(messages: u32, per_minute: i32) -> Self {
        let world = World::new().await;
        let (mut seed, account) = seed(&world).await;
        let campaign = running(&mut seed, account, per_minute).await;
        for number in 0..messages {
            let to = seed.contact(number).await;
            let message = SeedMessage {
                campaign: Some(campaign),
                class: "campaign",
                source: "campaign",
                purpose: "transactional",
                ..SeedMessage::default()
            };
            seed.message(account, to, &message).await;
        }
        let agreed = "update addresses set transactional_action = 'granted', transactional_at = now()";
        sqlx::query(agreed).execute(seed.conn()).await.unwrap();
        let owner = worker(&world).await;
        let fence = take(&world, owner, &seed, account).await.unwrap();
        Self { world, seed, account, campaign, owner, fence }
    }

    /// How many leave in one step.
    async fn leave(&self) -> usize {
        postroad_app::lanes::renew(&self.world.app, self.owner).await.unwrap();
        let claimed = claim(&self.world, self.owner, &self.seed, (self.account, self.fence), 100).await;
        decide(&self.world, self.owner, self.fence, &claimed).await.attempts.len()
    }

    fn wait(&self, milliseconds: i64) -> DateTime<Utc> {
        self.world.app.clock.advance(TimeDelta::milliseconds(milliseconds));
        self.world.now()
    }
}

async fn running(seed: &mut Seed, account: AccountId, per_minute: i32) -> CampaignId {
    let (campaign, template) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let sql = "with t as (insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
                          values ($1, $3, $4, 'hello', 'en_US', 'marketing', 'approved', 'Hello', 0, now(), now()) returning id)
               insert into campaigns (tenant_id, id, name, account_id, template_id, purpose, audience, state, throttle_per_minute, created_at, updated_at)
               select $1, $2, 'Spring', $4, id, 'marketing', '{\"all\": true}', 'running', $5, now(), now() from t";
    sqlx::query(sql)
        .bind(seed.tenant)
        .bind(campaign)
        .bind(template)
        .bind(account)
        .bind(per_minute)
        .execute(seed.conn())
        .await
        .unwrap();
    CampaignId::from_uuid(campaign)
}

#[tokio::test]
async fn a_throttled_campaign_leaves_one_by_one_and_what_was_claimed_beyond_waits_its_turn() {
    let stage = Throttled::new(6, 60).await;
    // One now, and one within the second in which a batch leaves.
    assert_eq!(stage.leave().await, 2);
    assert_eq!(stage.leave().await, 0);
    stage.wait(1_000);
    assert_eq!(stage.leave().await, 1);
    // Two workers' claims overlap: both were made before either was decided.
    stage.wait(5_000);
    let first = claim(&stage.world, stage.owner, &stage.seed, (stage.account, stage.fence), 100).await;
    let second = claim(&stage.world, stage.owner, &stage.seed, (stage.account, stage.fence), 100).await;
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(decide(&stage.world, stage.owner, stage.fence, &first).await.attempts.len(), 2);
    let held = decide(&stage.world, stage.owner, stage.fence, &second).await;
    assert!(held.attempts.is_empty());
    let Decision::Wait { reason, until, .. } = held.rulings[0].decision else { panic!("it waits") };
    assert_eq!((reason, until), (Reason::Throttled, stage.world.now() + TimeDelta::seconds(2)));
    stage.wait(2_000);
    assert_eq!(stage.leave().await, 1);
}

#[tokio::test]
async fn what_a_throttle_leaves_in_the_queue_says_so() {
    let mut stage = Throttled::new(6, 60).await;
    assert_eq!(stage.leave().await, 2);
    let queued = "select id from sends where state = 'queued' limit 1";
    let id = sqlx::query_scalar(queued).fetch_one(stage.seed.conn()).await.unwrap();
    let story = explain::explain(&stage.world.app, &Call::operator(stage.seed.tenant), id).await.unwrap().unwrap();
    let standing = story.standing.unwrap();
    assert_eq!((standing.reason, standing.until), (Reason::Throttled, Some(stage.world.now() + TimeDelta::seconds(2))));
    stage.wait(10_000);
    let story = explain::explain(&stage.world.app, &Call::operator(stage.seed.tenant), id).await.unwrap().unwrap();
    assert!(story.standing.is_none(), "there is a place");
}

#[tokio::test]
async fn a_new_throttle_counts_at_once_and_none_is_as_fast_as_the_account() {
    let stage = Throttled::new(20, 1).await;
    assert_eq!(stage.leave().await, 1);
    stage.wait(5_000);
    assert_eq!(stage.leave().await, 0);
    let change = |throttle| Settings { throttle_per_minute: Some(throttle), ..Settings::default() };
    let (app, tenant) = (&stage.world.app, stage.seed.tenant);
    campaigns::change(app, Actor::Operator, tenant, stage.campaign, &change(Some(240))).await.unwrap();
    assert_eq!(stage.leave().await, 5, "one now, and four within the second");
    campaigns::change(app, Actor::Operator, tenant, stage.campaign, &change(None)).await.unwrap();
    assert_eq!(stage.leave().await, 14);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn no_window_holds_more_than_the_throttle_and_a_second_of_it(
        per_minute in prop::sample::select(vec![6_i32, 60, 300, 1_200]),
        steps in prop::collection::vec(0_i64..4_000, 4..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Throttled::new(60, per_minute).await;
            let mut left = Vec::new();
            for step in steps {
                let at = stage.wait(step);
                left.push((at, stage.leave().await));
            }
            for (nth, (from, _)) in left.iter().enumerate() {
                for upto in nth..left.len() {
                    let seconds = (left[upto].0 - *from).as_seconds_f64() + 1.0;
                    let count: usize = left[nth..=upto].iter().map(|(_, count)| count).sum();
                    let most = f64::from(per_minute) / 60.0 * seconds + 1.0;
                    #[expect(clippy::cast_precision_loss, reason = "small counts")]
                    let count = count as f64;
                    assert!(count <= most + 1e-6, "{count} in {seconds} s at {per_minute} a minute: {left:?}");
                }
            }
        });
    }
}
