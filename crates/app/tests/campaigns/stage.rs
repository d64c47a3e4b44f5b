//! A tenant with an account, an approved template and some people.

use postroad_app::campaigns::{self, NewCampaign};
use postroad_core::{
    actor::Actor,
    ids::{AccountId, CampaignId, TemplateId},
    jobs::PlanCampaign,
};
use postroad_store::campaigns::{Audience, Variable};
use postroad_testkit::{Seed, SeedAccount};

use crate::world::World;

pub struct Stage {
    pub world: World,
    pub seed: Seed,
    pub account: AccountId,
    pub template: TemplateId,
}

impl Stage {
    pub async fn new(people: i32) -> Self {
        let world = World::new().await;
        let mut seed = Seed::new(&world.db, world.now()).await;
        let account = seed.account(&SeedAccount::default()).await;
        let template = TemplateId::from_uuid(uuid::Uuid::new_v4());
        sqlx::query(
            "insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
             values ($1, $2, $3, 'hello', 'en_US', 'marketing', 'approved', 'Hello {{1}}', 1, now(), now())",
        )
        .bind(seed.tenant)
        .bind(template)
        .bind(account)
        .execute(seed.conn())
        .await
        .unwrap();
        let stage = Self { world, seed, account, template };
        stage.people(people).await
    }

    /// Adds people with an address each, in one statement.
    async fn people(mut self, count: i32) -> Self {
        sqlx::query(
            "with fresh as (insert into contacts (tenant_id, id, attributes, created_at, updated_at)
                            select $1, gen_random_uuid(), jsonb_build_object('first_name', 'P' || n), $3, $3 from generate_series(1, $2) n
                            returning id)
             insert into addresses (tenant_id, id, contact_id, channel, address, created_at)
             select $1, gen_random_uuid(), id, 'whatsapp', '+1555' || lpad((row_number() over ())::text, 7, '0'), $3 from fresh",
        )
        .bind(self.seed.tenant)
        .bind(count)
        .bind(self.seed.now)
        .execute(self.seed.conn())
        .await
        .unwrap();
        self
    }

    pub fn draft(&self) -> NewCampaign {
        NewCampaign {
            variables: vec![Variable::Attribute { attribute: "first_name".into(), fallback: None }],
            ..NewCampaign::new("Spring", self.account, self.template, Audience::All { all: true })
        }
    }

    pub async fn started(&self) -> CampaignId {
        self.started_for(self.draft().audience).await
    }

    pub async fn started_for(&self, audience: Audience) -> CampaignId {
        let draft = NewCampaign { audience, ..self.draft() };
        let id = campaigns::create(&self.world.app, Actor::Operator, self.seed.tenant, draft).await.unwrap();
        campaigns::start(&self.world.app, Actor::Operator, self.seed.tenant, id).await.unwrap();
        id
    }

    /// The jobs that want to plan now, as a worker would get them.
    pub async fn jobs(&mut self) -> Vec<PlanCampaign> {
        let bodies: Vec<Vec<u8>> =
            sqlx::query_scalar("select job from apalis.jobs where job_type = 'campaign' order by id")
                .fetch_all(self.seed.conn())
                .await
                .unwrap();
        bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect()
    }

    pub async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.seed.conn()).await.unwrap()
    }
}
