//! Whatever happens, and however many do it at once: a wallet never has less than nothing, and its statement adds up.

use chrono::TimeDelta;
use futures::future::join_all;
use http::Method;
use postroad_app::credit::{self, Said};
use postroad_core::actor::Actor;
use postroad_store::TenantTx;
use postroad_testkit::{Answer, SignedCaller};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::json;

use crate::{
    wallet::{Road, accepted, rejected, unknown},
    world::World,
};

/// Under one request id, until there is an answer: whoever is told to come again, or told nothing, comes again.
async fn insistently(caller: &SignedCaller, number: usize) -> Answer {
    let (id, to) = (caller.request_id(), format!("+1202{number:07}"));
    let body = json!({"to": to, "channel": "sms", "type": "text", "text": "x"}).to_string();
    loop {
        let request = caller.signed(&Method::POST, "/v1/messages", &id, body.as_bytes());
        match caller.http.try_send(request).await {
            Some(answer) if !matches!(answer.status, 409 | 500 | 503) => return answer,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_at_once_of_credit_for_four_hundred_are_exactly_four_hundred() {
    let world = World::new().await;
    let road = Road::new(&world).await;
    road.top_up(400).await;
    let answers = join_all((0..1_000).map(|number| insistently(&road.caller, number))).await;
    let taken = answers.iter().filter(|answer| answer.status == 202).count();
    let short: Vec<_> = answers.iter().filter(|answer| answer.status == 402).collect();
    assert_eq!((taken, short.len()), (400, 600));
    for answer in short {
        let told = answer.json();
        assert_eq!((told["code"].as_str(), told["balance"].as_i64()), (Some("insufficient_credit"), Some(0)));
    }
    let sums = road.sums().await;
    assert_eq!((sums.slots, sums.entries, sums.reserved), (0, 0, 400));
    assert_eq!(world.count("select count(*) from messages").await, 400);
    let lines = road.statement().await;
    assert_eq!(lines.len(), 401);
    assert_eq!(lines.iter().map(|line| line["credits"].as_i64().unwrap()).sum::<i64>(), 0);
}

/// Ends every connection of the product to this database that is in the middle of something.
async fn cut(world: &World) {
    world
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_in_the_middle_leave_nothing_half_paid() {
    let world = World::new().await;
    let road = Road::new(&world).await;
    road.top_up(60).await;
    let cutting = async {
        for _ in 0..20 {
            cut(&world).await;
            tokio::task::yield_now().await;
        }
    };
    let (answers, ()) = tokio::join!(join_all((0..120).map(|number| insistently(&road.caller, number))), cutting);
    let of = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(202), of(402)), (60, 60));
    let sums = road.sums().await;
    assert_eq!((sums.slots, sums.entries, sums.reserved), (0, 0, 60));
    assert_eq!(world.count("select count(*) from credit_entries where kind = 'reserve'").await, 60);
}

#[tokio::test]
async fn a_transaction_that_ends_between_draw_and_entry_took_nothing() {
    let world = World::new().await;
    let road = Road::new(&world).await;
    road.top_up(5).await;
    let mut tx = TenantTx::begin(&world.app.store, road.tenant).await.unwrap();
    credit::draw(&mut tx, 4).await.unwrap();
    tx.roll_back().await.unwrap();
    let mut tx = TenantTx::begin(&world.app.store, road.tenant).await.unwrap();
    credit::draw(&mut tx, 5).await.unwrap();
    cut(&world).await;
    assert!(tx.commit().await.is_err());
    let sums = road.sums().await;
    assert_eq!((sums.slots, sums.entries), (5, 5));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    TopUp(u32),
    Correct(i64),
    Send {
        expires: bool,
    },
    Cancel(usize),
    Accept,
    Reject,
    Lose,
    /// Time goes by, and the sweep finds what it brought.
    Wait,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1_u32..6).prop_map(Step::TopUp),
        1 => (-5_i64..5).prop_map(Step::Correct),
        6 => any::<bool>().prop_map(|expires| Step::Send { expires }),
        2 => any::<usize>().prop_map(Step::Cancel),
        4 => Just(Step::Accept),
        3 => Just(Step::Reject),
        2 => Just(Step::Lose),
        1 => Just(Step::Wait),
    ]
}

/// What must be there at the end, whatever was done.
#[derive(Default)]
struct Walk {
    put_in: i64,
    messages: Vec<String>,
}

impl Walk {
    async fn take(&mut self, road: &mut Road<'_>, step: Step) {
        let now = road.world.clock.now();
        match step {
            Step::TopUp(credits) => {
                road.top_up(credits).await;
                self.put_in += i64::from(credits);
            }
            Step::Correct(credits) => {
                let said = Said { by: Actor::Operator, note: "x" };
                if credit::correct(&road.world.app, road.tenant, credits, said).await.is_ok() {
                    self.put_in += credits;
                }
            }
            Step::Send { expires } => {
                let more = if expires { json!({"not_after": now + TimeDelta::minutes(5)}) } else { json!({}) };
                let answer = road.post(more).await;
                self.messages.extend(answer.json()["id"].as_str().filter(|_| answer.status == 202).map(str::to_owned));
            }
            Step::Cancel(which) if !self.messages.is_empty() => {
                let cancel = format!("/v1/messages/{}/cancel", self.messages[which % self.messages.len()]);
                assert!(matches!(road.caller.post(&cancel, &json!({})).await.status, 200 | 409));
            }
            Step::Cancel(_) => {}
            Step::Accept => drop(road.carry(accepted()).await),
            Step::Reject => drop(road.carry(rejected()).await),
            Step::Lose => drop(road.carry(unknown()).await),
            Step::Wait => {
                road.world.clock.advance(TimeDelta::minutes(6));
                road.outwait().await;
            }
        }
    }
}

#[tokio::test]
async fn after_any_sequence_of_steps_the_statement_is_what_the_slots_hold() {
    let (world, mut runner) = (World::new().await, TestRunner::deterministic());
    let steps = proptest::collection::vec(any_step(), 10..24);
    for _ in 0..12 {
        let steps = steps.new_tree(&mut runner).unwrap().current();
        let (mut road, mut walk) = (Road::new(&world).await, Walk::default());
        walk.take(&mut road, Step::TopUp(8)).await;
        for (done, step) in steps.iter().enumerate() {
            walk.take(&mut road, *step).await;
            let sums = road.sums().await;
            assert_eq!(sums.slots, sums.entries, "{:?}", &steps[..=done]);
            assert_eq!(sums.slots + sums.reserved + sums.spent, walk.put_in, "{sums:?} {:?}", &steps[..=done]);
            assert!(sums.slots >= 0, "{sums:?} {:?}", &steps[..=done]);
        }
    }
    assert!(world.count("select count(*) from credit_entries where kind = 'settle'").await > 5);
    assert!(world.count("select count(*) from credit_entries where kind = 'refund'").await > 5);
}
