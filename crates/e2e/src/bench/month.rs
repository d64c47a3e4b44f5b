//! A month of two campaigns over a million people, on a virtual clock.

use std::time::Instant;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use postroad_core::{
    account::Pace,
    gates::{Cap, CapKind, QuietPolicy},
    quiet_hours::QuietHours,
    simulation::{self, Event, Person, Wave, World},
};

use super::{Options, Report};

const PEOPLE: u32 = 1_000_000;
const ZONES: usize = 40;
/// Two million messages in about three weeks of days without nights.
const PER_S: f64 = 2.5;

#[expect(clippy::unused_async, reason = "a section like the others")]
pub(super) async fn run(report: &mut Report, options: &Options) -> Result<()> {
    let people = options.scaled(PEOPLE);
    let world = world(people);
    let mut told = Told::new(&world);
    let (mut running, began) = (world.clone(), Instant::now());
    simulation::run(&mut running, start() + TimeDelta::days(90), |event| told.note(&world, event));
    let seconds = began.elapsed().as_secs_f64();
    told.check(&world)?;
    let of = format!("{} messages to {people} people in {ZONES} zones, {} days of theirs", told.sent, told.days());
    report.tell("simulation.month_s", seconds, "s", of);
    Ok(())
}

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_532)
}

fn world(people: u32) -> World {
    let every = TZ_VARIANTS.len() / ZONES;
    let zones: Vec<Tz> = TZ_VARIANTS.iter().copied().step_by(every).take(ZONES).collect();
    let person = |n: u32| Person { zone: zones[n as usize % ZONES], uses: Vec::new() };
    let wave = |weight, starts_at| Wave {
        weight,
        starts_at,
        quiet_policy: QuietPolicy::Hold,
        not_after: None,
        audience: (0..people).collect(),
    };
    World {
        pace: Pace { per_s: PER_S * f64::from(people) / f64::from(PEOPLE), burst: 1 },
        quiet_hours: QuietHours::DEFAULT,
        caps: vec![Cap { kind: CapKind::Rolling, window_s: 3 * 86_400, max: 1 }],
        portfolio: None,
        people: (0..people).map(person).collect(),
        waves: vec![wave(4, start()), wave(2, start() + TimeDelta::days(1))],
        seed: 1,
    }
}

/// What was told, counted while it is told.
struct Told {
    sent: u64,
    /// Messages of each wave to each person.
    got: Vec<[u8; 2]>,
    last: Vec<Option<DateTime<Utc>>>,
    ended_at: DateTime<Utc>,
    broken: Option<String>,
}

impl Told {
    fn new(world: &World) -> Self {
        let people = world.people.len();
        Self { sent: 0, got: vec![[0; 2]; people], last: vec![None; people], ended_at: start(), broken: None }
    }

    fn note(&mut self, world: &World, event: Event) {
        let person = event.person as usize;
        self.sent += 1;
        self.got[person][usize::from(event.wave)] += 1;
        self.ended_at = event.at;
        let window = TimeDelta::days(3) - TimeDelta::seconds(1);
        if self.last[person].is_some_and(|last| event.at - last < window) {
            self.broken = Some(format!("person {person} got two messages within three days"));
        }
        self.last[person] = Some(event.at);
        // The gates looked up to half a second before.
        let (zone, looked_at) = (world.people[person].zone, event.at - TimeDelta::milliseconds(500));
        if world.quiet_hours.is_quiet(event.at, zone) && world.quiet_hours.is_quiet(looked_at, zone) {
            self.broken = Some(format!("person {person} was woken at {}", event.at));
        }
    }

    fn check(&self, world: &World) -> Result<()> {
        ensure!(self.broken.is_none(), "{}", self.broken.as_deref().unwrap_or_default());
        ensure!(self.got.iter().all(|got| *got == [1, 1]), "somebody got a message twice, or never");
        ensure!(self.sent == 2 * world.people.len() as u64, "{} messages", self.sent);
        Ok(())
    }

    fn days(&self) -> i64 {
        (self.ended_at - start()).num_days()
    }
}
