//! The story of one message, in words and as JSON.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use postroad_app::explain::{Decided, Moment, Standing, Story, WallClock};
use postroad_core::gates::Verdict;
use postroad_store::explain::{AttemptRow, ReportRow};
use serde::Serialize;

use crate::print::{instant, or_dash};

/// The story as JSON tells it.
#[derive(Serialize)]
pub struct Shown<'a> {
    message: super::Shown<'a>,
    /// What holds it now. Null: nothing, or it has ended.
    standing: Option<ShownStanding<'a>>,
    timeline: Vec<ShownMoment<'a>>,
}

#[derive(Serialize)]
struct ShownStanding<'a> {
    gate: String,
    reason: String,
    /// The next look at it. Null: it will not be sent.
    until: Option<String>,
    sentence: &'a str,
    /// The wall clock that the person lives by.
    local: Option<Local>,
}

#[derive(Serialize)]
struct Local {
    zone: String,
    /// Whose zone it is: contact, account or tenant.
    zone_of: String,
    now: String,
    until: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum ShownMoment<'a> {
    Decided {
        at: String,
        checked_at: String,
        decision: &'a str,
        gate: Option<String>,
        reason: Option<String>,
        until: Option<String>,
        sentence: Option<&'a str>,
        /// What each gate says of the facts that were stored.
        gates: Vec<ShownGate<'a>>,
        /// False: the gates have other rules by now.
        same_rules: bool,
    },
    Attempted {
        at: String,
        attempt: i32,
        result: String,
        duration_ms: i64,
        http_status: Option<i16>,
        code: Option<&'a str>,
        fault_class: Option<&'a str>,
    },
    Reported {
        at: String,
        state: String,
        provider_at: String,
        code: Option<&'a str>,
        fault_class: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct ShownGate<'a> {
    gate: String,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl<'a> Shown<'a> {
    pub fn of(story: &'a Story) -> Self {
        Self {
            message: super::shown(&story.message),
            standing: story.standing.as_ref().map(standing),
            timeline: story.moments.iter().map(moment).collect(),
        }
    }
}

fn standing(standing: &Standing) -> ShownStanding<'_> {
    ShownStanding {
        gate: standing.gate.to_string(),
        reason: standing.reason.to_string(),
        until: standing.until.map(instant),
        sentence: &standing.sentence,
        local: standing.clock.as_ref().map(|clock| Local {
            zone: clock.zone.to_string(),
            zone_of: clock.zone_of.to_string(),
            now: wall(clock.now),
            until: clock.until.map(wall),
        }),
    }
}

fn moment(moment: &Moment) -> ShownMoment<'_> {
    match moment {
        Moment::Decided(decided) => ShownMoment::Decided {
            at: instant(decided.at),
            checked_at: instant(decided.checked_at),
            decision: &decided.decision,
            gate: decided.gate.map(|gate| gate.to_string()),
            reason: decided.reason.map(|reason| reason.to_string()),
            until: decided.until.map(instant),
            sentence: decided.sentence.as_deref(),
            gates: decided
                .verdicts
                .iter()
                .map(|(gate, verdict)| ShownGate { gate: gate.to_string(), verdict })
                .collect(),
            same_rules: decided.same_rules,
        },
        Moment::Attempted(attempt) => ShownMoment::Attempted {
            at: instant(attempt.started_at),
            attempt: attempt.attempt,
            result: attempt.result.to_string(),
            duration_ms: duration_ms(attempt),
            http_status: attempt.http_status,
            code: attempt.code.as_deref(),
            fault_class: attempt.fault_class.as_deref(),
        },
        Moment::Reported(report) => ShownMoment::Reported {
            at: instant(report.received_at),
            state: report.kind.to_string(),
            provider_at: instant(report.provider_at),
            code: report.code.as_deref(),
            fault_class: report.fault_class.as_deref(),
        },
    }
}

