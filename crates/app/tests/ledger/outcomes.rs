use chrono::TimeDelta;
use postroad_app::{
    lanes::Attempt,
    outcomes::{self, Ending, Finished},
};
use postroad_core::{
    ids::{AccountId, IncarnationId},
    provider::{Effect, Fault, FaultClass, Outcome},
    send::SendState,
    unknown::Graces,
};
use postroad_store::{
    SystemTx,
    receipts::{self, ReceiptRow},
};
use postroad_testkit::{Seed, SeedMessage};
use proptest::prelude::*;

use crate::{
    lane::{claim, decide, seed, take, worker},
    world::World,
};

/// One send that is being attempted.
struct Flight<'a> {
    world: &'a World,
    seed: Seed,
    account: AccountId,
    owner: IncarnationId,
    attempt: Attempt,
}

impl<'a> Flight<'a> {
    async fn new(world: &'a World, message: &SeedMessage) -> Self {
        let (mut seed, account) = seed(world).await;
        let to = seed.contact(1).await;
        seed.message(account, to, message).await;
        let owner = worker(world).await;
        let fence = take(world, owner, &seed, account).await.unwrap();
        let claimed = claim(world, owner, &seed, (account, fence), 10).await;
        let attempt = decide(world, owner, fence, &claimed).await.attempts.remove(0);
        Self { world, seed, account, owner, attempt }
    }

    fn finished(&self, ending: Ending) -> Finished {
        Finished {
            tenant: self.seed.tenant,
            id: self.attempt.send.id,
            account: self.account,
            contact: self.attempt.send.contact,
            address: self.attempt.send.address_id,
            channel: self.attempt.send.facts.channel,
            class: self.attempt.send.facts.class,
            number: self.attempt.number,
            ending,
            effect: Effect::None,
            http_status: Some(200),
            counted: false,
            place: outcomes::place_of(&self.attempt.send),
            began_at: self.attempt.began_at,
            finished_at: self.world.now(),
        }
    }

    async fn settle(&self, ending: Ending) -> usize {
        outcomes::settle(&self.world.app, &[self.finished(ending)]).await.unwrap().len()
    }

    async fn state(&mut self) -> (String, Option<String>, bool) {
        sqlx::query_as("select state, reason, busy from sends where id = $1")
            .bind(self.attempt.send.id)
            .fetch_one(self.seed.conn())
            .await
            .unwrap()
    }

    fn receipt(&self, state: SendState, key: &str) -> ReceiptRow {
        ReceiptRow {
            tenant: self.seed.tenant,
            account: self.account,
            event_key: key.into(),
            message: Some((self.attempt.send.id, self.attempt.number)),
            state,
            provider_ref: "wamid.1".into(),
            code: None,
            fault: None,
            price_category: None,
            provider_at: self.world.now(),
        }
    }

    async fn report(&self, receipt: ReceiptRow) -> usize {
        let mut tx = SystemTx::begin_settle(&self.world.app.store).await.unwrap();
        let fresh = receipts::insert(&mut tx, std::slice::from_ref(&receipt), self.world.now()).await.unwrap();
        let raised: Vec<&ReceiptRow> = fresh.iter().map(|_| &receipt).collect();
        let moved = receipts::apply(&mut tx, &raised, self.world.now()).await.unwrap().len();
        tx.commit().await.unwrap();
        moved
    }
}

fn fault(class: FaultClass) -> Fault {
    Fault { code: "1".into(), class }
}

#[tokio::test]
async fn each_ending_has_its_state_and_a_wait_has_its_reason() {
    let world = World::new().await;
    let cases = [
        (Ending::Outcome(Outcome::Accepted { provider_ref: "r".into() }), ("accepted", None, false)),
        (
            Ending::Outcome(Outcome::Rejected { fault: fault(FaultClass::PermanentRecipient) }),
            ("rejected", None, false),
        ),
        (Ending::Outcome(Outcome::Unknown { fault: fault(FaultClass::NoAnswer) }), ("unknown", None, true)),
        (
            Ending::Outcome(Outcome::Retry { fault: fault(FaultClass::RateThroughput), after: None }),
            ("waiting", Some("provider_backoff"), true),
        ),
        (Ending::NotSent { fault: fault(FaultClass::Transient) }, ("waiting", Some("retry"), true)),
        (Ending::NotTried, ("queued", None, true)),
        (Ending::Unsendable { code: "unsupported_content".into() }, ("rejected", None, false)),
    ];
    for (ending, (state, reason, busy)) in cases {
        let mut flight = Flight::new(&world, &SeedMessage::default()).await;
        assert_eq!(flight.settle(ending.clone()).await, 1, "{ending:?}");
        assert_eq!(flight.state().await, (state.into(), reason.map(Into::into), busy), "{ending:?}");
    }
}

