//! One run: from event to event, with every flow moving evenly in between.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Flow, Group, Hour, Limit, Plan, horizon, hour_of, per_s, places::Places};
use crate::gates::Reason;

/// Of a message: less is nothing.
const SPECK: f64 = 1e-6;

pub(super) struct Lane<'a> {
    plan: &'a Plan,
    per_s: f64,
    left: Vec<f64>,
    /// Of the calls of each group, the part that reaches somebody: calls that are made again take no place.
    reaching: Vec<f64>,
    places: Option<Places>,
    ready_at: Vec<DateTime<Utc>>,
    held_by: Vec<Option<Reason>>,
    now: DateTime<Utc>,
    told: Run,
}

/// What one run came to, for the first flow.
#[derive(Default)]
pub(super) struct Run {
    pub(super) first_at: Option<DateTime<Utc>>,
    pub(super) last_at: Option<DateTime<Utc>>,
    pub(super) beyond: u64,
    curve: BTreeMap<DateTime<Utc>, f64>,
    /// Seconds in which it moved as fast as the account's rate let it, or its own throttle.
    by_rate_s: f64,
    by_throttle_s: f64,
    /// Seconds in which people waited for places of the portfolio.
    by_places_s: f64,
    /// Seconds in which everybody who was left was held; the last gate that held them, and until when.
    held_s: f64,
    held: Option<(Reason, DateTime<Utc>)>,
    /// Most other flows that moved beside it.
    others: usize,
}

impl<'a> Lane<'a> {
    /// `retries`: calls that a group of so many people needs beyond the first.
    pub(super) fn new(plan: &'a Plan, retries: impl Fn(u64) -> f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let calls = |group: &Group| group.people as f64 + retries(group.people);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let reaching =
            |group: &Group| if group.takes_places { group.people as f64 / calls(group).max(1.0) } else { 0.0 };
        Self {
            plan,
            per_s: per_s(plan.pace, plan.factor),
            left: plan.groups.iter().map(calls).collect(),
            reaching: plan.groups.iter().map(reaching).collect(),
            places: plan.portfolio.as_ref().map(|portfolio| Places::of(portfolio, plan.now)),
            ready_at: plan.groups.iter().map(|group| group.ready_at.max(plan.now)).collect(),
            held_by: plan.groups.iter().map(|group| group.held_by).collect(),
            now: plan.now,
            told: Run::default(),
        }
    }

    pub(super) fn run(mut self) -> Run {
        let end = horizon(self.plan.now);
        while self.now < end && self.campaign_is_left() {
            self.send_to_bed();
            self.hold_without_place();
            let heads = self.heads();
            let rates = self.within_places(&heads, rates(&self.plan.flows, &heads, self.per_s));
            let next = self.next_event(&heads, &rates).min(end);
            self.advance(&heads, &rates, next);
        }
        let left: f64 = self.of_campaign().map(|group| self.left[group]).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
        let beyond = left.round() as u64;
        Run { beyond, ..self.told }
    }

    fn of_campaign(&self) -> impl Iterator<Item = usize> {
        self.plan.groups.iter().enumerate().filter(|(_, group)| group.flow == 0).map(|(position, _)| position)
    }

    fn campaign_is_left(&self) -> bool {
        self.of_campaign().any(|group| self.left[group] > SPECK)
    }

    /// Whoever is ready and has night waits for the morning.
    fn send_to_bed(&mut self) {
        for (position, group) in self.plan.groups.iter().enumerate() {
            let Some((hours, zone)) = group.quiet else { continue };
            if self.left[position] > SPECK && self.ready_at[position] <= self.now && hours.is_quiet(self.now, zone) {
                self.ready_at[position] = hours.free_at(self.now, zone);
                self.held_by[position] = Some(Reason::QuietHours);
            }
        }
    }

    /// Whoever is ready and finds no place waits until one comes back.
    fn hold_without_place(&mut self) {
        let Some(places) = &self.places else { return };
        let nothing = places.per_s_max(self.now).is_some_and(|most| most <= SPECK);
        let Some(next) = places.next_at(self.now).filter(|_| nothing) else { return };
        for position in 0..self.left.len() {
            if self.reaching[position] > 0.0 && self.left[position] > SPECK && self.ready_at[position] <= self.now {
                self.ready_at[position] = next.max(self.now + TimeDelta::microseconds(1));
                self.held_by[position] = Some(Reason::QuotaUsed);
            }
        }
    }

