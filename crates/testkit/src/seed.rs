//! Rows with good defaults, written behind the roles. One change per test.

use chrono::{DateTime, Utc};
use postroad_core::ids::{AccountId, AddressId, CampaignId, ContactId, MessageId, TenantId};
use sqlx::{Connection, PgConnection};

use crate::TestDb;

/// Writes rows of one tenant.
pub struct Seed {
    db: PgConnection,
    pub tenant: TenantId,
    pub now: DateTime<Utc>,
}

/// An account to be written. `default` is a WhatsApp number that may send 1,000 messages a second.
#[derive(Debug, Clone)]
pub struct SeedAccount {
    pub provider: &'static str,
    pub channel: &'static str,
    pub rate_per_s: f64,
    pub burst: i32,
    pub credentials: String,
    pub spacing: Option<(i32, i32)>,
}

impl Default for SeedAccount {
    fn default() -> Self {
        Self {
            provider: "whatsapp_cloud",
            channel: "whatsapp",
            rate_per_s: 1_000.0,
            burst: 1,
            credentials: "none".into(),
            spacing: None,
        }
    }
}

/// A message to be written with its send. `default` is a text that is due now and that every gate lets pass.
#[derive(Debug, Clone)]
pub struct SeedMessage {
    pub class: &'static str,
    pub source: &'static str,
    pub purpose: &'static str,
    pub state: &'static str,
    pub content: String,
    pub kind: &'static str,
    pub campaign: Option<CampaignId>,
    pub run_at: Option<DateTime<Utc>>,
    pub not_after: Option<DateTime<Utc>>,
}

impl Default for SeedMessage {
    fn default() -> Self {
        Self {
            class: "transactional",
            source: "api",
            purpose: "conversational",
            state: "queued",
            content: r#"{"type":"text","body":"hello"}"#.into(),
            kind: "text",
            campaign: None,
            run_at: None,
            not_after: None,
        }
    }
}

impl Seed {
    /// A new tenant, in UTC, without quiet hours.
    pub async fn new(db: &TestDb, now: DateTime<Utc>) -> Self {
        let mut conn = PgConnection::connect(&db.admin_url()).await.expect("the test server answers");
        let tenant = TenantId::from_uuid(uuid::Uuid::new_v4());
        sqlx::query(
            "insert into tenants (id, slug, name, quiet_starts, quiet_ends, created_at, updated_at)
             values ($1, $2, 'Test', '00:00', '00:00', $3, $3)",
        )
        .bind(tenant)
        .bind(format!("t-{}", tenant.uuid().simple()))
        .bind(now)
        .execute(&mut conn)
        .await
        .expect("the tenant is written");
        sqlx::query("insert into installation (id, epoch, created_at) values ($1, $1, $2) on conflict do nothing")
            .bind(tenant)
            .bind(now)
            .execute(&mut conn)
            .await
            .expect("the installation is written");
        Self { db: conn, tenant, now }
    }

    /// The privileged connection, for what the builders do not cover.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.db
    }

    /// An account and its lane.
    pub async fn account(&mut self, account: &SeedAccount) -> AccountId {
        let id = AccountId::from_uuid(uuid::Uuid::new_v4());
        sqlx::query(
            "insert into accounts (tenant_id, id, provider, channel, external_id, display_name, status, credentials, rate_per_s, rate_burst,
                                   spacing_every_s, spacing_burst, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 'Test number', 'active', $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(self.tenant)
        .bind(id)
        .bind(account.provider)
        .bind(account.channel)
        .bind(id.uuid().simple().to_string())
        .bind(&account.credentials)
        .bind(account.rate_per_s)
        .bind(account.burst)
        .bind(account.spacing.map(|(every, _)| every))
        .bind(account.spacing.map(|(_, burst)| burst))
        .bind(self.now)
        .execute(&mut self.db)
        .await
        .expect("the account is written");
        sqlx::query("insert into lanes (tenant_id, id) values ($1, $2)")
            .bind(self.tenant)
            .bind(id)
            .execute(&mut self.db)
            .await
            .expect("the lane is written");
        id
    }

    /// A contact with one WhatsApp address. `number`: 0 to 9,999,999, becomes `+1555…`.
    pub async fn contact(&mut self, number: u32) -> (ContactId, AddressId) {
        let contact = ContactId::from_uuid(uuid::Uuid::new_v4());
        let address = AddressId::from_uuid(uuid::Uuid::new_v4());
        sqlx::query("insert into contacts (tenant_id, id, created_at, updated_at) values ($1, $2, $3, $3)")
            .bind(self.tenant)
            .bind(contact)
            .bind(self.now)
            .execute(&mut self.db)
            .await
            .expect("the contact is written");
        sqlx::query("insert into addresses (tenant_id, id, contact_id, channel, address, created_at) values ($1, $2, $3, 'whatsapp', $4, $5)")
            .bind(self.tenant)
            .bind(address)
            .bind(contact)
            .bind(format!("+1555{number:07}"))
            .bind(self.now)
            .execute(&mut self.db)
            .await
            .expect("the address is written");
        (contact, address)
    }

    /// The person wrote to this account just now: free text may leave for 24 hours.
    pub async fn window(&mut self, account: AccountId, address: AddressId) {
        sqlx::query(
            "insert into session_windows (tenant_id, account_id, address_id, opened_at, closes_at)
             values ($1, $2, $3, $4, $4 + interval '24 hours') on conflict do nothing",
        )
        .bind(self.tenant)
        .bind(account)
        .bind(address)
        .bind(self.now)
        .execute(&mut self.db)
        .await
        .expect("the window is written");
    }

    /// A message and its send.
    pub async fn message(
        &mut self,
        account: AccountId,
        to: (ContactId, AddressId),
        message: &SeedMessage,
    ) -> MessageId {
        let id = MessageId::from_uuid(uuid::Uuid::now_v7());
        let run_at = message.run_at.unwrap_or(self.now);
        sqlx::query(
            "insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                   quiet_policy, kind, content, campaign_id, created_at)
             values ($1, $2, 'outbound', $3, $4, $5, 'whatsapp', $6, $7, $8, 'hold', $9, $10::jsonb, $11, $12)",
        )
        .bind(self.tenant)
        .bind(id)
        .bind(account)
        .bind(to.0)
        .bind(to.1)
        .bind(message.source)
        .bind(message.class)
        .bind(message.purpose)
        .bind(message.kind)
        .bind(&message.content)
        .bind(message.campaign)
        .bind(self.now)
        .execute(&mut self.db)
        .await
        .expect("the message is written");
        self.window(account, to.1).await;
        sqlx::query(
            "insert into sends (tenant_id, id, lane_id, address_id, contact_id, campaign_id, flow, weight, class, state, run_at, not_after, state_at)
             values ($1, $2, $3, $4, $5, $6, coalesce($6, '00000000-0000-0000-0000-000000000002'::uuid), 32, $7, $8, $9, $10, $11)",
        )
        .bind(self.tenant)
        .bind(id)
        .bind(account)
        .bind(to.1)
        .bind(to.0)
        .bind(message.campaign)
        .bind(message.class)
        .bind(message.state)
        .bind(run_at)
        .bind(message.not_after)
        .bind(self.now)
        .execute(&mut self.db)
        .await
        .expect("the send is written");
        id
    }
}
