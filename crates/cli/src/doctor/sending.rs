//! Whether messages can leave, and whether something piles up.

use chrono::{DateTime, TimeDelta, Utc};
use postroad_app::{examine::Examined, schedule::Census};

use super::Check;

/// A call and its settling take less.
const IN_FLIGHT_MAX: TimeDelta = TimeDelta::seconds(60);
/// Due for longer, and nobody took it.
const DUE_MAX: TimeDelta = TimeDelta::seconds(60);
/// A delivery that waits for longer has an endpoint that does not answer.
const DELIVERY_MAX: TimeDelta = TimeDelta::hours(1);

pub(super) fn switches(examined: &Examined) -> Vec<Check> {
    vec![
        paused(examined),
        restored(examined),
        workers(examined),
        scheduler(examined),
        accounts(examined),
        suspects(examined),
    ]
}

fn paused(examined: &Examined) -> Check {
    if examined.sending_paused {
        Check::warning("sending.paused", "all sending is paused", "`postroad resume all`, when the reason is gone")
    } else {
        Check::ok("sending.paused", "nobody paused everything")
    }
}

fn restored(examined: &Examined) -> Check {
    if examined.restore_hold {
        let fix = "compare with the providers, then `postroad restore release --yes`";
        Check::warning("sending.restore_hold", "a restored copy is held", fix)
    } else {
        Check::ok("sending.restore_hold", "nothing is held")
    }
}

fn workers(examined: &Examined) -> Check {
    match examined.alive.workers {
        0 => Check::warning("workers.alive", "no worker runs", "start one: `postroad work`, or `postroad all`"),
        count => Check::ok("workers.alive", format!("{count} at work")),
    }
}

fn scheduler(examined: &Examined) -> Check {
    if examined.alive.leader {
        Check::ok("scheduler.leads", "somebody leads the schedule")
    } else {
        let fix = "start one: `postroad schedule`, or `postroad all`; without it nothing is swept and no campaign ends";
        Check::warning("scheduler.leads", "nobody leads the schedule", fix)
    }
}

fn accounts(examined: &Examined) -> Check {
    const ID: &str = "accounts.status";
    let told: Vec<String> = examined.accounts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let evidence = if told.is_empty() { "none is connected".to_owned() } else { told.join(", ") };
    let broken = examined.accounts.iter().any(|(status, _)| matches!(status.as_str(), "disconnected" | "restricted"));
    if broken {
        Check::warning(ID, evidence, "`postroad accounts list` tells why; connect again or ask the provider")
    } else {
        Check::ok(ID, evidence)
    }
}

fn suspects(examined: &Examined) -> Check {
    match examined.suspects {
        0 => Check::ok("sends.suspects", "no suspicion of a double send in the last week"),
        count => Check::error(
            "sends.suspects",
            format!("{count} messages may have been sent twice in the last week"),
            "`postroad messages explain` each of them; tell us what you find",
        ),
    }
}

pub(super) fn backlogs(census: &Census, now: DateTime<Utc>) -> Vec<Check> {
    vec![
        due(census, now),
        in_flight(census, now),
        dead(census),
        unread(census, now),
        quarantined(census),
        uncounted(census),
        silent(census),
        deliveries(census, now),
    ]
}

fn unread(census: &Census, now: DateTime<Utc>) -> Check {
    const ID: &str = "webhooks.unread";
    match census.webhooks_oldest_at.map(|since| now - since) {
        Some(age) if age > DUE_MAX => Check::warning(
            ID,
            format!("{} webhooks are unread, the oldest for {} s", census.webhooks_unread, age.num_seconds()),
            "start a worker, or more of them: `postroad work`; what people wrote is not seen meanwhile",
        ),
        _ => Check::ok(ID, "no webhook is unread for more than a minute"),
    }
}

fn deliveries(census: &Census, now: DateTime<Utc>) -> Check {
    const ID: &str = "deliveries.age";
    let (count, since) = census.deliveries;
    match since.map(|since| now - since) {
        Some(age) if age > DELIVERY_MAX => Check::warning(
            ID,
            format!("{count} deliveries to endpoints wait, the oldest for {} min", age.num_minutes()),
            "its endpoint does not answer, or no worker runs; each is tried for three days",
        ),
        _ => Check::ok(ID, "no delivery to an endpoint waits for more than an hour"),
    }
}

fn due(census: &Census, now: DateTime<Utc>) -> Check {
    const ID: &str = "queue.age";
    let oldest =
        census.queues.iter().filter_map(|queue| Some((now - queue.oldest_ready_at?, queue.queue.as_str()))).max();
    match oldest {
        Some((age, queue)) if age > DUE_MAX => Check::warning(
            ID,
            format!("the oldest job of {queue} is due for {} s", age.num_seconds()),
            "start a worker, or more of them: `postroad work`",
        ),
        _ => Check::ok(ID, "no job is due for more than a minute"),
    }
}