    /// Places that the heads take a second at these rates.
    fn taken_per_s(&self, heads: &[Option<usize>], rates: &[f64]) -> f64 {
        heads.iter().zip(rates).filter_map(|(head, rate)| Some(rate * self.reaching[(*head)?])).sum()
    }

    /// When all places are taken, those who need one share what comes back.
    fn within_places(&self, heads: &[Option<usize>], mut rates: Vec<f64>) -> Vec<f64> {
        let taken = self.taken_per_s(heads, &rates);
        let most = self.places.as_ref().and_then(|places| places.per_s_max(self.now)).unwrap_or(taken);
        if taken <= most {
            return rates;
        }
        for (head, rate) in heads.iter().zip(&mut rates) {
            if head.is_some_and(|group| self.reaching[group] > 0.0) {
                *rate *= most / taken;
            }
        }
        rates
    }

    /// Of each flow the group that is next: the one that has been ready longest.
    fn heads(&self) -> Vec<Option<usize>> {
        let mut heads: Vec<Option<usize>> = vec![None; self.plan.flows.len()];
        for (position, group) in self.plan.groups.iter().enumerate() {
            let is_ready = self.left[position] > SPECK && self.ready_at[position] <= self.now;
            let head = &mut heads[group.flow];
            if is_ready && head.is_none_or(|other| self.ready_at[position] < self.ready_at[other]) {
                *head = Some(position);
            }
        }
        heads
    }

    /// When the picture changes: a group is done, a night begins, or somebody else becomes ready.
    fn next_event(&self, heads: &[Option<usize>], rates: &[f64]) -> DateTime<Utc> {
        let waiting =
            (0..self.left.len()).filter(|group| self.left[*group] > SPECK && self.ready_at[*group] > self.now);
        let ready = waiting.map(|group| self.ready_at[group]).min();
        let moving = heads.iter().zip(rates).filter_map(|(head, rate)| Some((head.as_ref()?, rate)));
        let ends = moving.flat_map(|(head, rate)| [self.done_at(*head, *rate), self.night_of(*head)]);
        let places =
            self.places.as_ref().and_then(|places| places.next_event(self.now, self.taken_per_s(heads, rates)));
        let next = ready.into_iter().chain(ends.flatten()).chain(places).min().unwrap_or(DateTime::<Utc>::MAX_UTC);
        next.max(self.now + TimeDelta::microseconds(1))
    }

    fn done_at(&self, group: usize, rate: f64) -> Option<DateTime<Utc>> {
        let seconds = self.left[group] / rate;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be below a century")]
        (seconds < 3e9).then(|| self.now + TimeDelta::microseconds((seconds * 1e6).ceil() as i64))
    }

    fn night_of(&self, group: usize) -> Option<DateTime<Utc>> {
        let (hours, zone) = self.plan.groups[group].quiet?;
        hours.begins_at(self.now, zone)
    }

    fn advance(&mut self, heads: &[Option<usize>], rates: &[f64], to: DateTime<Utc>) {
        let seconds = (to - self.now).as_seconds_f64();
        let taken = self.taken_per_s(heads, rates);
        for (head, rate) in heads.iter().zip(rates) {
            let Some(group) = head else { continue };
            let moved = (rate * seconds).min(self.left[*group]);
            self.left[*group] -= moved;
        }
        self.note(heads, rates, to, seconds);
        if let Some(places) = &mut self.places {
            places.advance(self.now, to, taken);
        }
        self.now = to;
    }

    fn note(&mut self, heads: &[Option<usize>], rates: &[f64], to: DateTime<Utc>, seconds: f64) {
        if heads.first().copied().flatten().is_none() {
            self.note_held(seconds);
            return;
        }
        self.told.first_at.get_or_insert(self.now);
        self.told.last_at = Some(to);
        self.told.others = self.told.others.max(heads.iter().skip(1).flatten().count());
        let throttled = self.plan.flows[0].throttle_per_s.is_some_and(|most| rates[0] >= most - SPECK);
        let scarce = self.places_are_scarce(heads, rates);
        let told = &mut self.told;
        *match (scarce, throttled) {
            (true, _) => &mut told.by_places_s,
            (false, true) => &mut told.by_throttle_s,
            (false, false) => &mut told.by_rate_s,
        } += seconds;
        told.spread(self.now, to, rates[0]);
    }