/// For people: what holds it, the wall clock there, then everything that happened.
pub fn words(story: &Story) -> String {
    let mut text = String::new();
    let message = &story.message;
    let state = or_dash(message.state.as_ref());
    let since = message.state_at.map(|at| format!(" since {}", instant(at))).unwrap_or_default();
    line(&mut text, "message", &message.id.to_string());
    line(&mut text, "to", &format!("{} by {}", message.address, message.channel));
    line(&mut text, "state", &format!("{state}{since}"));
    match &story.standing {
        Some(standing) => tell_standing(&mut text, standing),
        None => line(&mut text, "held by", "nothing"),
    }
    text.push('\n');
    for moment in &story.moments {
        let (what, more) = happened(moment);
        line(&mut text, &instant(moment.at()), &what);
        for more in &more {
            line(&mut text, "", more);
        }
    }
    text
}

fn tell_standing(text: &mut String, standing: &Standing) {
    line(text, "held by", &format!("{} ({})", standing.gate, standing.reason));
    line(text, "because", &standing.sentence);
    if let Some(clock) = &standing.clock {
        line(text, "wall clock", &clock_there(clock));
    }
    match (standing.until, standing.clock.as_ref().and_then(|clock| clock.until)) {
        (Some(until), Some(there)) => {
            line(text, "next look", &format!("{}, {} there", instant(until), there.format("%H:%M on %-d %B")));
        }
        (Some(until), None) => line(text, "next look", &instant(until)),
        (None, _) => line(text, "next look", "none: it will not be sent"),
    }
}

fn clock_there(clock: &WallClock) -> String {
    format!("{} in {} (the {}'s zone)", clock.now.format("%H:%M on %-d %B"), clock.zone, clock.zone_of)
}

/// What happened, and what belongs to it.
fn happened(moment: &Moment) -> (String, Vec<String>) {
    match moment {
        Moment::Decided(decided) => (decision(decided), gates(decided)),
        Moment::Attempted(attempt) => (call(attempt), Vec::new()),
        Moment::Reported(report) => (reported(report), Vec::new()),
    }
}

fn decision(decided: &Decided) -> String {
    let again = if decided.checked_at > decided.at {
        format!(", again at {}", instant(decided.checked_at))
    } else {
        String::new()
    };
    match &decided.sentence {
        Some(sentence) => format!("decided to {}{again}: {sentence}", decided.decision),
        None => format!("decided to {}{again}", decided.decision),
    }
}

/// The gates by what they say, so that eleven of them fit in few lines.
fn gates(decided: &Decided) -> Vec<String> {
    let passed: Vec<String> = decided
        .verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Pass)
        .map(|(gate, _)| gate.to_string())
        .collect();
    let held = decided.verdicts.iter().filter_map(|(gate, verdict)| match verdict {
        Verdict::Pass => None,
        Verdict::Wait { until, reason } => Some(format!("waits: {gate} ({reason}) until {}", instant(*until))),
        Verdict::Refuse { reason } => Some(format!("refuses: {gate} ({reason})")),
    });
    let mut lines: Vec<String> = held.collect();
    lines.push(format!("pass: {}", passed.join(", ")));
    if !decided.same_rules {
        lines.push("the gates have other rules by now; this is what the new ones say of the old facts".to_owned());
    }
    lines
}

fn call(attempt: &AttemptRow) -> String {
    let status = attempt.http_status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    format!(
        "attempt {}: {} after {} ms{status}{}",
        attempt.attempt,
        attempt.result,
        duration_ms(attempt),
        fault(attempt.code.as_deref(), attempt.fault_class.as_deref())
    )
}

fn reported(report: &ReportRow) -> String {
    let at = instant(report.provider_at);
    format!(
        "the provider reported {} (as of {at}){}",
        report.kind,
        fault(report.code.as_deref(), report.fault_class.as_deref())
    )
}

fn fault(code: Option<&str>, class: Option<&str>) -> String {
    match (code, class) {
        (Some(code), Some(class)) => format!(": code {code}, {class}"),
        (Some(code), None) => format!(": code {code}"),
        _ => String::new(),
    }
}

fn duration_ms(attempt: &AttemptRow) -> i64 {
    (attempt.finished_at - attempt.started_at).num_milliseconds()
}

