//! What the worker counts. Label values come from enums only; every known set starts at zero, so that the first event is
//! seen by `increase()`.

use std::sync::LazyLock;

use postroad_app::{inbound::Read, lanes::Attempt, outcomes::Ending};
use postroad_core::{
    endpoint::DeliveryState,
    gates::{Decision, GateName, Ruling},
    message::Class,
    provider::{FaultClass, Outcome},
};
use prometheus::{
    HistogramVec, IntCounterVec, IntGaugeVec, register_histogram_vec, register_int_counter_vec, register_int_gauge_vec,
};

/// Seconds: from a millisecond to a minute.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

macro_rules! metric {
    ($name:ident: $kind:ty = $register:ident!($($args:expr),+)) => {
        pub(crate) static $name: LazyLock<$kind> =
            LazyLock::new(|| $register!($($args),+).expect("metrics are declared once"));
    };
}

metric!(ATTEMPTS: IntCounterVec = register_int_counter_vec!(
    "postroad_send_attempts_total", "Calls to providers by how they ended and whose fault it was",
    &["provider", "channel", "class", "result", "fault"]
));
metric!(FAILURES: IntCounterVec = register_int_counter_vec!(
    "postroad_send_failures_total", "Calls that were not accepted, by normalised reason", &["provider", "reason"]
));
metric!(SEND_DURATION: HistogramVec = register_histogram_vec!(
    "postroad_send_duration_seconds", "Duration of calls to providers", &["provider"], SECONDS.to_vec()
));
metric!(START_DELAY: HistogramVec = register_histogram_vec!(
    "postroad_send_start_delay_seconds", "From due to the attempt: what the service level is measured on", &["class"], SECONDS.to_vec()
));
metric!(DECISIONS: IntCounterVec = register_int_counter_vec!(
    "postroad_gate_decisions_total", "Decisions by the gate that made them", &["gate", "decision", "reason"]
));
metric!(BLOCKED: IntCounterVec = register_int_counter_vec!(
    "postroad_double_send_blocked_total", "Second sends that a guard prevented", &["guard"]
));
metric!(JOBS: IntCounterVec = register_int_counter_vec!(
    "postroad_jobs_finished_total", "Jobs by queue and ending", &["queue", "outcome"]
));
metric!(JOB_DURATION: HistogramVec = register_histogram_vec!(
    "postroad_job_duration_seconds", "Duration of jobs that succeeded", &["queue"], SECONDS.to_vec()
));
metric!(SLOTS: IntGaugeVec = register_int_gauge_vec!(
    "postroad_worker_slots", "Places for calls in flight", &["queue", "state"]
));
metric!(LANES: IntGaugeVec = register_int_gauge_vec!(
    "postroad_worker_lanes", "Lanes that this worker holds", &["state"]
));
metric!(WEBHOOKS: IntCounterVec = register_int_counter_vec!(
    "postroad_webhook_events_total", "Webhooks that were read, and what they held", &["kind"]
));
metric!(DELIVERIES: IntCounterVec = register_int_counter_vec!(
    "postroad_endpoint_deliveries_total", "Attempts to tell endpoints, by where the delivery stood after them", &["state"]
));
metric!(RUNS: IntCounterVec = register_int_counter_vec!(
    "postroad_automation_runs_total", "Runs of automations that began, and how they ended", &["outcome"]
));

/// Makes every series exist before its first event.
pub(crate) fn init() {
    for guard in ["fence", "prewire_age", "poison"] {
        BLOCKED.with_label_values(&[guard]).inc_by(0);
    }
    for queue in postroad_core::jobs::Queue::ALL {
        for outcome in ["completed", "skipped", "snoozed", "retry", "gave_up"] {
            JOBS.with_label_values(&[queue.as_str(), outcome]).inc_by(0);
        }
    }
    for state in DeliveryState::ALL {
        DELIVERIES.with_label_values(&[state.as_str()]).inc_by(0);
    }
    for outcome in ["began", "completed", "conditions_did_not_hold", "stopped", "refused", "lost", "broken"] {
        RUNS.with_label_values(&[outcome]).inc_by(0);
    }
    for class in Class::ALL {
        START_DELAY.with_label_values(&[class.as_str()]);
    }
    for gate in GateName::ALL {
        DECISIONS.with_label_values(&[gate.as_str(), "wait", ""]).inc_by(0);
    }
    for (what, _) in Read::default().counts() {
        WEBHOOKS.with_label_values(&[what.as_str()]).inc_by(0);
    }
    SLOTS.with_label_values(&["lane", "used"]);
    LANES.with_label_values(&["held"]);
}

pub(crate) fn count_decisions(rulings: &[Ruling]) {
    for ruling in rulings {
        match &ruling.decision {
            Decision::Send => DECISIONS.with_label_values(&["", "send", ""]).inc(),
            Decision::Wait { gate, reason, .. } => {
                DECISIONS.with_label_values(&[gate.as_str(), "wait", reason.as_str()]).inc();
            }
            Decision::Refuse { gate, reason } => {
                DECISIONS.with_label_values(&[gate.as_str(), "refuse", reason.as_str()]).inc();
            }
        }
    }
}

pub(crate) fn count_attempt(provider: &str, attempt: &Attempt, ending: &Ending) {
    let facts = &attempt.send.facts;
    let (result, fault) = match ending {
        Ending::Outcome(Outcome::Accepted { .. }) => ("accepted", None),
        Ending::Outcome(Outcome::Retry { fault, .. }) => ("retry", Some(fault.class)),
        Ending::Outcome(Outcome::Rejected { fault }) => ("rejected", Some(fault.class)),
        Ending::Outcome(Outcome::Unknown { fault }) => ("unknown", Some(fault.class)),
        Ending::NotSent { fault } => ("not_sent", Some(fault.class)),
        Ending::NotTried => ("not_tried", None),
        Ending::Unsendable { .. } => ("rejected", Some(FaultClass::PermanentRequest)),
    };
    let labels = [provider, facts.channel.as_str(), facts.class.as_str(), result, fault.map_or("none", whose)];
    ATTEMPTS.with_label_values(&labels).inc();
    if let Some(class) = fault {
        FAILURES.with_label_values(&[provider, class.as_str()]).inc();
    }
}

const fn whose(class: FaultClass) -> &'static str {
    match class {
        FaultClass::PermanentRecipient | FaultClass::OptedOut | FaultClass::MarketingCap | FaultClass::RatePair => {
            "recipient"
        }
        FaultClass::PermanentRequest
        | FaultClass::PermanentMedia
        | FaultClass::PermanentTemplate
        | FaultClass::NeedsTemplate
        | FaultClass::TemplatePaused
        | FaultClass::TemplateDisabled => "ours",
        _ => "provider",
    }
}
