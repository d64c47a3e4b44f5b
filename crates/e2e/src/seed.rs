//! What an installation begins with: a tenant with accounts, made as the product makes them, and people and messages by
//! the hundred thousand, written set by set behind the roles.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use futures::{StreamExt, TryStreamExt, stream};
use postroad_app::{
    App,
    accounts::{self, Limits, NewAccount, PortfolioChange, SharedLimit},
    clients::{self, Former, Grant},
    templates::{self, NewTemplate},
    tenants::{self, NewTenant},
};
use postroad_core::{
    account::{Channel, Pace, Spacing},
    ids::{AccountId, TenantId},
    scope::Scope,
    template::{Parts, TemplateCategory, TemplateStatus},
};
use postroad_providers::reviews_templates;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::{client::Key, installation::Installation};

/// The secrets that the simulator knows by default.
pub const APP_SECRET: &str = "simulated-app-secret";
pub const VERIFY_TOKEN: &str = "simulated-verify-token";
/// The approved template that each account has: one value, in English.
pub const TEMPLATE: &str = "order_news";

/// Accounts to be connected.
#[derive(Debug, Clone)]
pub struct Lanes {
    pub count: u32,
    /// Messages per second of each, at most 10,000.
    pub rate_per_s: f64,
    pub spacing: Option<Spacing>,
    /// A limit that all of them share.
    pub shared_per_s: Option<f64>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { count: 1, rate_per_s: 100_000.0, spacing: None, shared_per_s: None }
    }
}

/// Messages to be written: each to a person of its own within its lane, due now, with nothing that holds them.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    pub per_lane: u32,
    /// Of all: `transactional`, or `campaign` without one.
    pub class: &'static str,
}

impl Default for Bulk {
    fn default() -> Self {
        Self { per_lane: 1_000, class: "transactional" }
    }
}

/// A tenant, and the hands that write for it.
pub struct Seed {
    pub app: App,
    pub tenant: TenantId,
    db: PgConnection,
}

/// An account that was connected.
#[derive(Debug, Clone)]
pub struct Seeded {
    pub id: AccountId,
    /// The phone number id at the provider.
    pub external_id: String,
}

impl Seed {
    pub async fn new(installation: &Installation) -> Result<Self> {
        let app = installation.app().await?;
        let slug = format!("t-{}", uuid::Uuid::new_v4().simple());
        let tenant = tenants::create(&app, &NewTenant::named(slug, "Test")).await?;
        Ok(Self { app, tenant, db: installation.database.connect().await? })
    }

    /// The privileged connection, for what is not covered here.
    pub const fn db(&mut self) -> &mut PgConnection {
        &mut self.db
    }

    /// WhatsApp accounts, each with an approved template.
    pub async fn accounts(&mut self, lanes: &Lanes) -> Result<Vec<Seeded>> {
        let (app, tenant) = (&self.app, self.tenant);
        let made = stream::iter(0..lanes.count).map(|number| connect(app, tenant, number, lanes));
        let seeded: Vec<Seeded> = made.buffered(12).try_collect().await?;
        self.templates().await?;
        Ok(seeded)
    }

    /// One statement for all accounts that have none.
    async fn templates(&mut self) -> Result<()> {
        let sql = "
            insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
            select a.tenant_id, gen_random_uuid(), a.id, $2, 'en_US', 'utility', 'approved', 'Hello {{1}}', 1, now(), now()
            from   accounts a where a.tenant_id = $1
            on conflict do nothing";
        sqlx::query(sql).bind(self.tenant).bind(TEMPLATE).execute(&mut self.db).await?;
        Ok(())
    }