fn wall(at: chrono::NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn line(text: &mut String, name: &str, value: &str) {
    let width = instant(DateTime::<Utc>::UNIX_EPOCH).len();
    let _ = writeln!(text, "{}", format!("{name:width$}  {value}").trim_end());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroad_app::{
        App, Defaults, explain, lanes, limits::SharedLimits, live::Live, media::Media, nudge::Nudges, requests::Call,
        secrets::Keyring,
    };
    use postroad_core::{
        clock::Clock,
        ids::{AccountId, IncarnationId, MessageId, TenantId},
        quiet_hours::QuietHours,
    };
    use postroad_store::{claims::Ask, incarnations::Incarnation};
    use postroad_testkit::{Seed, SeedAccount, SeedMessage, TestDb};

    use super::*;

    /// 22:14 in Jakarta.
    const EVENING: &str = "2026-03-02T15:14:00Z";

    async fn app(db: &TestDb) -> App {
        let clock = Clock::manual(EVENING.parse().unwrap());
        let app = App {
            store: db.store.clone(),
            limits: Arc::new(SharedLimits::local(clock.clone())),
            clock,
            keyring: Arc::new(Keyring::parse(&Keyring::generate_master()).unwrap()),
            nudges: Nudges::none(),
            programs: postroad_app::automations::Programs::default(),
            live: Live::local(),
            mail: None,
            media: Media::in_memory(),
            egress: Arc::default(),
            defaults: Defaults { quiet_hours: QuietHours::DEFAULT },
            public_url: "https://messages.example".into(),
        };
        app.keyring.check(&app.store, app.clock.now()).await.unwrap();
        app
    }

    /// A marketing message to somebody in Jakarta who agreed, of a tenant that keeps the usual quiet hours.
    async fn marketing(db: &TestDb, app: &App) -> (TenantId, AccountId, MessageId) {
        let mut seed = Seed::new(db, app.clock.now()).await;
        let account = seed.account(&SeedAccount::default()).await;
        let to = seed.contact(1).await;
        let message = SeedMessage { purpose: "marketing", ..SeedMessage::default() };
        let id = seed.message(account, to, &message).await;
        let statements = [
            "update tenants set quiet_starts = null, quiet_ends = null",
            "update contacts set time_zone = 'Asia/Jakarta'",
            "insert into consents select tenant_id, id, id, channel, 'marketing', 'granted', 'form', null, '{}', created_at, created_at \
             from addresses",
        ];
        for statement in statements {
            sqlx::query(statement).execute(seed.conn()).await.unwrap();
        }
        (seed.tenant, account, id)
    }

    /// What a worker does with a lane before it sends.
    async fn decide(app: &App, tenant: TenantId, account: AccountId) {
        let owner = IncarnationId::from_uuid(uuid::Uuid::new_v4());
        lanes::start(app, &Incarnation { id: owner, role: "work", host: "test".into(), pid: 1 }).await.unwrap();
        let fence = lanes::acquire(app, owner, &[(tenant, account)]).await.unwrap()[0].fence;
        let ask = Ask { tenant, lane: account, fence, wanted: 10 };
        let claimed = lanes::claim(app, owner, &[ask]).await.unwrap();
        lanes::decide(app, owner, &claimed, |_| fence, |_| Vec::new()).await.unwrap();
    }

    #[tokio::test]
    async fn a_message_that_quiet_hours_hold_names_the_gate_the_clock_there_and_the_next_moment() {
        let db = TestDb::new().await;
        let app = app(&db).await;
        let (tenant, account, id) = marketing(&db, &app).await;
        decide(&app, tenant, account).await;
        let story = explain::explain(&app, &Call::operator(tenant), id).await.unwrap().unwrap();

        let told = words(&story).replace(&id.to_string(), "[message]");
        insta::assert_snapshot!("explained_in_words", told);
        let shown = Shown::of(&story);
        insta::assert_json_snapshot!("explained_as_json", shown, {
            ".message.id" => "[message]",
            ".message.account" => "[account]",
            ".message.contact" => "[contact]",
        });
    }
}
