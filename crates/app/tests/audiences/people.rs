//! People as a test describes them, written behind the roles.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use postroad_core::{
    account::Channel,
    consent::ConsentAction,
    ids::{AccountId, ContactId, MessageId},
    send::SendState,
};
use postroad_testkit::{Seed, SeedMessage};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::arbitrary;

/// `default` is somebody who was known yesterday, and of whom nothing else is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Person {
    /// Hours between now and when the person became known. Negative: later than now.
    pub(crate) known_for_h: i64,
    pub(crate) name: Option<&'static str>,
    pub(crate) language: Option<&'static str>,
    pub(crate) zone: Option<&'static str>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) attributes: BTreeMap<&'static str, &'static str>,
    pub(crate) import: Option<u128>,
    /// Oldest first.
    pub(crate) addresses: Vec<Address>,
    /// Hours since each inbound message.
    pub(crate) wrote_h: Vec<i64>,
    /// Groups, and hours since the person joined.
    pub(crate) groups: Vec<(u128, i64)>,
    pub(crate) campaigns: Vec<Got>,
}

#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) channel: Channel,
    pub(crate) marketing: Option<ConsentAction>,
    pub(crate) transactional: Option<ConsentAction>,
    pub(crate) suppressed: bool,
}

/// A campaign's message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Got {
    pub(crate) campaign: u128,
    pub(crate) state: SendState,
    /// Hours since it was written.
    pub(crate) ago_h: i64,
    /// A link of it was opened now.
    pub(crate) clicked: bool,
}

pub(crate) fn at(channel: Channel) -> Address {
    Address { channel, marketing: None, transactional: None, suppressed: false }
}

/// Writes people, and keeps who is who.
pub(crate) struct Town {
    pub(crate) seed: Seed,
    pub(crate) account: AccountId,
    pub(crate) people: Vec<(ContactId, Person)>,
}

impl Town {
    pub(crate) fn new(seed: Seed, account: AccountId) -> Self {
        Self { seed, account, people: Vec::new() }
    }

    /// Groups, imports and campaigns 1 and 2, as [`arbitrary`] names them.
    pub(crate) async fn with_nouns(mut self, template: Uuid) -> Self {
        for n in 1..3_u128 {
            let id = Uuid::from_u128(n);
            let account = self.account.uuid();
            self.insert(
                "insert into groups (tenant_id, id, name, created_at, updated_at) values ($1, $2, $2::text, $3, $3)",
                id,
            )
            .await;
            self.insert("insert into contact_imports (tenant_id, id, file_name, file_sha256, state, created_at) values ($1, $2, 'f', 's', 'completed', $3)", id).await;
            sqlx::query(
                "insert into campaigns (tenant_id, id, name, account_id, template_id, purpose, audience, state, created_at, updated_at)
                 values ($1, $2, 'c', $4, $5, 'marketing', '{}', 'completed', $3, $3)",
            )
            .bind(self.seed.tenant)
            .bind(id)
            .bind(self.seed.now)
            .bind(account)
            .bind(template)
            .execute(self.seed.conn())
            .await
            .unwrap();
        }
        self
    }

    async fn insert(&mut self, sql: &'static str, id: Uuid) {
        let (tenant, now) = (self.seed.tenant, self.seed.now);
        sqlx::query(sql).bind(tenant).bind(id).bind(now).execute(self.seed.conn()).await.unwrap();
    }

    pub(crate) async fn add(&mut self, person: Person) -> ContactId {
        let id = ContactId::from_uuid(Uuid::now_v7());
        let (tenant, now) = (self.seed.tenant.uuid(), self.seed.now);
        let writer = Writer { tenant, id: id.uuid(), now, account: self.account };
        writer.contact(self.seed.conn(), &person).await;
        for (position, address) in person.addresses.iter().enumerate() {
            writer.address(self.seed.conn(), position, address).await;
        }
        for (group, ago_h) in &person.groups {
            writer.member(self.seed.conn(), *group, *ago_h).await;
        }
        for ago_h in &person.wrote_h {
            writer.inbound(self.seed.conn(), *ago_h).await;
        }
        for got in &person.campaigns {
            self.campaign(id, got).await;
        }
        self.people.push((id, person));
        id
    }

    /// With an address that no condition sees: messages need one.
    async fn campaign(&mut self, contact: ContactId, got: &Got) {
        let address = self.hidden_address(contact).await;
        let message = SeedMessage {
            class: "campaign",
            source: "campaign",
            campaign: Some(arbitrary::campaign(got.campaign)),
            ..SeedMessage::default()
        };
        let id = self.seed.message(self.account, (contact, address.into()), &message).await;
        let (tenant, written) = (self.seed.tenant, self.seed.now - TimeDelta::hours(got.ago_h));
        sqlx::query("update sends set state = $3, gate = 'g', reason = 'r' where tenant_id = $1 and id = $2")
            .bind(tenant)
            .bind(id)
            .bind(got.state.as_str())
            .execute(self.seed.conn())
            .await
            .unwrap();
        sqlx::query("update messages set created_at = $3 where tenant_id = $1 and id = $2")
            .bind(tenant)
            .bind(id)
            .bind(written)
            .execute(self.seed.conn())
            .await
            .unwrap();
        sqlx::query("insert into recipients (tenant_id, campaign_id, contact_id, message_id) values ($1, $2, $3, $4)")
            .bind(tenant)
            .bind(arbitrary::campaign(got.campaign))
            .bind(contact)
            .bind(id)
            .execute(self.seed.conn())
            .await
            .unwrap();
        if got.clicked {
            self.click(id, got).await;
        }
    }