fn in_flight(census: &Census, now: DateTime<Utc>) -> Check {
    const ID: &str = "sends.in_flight";
    let stuck = census.sends.iter().filter(|(state, ..)| matches!(state.as_str(), "claimed" | "attempting"));
    let oldest = stuck.filter_map(|(.., since)| Some(now - (*since)?)).max();
    match oldest {
        Some(age) if age > IN_FLIGHT_MAX => Check::warning(
            ID,
            format!("a send is in flight for {} s", age.num_seconds()),
            "the scheduler's leader puts it right: is there one?",
        ),
        _ => Check::ok(ID, "nothing is in flight for more than a minute"),
    }
}

fn dead(census: &Census) -> Check {
    match census.queues.iter().map(|queue| queue.dead).sum::<i64>() {
        0 => Check::ok("queue.dead", "no dead letters"),
        count => Check::warning(
            "queue.dead",
            format!("{count} jobs are dead"),
            "`postroad jobs list` tells why; `postroad jobs retry` lets them run again",
        ),
    }
}

fn quarantined(census: &Census) -> Check {
    match census.webhooks_quarantined {
        0 => Check::ok("webhooks.quarantined", "every webhook was understood"),
        count => Check::warning(
            "webhooks.quarantined",
            format!("{count} webhooks were set aside"),
            "update Postroad, then `postroad webhooks replay`",
        ),
    }
}

fn uncounted(census: &Census) -> Check {
    const ID: &str = "webhooks.counted";
    match (census.inflow.webhooks_unaccounted(), census.inflow.events_unaccounted()) {
        (0, 0) => Check::ok(ID, "of every webhook that came in it is known what became of it"),
        (webhooks, events) => Check::warning(
            ID,
            format!("{webhooks} webhooks and {events} events came in, and nothing became of them"),
            "was the journal changed by hand, or did an older version run beside this one? If not, tell us",
        ),
    }
}

fn silent(census: &Census) -> Check {
    match census.silent {
        0 => Check::ok("webhooks.silent", "webhooks of every account that sends come"),
        count => Check::warning(
            "webhooks.silent",
            format!("{count} accounts send, and their webhooks do not come"),
            "`GET /v1/accounts` tells which, and what to do",
        ),
    }
}

#[cfg(test)]
mod tests {
    use postroad_store::{inbound_counts::Inflow, queue::Depth};

    use super::*;
    use crate::doctor::Verdict;

    fn calm() -> Census {
        Census {
            queues: Vec::new(),
            sends: Vec::new(),
            waiting: Vec::new(),
            receipts_parked: 0,
            webhooks_unread: 0,
            webhooks_oldest_at: None,
            webhooks_quarantined: 0,
            inflow: Inflow::default(),
            silent: 0,
            suspects: 0,
            files: Vec::new(),
            deliveries: (0, None),
        }
    }

    fn verdict(id: &str, census: &Census) -> Verdict {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000);
        backlogs(census, now).iter().find(|check| check.id == id).expect("the check exists").verdict
    }

    #[test]
    fn what_piles_up_is_a_warning_from_the_first_second_after_a_minute() {
        let at = |s| DateTime::UNIX_EPOCH + TimeDelta::seconds(s);
        let claimed = |since| Census { sends: vec![("claimed".into(), 1, Some(at(since)))], ..calm() };
        assert_eq!(verdict("sends.in_flight", &claimed(940)), Verdict::Ok);
        assert_eq!(verdict("sends.in_flight", &claimed(939)), Verdict::Warning);
        let waiting = Census { sends: vec![("waiting".into(), 1, Some(at(0)))], ..calm() };
        assert_eq!(verdict("sends.in_flight", &waiting), Verdict::Ok);
        let depth = |oldest, dead| Depth {
            queue: "lane".into(),
            scheduled: 0,
            ready: 1,
            running: 0,
            dead,
            oldest_ready_at: Some(at(oldest)),
        };
        let queued = |oldest, dead| Census { queues: vec![depth(oldest, dead)], ..calm() };
        assert_eq!(verdict("queue.age", &queued(940, 0)), Verdict::Ok);
        assert_eq!(verdict("queue.age", &queued(939, 0)), Verdict::Warning);
        assert_eq!(verdict("queue.dead", &queued(940, 1)), Verdict::Warning);
        assert_eq!(verdict("webhooks.silent", &Census { silent: 1, ..calm() }), Verdict::Warning);
        let lost = Inflow { unread: 1, ..Inflow::default() };
        assert_eq!(verdict("webhooks.counted", &Census { inflow: lost, ..calm() }), Verdict::Warning);
        assert_eq!(verdict("webhooks.counted", &calm()), Verdict::Ok);
        assert_eq!(verdict("webhooks.quarantined", &Census { webhooks_quarantined: 1, ..calm() }), Verdict::Warning);
        let unread = |since| Census { webhooks_oldest_at: Some(at(since)), ..calm() };
        assert_eq!(verdict("webhooks.unread", &unread(940)), Verdict::Ok);
        assert_eq!(verdict("webhooks.unread", &unread(939)), Verdict::Warning);
        let waiting = |since| Census { deliveries: (1, Some(at(since))), ..calm() };
        assert_eq!(verdict("deliveries.age", &waiting(-2_600)), Verdict::Ok);
        assert_eq!(verdict("deliveries.age", &waiting(-2_601)), Verdict::Warning);
    }
}
