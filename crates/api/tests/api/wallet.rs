//! What a message costs is reserved, and then spent or given back: with the state of the message, once, and in the statement.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use postroad_app::{
    credit::{self, Said},
    lanes::{self, Attempt},
    outcomes::{self, Ending, Finished},
    sweep,
};
use postroad_core::{
    account::Channel,
    actor::Actor,
    credit::{Category, Priced},
    ids::{AccountId, IncarnationId, TenantId},
    provider::{Effect, Fault, FaultClass, Outcome},
    unknown::Graces,
};
use postroad_store::{claims::Ask, incarnations::Incarnation};
use postroad_testkit::{SeedAccount, SignedCaller};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::{paying::PAID, world::World};

/// A tenant that pays for text messages, and its lane.
pub(crate) struct Road<'a> {
    pub(crate) world: &'a World,
    pub(crate) tenant: TenantId,
    pub(crate) account: AccountId,
    pub(crate) caller: SignedCaller,
    sent: usize,
}

/// What is where: they are one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) slots: i64,
    /// Of the statement.
    pub(crate) entries: i64,
    pub(crate) reserved: i64,
    pub(crate) spent: i64,
}

impl<'a> Road<'a> {
    pub(crate) async fn new(world: &'a World) -> Self {
        let mut made = world.tenant().await;
        let account = made.seed.account(&SeedAccount { channel: "sms", ..SeedAccount::default() }).await;
        world.execute("update tenants set credit_enforced = true").await;
        Self { world, tenant: made.id, account, caller: world.caller(made.id).await, sent: 0 }
    }

    pub(crate) async fn top_up(&self, credits: u32) {
        credit::top_up(&self.world.app, self.tenant, credits, PAID).await.unwrap();
    }

