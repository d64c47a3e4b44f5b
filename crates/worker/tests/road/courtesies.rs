//! What a member does with what a person said reaches a simulated provider: that it was read, and a reaction to it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use postroad_app::{
    accounts::{self, AccountChange},
    conversations::{self, By, Listed, Reaction, Read},
    members::{self, NewMember},
    messages::{self, Accepted},
    requests::Call,
};
use postroad_core::{
    actor::Actor,
    conversation::Role,
    ids::{AccountId, ConversationId, JournalId, MessageId},
    jobs::ReadJournal,
    message::{Content, Direction},
    unknown::Graces,
};
use postroad_simulators::meta::MetaConfig;
use postroad_store::{
    SystemTx,
    messages::{Filter, MessageRow},
    queue,
};
use serde_json::{Value, json};

use crate::world::World;

pub(crate) const ADA: &str = "12025550101";

pub(crate) struct Stage {
    pub(crate) world: World,
    account: AccountId,
    pub(crate) by: By,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let world = World::new(MetaConfig::default()).await;
        let account = world.account(100.0).await;
        let tenant = world.seed.tenant;
        let new = NewMember { name: "Grace".into(), email: None, role: Role::Agent, department: None };
        let member = members::create(&world.app, tenant, None, new).await.unwrap().id;
        Self { world, account, by: By { tenant, caller: Actor::Operator, member: Some(member) } }
    }

    async fn told(&mut self, message: Value) {
        self.told_of(json!({"wa_id": ADA, "profile": {"name": "Ada"}}), message).await;
    }

    /// The provider tells it of somebody, and a worker reads it.
    pub(crate) async fn told_of(&mut self, contact: Value, message: Value) {
        let number: String =
            sqlx::query_scalar("select external_id from accounts").fetch_one(self.world.seed.conn()).await.unwrap();
        let value = json!({"messaging_product": "whatsapp", "metadata": {"phone_number_id": number},
                           "contacts": [contact], "messages": [message]});
        let body = json!({"object": "whatsapp_business_account",
                          "entry": [{"id": "waba", "changes": [{"field": "messages", "value": value}]}]});
        let now = self.world.app.clock.now();
        let first = JournalId::new(now);
        sqlx::query(
            "insert into webhook_journal (id, provider, headers, url, body, received_at, tenant_id, account_id)
             values ($1, 'whatsapp_cloud', '{}', '', $2, $3, $4, $5)",
        )
        .bind(first)
        .bind(body.to_string().into_bytes())
        .bind(now)
        .bind(self.by.tenant)
        .bind(self.account)
        .execute(self.world.seed.conn())
        .await
        .unwrap();
        let mut tx = SystemTx::begin(&self.world.app.store).await.unwrap();
        queue::push(&mut tx, &ReadJournal { first }, now).await.unwrap();
        tx.commit().await.unwrap();
        self.until("select count(*) from webhook_journal where state = 'unread'").await;
    }

    pub(crate) async fn says(&mut self, id: &str, text: &str) {
        self.tells(id, "text", &json!({"text": {"body": text}})).await;
    }

    /// Something of that kind, now.
    pub(crate) async fn tells(&mut self, id: &str, kind: &str, content: &Value) {
        let at = self.world.app.clock.now();
        self.told(message(id, at, kind, content)).await;
    }

    /// Until this counts nothing any more, at most half a minute.
    pub(crate) async fn until(&mut self, count: &'static str) {
        for _ in 0..300 {
            let open: i64 = sqlx::query_scalar(count).fetch_one(self.world.seed.conn()).await.unwrap();
            if open == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("still open after half a minute: {count}");
    }

    async fn jobs_done(&mut self) {
        self.until(
            "select count(*) from apalis.jobs
             where job_type = 'maintenance' and convert_from(job, 'utf8') like '%tell_read%' and status not in ('Done', 'Killed')",
        )
        .await;
    }

    async fn conversation(&self) -> ConversationId {
        let wanted = Listed { limit: 2, ..Listed::default() };
        let all = conversations::list(&self.world.app, self.by.tenant, &wanted).await.unwrap();
        assert_eq!(all.len(), 1);
        all[0].id
    }

    async fn thread(&self) -> Vec<MessageRow> {
        let filter = Filter { conversation: Some(self.conversation().await), ..Filter::default() };
        messages::list(&self.world.app, &Call::operator(self.by.tenant), &filter, 50).await.unwrap()
    }

    async fn first(&self) -> MessageRow {
        self.thread().await.pop().unwrap()
    }

    async fn reads(&mut self) -> u64 {
        let conversation = self.conversation().await;
        conversations::read(&self.world.app, self.by, conversation, Read::All).await.unwrap();
        self.jobs_done().await;
        self.world.sim.stats().reads
    }

    async fn reacts(&self, request_id: &str, to: MessageId, reaction: Reaction) {
        let call = Call { request_id: request_id.into(), ..Call::operator(self.by.tenant) };
        let show = |accepted: &Accepted| accepted.id.to_string();
        let answer =
            conversations::react((&self.world.app, postroad_providers::find), (&call, self.by), to, reaction, show);
        assert_eq!(answer.await.unwrap().status, 202);
    }

    async fn all_sent(&mut self) {
        self.until("select count(*) from sends where state in ('queued', 'waiting', 'claimed', 'attempting')").await;
    }
}

