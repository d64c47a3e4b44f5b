//! The database: there, ours, durable, and of one mind with us about the time.

use chrono::TimeDelta;
use postroad_app::{App, examine::Examined};
use postroad_core::clock::Clock;

use super::Check;
use crate::{
    config::{Config, Database},
    start::{self, Missing},
};

/// PostgreSQL 14.
const VERSION_MIN: i32 = 140_000;
/// A third of what stops the server.
const FROZEN_AGE_MAX: i32 = 700_000_000;
const SKEW_NOTED: TimeDelta = TimeDelta::seconds(1);
const SKEW_MAX: TimeDelta = TimeDelta::seconds(30);

/// The server and its schema; and whether the rest can be looked at.
pub(super) async fn reachable(config: &Config) -> (Vec<Check>, bool) {
    let opened = match start::find(config).await {
        Ok(opened) => opened,
        Err(error) => {
            let fix = "see the sentence: it ends with what to do";
            return (vec![Check::error("database.up", format!("{error:#}"), fix)], false);
        }
    };
    let is_private = matches!(config.database, Database::Private);
    let up = Check::ok("database.up", if is_private { "the private server runs" } else { "an address is set" });
    let (schema, usable) = if opened.urls.owner.is_empty() {
        (Check::skipped("database.schema", "POSTROAD_OWNER_URL is not set: only the owner sees the migrations"), true)
    } else {
        schema(opened.missing().await, is_private)
    };
    let stopped = opened.stop().await.err();
    let stopped =
        stopped.map(|error| Check::warning("database.stop", format!("{error:#}"), "look into the server's log"));
    ([up, schema].into_iter().chain(stopped).collect(), usable)
}

fn schema(missing: anyhow::Result<Missing>, is_private: bool) -> (Check, bool) {
    const ID: &str = "database.schema";
    const FIX: &str = "run `postroad migrate`";
    match missing {
        Ok(Missing::Nothing) => (Check::ok(ID, "up to date"), true),
        Ok(_) if is_private => (Check::ok(ID, "brought up to date by whoever starts the private server"), true),
        Ok(Missing::Some(count)) => (Check::error(ID, format!("{count} migrations are not applied"), FIX), false),
        Ok(Missing::Everything) => (Check::error(ID, "the database is empty", FIX), false),
        Err(error) => (Check::error(ID, format!("{error:#}"), "start the database, or correct its address"), false),
    }
}

/// This machine's own clock, not the corrected one.
pub(super) fn clock(app: &App) -> Check {
    const ID: &str = "clock.skew";
    let skew = app.clock.now() - Clock::system().now();
    let evidence = format!("this machine is {} ms off the database, and follows it", skew.num_milliseconds());
    match skew.abs() {
        skew if skew > SKEW_MAX => {
            Check::error(ID, evidence, "run a time daemon on both: signatures of callers go by the time")
        }
        skew if skew > SKEW_NOTED => Check::warning(ID, evidence, "run a time daemon on both machines"),
        _ => Check::ok(ID, evidence),
    }
}

pub(super) fn checks(examined: &Examined) -> Vec<Check> {
    vec![version(examined), durable(examined), row_security(examined), roles(examined), frozen(examined)]
}

fn version(examined: &Examined) -> Check {
    let evidence = format!("PostgreSQL {}", examined.server.version_text);
    if examined.server.version >= VERSION_MIN {
        Check::ok("database.version", evidence)
    } else {
        Check::error("database.version", evidence, "use version 14 or newer")
    }
}

fn durable(examined: &Examined) -> Check {
    const ID: &str = "database.durable";
    let server = &examined.server;
    let evidence = format!(
        "fsync {}, full_page_writes {}, synchronous_commit {}",
        on(server.fsync),
        on(server.full_page_writes),
        server.synchronous_commit
    );
    if !server.fsync || !server.full_page_writes {
        return Check::error(ID, evidence, "switch both on: a power cut would lose what was accepted");
    }
    match server.synchronous_commit.as_str() {
        "off" => Check::error(ID, evidence, "switch it on: a crash would forget intents, and send twice"),
        _ => Check::ok(ID, evidence),
    }
}

const fn on(it: bool) -> &'static str {
    if it { "on" } else { "off" }
}

fn row_security(examined: &Examined) -> Check {
    const ID: &str = "database.row_security";
    if examined.unprotected.is_empty() {
        return Check::ok(ID, "forced on every table of tenants");
    }
    let evidence = format!("not forced on {}", examined.unprotected.join(", "));
    Check::error(ID, evidence, "restore the policies: a tenant could see another's rows")
}

fn roles(examined: &Examined) -> Check {
    const ID: &str = "database.roles";
    let mighty: Vec<&str> =
        examined.roles.iter().filter(|role| role.is_mighty || role.is_owner).map(|role| role.name.as_str()).collect();
    match (examined.roles.len(), mighty.as_slice()) {
        (2, []) => Check::ok(ID, "postroad_app and postroad_system own nothing and step over nothing"),
        (2, mighty) => Check::error(
            ID,
            format!("{} may step over row-level security, make roles, or own tables", mighty.join(", ")),
            "`alter role … nosuperuser nobypassrls nocreaterole`; tables belong to postroad_owner alone",
        ),
        _ => Check::error(ID, "postroad_app or postroad_system is missing", "run `postroad migrate`"),
    }
}

fn frozen(examined: &Examined) -> Check {
    const ID: &str = "database.vacuum";
    let evidence = format!("the oldest row is {} transactions old", examined.server.frozen_age);
    if examined.server.frozen_age < FROZEN_AGE_MAX {
        Check::ok(ID, evidence)
    } else {
        Check::warning(ID, evidence, "autovacuum does not keep up: look for long transactions and forgotten slots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, sound, verdict};

    #[test]
    fn a_database_that_may_lose_a_commit_is_an_error() {
        assert!(checks(&sound()).iter().all(|check| check.verdict == Verdict::Ok));
        assert_eq!(verdict("database.durable", |it| it.server.fsync = false), Verdict::Error);
        assert_eq!(verdict("database.durable", |it| it.server.full_page_writes = false), Verdict::Error);
        assert_eq!(verdict("database.durable", |it| it.server.synchronous_commit = "off".into()), Verdict::Error);
        assert_eq!(verdict("database.durable", |it| it.server.synchronous_commit = "local".into()), Verdict::Ok);
        assert_eq!(verdict("database.version", |it| it.server.version = 139_999), Verdict::Error);
        assert_eq!(verdict("database.row_security", |it| it.unprotected = vec!["sends".into()]), Verdict::Error);
        assert_eq!(verdict("database.vacuum", |it| it.server.frozen_age = 700_000_000), Verdict::Warning);
    }

    #[test]
    fn a_role_that_could_step_over_row_security_is_an_error() {
        assert_eq!(verdict("database.roles", |it| it.roles[0].is_mighty = true), Verdict::Error);
        assert_eq!(verdict("database.roles", |it| it.roles[1].is_owner = true), Verdict::Error);
        assert_eq!(verdict("database.roles", |it| it.roles.truncate(1)), Verdict::Error);
    }

    #[test]
    fn a_private_database_without_a_schema_gets_one_and_somebody_elses_is_looked_at_no_further() {
        for (missing, is_private, usable) in [
            (Missing::Nothing, false, true),
            (Missing::Some(2), false, false),
            (Missing::Everything, true, true),
            (Missing::Everything, false, false),
        ] {
            assert_eq!(schema(Ok(missing), is_private).1, usable, "{missing:?}");
        }
    }
}
