//! Portfolios that may write to so many people within a day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{
    accounts::{self, AccountChange, PortfolioChange},
    housekeeping,
    lanes::{self, Attempt, Step},
    outcomes::{self, Ending, Finished},
    patch::Patch,
};
use postroad_core::{
    gates::{Decision, Reason},
    ids::{AccountId, AddressId, ContactId},
    limits::PORTFOLIO_WINDOW,
    provider::{Effect, Fault, FaultClass, Outcome},
};
use postroad_testkit::{Seed, SeedAccount, SeedMessage};
use proptest::prelude::*;

use crate::{
    lane::{claim, decide, take, worker},
    world::World,
};

const TEMPLATE: &str = r#"{"type":"template","name":"hello","language":"en_US","parameters":[]}"#;

/// Accounts of one portfolio, on a channel without windows.
struct Stage {
    world: World,
    seed: Seed,
    accounts: Vec<AccountId>,
    people: BTreeMap<u32, (ContactId, AddressId)>,
}

impl Stage {
    async fn new(people_max: Option<i32>, accounts: usize) -> Self {
        let world = World::new().await;
        let seed = Seed::new(&world.db, world.now()).await;
        let mut stage = Self { world, seed, accounts: Vec::new(), people: BTreeMap::new() };
        for _ in 0..accounts {
            stage.account("sms", Some("pf")).await;
        }
        stage.limit("pf", people_max).await;
        stage
    }

    async fn account(&mut self, channel: &'static str, portfolio: Option<&str>) -> AccountId {
        let id = self.seed.account(&SeedAccount { channel, ..SeedAccount::default() }).await;
        let belongs = sqlx::query("update accounts set portfolio = $2 where id = $1").bind(id).bind(portfolio);
        belongs.execute(self.seed.conn()).await.unwrap();
        self.accounts.push(id);
        id
    }

    async fn limit(&mut self, portfolio: &str, people_max: Option<i32>) {
        let sql = "insert into portfolios (tenant_id, id, people_max, updated_at) values ($1, $2, $3, now())
                   on conflict (tenant_id, id) do update set people_max = excluded.people_max";
        let limited = sqlx::query(sql).bind(self.seed.tenant).bind(portfolio).bind(people_max);
        limited.execute(self.seed.conn()).await.unwrap();
    }

    async fn message(&mut self, account: usize, person: u32) {
        let to = match self.people.get(&person) {
            Some(known) => *known,
            None => self.seed.contact(person).await,
        };
        self.people.insert(person, to);
        self.seed.message(self.accounts[account], to, &SeedMessage::default()).await;
    }

    async fn messages(&mut self, account: usize, people: std::ops::Range<u32>) {
        for person in people {
            self.message(account, person).await;
        }
    }

    /// What an account that some worker takes decides at once, not settled yet.
    async fn decide(&self, account: usize) -> Step {
        let (owner, lane) = (worker(&self.world).await, self.accounts[account]);
        let fence = take(&self.world, owner, &self.seed, lane).await.unwrap();
        let claimed = claim(&self.world, owner, &self.seed, (lane, fence), 100).await;
        let step = decide(&self.world, owner, fence, &claimed).await;
        lanes::end(&self.world.app, owner, &[(self.seed.tenant, lane)]).await.unwrap();
        step
    }

    /// The same, and every call succeeds; how many left.
    async fn leave(&self, account: usize) -> usize {
        let step = self.decide(account).await;
        self.settle(&step.attempts, &accepted()).await;
        step.attempts.len()
    }

    async fn settle(&self, attempts: &[Attempt], ending: &Ending) {
        let finished: Vec<Finished> = attempts.iter().map(|one| self.finished(one, ending.clone())).collect();
        outcomes::settle(&self.world.app, &finished).await.unwrap();
    }

    fn finished(&self, attempt: &Attempt, ending: Ending) -> Finished {
        let send = &attempt.send;
        Finished {
            tenant: send.tenant,
            id: send.id,
            account: send.account,
            contact: send.contact,
            address: send.address_id,
            channel: send.facts.channel,
            class: send.facts.class,
            number: attempt.number,
            ending,
            effect: Effect::None,
            http_status: Some(200),
            counted: false,
            place: outcomes::place_of(send),
            began_at: attempt.began_at,
            finished_at: self.world.now(),
        }
    }

    /// People who are counted, by the portfolio's row and by their own.
    async fn counted(&mut self) -> (i32, i64) {
        let sql =
            "select coalesce((select sum(people) from portfolios), 0)::int, (select count(*) from portfolio_people)";
        sqlx::query_as(sql).fetch_one(self.seed.conn()).await.unwrap()
    }

