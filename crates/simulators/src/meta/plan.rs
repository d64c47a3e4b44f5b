//! Which statuses an accepted message will get, and when.

use rand::Rng;
use rand::seq::SliceRandom as _;

use crate::draw::{Stream, between, draw, unit};

use super::config::{Receipts, Stage};
use super::queue::Status;

const NS_PER_MS: u64 = 1_000_000;

/// How a send's receipts differ from the configured ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Override {
    None,
    Silent,
    Fail { code: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// When it is told: nanoseconds after the acceptance.
    pub(crate) told_ns: u64,
    /// When it happened, which is what the status says. Differs from `told_ns` when shuffled.
    pub(crate) happens_ns: u64,
    pub(crate) status: Status,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) statuses: Vec<Planned>,
    /// `sent` is told before the send is answered; it is not among `statuses` then.
    pub(crate) early: bool,
}

/// The plan for the `index`-th send.
pub(crate) fn plan(receipts: &Receipts, seed: u64, index: u64, by_rule: Override) -> Plan {
    if by_rule == Override::Silent {
        return Plan::default();
    }
    let mut rng = draw(seed, Stream::Receipts, index);
    let mut statuses = stages(receipts, by_rule, &mut rng);
    let early =
        unit(&mut rng) < receipts.early_share && statuses.first().is_some_and(|first| first.status == Status::Sent);
    if early {
        statuses.remove(0);
    }
    if receipts.shuffle {
        shuffle(&mut statuses, &mut rng);
    }
    Plan { statuses, early }
}

fn stages(receipts: &Receipts, by_rule: Override, rng: &mut impl Rng) -> Vec<Planned> {
    let mut statuses = Vec::with_capacity(3);
    let mut at = 0;
    let mut reach = |stage: &Stage, status: Status, rng: &mut _| {
        let reached = unit(rng) < stage.share;
        if reached {
            at += between(rng, stage.after_ms[0], stage.after_ms[1]) * NS_PER_MS;
            statuses.push(Planned { told_ns: at, happens_ns: at, status });
        }
        reached
    };
    let sent = reach(&receipts.sent, Status::Sent, rng);
    let failed = match by_rule {
        Override::Fail { code } => Some(code),
        _ => (unit(rng) < receipts.failed_share).then_some(receipts.failed_code),
    };
    if let Some(code) = failed {
        reach(&Stage { share: 1.0, ..receipts.delivered }, Status::Failed { code }, rng);
    } else if sent && reach(&receipts.delivered, Status::Delivered, rng) {
        reach(&receipts.read, Status::Read, rng);
    }
    statuses
}

/// Gives the times at which the statuses are told to each other.
fn shuffle(statuses: &mut [Planned], rng: &mut impl Rng) {
    let mut told: Vec<u64> = statuses.iter().map(|planned| planned.told_ns).collect();
    told.shuffle(rng);
    for (planned, told_ns) in statuses.iter_mut().zip(told) {
        planned.told_ns = told_ns;
    }
}