    async fn click(&mut self, message: MessageId, got: &Got) {
        let sql = "insert into clicks (tenant_id, message_id, place, campaign_id, first_at, last_at) values ($1, $2, 1, $3, $4, $4)";
        sqlx::query(sql)
            .bind(self.seed.tenant)
            .bind(message)
            .bind(arbitrary::campaign(got.campaign))
            .bind(self.seed.now)
            .execute(self.seed.conn())
            .await
            .unwrap();
    }

    async fn hidden_address(&mut self, contact: ContactId) -> HiddenAddress {
        let id = Uuid::now_v7();
        let (tenant, now) = (self.seed.tenant, self.seed.now);
        hidden(self.seed.conn(), tenant.uuid(), contact.uuid(), id, now).await;
        HiddenAddress(id)
    }
}

struct HiddenAddress(Uuid);

impl From<HiddenAddress> for postroad_core::ids::AddressId {
    fn from(address: HiddenAddress) -> Self {
        Self::from_uuid(address.0)
    }
}

async fn hidden(db: &mut PgConnection, tenant: Uuid, contact: Uuid, id: Uuid, now: DateTime<Utc>) {
    sqlx::query("insert into addresses (tenant_id, id, contact_id, channel, address, created_at) values ($1, $2, $3, 'widget', $2::text, $4)")
        .bind(tenant)
        .bind(id)
        .bind(contact)
        .bind(now)
        .execute(db)
        .await
        .unwrap();
}

struct Writer {
    tenant: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
    account: AccountId,
}

impl Writer {
    fn ago(&self, hours: i64) -> DateTime<Utc> {
        self.now - TimeDelta::hours(hours)
    }

    async fn contact(&self, db: &mut PgConnection, person: &Person) {
        sqlx::query(
            "insert into contacts (tenant_id, id, display_name, language, time_zone, attributes, tags, import_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        )
        .bind(self.tenant)
        .bind(self.id)
        .bind(person.name)
        .bind(person.language)
        .bind(person.zone)
        .bind(serde_json::to_value(&person.attributes).unwrap())
        .bind(&person.tags)
        .bind(person.import.map(Uuid::from_u128))
        .bind(self.ago(person.known_for_h))
        .execute(db)
        .await
        .unwrap();
    }

    async fn address(&self, db: &mut PgConnection, position: usize, address: &Address) {
        let (id, channel) = (Uuid::now_v7(), address.channel.as_str());
        let words = [address.marketing, address.transactional].map(|word| word.map(ConsentAction::as_str));
        let spelled = id.to_string();
        sqlx::query(
            "insert into addresses (tenant_id, id, contact_id, channel, address, marketing_action, marketing_at, transactional_action,
                                    transactional_at, created_at)
             values ($1, $2, $3, $4, $5, $6, case when $6 is not null then $8 end, $7, case when $7 is not null then $8 end, $8)",
        )
        .bind(self.tenant)
        .bind(id)
        .bind(self.id)
        .bind(channel)
        .bind(&spelled)
        .bind(words[0])
        .bind(words[1])
        .bind(self.now + TimeDelta::seconds(i64::try_from(position).unwrap()))
        .execute(&mut *db)
        .await
        .unwrap();
        if address.suppressed {
            self.suppress(db, channel, &spelled).await;
        }
    }

    /// Every other time on every channel.
    async fn suppress(&self, db: &mut PgConnection, channel: &str, address: &str) {
        let everywhere = address.as_bytes()[address.len() - 1].is_ascii_digit();
        sqlx::query(
            "insert into suppressions (tenant_id, id, channel, address, reason, created_at) values ($1, $2, $3, $4, 'operator', $5)",
        )
        .bind(self.tenant)
        .bind(Uuid::now_v7())
        .bind(if everywhere { "*" } else { channel })
        .bind(address)
        .bind(self.now)
        .execute(db)
        .await
        .unwrap();
    }

    async fn member(&self, db: &mut PgConnection, group: u128, ago_h: i64) {
        sqlx::query("insert into group_members (tenant_id, group_id, contact_id, added_at) values ($1, $2, $3, $4)")
            .bind(self.tenant)
            .bind(Uuid::from_u128(group))
            .bind(self.id)
            .bind(self.ago(ago_h))
            .execute(db)
            .await
            .unwrap();
    }

    async fn inbound(&self, db: &mut PgConnection, ago_h: i64) {
        let address = Uuid::now_v7();
        hidden(&mut *db, self.tenant, self.id, address, self.now).await;
        sqlx::query(
            "insert into messages (tenant_id, id, direction, account_id, contact_id, address_id, channel, source, class, purpose,
                                   quiet_policy, kind, content, created_at)
             values ($1, $2, 'inbound', $3, $4, $5, 'whatsapp', 'contact', 'agent_reply', 'conversational', 'exempt', 'text', '{}', $6)",
        )
        .bind(self.tenant)
        .bind(Uuid::now_v7())
        .bind(self.account)
        .bind(self.id)
        .bind(address)
        .bind(self.ago(ago_h))
        .execute(db)
        .await
        .unwrap();
    }
}
