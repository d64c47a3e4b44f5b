//! One lane run forward on a virtual clock: the gates and the pace of the product, without a database, a provider or a
//! night to wait through.
//!
//! What it proves, it proves about the rules: people are a zone and what they got so far, a send is a person in a flow. The
//! turns of flows are those of the claim, which SQL orders. Deliberately absent: failures, and whatever a provider says.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use crate::{
    account::{AccountStatus, Channel, Pace},
    consent::{Consent, ConsentAction, Purpose},
    gates::{
        self, AccountFacts, Cap, CapFacts, CreditFacts, Decision, Facts, QuietFacts, QuietPolicy, RateFacts, Reason,
        ZoneOf,
    },
    limits::CLAIM_MAX,
    message::{Class, Source},
    pace::{Bucket, Flow},
    portfolio::Reached,
    quiet_hours::QuietHours,
};

/// How far ahead permits are taken, as the worker does.
const HORIZON: TimeDelta = TimeDelta::milliseconds(500);

/// Somebody who gets messages.
#[derive(Debug, Clone)]
pub struct Person {
    pub zone: Tz,
    /// Instants at which messages that count towards the caps were sent, oldest first.
    pub uses: Vec<DateTime<Utc>>,
}

/// What takes turns in the lane: a campaign.
#[derive(Debug, Clone)]
pub struct Wave {
    /// Share of the lane, 1 to 100.
    pub weight: u32,
    pub starts_at: DateTime<Utc>,
    pub quiet_policy: QuietPolicy,
    pub not_after: Option<DateTime<Utc>>,
    /// Indexes of [`World::people`], in the order in which they were planned.
    pub audience: Vec<u32>,
}

/// Everything that is known when the clock starts.
#[derive(Debug, Clone)]
pub struct World {
    pub pace: Pace,
    pub quiet_hours: QuietHours,
    pub caps: Vec<Cap>,
    /// People whom the portfolio may write to within 24 hours. None: as many as there are.
    pub portfolio: Option<u32>,
    pub people: Vec<Person>,
    pub waves: Vec<Wave>,
    pub seed: u64,
}

/// One send that left, or never will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub wave: u16,
    pub person: u32,
    pub at: DateTime<Utc>,
    /// None: it left at that instant.
    pub refused: Option<Reason>,
}

/// Runs until nothing waits any more, or `until`; tells every end in the order of the clock. The same world tells the
/// same story.
pub fn run(world: &mut World, until: DateTime<Utc>, mut tell: impl FnMut(Event)) {
    let mut lane = Lane::new(world);
    let mut now = lane.next_due().unwrap_or(until);
    while now < until {
        lane.step(world, now, &mut tell);
        match lane.next_look(now) {
            Some(next) => now = next,
            None => return,
        }
    }
}

/// Sends of one wave: what is due stands in line, the rest waits for its instant.
struct Line {
    weight: u32,
    due: VecDeque<(DateTime<Utc>, u32)>,
    later: BinaryHeap<Reverse<(DateTime<Utc>, u32)>>,
    /// Where it stands among the flows of this claim, and sends taken in it.
    luck: f64,
    turn: u32,
}

struct Lane {
    bucket: Bucket,
    flow: Flow,
    lines: Vec<Line>,
    facts: Facts,
    reached: Option<Reached<u32>>,
    random: Xoshiro256PlusPlus,
}

impl Lane {
    fn new(world: &World) -> Self {
        let line = |wave: &Wave| Line {
            weight: wave.weight.max(1),
            due: wave.audience.iter().map(|person| (wave.starts_at, *person)).collect(),
            later: BinaryHeap::new(),
            luck: 0.0,
            turn: 0,
        };
        Self {
            bucket: Bucket::resume(DateTime::UNIX_EPOCH),
            flow: Flow::new(world.pace, 1.0),
            lines: world.waves.iter().map(line).collect(),
            facts: facts(world),
            reached: world.portfolio.map(Reached::new),
            random: Xoshiro256PlusPlus::seed_from_u64(world.seed),
        }
    }

    /// The first instant at which anything is due.
    fn next_due(&self) -> Option<DateTime<Utc>> {
        self.lines.iter().filter_map(Line::next).min()
    }

    /// When the lane is worth a look again: when something is due and there are permits for it.
    fn next_look(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let paced = self.bucket.paced_until() - HORIZON / 2;
        self.next_due().map(|due| due.max(paced).max(now + TimeDelta::milliseconds(1)))
    }

