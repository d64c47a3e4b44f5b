//! Limits that span lanes, with a real Redis that forgets, dies and comes back.

#![allow(clippy::unwrap_used, reason = "what a test stands on must hold")]

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::limits::{SLICE, SharedLimits, Taker};
use postroad_core::{account::Pace, clock::Clock, ids::AccountId};
use postroad_embedded::redis_server::RedisServer;

const LIMIT: f64 = 80.0;
const STEP: TimeDelta = TimeDelta::milliseconds(50);

fn start() -> DateTime<Utc> {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// Lanes under one limit, each in a process of its own choice.
struct Lanes<'a> {
    processes: &'a [SharedLimits],
    ids: Vec<AccountId>,
    joined_at: DateTime<Utc>,
    per_s: f64,
    given: Vec<DateTime<Utc>>,
}

impl<'a> Lanes<'a> {
    fn new(processes: &'a [SharedLimits], lanes: u32, joined_at: DateTime<Utc>) -> Self {
        let ids = (0..lanes).map(|n| AccountId::from_uuid(uuid::Uuid::from_u128(n.into()))).collect();
        Self { processes, ids, joined_at, per_s: LIMIT, given: Vec::new() }
    }

    /// Every lane wants as much as it can get.
    async fn take(&mut self) -> usize {
        let before = self.given.len();
        let lanes = u32::try_from(self.ids.len()).unwrap();
        for (position, lane) in (0..).zip(self.ids.clone()) {
            let taker = Taker { limit: "app:1", per_s: self.per_s, lane, lanes, position, joined_at: self.joined_at };
            let process = &self.processes[usize::try_from(position).unwrap() % self.processes.len()];
            self.given.extend(process.take(&taker, 100).await.instants());
        }
        self.given.len() - before
    }

    async fn run(&mut self, clock: &Clock, steps: usize) {
        for _ in 0..steps {
            self.take().await;
            clock.advance(STEP);
        }
    }

    /// The most permits of any window of one second, both ends included.
    fn most_in_a_second(&mut self) -> usize {
        self.given.sort_unstable();
        let windows = self.given.iter().enumerate().map(|(place, first)| {
            self.given[place..].iter().take_while(|at| **at <= *first + TimeDelta::seconds(1)).count()
        });
        windows.max().unwrap_or(0)
    }

    fn count_between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> usize {
        self.given.iter().filter(|at| (from..to).contains(*at)).count()
    }
}

fn ask(server: &RedisServer, commands: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    write!(stream, "{commands}\r\nQUIT\r\n").unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    answers
}

fn processes(server: &RedisServer, clock: &Clock, count: usize) -> Vec<SharedLimits> {
    (0..count).map(|_| SharedLimits::redis(&server.url(), clock.clone()).unwrap()).collect()
}