    fn wait(&self, time: TimeDelta) -> DateTime<Utc> {
        self.world.app.clock.advance(time);
        self.world.now()
    }

    async fn change(&self, account: usize, portfolio: PortfolioChange) {
        let change = AccountChange { portfolio, ..AccountChange::default() };
        accounts::update(&self.world.app, self.seed.tenant, self.accounts[account], change).await.unwrap();
    }
}

fn accepted() -> Ending {
    Ending::Outcome(Outcome::Accepted { provider_ref: "r".into() })
}

fn fault() -> Fault {
    Fault { code: "1".into(), class: FaultClass::Transient }
}

fn waits(step: &Step) -> Vec<(Reason, DateTime<Utc>)> {
    let wait = |decision: &Decision| match decision {
        Decision::Wait { reason, until, .. } => Some((*reason, *until)),
        _ => None,
    };
    step.rulings.iter().filter_map(|ruling| wait(&ruling.decision)).collect()
}

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

#[tokio::test]
async fn a_full_portfolio_holds_new_people_until_each_finds_the_place_of_another() {
    let mut stage = Stage::new(Some(2), 1).await;
    let first = stage.world.now();
    stage.message(0, 1).await;
    assert_eq!(stage.leave(0).await, 1);
    let second = stage.wait(TimeDelta::hours(1));
    stage.messages(0, 2..5).await;
    let step = stage.decide(0).await;
    stage.settle(&step.attempts, &accepted()).await;
    assert_eq!(step.attempts.len(), 1);
    let back = [(Reason::QuotaUsed, first + PORTFOLIO_WINDOW), (Reason::QuotaUsed, second + PORTFOLIO_WINDOW)];
    assert_eq!(waits(&step), back);
    stage.wait(PORTFOLIO_WINDOW - TimeDelta::hours(1) - MICROSECOND);
    assert_eq!(stage.leave(0).await, 0);
    stage.wait(MICROSECOND);
    assert_eq!(stage.leave(0).await, 1);
    stage.wait(TimeDelta::hours(1) - MICROSECOND);
    assert_eq!(stage.leave(0).await, 0);
    stage.wait(MICROSECOND);
    assert_eq!(stage.leave(0).await, 1);
    assert_eq!(stage.counted().await, (2, 2));
}