    /// To somebody new, who agrees to it.
    pub(crate) async fn post(&mut self, more: Value) -> postroad_testkit::Answer {
        self.sent += 1;
        let mut message =
            json!({"to": format!("+1202555{:04}", self.sent), "channel": "sms", "type": "text", "text": "x"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.caller.post("/v1/messages", &message).await;
        self.world.everybody_agrees().await;
        answer
    }

    /// Carries the oldest message that is due as far as its provider; none: the gates did not let one go.
    pub(crate) async fn leave(&self) -> Option<(IncarnationId, Attempt)> {
        let owner = IncarnationId::from_uuid(uuid::Uuid::new_v4());
        let app = &self.world.app;
        lanes::start(app, &Incarnation { id: owner, role: "test", host: "test".into(), pid: 1 }).await.unwrap();
        let held = lanes::acquire(app, owner, &[(self.tenant, self.account)]).await.unwrap();
        let fence = held.iter().find(|lane| lane.id == self.account).unwrap().fence;
        let ask = Ask { tenant: self.tenant, lane: self.account, fence, wanted: 1 };
        let claimed = lanes::claim(app, owner, &[ask]).await.unwrap();
        let step = lanes::decide(app, owner, &claimed, |_| fence, |_| Vec::new()).await.unwrap();
        lanes::release(app, owner, &[(self.tenant, self.account)]).await.unwrap();
        Some((owner, step.attempts.into_iter().next()?))
    }

    /// As [`Self::leave`], and the call ends so.
    pub(crate) async fn carry(&self, ending: Ending) -> bool {
        let Some((_, attempt)) = self.leave().await else { return false };
        let finished = self.finished(&attempt, ending);
        for _ in 0..2 {
            outcomes::settle(&self.world.app, std::slice::from_ref(&finished)).await.unwrap();
        }
        true
    }

    fn finished(&self, attempt: &Attempt, ending: Ending) -> Finished {
        Finished {
            tenant: self.tenant,
            id: attempt.send.id,
            account: self.account,
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
            finished_at: self.world.clock.now(),
        }
    }

    pub(crate) async fn sweep(&self) {
        sweep::ledger(&self.world.app, Graces::default(), &[]).await.unwrap();
    }

    /// Sweeps every second until any grace is over.
    pub(crate) async fn outwait(&self) {
        let graces = Graces { auth: TimeDelta::seconds(2), other: TimeDelta::seconds(2) };
        for _ in 0..5 {
            self.world.clock.advance(TimeDelta::seconds(1));
            sweep::ledger(&self.world.app, graces, &[]).await.unwrap();
        }
    }

    pub(crate) async fn sums(&self) -> Sums {
        let (slots, entries, reserved, spent) = sqlx::query_as(
            "select (select coalesce(sum(balance), 0)::bigint from credit_slots where tenant_id = $1),
                    (select coalesce(sum(credits), 0)::bigint from credit_entries where tenant_id = $1),
                    (select coalesce(sum(credits), 0)::bigint from sends where tenant_id = $1),
                    (select coalesce(sum(spent), 0)::bigint from credit_entries where tenant_id = $1)",
        )
        .bind(self.tenant)
        .fetch_one(&mut self.world.db.admin().await)
        .await
        .unwrap();
        Sums { slots, entries, reserved, spent }
    }

    /// The whole statement by its pages, newest first.
    pub(crate) async fn statement(&self) -> Vec<Value> {
        let (mut lines, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.caller.get(&format!("/v1/billing/credits/statement?limit=200{after}")).await.json();
            lines.extend(page["data"].as_array().unwrap().clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return lines,
            }
        }
    }
}

pub(crate) fn accepted() -> Ending {
    Ending::Outcome(Outcome::Accepted { provider_ref: uuid::Uuid::new_v4().to_string() })
}

pub(crate) fn rejected() -> Ending {
    Ending::Outcome(Outcome::Rejected { fault: fault(FaultClass::PermanentRecipient) })
}

pub(crate) fn unknown() -> Ending {
    Ending::Outcome(Outcome::Unknown { fault: fault(FaultClass::NoAnswer) })
}

fn fault(class: FaultClass) -> Fault {
    Fault { code: "1".into(), class }
}

const fn sums(slots: i64, reserved: i64, spent: i64) -> Sums {
    Sums { slots, entries: slots, reserved, spent }
}

#[tokio::test]
async fn what_a_provider_took_is_spent_and_what_it_refused_comes_back_once() {
    let world = World::new().await;
    let cases = [
        (accepted(), sums(9, 0, 1)),
        (rejected(), sums(10, 0, 0)),
        (Ending::Unsendable { code: "no".into() }, sums(10, 0, 0)),
        (unknown(), sums(9, 1, 0)),
        (Ending::NotTried, sums(9, 1, 0)),
        (Ending::Outcome(Outcome::Retry { fault: fault(FaultClass::RateApp), after: None }), sums(9, 1, 0)),
    ];
    for (ending, expected) in cases {
        let mut road = Road::new(&world).await;
        road.top_up(10).await;
        let answer = road.post(json!({})).await;
        assert_eq!((answer.status, answer.json()["balance"].as_i64()), (202, Some(9)), "{}", answer.text());
        assert_eq!(road.sums().await, sums(9, 1, 0));
        assert!(road.carry(ending.clone()).await, "{ending:?}");
        assert_eq!(road.sums().await, expected, "{ending:?}");
        road.sweep().await;
        assert_eq!(road.sums().await, expected, "{ending:?}");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_spent_when_nobody_will_ever_know() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(2).await;
    assert_eq!(road.post(json!({})).await.status, 202);
    assert!(road.carry(unknown()).await);
    road.sweep().await;
    assert_eq!(road.sums().await, sums(1, 1, 0));
    road.outwait().await;
    assert_eq!(road.sums().await, sums(1, 0, 1));
}

#[tokio::test]
async fn a_message_that_is_too_late_gives_its_credit_back_with_the_refusal() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(1).await;
    let until = world.clock.now() + TimeDelta::minutes(1);
    assert_eq!(road.post(json!({"not_after": until})).await.status, 202);
    assert_eq!(road.post(json!({})).await.status, 402);
    world.clock.advance(TimeDelta::minutes(2));
    assert!(road.leave().await.is_none());
    assert_eq!(world.text("select string_agg(state, ',') from sends where state <> 'queued'").await, "expired");
    assert_eq!(road.sums().await, sums(1, 0, 0));
}

#[tokio::test]
async fn what_killed_its_workers_gives_its_credit_back() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(1).await;
    assert_eq!(road.post(json!({})).await.status, 202);
    world.execute("update sends set starts = 3").await;
    assert!(road.leave().await.is_none());
    assert_eq!(world.text("select state from sends where starts > 3").await, "dead");
    assert_eq!(road.sums().await, sums(1, 0, 0));
}

#[tokio::test]
async fn what_ends_where_nobody_accounts_for_it_is_accounted_for_by_the_next_sweep() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(3).await;
    for _ in 0..3 {
        assert_eq!(road.post(json!({})).await.status, 202);
    }
    world.execute("update sends set state = 'rejected', settled_at = now() where id = (select min(id::text)::uuid from sends)").await;
    world.execute("update sends set state = 'delivered' where id = (select max(id::text)::uuid from sends)").await;
    for _ in 0..2 {
        road.sweep().await;
        assert_eq!(road.sums().await, sums(1, 1, 1));
    }
}