    fn note_held(&mut self, seconds: f64) {
        let next = self.next_of_campaign();
        if next.is_some_and(|(reason, _)| reason == Reason::QuotaUsed) {
            self.told.by_places_s += seconds;
            return;
        }
        self.told.held_s += seconds;
        self.told.held = next.or(self.told.held);
    }

    /// As many are taken as come back.
    fn places_are_scarce(&self, heads: &[Option<usize>], rates: &[f64]) -> bool {
        let most = self.places.as_ref().and_then(|places| places.per_s_max(self.now));
        most.is_some_and(|most| self.taken_per_s(heads, rates) >= most - SPECK)
    }

    /// What holds the campaign's next people, and until when.
    fn next_of_campaign(&self) -> Option<(Reason, DateTime<Utc>)> {
        let left = self.of_campaign().filter(|group| self.left[*group] > SPECK);
        let next = left.min_by_key(|group| self.ready_at[*group])?;
        Some((self.held_by[next]?, self.ready_at[next]))
    }
}

/// Messages per second of each flow: by weight among those that have somebody ready, none above its throttle, and what a
/// throttle leaves goes to the others.
fn rates(flows: &[Flow], heads: &[Option<usize>], per_s: f64) -> Vec<f64> {
    let mut rates = vec![0.0; flows.len()];
    let mut open: Vec<usize> = (0..flows.len()).filter(|flow| heads[*flow].is_some()).collect();
    let mut rest = per_s;
    loop {
        let weights: f64 = open.iter().map(|flow| f64::from(flows[*flow].weight.max(1))).sum();
        let part = |flow: usize| rest * f64::from(flows[flow].weight.max(1)) / weights;
        let full: Vec<usize> = open
            .iter()
            .copied()
            .filter(|flow| flows[*flow].throttle_per_s.is_some_and(|most| most < part(*flow)))
            .collect();
        if full.is_empty() {
            for flow in open {
                rates[flow] = part(flow);
            }
            return rates;
        }
        for flow in &full {
            rates[*flow] = flows[*flow].throttle_per_s.unwrap_or_default().max(SPECK);
            rest = (rest - rates[*flow]).max(0.0);
        }
        open.retain(|flow| !full.contains(flow));
    }
}

impl Run {
    /// Adds an even stretch to the hours it lies in.
    fn spread(&mut self, from: DateTime<Utc>, to: DateTime<Utc>, rate: f64) {
        let mut at = from;
        while at < to {
            let hour = hour_of(at);
            let until = to.min(hour + TimeDelta::hours(1));
            *self.curve.entry(hour).or_default() += rate * (until - at).as_seconds_f64();
            at = until;
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
    pub(super) fn hours(&self) -> Vec<Hour> {
        let hour = |(at, messages): (&DateTime<Utc>, &f64)| Hour { at: *at, messages: messages.round() as u64 };
        self.curve.iter().map(hour).filter(|hour| hour.messages > 0).collect()
    }

    /// Where most of the time went.
    pub(super) fn limit(&self, plan: &Plan) -> Limit {
        let longest = self.by_rate_s.max(self.by_throttle_s).max(self.by_places_s).max(self.held_s);
        let people_max = plan.portfolio.as_ref().map(|portfolio| portfolio.people_max);
        let throttle = plan.flows.first().and_then(|flow| flow.throttle_per_s);
        match (self.held, throttle, people_max) {
            _ if longest < 1.0 => Limit::Nothing,
            (_, _, Some(people_max)) if longest <= self.by_places_s => Limit::Portfolio { people_max },
            (Some((reason, until)), ..) if longest <= self.held_s => Limit::Gate { reason, until },
            (_, Some(per_s), _) if longest <= self.by_throttle_s => Limit::Throttle { per_s },
            _ => Limit::Rate { per_s: plan.pace.per_s * plan.factor, others: self.others },
        }
    }
}
