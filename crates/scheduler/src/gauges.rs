//! What only the leader may count, because it counts the database.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use postroad_app::{schedule::Census, sweep::Swept};
use postroad_core::{gates::GateName, inbound::Counted, jobs::Queue, media::MediaState};
use prometheus::{
    IntCounterVec, IntGauge, IntGaugeVec, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

macro_rules! metric {
    ($name:ident: $kind:ty = $register:ident!($($args:expr),+)) => {
        static $name: LazyLock<$kind> = LazyLock::new(|| $register!($($args),+).expect("metrics are declared once"));
    };
}

metric!(LEADER: IntGauge = register_int_gauge!("postroad_scheduler_leader", "1 while this process leads the schedule"));
metric!(TERM: IntGauge = register_int_gauge!("postroad_scheduler_term", "The term of the leader; rises with every change"));
metric!(LAST_TICK: IntGauge = register_int_gauge!(
    "postroad_scheduler_last_tick_timestamp_seconds", "When the schedule was last looked at"
));
metric!(QUEUE_JOBS: IntGaugeVec = register_int_gauge_vec!("postroad_queue_jobs", "Jobs by queue and state", &["queue", "state"]));
metric!(QUEUE_AGE: IntGaugeVec = register_int_gauge_vec!(
    "postroad_queue_oldest_ready_age_seconds", "Age of the oldest job that is due", &["queue"]
));
metric!(SEND_STATE: IntGaugeVec = register_int_gauge_vec!("postroad_send_state", "Sends in each state that is not final", &["state"]));
metric!(SEND_AGE: IntGaugeVec = register_int_gauge_vec!(
    "postroad_send_state_oldest_age_seconds", "How long the oldest send has been in its state", &["state"]
));
metric!(WAITING: IntGaugeVec = register_int_gauge_vec!("postroad_gate_waiting", "Sends that wait, by the gate that holds them", &["gate"]));
metric!(FILES: IntGaugeVec = register_int_gauge_vec!(
    "postroad_media_files", "Files in each state that ends", &["state"]
));
metric!(FILES_AGE: IntGaugeVec = register_int_gauge_vec!(
    "postroad_media_oldest_age_seconds", "Age of the oldest file in a state that ends", &["state"]
));
metric!(DELIVERIES: IntGauge = register_int_gauge!(
    "postroad_endpoint_deliveries_waiting", "Deliveries to endpoints that were not delivered yet"
));
metric!(DELIVERIES_AGE: IntGauge = register_int_gauge!(
    "postroad_endpoint_deliveries_oldest_age_seconds", "Age of the oldest delivery that was not delivered yet"
));
metric!(PARKED: IntGauge = register_int_gauge!("postroad_receipts_parked", "Receipts that match no send yet"));
metric!(JOURNAL: IntGaugeVec = register_int_gauge_vec!("postroad_webhook_journal", "Stored webhooks that are not applied", &["state"]));
metric!(INBOUND_WEBHOOKS: IntGaugeVec = register_int_gauge_vec!(
    "postroad_inbound_webhooks", "Webhooks ever: journalled and replayed are what came in, the others what became of it", &["became"]
));
metric!(INBOUND_EVENTS: IntGaugeVec = register_int_gauge_vec!(
    "postroad_inbound_events", "What applied webhooks ever held: events are all, the others what became of them", &["became"]
));
metric!(UNACCOUNTED: IntGaugeVec = register_int_gauge_vec!(
    "postroad_inbound_unaccounted", "What came in and of which nothing became; 0 as long as nothing is lost", &["what"]
));
metric!(SILENT: IntGauge = register_int_gauge!(
    "postroad_webhook_silent_accounts", "Accounts that send, and whose webhooks do not come"
));
metric!(SWEPT: IntCounterVec = register_int_counter_vec!(
    "postroad_sweeps_total", "Rows that a timer moved, because nobody else did", &["timer"]
));
metric!(SUSPECTS: IntGauge = register_int_gauge!(
    "postroad_double_send_suspects", "Suspicions of a double send in the last week"
));
metric!(STATS_AT: IntGauge = register_int_gauge!(
    "postroad_queue_stats_timestamp_seconds", "When the numbers that come from the database were counted"
));

const OPEN_STATES: [&str; 6] = ["scheduled", "queued", "waiting", "claimed", "attempting", "unknown"];

const FILE_STATES: [MediaState; 3] = [MediaState::Receiving, MediaState::Wanted, MediaState::Purging];

#[expect(clippy::cast_possible_wrap, reason = "counts of rows")]
pub(crate) fn swept(swept: &Swept) {
    let counts = [
        ("claim_expired", swept.requeued as i64),
        ("attempt_expired", swept.unknown as i64),
        ("unknown_resent", swept.resent),
        ("unknown_settled", swept.settled),
        ("receipt_matched", swept.matched as i64),
    ];
    for (timer, count) in counts {
        SWEPT.with_label_values(&[timer]).inc_by(u64::try_from(count).unwrap_or_default());
    }
}

pub(crate) fn ticked() {
    LAST_TICK.set(postroad_core::clock::Clock::system().now().timestamp());
}

pub(crate) fn leads(term: i64) {
    LEADER.set(1);
    TERM.set(term);
}

/// Whoever leads now counts the database; what was counted here is old.
pub(crate) fn follows() {
    LEADER.set(0);
    for counted in [&*QUEUE_JOBS, &*QUEUE_AGE, &*SEND_STATE, &*SEND_AGE, &*WAITING, &*JOURNAL, &*FILES, &*FILES_AGE] {
        counted.reset();
    }
    for counted in [&*INBOUND_WEBHOOKS, &*INBOUND_EVENTS, &*UNACCOUNTED] {
        counted.reset();
    }
    PARKED.set(0);
    DELIVERIES.set(0);
    DELIVERIES_AGE.set(0);
    SILENT.set(0);
    SUSPECTS.set(0);
}

pub(crate) fn show(census: &Census, now: DateTime<Utc>) {
    show_queues(census, now);
    for state in OPEN_STATES {
        let row = census.sends.iter().find(|(name, ..)| name == state);
        SEND_STATE.with_label_values(&[state]).set(row.map_or(0, |(_, count, _)| *count));
        SEND_AGE.with_label_values(&[state]).set(age(row.and_then(|(.., oldest)| *oldest), now));
    }
    for state in FILE_STATES {
        let row = census.files.iter().find(|(name, ..)| name == state.as_str());
        FILES.with_label_values(&[state.as_str()]).set(row.map_or(0, |(_, count, _)| *count));
        FILES_AGE.with_label_values(&[state.as_str()]).set(age(row.and_then(|(.., oldest)| *oldest), now));
    }
    for gate in GateName::ALL {
        let count = census.waiting.iter().find(|(name, _)| name == gate.as_str()).map_or(0, |(_, count)| *count);
        WAITING.with_label_values(&[gate.as_str()]).set(count);
    }
    PARKED.set(census.receipts_parked);
    DELIVERIES.set(census.deliveries.0);
    DELIVERIES_AGE.set(age(census.deliveries.1, now));
    SUSPECTS.set(census.suspects);
    JOURNAL.with_label_values(&["unread"]).set(census.webhooks_unread);
    JOURNAL.with_label_values(&["quarantined"]).set(census.webhooks_quarantined);
    show_inflow(census);
    STATS_AT.set(now.timestamp());
}

fn show_inflow(census: &Census) {
    let inflow = &census.inflow;
    for what in Counted::ALL {
        let counted = if what.is_of_webhooks() { &*INBOUND_WEBHOOKS } else { &*INBOUND_EVENTS };
        counted.with_label_values(&[what.as_str()]).set(inflow.of(*what));
    }
    INBOUND_WEBHOOKS.with_label_values(&["unread"]).set(inflow.unread);
    UNACCOUNTED.with_label_values(&["webhooks"]).set(inflow.webhooks_unaccounted());
    UNACCOUNTED.with_label_values(&["events"]).set(inflow.events_unaccounted());
    SILENT.set(census.silent);
}

fn show_queues(census: &Census, now: DateTime<Utc>) {
    for queue in Queue::ALL {
        let depth = census.queues.iter().find(|depth| depth.queue == queue.as_str());
        let states = [
            ("scheduled", depth.map_or(0, |d| d.scheduled)),
            ("ready", depth.map_or(0, |d| d.ready)),
            ("running", depth.map_or(0, |d| d.running)),
            ("dead", depth.map_or(0, |d| d.dead)),
        ];
        for (state, count) in states {
            QUEUE_JOBS.with_label_values(&[queue.as_str(), state]).set(count);
        }
        QUEUE_AGE.with_label_values(&[queue.as_str()]).set(age(depth.and_then(|d| d.oldest_ready_at), now));
    }
}

fn age(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> i64 {
    since.map_or(0, |since| (now - since).num_seconds().max(0))
}
