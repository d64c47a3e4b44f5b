//! What conversations are told of their messages, in the transaction that moves them, and that others cost nothing.

use postroad_app::{
    inbound::{self, Normalise},
    outcomes::{self, Ending, Finished},
};
use postroad_core::{
    ids::{ConversationId, JournalId, MessageId},
    provider::{Effect, Event, EventKind, Fault, FaultClass, Outcome, Receipt, Told},
    send::{Correlation, SendState},
};
use postroad_store::inbound::Unread;
use postroad_testkit::{Seed, SeedMessage};

use crate::{
    lane::{claim, decide, seed, take, worker},
    world::World,
};

/// Understands nothing by itself: the tests say what happened.
struct Nothing;

impl Normalise for Nothing {
    fn events(&self, _: &str, _: &Told<'_>) -> Result<Vec<Event>, String> {
        Ok(Vec::new())
    }

    fn effect(&self, _: &str, _: &Fault) -> Effect {
        Effect::None
    }
}

fn reply() -> SeedMessage {
    SeedMessage { class: "agent_reply", source: "agent", ..SeedMessage::default() }
}

/// Puts a message into a conversation.
async fn adopt(seed: &mut Seed, message: MessageId) -> ConversationId {
    let id = ConversationId::from_uuid(uuid::Uuid::now_v7());
    sqlx::query("update messages set conversation_id = $2 where id = $1")
        .bind(message)
        .bind(id)
        .execute(seed.conn())
        .await
        .unwrap();
    id
}

/// Kind and state of everything that was told, in order.
async fn told(seed: &mut Seed) -> Vec<(String, String)> {
    sqlx::query_as("select kind, data ->> 'state' from events where tenant_id = $1 order by seq")
        .bind(seed.tenant)
        .fetch_all(seed.conn())
        .await
        .unwrap()
}

fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(kind, state)| ((*kind).to_owned(), (*state).to_owned())).collect()
}

/// Sends what is due to person 1 and settles it like this; returns the message.
async fn send(world: &World, seed: &mut Seed, message: &SeedMessage, ending: Ending) -> (MessageId, Finished) {
    let account = seed.account(&postroad_testkit::SeedAccount::default()).await;
    let number = u32::from_le_bytes(rand::random::<[u8; 4]>()) % 9_000_000;
    let to = seed.contact(number).await;
    let id = seed.message(account, to, message).await;
    if message.class == "agent_reply" {
        adopt(seed, id).await;
    }
    let owner = worker(world).await;
    let fence = take(world, owner, seed, account).await.unwrap();
    let claimed = claim(world, owner, seed, (account, fence), 10).await;
    let attempt = decide(world, owner, fence, &claimed).await.attempts.remove(0);
    let finished = Finished {
        tenant: seed.tenant,
        id,
        account,
        contact: attempt.send.contact,
        address: attempt.send.address_id,
        channel: attempt.send.facts.channel,
        class: attempt.send.facts.class,
        number: attempt.number,
        ending,
        effect: Effect::None,
        http_status: Some(200),
        counted: false,
        place: None,
        began_at: attempt.began_at,
        finished_at: world.now(),
    };
    outcomes::settle(&world.app, std::slice::from_ref(&finished)).await.unwrap();
    (id, finished)
}

fn accepted() -> Ending {
    Ending::Outcome(Outcome::Accepted { provider_ref: uuid::Uuid::new_v4().to_string() })
}

/// The provider reports how far a message got.
async fn report(world: &World, sent: &Finished, state: SendState) {
    let source = Unread {
        id: JournalId::from_uuid(uuid::Uuid::now_v7()),
        provider: "whatsapp_cloud".to_owned(),
        tenant: sent.tenant,
        account: sent.account,
        external_id: "number".to_owned(),
        business_id: None,
        channel: sent.channel,
        url: String::new(),
        body: Vec::new(),
        sealed: false,
        received_at: world.now(),
    };
    let receipt = Receipt {
        provider_ref: "ref".to_owned(),
        correlation: Some(Correlation { message: sent.id, attempt: sent.number }),
        state,
        fault: None,
        price_category: None,
    };
    let event = Event {
        account_ref: "number".to_owned(),
        key: format!("{}|{state}", sent.id),
        at: world.now(),
        kind: EventKind::Receipt(receipt),
    };
    inbound::apply_events(&world.app, &Nothing, &source, vec![event]).await.unwrap();
}

#[tokio::test]
async fn a_conversation_is_told_how_far_its_message_got_and_each_step_once() {
    let world = World::new().await;
    let (mut seed, _) = seed(&world).await;
    let (_, sent) = send(&world, &mut seed, &reply(), accepted()).await;
    for state in [SendState::Sent, SendState::Delivered, SendState::Sent, SendState::Delivered, SendState::Read] {
        report(&world, &sent, state).await;
    }
    let expected = [
        ("message.sent", "accepted"),
        ("message.sent", "sent"),
        ("message.delivered", "delivered"),
        ("message.read", "read"),
    ];
    assert_eq!(told(&mut seed).await, words(&expected));
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_told_and_a_wait_or_an_unknown_outcome_is_not() {
    let world = World::new().await;
    let (mut seed, _) = seed(&world).await;
    let fault = |class| Fault { code: "1".into(), class };
    let rejected = Ending::Outcome(Outcome::Rejected { fault: fault(FaultClass::PermanentRecipient) });
    send(&world, &mut seed, &reply(), rejected).await;
    let unknown = Ending::Outcome(Outcome::Unknown { fault: fault(FaultClass::NoAnswer) });
    send(&world, &mut seed, &reply(), unknown).await;
    let later = Ending::Outcome(Outcome::Retry { fault: fault(FaultClass::Transient), after: None });
    send(&world, &mut seed, &reply(), later).await;
    assert_eq!(told(&mut seed).await, words(&[("message.failed", "rejected")]));
}

#[tokio::test]
async fn a_gate_that_refuses_an_answer_is_told_to_its_conversation() {
    let world = World::new().await;
    let (mut seed, account) = seed(&world).await;
    let to = seed.contact(1).await;
    let id = seed.message(account, to, &reply()).await;
    let conversation = adopt(&mut seed, id).await;
    sqlx::query("insert into suppressions select tenant_id, id, '*', address, 'operator', null, now() from addresses")
        .execute(seed.conn())
        .await
        .unwrap();
    let owner = worker(&world).await;
    let fence = take(&world, owner, &seed, account).await.unwrap();
    let claimed = claim(&world, owner, &seed, (account, fence), 10).await;
    assert!(decide(&world, owner, fence, &claimed).await.attempts.is_empty());
    assert_eq!(told(&mut seed).await, words(&[("message.failed", "refused")]));
    let about: (ConversationId, MessageId) =
        sqlx::query_as("select conversation_id, message_id from events").fetch_one(seed.conn()).await.unwrap();
    assert_eq!(about, (conversation, id));
}

#[tokio::test]
async fn what_belongs_to_no_conversation_is_not_told_of() {
    let world = World::new().await;
    let (mut seed, _) = seed(&world).await;
    let (_, sent) = send(&world, &mut seed, &SeedMessage::default(), accepted()).await;
    report(&world, &sent, SendState::Delivered).await;
    let automated = SeedMessage { class: "automation", source: "automation", ..SeedMessage::default() };
    send(&world, &mut seed, &automated, accepted()).await;
    assert_eq!(told(&mut seed).await, []);
}