#[tokio::test]
async fn an_attempt_is_settled_once() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage::default()).await;
    assert_eq!(
        flight.settle(Ending::Outcome(Outcome::Rejected { fault: fault(FaultClass::PermanentRequest) })).await,
        1
    );
    assert_eq!(flight.settle(Ending::NotTried).await, 0);
    assert_eq!(flight.state().await.0, "rejected");
}

#[tokio::test]
async fn a_late_answer_settles_an_unknown_whoever_holds_the_lane_by_then() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage::default()).await;
    flight.world.app.clock.advance(TimeDelta::seconds(31));
    postroad_app::sweep::ledger(&flight.world.app, Graces::default(), &[]).await.unwrap();
    assert_eq!(flight.state().await.0, "unknown");
    let other = worker(&world).await;
    assert!(take(&world, other, &flight.seed, flight.account).await.is_some());
    assert_ne!(other, flight.owner);
    assert_eq!(flight.settle(Ending::Outcome(Outcome::Accepted { provider_ref: "r".into() })).await, 1);
    assert_eq!(flight.state().await.0, "accepted");
}

#[tokio::test]
async fn a_receipt_before_the_answer_is_not_undone_by_it() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage::default()).await;
    assert_eq!(flight.report(flight.receipt(SendState::Delivered, "d")).await, 1);
    flight.settle(Ending::Outcome(Outcome::Accepted { provider_ref: "wamid.1".into() })).await;
    assert_eq!(flight.state().await, ("delivered".into(), None, false));
}

#[tokio::test]
async fn a_receipt_is_the_evidence_that_an_unknown_was_sent() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage { class: "campaign", ..Default::default() }).await;
    flight.settle(Ending::Outcome(Outcome::Unknown { fault: fault(FaultClass::NoAnswer) })).await;
    assert_eq!(flight.report(flight.receipt(SendState::Sent, "s")).await, 1);
    assert_eq!(flight.state().await.0, "sent");
}

#[tokio::test]
async fn a_failure_report_does_not_end_a_send_that_is_going_to_be_tried_again() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage::default()).await;
    flight.settle(Ending::Outcome(Outcome::Retry { fault: fault(FaultClass::RateThroughput), after: None })).await;
    assert_eq!(flight.report(flight.receipt(SendState::Failed, "f")).await, 0);
    assert_eq!(flight.state().await.0, "waiting");
}

#[tokio::test]
async fn a_repeated_receipt_changes_nothing() {
    let world = World::new().await;
    let flight = Flight::new(&world, &SeedMessage::default()).await;
    assert_eq!(flight.report(flight.receipt(SendState::Sent, "same")).await, 1);
    assert_eq!(flight.report(flight.receipt(SendState::Read, "same")).await, 0);
}

#[tokio::test]
async fn a_cancelled_attempt_is_not_tried_again() {
    let world = World::new().await;
    let mut flight = Flight::new(&world, &SeedMessage::default()).await;
    sqlx::query("update sends set no_resend = true").execute(flight.seed.conn()).await.unwrap();
    flight.settle(Ending::NotSent { fault: fault(FaultClass::Transient) }).await;
    assert_eq!(flight.state().await, ("cancelled".into(), None, false));
}

#[tokio::test]
async fn receipts_in_any_order_end_in_the_highest_rank() {
    let world = World::new().await;
    let reports = [SendState::Sent, SendState::Delivered, SendState::Read, SendState::Failed];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    });
    let orders: Vec<Vec<SendState>> = (0..24)
        .map(|_| Just(reports.to_vec()).prop_shuffle().new_tree(&mut runner).unwrap())
        .map(|tree| proptest::strategy::ValueTree::current(&tree))
        .collect();
    for order in orders {
        let mut flight = Flight::new(&world, &SeedMessage::default()).await;
        for (position, state) in order.iter().enumerate() {
            flight.report(flight.receipt(*state, &position.to_string())).await;
        }
        assert_eq!(flight.state().await.0, "read", "{order:?}");
    }
}