#[tokio::test]
async fn the_price_at_the_acceptance_is_what_is_spent_by_part_and_category() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(100).await;
    let price = |category, credits| {
        credit::set_price(&world.app, road.tenant, Priced { channel: Channel::Sms, category }, Some(credits))
    };
    price(None, 2).await.unwrap();
    price(Some(Category::Marketing), 5).await.unwrap();
    let two_parts = "x".repeat(161);
    let cases = [
        (json!({"text": "x"}), 2),
        (json!({"text": two_parts, "purpose": "marketing"}), 10),
        (json!({"text": two_parts}), 4),
    ];
    for (more, credits) in cases {
        let answer = road.post(more.clone()).await;
        assert_eq!(answer.json()["price_estimate"]["credits"], credits, "{more}: {}", answer.text());
    }
    credit::set_price(&world.app, road.tenant, Priced { channel: Channel::Sms, category: None }, Some(50))
        .await
        .unwrap();
    for _ in 0..3 {
        assert!(road.carry(accepted()).await);
    }
    assert_eq!(road.sums().await, sums(84, 0, 16));
    let usage = road.caller.get("/v1/billing/credits/usage?from=2026-03-01&to=2026-03-02").await.json();
    let by: BTreeMap<&str, (i64, i64)> = usage["data"].as_array().unwrap().iter().map(spent).collect();
    assert_eq!(by.values().map(|(messages, _)| messages).sum::<i64>(), 3, "{usage}");
    assert_eq!(by["marketing"], (1, 10), "{usage}");
    assert_eq!(usage["data"][0]["day"], "2026-03-02");
    let answer = road.caller.get("/v1/billing/credits/usage?from=2026-01-01&to=2026-12-31").await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "out_of_range"));
    let prices = road.caller.get("/v1/billing/credits/prices").await.json();
    assert_eq!(
        prices["data"],
        json!([{"channel": "sms", "category": null, "credits": 50},
                                      {"channel": "sms", "category": "marketing", "credits": 5}])
    );
}

fn spent(day: &Value) -> (&str, (i64, i64)) {
    (day["category"].as_str().unwrap(), (day["messages"].as_i64().unwrap(), day["credits"].as_i64().unwrap()))
}

#[tokio::test]
async fn a_statement_says_what_for_and_by_whom_by_pages_and_as_a_file() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    road.top_up(5).await;
    let note = "=HYPERLINK(\"http://evil.example\")";
    credit::correct(&world.app, road.tenant, -2, Said { by: Actor::Operator, note }).await.unwrap();
    let sent = road.post(json!({})).await.json();
    let cancel = format!("/v1/messages/{}/cancel", sent["id"].as_str().unwrap());
    assert_eq!(road.caller.post(&cancel, &json!({})).await.status, 200);
    let lines = road.statement().await;
    let told: Vec<(&str, i64)> =
        lines.iter().map(|line| (line["kind"].as_str().unwrap(), line["credits"].as_i64().unwrap())).collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [("correction", -2), ("refund", 1), ("reserve", -1), ("top_up", 5)]);
    let reserve = lines.iter().find(|line| line["kind"] == "reserve").unwrap();
    assert_eq!((&reserve["message_id"], &reserve["channel"]), (&sent["id"], &json!("sms")), "{reserve}");
    assert!(reserve["by"].as_str().unwrap().starts_with("cli_"), "{reserve}");
    let one = road.caller.get("/v1/billing/credits/statement?kind=correction").await.json();
    assert_eq!((one["data"].as_array().unwrap().len(), &one["data"][0]["by"]), (1, &json!("operator")));
    let page = road.caller.get("/v1/billing/credits/statement?limit=3").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), page["next"].is_string()), (3, true));
    let file = road.caller.get("/v1/billing/credits/statement/export.csv").await;
    let text = file.text();
    assert_eq!((file.status, text.lines().count()), (200, 5), "{text}");
    assert!(text.contains("'=HYPERLINK") && text.contains(",-2,"), "{text}");
    let wallet = road.caller.get("/v1/billing/credits").await.json();
    let expected = json!({"enforced": true, "balance": 3, "reserved": 0, "admins_unlimited": true, "allowance": null});
    assert_eq!(wallet, expected);
    let mut app = sqlx::PgConnection::connect(&world.db.urls.app).await.unwrap();
    let changed = sqlx::query("update credit_entries set credits = 1").execute(&mut app).await;
    assert!(changed.is_err(), "nobody changes a line");
}

#[tokio::test]
async fn a_wallet_of_nobody_who_pays_has_no_lines() {
    let world = World::new().await;
    let mut road = Road::new(&world).await;
    world.execute("update tenants set credit_enforced = false").await;
    let answer = road.post(json!({})).await.json();
    assert_eq!((&answer["balance"], &answer["price_estimate"]), (&Value::Null, &Value::Null));
    assert!(road.carry(accepted()).await);
    assert_eq!(world.count("select count(*) from credit_entries").await, 0);
}
