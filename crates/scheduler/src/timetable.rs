//! What runs when. A missed fire is made up for once, however many were missed.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use postroad_app::{App, schedule as fires};
use postroad_core::{jobs::Maintain, schedule::Schedule};
use postroad_store::Result;

/// One periodic task.
#[derive(Debug)]
pub struct Entry {
    /// Stored with its fires; never reused for something else.
    pub name: &'static str,
    /// Five fields, or six with seconds first; in UTC.
    pub cron: &'static str,
    /// The job of one instant.
    pub job: fn(slot: i64) -> Maintain,
}

pub const TIMETABLE: &[Entry] = &[
    Entry { name: "prune", cron: "*/5 * * * *", job: |slot| Maintain::Prune { slot } },
    Entry { name: "fold_campaigns", cron: "*/2 * * * * *", job: |slot| Maintain::FoldCampaigns { slot } },
    Entry { name: "note_silence", cron: "* * * * *", job: |slot| Maintain::NoteSilence { slot } },
    Entry { name: "purge_media", cron: "*/10 * * * *", job: |slot| Maintain::PurgeMedia { slot } },
    Entry { name: "ask_ratings", cron: "* * * * *", job: |slot| Maintain::AskRatings { slot } },
    Entry { name: "list_templates", cron: "17 * * * *", job: |slot| Maintain::ListTemplates { slot } },
];

/// How far back a missed fire is looked for.
const CATCH_UP: TimeDelta = TimeDelta::hours(24);

/// Fires what is due, once per entry: of several missed instants the newest.
pub async fn fire_due(app: &App, term: i64) -> Result<()> {
    let now = app.clock.now();
    for entry in TIMETABLE {
        let last = fires::last_fire(app, entry.name).await?;
        if let Some(fire_at) = due(entry, last, now) {
            fires::fire(app, entry.name, fire_at, term, &(entry.job)(fire_at.timestamp())).await?;
        }
    }
    Ok(())
}

/// The newest instant of an entry in `(last, now]`.
fn due(entry: &Entry, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let schedule: Schedule = entry.cron.parse().expect("the timetable is tested");
    let from = last.unwrap_or(now - TimeDelta::minutes(1)).max(now - CATCH_UP);
    // Looking from shortly before now finds the newest without walking through all that were missed.
    let near = from.max(now - TimeDelta::minutes(6));
    newest(&schedule, near, now).or_else(|| newest(&schedule, from, now))
}

fn newest(schedule: &Schedule, from: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut found = None;
    let mut at = from;
    while let Some(next) = schedule.next_after(at, Tz::UTC).filter(|next| *next <= now) {
        found = Some(next);
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn every_entry_has_a_name_of_its_own_and_a_cron_line_that_parses() {
        for (position, entry) in TIMETABLE.iter().enumerate() {
            assert!(entry.cron.parse::<Schedule>().is_ok(), "{}", entry.name);
            assert!(TIMETABLE[..position].iter().all(|other| other.name != entry.name), "{}", entry.name);
        }
    }

    #[test]
    fn of_many_missed_instants_only_the_newest_is_fired() {
        let entry = &TIMETABLE[0];
        let now = at("2026-03-02T12:07:30Z");
        assert_eq!(due(entry, Some(at("2026-03-02T03:00:00Z")), now), Some(at("2026-03-02T12:05:00Z")));
        assert_eq!(due(entry, Some(at("2026-03-02T12:05:00Z")), now), None);
    }
}