    /// One claim, and what the gates say of it.
    fn step(&mut self, world: &mut World, now: DateTime<Utc>, tell: &mut impl FnMut(Event)) {
        for line in &mut self.lines {
            line.ripen(now, &mut self.random);
        }
        let offered = self.bucket.offer(now, CLAIM_MAX, HORIZON, self.flow).count;
        for _ in 0..offered {
            let Some(wave) = self.whose_turn(now) else { break };
            let Some((_, person)) = self.lines[wave].due.pop_front() else { break };
            self.decide(world, wave, person, now, tell);
        }
    }

    /// Flows take turns by weight, as the claim orders them. Chance says where each begins: so a lane that sends one
    /// message at a time has no favourite.
    fn whose_turn(&mut self, now: DateTime<Utc>) -> Option<usize> {
        let waiting =
            self.lines.iter().enumerate().filter(|(_, line)| line.due.front().is_some_and(|one| one.0 <= now));
        let next = waiting.min_by(|(_, one), (_, other)| one.place().total_cmp(&other.place()));
        let position = next.map(|(position, _)| position)?;
        self.lines[position].turn += 1;
        Some(position)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a loop that owns all of it")]
    fn decide(
        &mut self,
        world: &mut World,
        wave: usize,
        person: u32,
        now: DateTime<Utc>,
        tell: &mut impl FnMut(Event),
    ) {
        let (plan, who) = (&world.waves[wave], &mut world.people[person as usize]);
        self.look_at(plan, who, now);
        self.facts.credit.quota = self.reached.as_mut().map(|reached| reached.facts(person, now));
        let ruling = gates::decide(&self.facts);
        who.uses = self.facts.caps.as_mut().map(|caps| std::mem::take(&mut caps.uses)).unwrap_or_default();
        let number = u16::try_from(wave).unwrap_or(u16::MAX);
        match ruling.decision {
            Decision::Send => {
                let at = self.bucket.take(now, 1, HORIZON, self.flow).instants().next().unwrap_or(now);
                who.uses.push(now);
                if let Some(reached) = &mut self.reached {
                    reached.note(person, now);
                }
                tell(Event { wave: number, person, at, refused: None });
            }
            Decision::Wait { until, .. } => self.lines[wave].later.push(Reverse((until, person))),
            Decision::Refuse { reason, .. } => tell(Event { wave: number, person, at: now, refused: Some(reason) }),
        }
    }

    fn look_at(&mut self, wave: &Wave, person: &mut Person, now: DateTime<Utc>) {
        self.facts.now = now;
        self.facts.not_after = wave.not_after;
        if let Some(quiet) = &mut self.facts.quiet {
            (quiet.zone, quiet.policy) = (person.zone, wave.quiet_policy);
        }
        if let Some(caps) = &mut self.facts.caps {
            (caps.zone, caps.uses) = (person.zone, std::mem::take(&mut person.uses));
        }
    }
}

impl Line {
    fn next(&self) -> Option<DateTime<Utc>> {
        let later = self.later.peek().map(|Reverse((at, _))| *at);
        self.due.front().map(|(at, _)| *at).into_iter().chain(later).min()
    }

    fn place(&self) -> f64 {
        (f64::from(self.turn) + self.luck) / f64::from(self.weight)
    }

    /// What has become due stands in line behind what was due before it. A new claim counts turns anew.
    fn ripen(&mut self, now: DateTime<Utc>, random: &mut Xoshiro256PlusPlus) {
        self.turn = 0;
        // Of several such numbers over their weights, each is the smallest as often as its weight says.
        self.luck = -(1.0 - random.random::<f64>()).ln();
        while let Some(Reverse((at, _))) = self.later.peek()
            && *at <= now
        {
            self.due.extend(self.later.pop().map(|Reverse(one)| one));
        }
    }
}

/// A marketing message that only the night, the caps, the portfolio and its own expiry can hold.
fn facts(world: &World) -> Facts {
    let start = DateTime::UNIX_EPOCH;
    Facts {
        now: start,
        class: Class::Campaign,
        source: Source::Campaign,
        purpose: Purpose::Marketing,
        channel: Channel::Whatsapp,
        not_after: None,
        account: AccountFacts {
            status: AccountStatus::Active,
            sending_paused: false,
            campaign_paused: false,
            restore_hold: false,
            provider_off: false,
        },
        suppressed: None,
        consent: Some(Consent { action: ConsentAction::Granted, at: start }),
        template: None,
        window: None,
        quiet: Some(QuietFacts {
            hours: world.quiet_hours,
            zone: Tz::UTC,
            zone_of: ZoneOf::Contact,
            policy: QuietPolicy::Hold,
        }),
        caps: Some(CapFacts { caps: world.caps.clone(), zone: Tz::UTC, uses: Vec::new() }),
        spacing: None,
        credit: CreditFacts { enforced: false, covered: true, quota: None },
        rate: RateFacts { rests_until: None },
    }
}