#[tokio::test]
async fn facts_that_know_of_a_full_portfolio_name_the_same_instant_and_cost_no_attempt() {
    let mut stage = Stage::new(Some(1), 1).await;
    let first = stage.world.now();
    stage.message(0, 1).await;
    stage.leave(0).await;
    stage.wait(TimeDelta::minutes(5));
    stage.messages(0, 2..4).await;
    let step = stage.decide(0).await;
    assert_eq!(waits(&step), [(Reason::QuotaUsed, first + PORTFOLIO_WINDOW); 2]);
    let attempts: i64 =
        sqlx::query_scalar("select sum(attempt) from sends").fetch_one(stage.seed.conn()).await.unwrap();
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn accounts_of_a_portfolio_share_its_limit_and_others_do_not() {
    let mut stage = Stage::new(Some(3), 2).await;
    let alone = stage.account("sms", None).await;
    stage.limit(&alone.uuid().to_string(), Some(1)).await;
    stage.messages(0, 0..2).await;
    stage.messages(1, 10..14).await;
    stage.messages(2, 20..22).await;
    assert_eq!((stage.leave(0).await, stage.leave(1).await, stage.leave(2).await), (2, 1, 1));
}

#[tokio::test]
async fn whoever_was_written_to_needs_no_other_place_and_keeps_it_from_then_on() {
    let mut stage = Stage::new(Some(1), 2).await;
    stage.message(0, 1).await;
    assert_eq!(stage.leave(0).await, 1);
    stage.wait(TimeDelta::hours(20));
    stage.message(1, 1).await;
    assert_eq!(stage.leave(1).await, 1, "through another account of the portfolio");
    stage.wait(TimeDelta::hours(20));
    stage.message(0, 2).await;
    assert_eq!(stage.leave(0).await, 0, "it is only twenty hours since the last message");
    stage.wait(TimeDelta::hours(5));
    assert_eq!(stage.leave(0).await, 1);
}

#[tokio::test]
async fn a_message_inside_the_window_is_not_counted() {
    let mut stage = Stage::new(Some(1), 0).await;
    let account = stage.account("whatsapp", Some("pf")).await;
    let template = "insert into templates (tenant_id, id, account_id, name, language, category, status, body, placeholders, created_at, updated_at)
                    values ($1, $2, $3, 'hello', 'en_US', 'utility', 'approved', 'Hello', 0, now(), now())";
    let known = sqlx::query(template).bind(stage.seed.tenant).bind(uuid::Uuid::new_v4()).bind(account);
    known.execute(stage.seed.conn()).await.unwrap();
    for person in 0..4 {
        let to = stage.seed.contact(person).await;
        let message = SeedMessage {
            content: TEMPLATE.into(),
            kind: "template",
            purpose: "transactional",
            ..SeedMessage::default()
        };
        stage.seed.message(account, to, &message).await;
        // The last two wrote two days ago.
        let sql = "update session_windows set closes_at = closes_at - interval '2 days' where address_id = $1";
        if person >= 2 {
            sqlx::query(sql).bind(to.1).execute(stage.seed.conn()).await.unwrap();
        }
    }
    let agreed = "update addresses set transactional_action = 'granted', transactional_at = now()";
    sqlx::query(agreed).execute(stage.seed.conn()).await.unwrap();
    assert_eq!(stage.leave(0).await, 3);
    assert_eq!(stage.counted().await, (1, 1));
}

#[tokio::test]
async fn what_was_definitely_not_sent_gives_its_place_back_and_what_nobody_knows_keeps_it() {
    let rejected = Ending::Outcome(Outcome::Rejected { fault: fault() });
    let cases = [
        (accepted(), 1),
        (Ending::Outcome(Outcome::Unknown { fault: fault() }), 1),
        (rejected, 0),
        (Ending::Outcome(Outcome::Retry { fault: fault(), after: None }), 0),
        (Ending::NotSent { fault: fault() }, 0),
        (Ending::NotTried, 0),
    ];
    for (ending, expected) in cases {
        let mut stage = Stage::new(Some(5), 1).await;
        stage.message(0, 1).await;
        let step = stage.decide(0).await;
        stage.settle(&step.attempts, &ending).await;
        assert_eq!(stage.counted().await, (expected, i64::from(expected)), "{ending:?}");
    }
}

#[tokio::test]
async fn of_two_messages_to_one_person_the_one_that_left_keeps_the_place() {
    let mut stage = Stage::new(Some(1), 2).await;
    stage.message(0, 1).await;
    stage.message(1, 1).await;
    // In the same instant: only the count of messages tells them apart.
    let (first, second) = (stage.decide(0).await, stage.decide(1).await);
    stage.settle(&first.attempts, &Ending::NotTried).await;
    assert_eq!(stage.counted().await, (1, 1));
    stage.settle(&second.attempts, &Ending::NotTried).await;
    assert_eq!(stage.counted().await, (0, 0));
}

#[tokio::test]
async fn what_another_limit_holds_back_takes_no_place() {
    let mut stage = Stage::new(Some(100), 1).await;
    let spaced = sqlx::query("update accounts set spacing_every_s = 60, spacing_burst = 1");
    spaced.execute(stage.seed.conn()).await.unwrap();
    stage.messages(0, 0..3).await;
    let owner = worker(&stage.world).await;
    let fence = take(&stage.world, owner, &stage.seed, stage.accounts[0]).await.unwrap();
    let claimed = claim(&stage.world, owner, &stage.seed, (stage.accounts[0], fence), 100).await;
    // Another worker was faster with one of them.
    let used = "insert into spacings (tenant_id, account_id, address_id, tat) values ($1, $2, $3, $4)";
    let person = stage.people[&1].1;
    let busy = sqlx::query(used).bind(stage.seed.tenant).bind(stage.accounts[0]).bind(person);
    busy.bind(stage.world.now() + TimeDelta::minutes(1)).execute(stage.seed.conn()).await.unwrap();
    let step = decide(&stage.world, owner, fence, &claimed).await;
    assert_eq!(step.attempts.len(), 2);
    assert_eq!(stage.counted().await, (2, 2));
}

#[tokio::test]
async fn without_a_limit_nobody_is_counted() {
    let mut stage = Stage::new(None, 1).await;
    stage.messages(0, 0..3).await;
    assert_eq!(stage.leave(0).await, 3);
    assert_eq!(stage.counted().await, (0, 0));
}

#[tokio::test]
async fn a_raised_limit_lets_go_of_those_who_wait_and_a_lowered_one_holds_at_once() {
    let mut stage = Stage::new(Some(1), 2).await;
    stage.messages(0, 0..3).await;
    assert_eq!(stage.leave(0).await, 1);
    let people = |people_max| PortfolioChange { people_max, ..PortfolioChange::default() };
    stage.change(1, people(Patch::Set(2))).await;
    assert_eq!(stage.leave(0).await, 1, "the other account of the portfolio waited too");
    stage.change(0, people(Patch::Clear)).await;
    assert_eq!(stage.leave(0).await, 1);
    stage.change(0, people(Patch::Set(1))).await;
    stage.messages(1, 10..11).await;
    assert_eq!(stage.leave(1).await, 0);
    stage.wait(PORTFOLIO_WINDOW);
    stage.messages(1, 11..12).await;
    assert_eq!(stage.leave(1).await, 1);
    assert_eq!(stage.counted().await, (1, 1));
}

#[tokio::test]
async fn an_account_that_joins_a_portfolio_takes_along_whom_it_wrote_to() {
    let mut stage = Stage::new(Some(3), 1).await;
    let other = stage.account("sms", None).await;
    stage.limit(&other.uuid().to_string(), Some(5)).await;
    stage.messages(0, 0..2).await;
    stage.messages(1, 1..3).await;
    assert_eq!((stage.leave(0).await, stage.leave(1).await), (2, 2));
    stage.change(1, PortfolioChange { id: Patch::Set("pf".into()), people_max: Patch::Keep }).await;
    let account = accounts::get(&stage.world.app, stage.seed.tenant, other).await.unwrap();
    let told = (account.portfolio.id.as_deref(), account.portfolio.people_max, account.portfolio.people);
    assert_eq!(told, (Some("pf"), Some(3), 3), "one of the people had heard of both");
    stage.message(1, 9).await;
    assert_eq!(stage.leave(1).await, 0);
}

#[tokio::test]
async fn people_whose_day_is_over_are_forgotten_and_the_others_are_not() {
    let mut stage = Stage::new(Some(10), 1).await;
    stage.messages(0, 0..4).await;
    stage.leave(0).await;
    stage.wait(TimeDelta::hours(12));
    stage.message(0, 9).await;
    stage.leave(0).await;
    stage.wait(PORTFOLIO_WINDOW - TimeDelta::hours(12) - MICROSECOND);
    housekeeping::prune(&stage.world.app).await.unwrap();
    assert_eq!(stage.counted().await, (5, 5));
    stage.wait(MICROSECOND);
    housekeeping::prune(&stage.world.app).await.unwrap();
    assert_eq!(stage.counted().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_workers_at_once_write_to_no_more_people_than_the_limit() {
    let mut stage = Stage::new(Some(25), 4).await;
    for account in 0..4 {
        let from = u32::try_from(account).unwrap() * 100;
        stage.messages(account, from..from + 20).await;
    }
    // What is not tried gives its place back, and is tried again.
    for expected in [25, 5] {
        let (a, b, c, d) = tokio::join!(stage.decide(0), stage.decide(1), stage.decide(2), stage.decide(3));
        let attempts: usize = [&a, &b, &c, &d].iter().map(|step| step.attempts.len()).sum();
        assert_eq!(attempts, expected);
        let not_tried = [a, b, c, d].into_iter().flat_map(|step| step.attempts).take(5).collect::<Vec<_>>();
        stage.settle(&not_tried, &Ending::NotTried).await;
    }
    assert_eq!(stage.counted().await, (20, 20));
}

/// Most different people within 24 hours.
fn most(left: &[(DateTime<Utc>, AddressId)]) -> usize {
    let within = |end: DateTime<Utc>| {
        let lately = left.iter().filter(|(at, _)| *at <= end && end - *at < TimeDelta::hours(24));
        lately.map(|(_, person)| *person).collect::<BTreeSet<_>>().len()
    };
    left.iter().map(|(at, _)| within(*at)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn no_moving_day_holds_more_people_than_the_limit(
        people_max in 2..6_i32,
        steps in prop::collection::vec((0..600_i64, 0..2_usize, prop::collection::vec(0..14_u32, 0..5), 0..4_u8), 8..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stage = Stage::new(Some(people_max), 2).await;
            let mut left = Vec::new();
            for (minutes, account, people, ending) in steps {
                stage.wait(TimeDelta::minutes(minutes));
                for person in people {
                    stage.message(account, person).await;
                }
                let step = stage.decide(account).await;
                let ending = if ending == 0 { Ending::NotTried } else { accepted() };
                stage.settle(&step.attempts, &ending).await;
                if ending != Ending::NotTried {
                    left.extend(step.attempts.iter().map(|one| (one.began_at, one.send.address_id)));
                }
                let (people, rows) = stage.counted().await;
                assert!(people <= people_max && i64::from(people) == rows, "{people} of {people_max}, {rows} rows");
            }
            assert!(most(&left) <= usize::try_from(people_max).unwrap(), "{} of {people_max}: {left:?}", most(&left));
        });
    }
}