/// Until every process counts in Redis. Time that stands still gives no permits, so nothing is used up.
async fn connected(processes: &[SharedLimits]) {
    for (n, process) in processes.iter().enumerate() {
        let deadline = Instant::now() + Duration::from_secs(10);
        let once = Pace { per_s: 0.01, burst: 1 };
        // One call in a hundred seconds: only Redis refuses what another process was allowed.
        let key = format!("connected:{n}");
        let witness = &processes[(n + 1) % processes.len()];
        loop {
            let _ = process.allow(&key, once, 1).await;
            let refused = witness.allow(&key, once, 1).await.is_err() && process.allow(&key, once, 1).await.is_err();
            if refused && processes.len() > 1 {
                break;
            }
            assert!(Instant::now() < deadline, "Redis was not reached");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn shares_together_never_exceed_the_limit_whatever_the_number_of_lanes() {
    for lanes in [1, 3, 8, 80, 200] {
        let clock = Clock::manual(start());
        let processes = [SharedLimits::local(clock.clone())];
        let mut all = Lanes::new(&processes, lanes, start() - TimeDelta::hours(1));
        all.run(&clock, 200).await;
        let most = all.most_in_a_second();
        assert!((1..=80).contains(&most), "{lanes} lanes got {most} permits in one second");
        assert!(all.given.len() > 500, "{lanes} lanes got only {} permits in ten seconds", all.given.len());
    }
}

#[tokio::test]
async fn a_lane_that_joins_waits_until_the_others_count_it_in() {
    let clock = Clock::manual(start());
    let processes = [SharedLimits::local(clock.clone())];
    let mut all = Lanes::new(&processes, 2, start());
    all.run(&clock, 160).await;
    assert_eq!(all.count_between(start(), start() + TimeDelta::milliseconds(3_750)), 0);
    assert!(all.count_between(start() + TimeDelta::seconds(4), start() + TimeDelta::seconds(8)) > 250);
}

#[tokio::test]
async fn a_share_shrinks_at_once_and_grows_after_a_window() {
    let clock = Clock::manual(start());
    let limits = SharedLimits::local(clock.clone());
    let lane = AccountId::from_uuid(uuid::Uuid::nil());
    let taker = |lanes| Taker {
        limit: "app:1",
        per_s: LIMIT,
        lane,
        lanes,
        position: 0,
        joined_at: start() - TimeDelta::hours(1),
    };
    let mut counts = Vec::new();
    for (steps, lanes) in [(20, 4), (20, 2), (20, 2), (20, 8)] {
        let mut count = 0;
        for _ in 0..steps {
            count += limits.take(&taker(lanes), 100).await.count;
            clock.advance(STEP);
        }
        counts.push(count);
    }
    // The first second also takes the slice that lies ahead of it.
    assert!((19..=25).contains(&counts[0]), "{counts:?}");
    assert!((18..=21).contains(&counts[1]), "the old share holds for one window: {counts:?}");
    assert!((25..=40).contains(&counts[2]), "{counts:?}");
    assert!(counts[3] <= 10, "{counts:?}");
}

#[tokio::test]
async fn lanes_of_many_processes_share_one_limit_exactly_and_use_it() {
    let server = RedisServer::start(None).unwrap();
    let clock = Clock::manual(start());
    let processes = processes(&server, &clock, 4);
    connected(&processes).await;
    let mut all = Lanes::new(&processes, 8, start());
    all.run(&clock, 400).await;
    let most = all.most_in_a_second();
    assert!(most <= 80, "{most} permits in one second");
    let (from, to) = (start() + TimeDelta::seconds(5), start() + TimeDelta::seconds(15));
    let used = all.count_between(from, to);
    assert!(used >= 776, "{used} of 800 permits were used");
}

#[tokio::test]
async fn a_limit_can_change_from_one_call_to_the_next() {
    let server = RedisServer::start(None).unwrap();
    let clock = Clock::manual(start());
    let processes = processes(&server, &clock, 2);
    connected(&processes).await;
    let mut all = Lanes::new(&processes, 4, start());
    all.run(&clock, 100).await;
    all.per_s = 10.0;
    let changed_at = clock.now() + SLICE;
    all.run(&clock, 100).await;
    let slow = all.count_between(changed_at, changed_at + TimeDelta::seconds(4));
    assert!((38..=41).contains(&slow), "{slow}");
    all.per_s = 200.0;
    let changed_at = clock.now() + SLICE;
    all.run(&clock, 100).await;
    let fast = all.count_between(changed_at, changed_at + TimeDelta::seconds(4));
    assert!(fast >= 760, "{fast}");
}

#[tokio::test]
async fn a_redis_that_forgets_everything_gives_no_second_bucket() {
    let server = RedisServer::start(None).unwrap();
    let clock = Clock::manual(start());
    let processes = processes(&server, &clock, 2);
    connected(&processes).await;
    let mut all = Lanes::new(&processes, 8, start());
    for _ in 0..6 {
        all.run(&clock, 73).await;
        assert!(ask(&server, "FLUSHALL").starts_with("+OK"));
    }
    all.run(&clock, 100).await;
    let most = all.most_in_a_second();
    assert!(most <= 80, "{most} permits in one second");
    assert!(all.given.len() > 600, "{}", all.given.len());
}

#[tokio::test]
async fn a_worker_whose_clock_ran_ahead_does_not_block_the_others() {
    let server = RedisServer::start(None).unwrap();
    let clock = Clock::manual(start());
    let fast_clock = Clock::manual(start() + TimeDelta::hours(1));
    let processes = processes(&server, &clock, 2);
    connected(&processes).await;
    let fast = [
        SharedLimits::redis(&server.url(), fast_clock.clone()).unwrap(),
        SharedLimits::redis(&server.url(), fast_clock).unwrap(),
    ];
    connected(&fast).await;
    Lanes::new(&fast, 2, start()).take().await;
    let mut all = Lanes::new(&processes, 2, start());
    all.run(&clock, 200).await;
    assert!(all.given.len() > 400, "{}", all.given.len());
}

/// In real time: Redis is killed, and comes back without its memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_redis_costs_no_time_and_no_permit_too_many() {
    let mut server = RedisServer::start(None).unwrap();
    let clock = Clock::system();
    let began = clock.now();
    let processes = processes(&server, &clock, 4);
    connected(&processes).await;
    let mut all = Lanes::new(&processes, 8, began - TimeDelta::hours(1));
    run_for(&mut all, Duration::from_secs(4)).await;

    server.kill().unwrap();
    let killed_at = clock.now();
    run_for(&mut all, Duration::from_millis(200)).await;
    let asked_at = Instant::now();
    for _ in 0..100 {
        all.take().await;
    }
    let cost = asked_at.elapsed();
    assert!(cost < Duration::from_millis(200), "800 calls of a dead Redis took {cost:?}");
    run_for(&mut all, Duration::from_secs(4)).await;

    server.restart().unwrap();
    let back_at = clock.now();
    run_for(&mut all, Duration::from_secs(6)).await;

    let most = all.most_in_a_second();
    assert!(most <= 80, "{most} permits in one second");
    let second = TimeDelta::seconds(1);
    assert!(all.count_between(began + second * 3, killed_at) > 60, "Redis gave permits before it died");
    assert!(all.count_between(killed_at + second * 2, back_at) > 100, "shares went on");
    assert!(all.count_between(back_at + second * 4, back_at + second * 6) > 120, "Redis counts again");
}

async fn run_for(lanes: &mut Lanes<'_>, length: Duration) {
    let until = Instant::now() + length;
    while Instant::now() < until {
        lanes.take().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_client_gets_its_burst_once_and_then_its_rate_from_all_processes_together() {
    let server = RedisServer::start(None).unwrap();
    let clock = Clock::manual(start());
    let processes = processes(&server, &clock, 2);
    connected(&processes).await;
    let pace = Pace { per_s: 10.0, burst: 5 };
    let mut allowed = 0;
    let mut waits = BTreeSet::new();
    for n in 0..20 {
        match processes[n % 2].allow("client:1", pace, 1).await {
            Ok(()) => allowed += 1,
            Err(wait) => drop(waits.insert(wait)),
        }
    }
    assert_eq!(allowed, 5);
    assert_eq!(waits.len(), 1, "{waits:?}");
    clock.advance(TimeDelta::from_std(*waits.first().unwrap()).unwrap());
    assert!(processes[0].allow("client:1", pace, 1).await.is_ok());
    assert!(processes[1].allow("client:1", pace, 1).await.is_err());
}

#[tokio::test]
async fn without_redis_a_process_keeps_to_its_part_of_a_clients_rate() {
    let limits = SharedLimits::local(Clock::manual(start()));
    let pace = Pace { per_s: 0.5, burst: 12 };
    for (share_of, expected) in [(1, 12), (3, 4), (100, 1)] {
        let key = format!("client:{share_of}");
        let mut allowed = 0;
        let mut wait = Duration::ZERO;
        for _ in 0..20 {
            match limits.allow(&key, pace, share_of).await {
                Ok(()) => allowed += 1,
                Err(longer) => wait = longer,
            }
        }
        assert_eq!(allowed, expected, "one of {share_of}");
        assert!(wait > Duration::from_secs(1), "{wait:?}");
    }
}