fn message(id: &str, at: DateTime<Utc>, kind: &str, content: &Value) -> Value {
    let mut message =
        json!({"from": ADA, "id": format!("wamid.{id}"), "timestamp": at.timestamp().to_string(), "type": kind});
    for (name, value) in content.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn shown(row: &MessageRow) -> Vec<(bool, String)> {
    row.reactions.iter().flat_map(|all| &all.0).map(|one| (one.is_ours, one.emoji.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_is_told_once_what_a_member_has_read_unless_the_account_wants_that_not() {
    let mut stage = Stage::new().await;
    let (stop, _running) = stage.world.work(Graces::default());
    stage.says("1", "hello").await;
    stage.says("2", "are you there?").await;
    assert_eq!(stage.reads().await, 1, "one for both");
    assert_eq!(stage.reads().await, 1, "and not again");
    stage.says("3", "?").await;
    assert_eq!(stage.reads().await, 2);

    let change = AccountChange { tell_read: Some(false), ..AccountChange::default() };
    let account = accounts::update(&stage.world.app, stage.by.tenant, stage.account, change).await.unwrap();
    assert!(!account.tell_read);
    stage.says("4", "hm").await;
    assert_eq!(stage.reads().await, 2);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_edits_and_deletions_stand_with_the_message_that_they_are_about() {
    let mut stage = Stage::new().await;
    let (stop, _running) = stage.world.work(Graces::default());
    stage.says("1", "helo").await;
    let hello = stage.first().await.id;

    // Ours, which another one takes the place of.
    stage.reacts("request-0000000001", hello, Reaction::Put("👍".into())).await;
    stage.all_sent().await;
    assert_eq!(shown(&stage.first().await), [(true, "👍".to_owned())]);
    stage.reacts("request-0000000002", hello, Reaction::Put("❤️".into())).await;
    stage.all_sent().await;
    assert_eq!(shown(&stage.first().await), [(true, "❤️".to_owned())]);
    assert_eq!(stage.world.sim.stats().counts.accepted_unique, 2);
    let ours = stage.thread().await.into_iter().find(|row| row.direction == Direction::Outbound).unwrap();
    let Content::Reaction { to, .. } = ours.content.0.said() else { panic!("{:?}", ours.content) };
    assert_eq!(to, "wamid.1");
    let pulse = accounts::get(&stage.world.app, stage.by.tenant, stage.account).await.unwrap().pulse;
    assert!(pulse.accepted_at.is_some() && pulse.silent.is_none(), "{pulse:?}");
    stage.reacts("request-0000000003", hello, Reaction::TakeBack).await;
    stage.all_sent().await;
    assert_eq!(shown(&stage.first().await), []);

    // The person's, in whatever order they come.
    let now = stage.world.app.clock.now();
    let earlier = now - chrono::TimeDelta::seconds(60);
    let react = |emoji| json!({"reaction": {"message_id": "wamid.1", "emoji": emoji}});
    stage.told(message("5", now, "reaction", &react("😂"))).await;
    stage.told(message("4", earlier, "reaction", &react("😡"))).await;
    assert_eq!(shown(&stage.first().await), [(false, "😂".to_owned())]);
    stage.told(message("6", now, "reaction", &json!({"reaction": {"message_id": "wamid.1"}}))).await;
    assert_eq!(shown(&stage.first().await), []);

    let edit =
        json!({"edit": {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "hello"}}}});
    stage.told(message("7", now, "edit", &edit)).await;
    stage.told(message("8", now, "revoke", &json!({"revoke": {"original_message_id": "wamid.1"}}))).await;
    let first = stage.first().await;
    let Content::Text { body, .. } = first.content.0.said() else { panic!("{:?}", first.content) };
    assert_eq!(body.0, "hello");
    assert!(first.edited_at.is_some() && first.deleted_at.is_some());
    stop.cancel();
}