    /// People numbered from 0, who agreed to everything: [`number`] says how to reach them.
    pub async fn people(&mut self, count: u32) -> Result<()> {
        let tenant = self.tenant.uuid();
        // Ids like ours: the time in front, so that neighbours in time are neighbours in every index.
        let id = "(lpad(to_hex((extract(epoch from now()) * 1000)::bigint - 3600000 + g / 50), 12, '0') || '7'
                   || lpad(to_hex(g % 4096), 3, '0') || '8' || substr(md5(random()::text), 1, 15))::uuid";
        let sql = format!(
            "create temporary table people as
                 select g, {id} as contact, {id} as address from generate_series(0, {count} - 1) g;
             insert into contacts (tenant_id, id, created_at, updated_at) select '{tenant}', contact, now(), now() from people;
             insert into addresses (tenant_id, id, contact_id, channel, address, marketing_action, marketing_at,
                                    transactional_action, transactional_at, created_at)
                 select '{tenant}', address, contact, 'whatsapp', '+1555' || lpad(g::text, 7, '0'), 'granted', now(), 'granted', now(), now()
                 from   people;
             drop table people;"
        );
        self.db.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    /// Messages for all lanes of the tenant, to the first people: there must be `per_lane` of them at least.
    pub async fn messages(&mut self, bulk: Bulk) -> Result<()> {
        let tenant = self.tenant.uuid();
        let Bulk { per_lane, class } = bulk;
        let flow = postroad_core::send::flow_of(class.parse().map_err(|error| anyhow!("{class}: {error}"))?);
        let content = format!(r#"{{"type":"template","name":"{TEMPLATE}","language":"en_US","parameters":["Ada"]}}"#);
        // Ids like ours: the time in front, so that neighbours in time are neighbours in every index.
        let sql = format!(
            "create temporary table wanted as
                 select l.id as lane, d.id as address, d.contact_id as contact,
                        (lpad(to_hex((extract(epoch from now()) * 1000)::bigint + row_number() over () / 50), 12, '0') || '7'
                         || lpad(to_hex(row_number() over () % 4096), 3, '0') || '8'
                         || substr(md5(random()::text), 1, 15))::uuid as id
                 from   (select id, row_number() over (order by id) - 1 as n from lanes where tenant_id = '{tenant}') l
                 cross  join generate_series(0, {per_lane} - 1) g
                 join   addresses d on d.tenant_id = '{tenant}' and d.channel = 'whatsapp'
                                    and d.address = '+1555' || lpad(g::text, 7, '0');
             insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                   quiet_policy, kind, content, created_at)
                 select '{tenant}', id, 'outbound', lane, contact, address, 'whatsapp', 'api', '{class}', 'transactional', 'hold',
                        'template', '{content}', now() from wanted;
             insert into sends (tenant_id, id, lane_id, address_id, contact_id, flow, weight, class, state, run_at, state_at)
                 select '{tenant}', id, lane, address, contact, '{flow}', 32, '{class}', 'queued', now(), now() from wanted;
             drop table wanted;"
        );
        self.db.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    /// A key of a client that may do everything, as fast as it likes.
    pub async fn key(&self, live: bool) -> Result<Key> {
        let grant =
            Grant { scopes: Scope::ALL.to_vec(), rate_per_s: 100_000.0, rate_burst: 100_000, ..Grant::default() };
        let client = clients::create(&self.app, self.tenant, live, &grant).await?;
        let made = clients::create_key(&self.app, self.tenant, client.id, Former::Stay).await?;
        Ok(Key { id: made.key.key_id, secret: made.secret })
    }

    /// A further template of one account.
    pub async fn template(&self, account: AccountId, name: &str, category: TemplateCategory) -> Result<()> {
        let new = NewTemplate {
            account,
            name: name.to_owned(),
            language: "en_US".to_owned(),
            category,
            body: "Hello {{1}}".to_owned(),
            parts: Parts::default(),
            status: TemplateStatus::Approved,
            provider_ref: None,
        };
        templates::create(&self.app, self.tenant, new, reviews_templates).await?;
        Ok(())
    }
}

async fn connect(app: &App, tenant: TenantId, number: u32, lanes: &Lanes) -> Result<Seeded> {
    let external_id = format!("{}", 100_000_000_000_001_u64 + u64::from(number));
    let secret = |name: &str, value: &str| (name.to_owned(), SecretString::from(value));
    let account = NewAccount {
        provider: "whatsapp_cloud".to_owned(),
        channel: Channel::Whatsapp,
        external_id: external_id.clone(),
        display_name: format!("Number {number}"),
        credentials: vec![
            secret("access_token", "simulated-token"),
            secret("app_secret", APP_SECRET),
            secret("verify_token", VERIFY_TOKEN),
        ],
        settings: BTreeMap::from([("waba_id".to_owned(), "200000000000001".to_owned())]),
        limits: Limits {
            pace: Pace { per_s: lanes.rate_per_s, burst: 1 },
            spacing: lanes.spacing,
            shared: lanes.shared_per_s.map(|per_s| SharedLimit { key: "meta:app".to_owned(), per_s }),
        },
        portfolio: PortfolioChange::default(),
        time_zone: None,
        quiet_hours: None,
        is_primary: false,
    };
    Ok(Seeded { id: accounts::connect(app, tenant, account).await?, external_id })
}

/// How person `position` is reached: fictional, `+1555` and seven digits.
pub fn number(position: u32) -> String {
    format!("+1555{position:07}")
}
