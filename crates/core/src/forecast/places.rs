//! The places of a portfolio as one run uses them up and gets them back, evenly within stretches and not person by person.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use super::{PART, Portfolio};
use crate::limits::PORTFOLIO_WINDOW;

/// Of a place: less is nothing.
const SPECK: f64 = 1e-6;

/// Instants are whole microseconds, so that what leaves between two is a little more or less than people. People are whole:
/// a part of a place lets nobody through, and keeps such a remainder from waiting another day.
const SLACK: f64 = 0.05;
/// What such a remainder comes to at one instant.
const REMAINDER: f64 = 1e-3;

/// Places that come back evenly between two instants.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    per_s: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Places {
    free: f64,
    /// In the order of their instants, without overlap.
    back: VecDeque<Stretch>,
}

impl Places {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn of(portfolio: &Portfolio, now: DateTime<Utc>) -> Self {
        let taken: u64 = portfolio.taken.iter().map(|(_, people)| *people).sum();
        let stretch = |(at, people): &(DateTime<Utc>, u64)| {
            // Nobody counts for longer than a window from now; what is taken from now on comes back behind that.
            let to = (*at + PART).clamp(now + TimeDelta::seconds(1), now + PORTFOLIO_WINDOW);
            let from = (*at).clamp(now, to - TimeDelta::seconds(1));
            Stretch { from, to, per_s: *people as f64 / (to - from).as_seconds_f64() }
        };
        Self {
            free: portfolio.people_max as f64 + SLACK - taken as f64,
            back: portfolio.taken.iter().map(stretch).collect(),
        }
    }

    /// Places a second that come back at this instant.
    fn back_per_s(&self, now: DateTime<Utc>) -> f64 {
        self.back.front().filter(|stretch| stretch.from <= now).map_or(0.0, |stretch| stretch.per_s)
    }

    /// The most that may be taken from now on, per second. None: there are places, take what you like.
    pub(super) fn per_s_max(&self, now: DateTime<Utc>) -> Option<f64> {
        (self.free <= SPECK).then(|| if self.free < -SPECK { 0.0 } else { self.back_per_s(now) })
    }

    /// When nothing is to be had now: the next instant at which something comes back.
    pub(super) fn next_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let front = self.back.front()?;
        if front.from > now { Some(front.from) } else { Some(self.paid_off_at(front, now)) }
    }

    /// A limit that was lowered leaves more people than places: until enough of them have come back, there is none.
    fn paid_off_at(&self, front: &Stretch, now: DateTime<Utc>) -> DateTime<Utc> {
        after(now, -self.free / front.per_s).map_or(front.to, |at| at.min(front.to))
    }

    /// When the picture changes, if so many are taken a second.
    pub(super) fn next_event(&self, now: DateTime<Utc>, taken_per_s: f64) -> Option<DateTime<Utc>> {
        let back = self.back_per_s(now);
        let front = self.back.front().map(|stretch| if stretch.from > now { stretch.from } else { stretch.to });
        let used_up = (self.free > SPECK && taken_per_s > back + SPECK)
            .then(|| after(now, self.free / (taken_per_s - back)))
            .flatten();
        front.into_iter().chain(used_up).min()
    }

    /// Goes on to the next event or less, with so many taken a second: they come back a day later.
    pub(super) fn advance(&mut self, now: DateTime<Utc>, to: DateTime<Utc>, taken_per_s: f64) {
        let seconds = (to - now).as_seconds_f64();
        self.free += (self.back_per_s(now) - taken_per_s) * seconds;
        if self.free.abs() < REMAINDER {
            self.free = 0.0;
        }
        while self.back.front().is_some_and(|stretch| stretch.to <= to) {
            self.back.pop_front();
        }
        if taken_per_s > SPECK && seconds > 0.0 {
            self.give_back(Stretch { from: now + PORTFOLIO_WINDOW, to: to + PORTFOLIO_WINDOW, per_s: taken_per_s });
        }
    }

    /// Stretches of one pace that follow each other are one: so a day has no more of them than the day before.
    fn give_back(&mut self, stretch: Stretch) {
        match self.back.back_mut() {
            Some(last) if last.to == stretch.from && (last.per_s - stretch.per_s).abs() < SPECK => {
                last.to = stretch.to;
            }
            _ => self.back.push_back(stretch),
        }
    }
}

fn after(now: DateTime<Utc>, seconds: f64) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be below a century")]
    (seconds < 3e9).then(|| now + TimeDelta::microseconds((seconds * 1e6).ceil() as i64))
}
