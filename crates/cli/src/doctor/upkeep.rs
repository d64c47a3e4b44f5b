//! How the database server is kept: what nobody notices until it is too late.

use postroad_app::examine::Examined;

use super::Check;

/// What the pools of one process open at most, with some for its leases.
const CONNECTIONS_OF_A_PROCESS: i64 = 40;
/// What a slot that nobody reads may keep before somebody should look.
const SLOT_KEPT_MAX_MIB: i64 = 1_024;

pub(super) fn checks(examined: &Examined) -> Vec<Check> {
    vec![
        connections(examined),
        autovacuum(examined),
        encoding(examined),
        encrypted(examined),
        slots(examined),
        archive(examined),
    ]
}

fn connections(examined: &Examined) -> Check {
    const ID: &str = "database.connections";
    let (open, most) = (examined.upkeep.connections, i64::from(examined.server.connections_max));
    let evidence = format!("{open} of {most} are open");
    if most - open >= CONNECTIONS_OF_A_PROCESS {
        return Check::ok(ID, evidence);
    }
    let fix =
        format!("raise max_connections: a process opens up to {CONNECTIONS_OF_A_PROCESS}, and one more would not fit");
    Check::warning(ID, evidence, fix)
}

fn autovacuum(examined: &Examined) -> Check {
    if examined.upkeep.autovacuum {
        Check::ok("database.autovacuum", "on")
    } else {
        let fix = "switch it on: rows of the ledger change often, and tables would grow without end";
        Check::error("database.autovacuum", "off", fix)
    }
}

fn encoding(examined: &Examined) -> Check {
    let evidence = examined.upkeep.encoding.clone();
    if evidence == "UTF8" {
        Check::ok("database.encoding", evidence)
    } else {
        let fix = "dump it, and restore into a database made with `encoding 'UTF8'`: other encodings refuse what people write";
        Check::error("database.encoding", evidence, fix)
    }
}

fn encrypted(examined: &Examined) -> Check {
    const ID: &str = "database.tls";
    match (examined.upkeep.local, examined.upkeep.encrypted) {
        (_, true) => Check::ok(ID, "the connection is encrypted"),
        (true, false) => Check::ok(ID, "the server is on this machine"),
        (false, false) => Check::warning(
            ID,
            "the server is elsewhere, and the connection is not encrypted",
            "switch ssl on at the server, and add ?sslmode=verify-full to the addresses",
        ),
    }
}

fn slots(examined: &Examined) -> Check {
    const ID: &str = "database.slots";
    let (idle, kept) = (examined.upkeep.slots_idle, examined.upkeep.slots_kept_mib);
    let evidence = format!("{idle} replication slots that nobody reads keep up to {kept} MiB");
    match kept {
        _ if idle == 0 => Check::ok(ID, "no replication slot is left alone"),
        kept if kept > SLOT_KEPT_MAX_MIB => {
            Check::error(ID, evidence, "start its reader, or `select pg_drop_replication_slot('…')`: the disk fills up")
        }
        _ => Check::warning(ID, evidence, "start its reader, or drop it before the disk is full"),
    }
}

/// Whether backups are made cannot be seen from here: what can be is said.
fn archive(examined: &Examined) -> Check {
    const ID: &str = "database.archive";
    match (examined.upkeep.archives, examined.upkeep.archive_fails) {
        (false, _) => Check::ok(ID, "the server archives nothing: whoever runs it makes backups (docs/operate.md)"),
        (true, false) => Check::ok(ID, "what was to be archived was archived"),
        (true, true) => Check::error(
            ID,
            "the last try to archive failed",
            "look into the server's log: there is no newer backup, and the disk fills up",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, sound, verdict};

    #[test]
    fn a_server_that_will_run_full_or_out_of_connections_is_told_before() {
        assert!(checks(&sound()).iter().all(|check| check.verdict == Verdict::Ok));
        assert_eq!(verdict("database.connections", |it| it.upkeep.connections = 60), Verdict::Ok);
        assert_eq!(verdict("database.connections", |it| it.upkeep.connections = 61), Verdict::Warning);
        assert_eq!(verdict("database.autovacuum", |it| it.upkeep.autovacuum = false), Verdict::Error);
        assert_eq!(verdict("database.encoding", |it| it.upkeep.encoding = "SQL_ASCII".into()), Verdict::Error);
        let slot = |kept| {
            move |it: &mut Examined| {
                it.upkeep.slots_idle = 1;
                it.upkeep.slots_kept_mib = kept;
            }
        };
        assert_eq!(verdict("database.slots", slot(1_024)), Verdict::Warning);
        assert_eq!(verdict("database.slots", slot(1_025)), Verdict::Error);
        assert_eq!(verdict("database.archive", |it| it.upkeep.archive_fails = true), Verdict::Ok);
        let failing = |it: &mut Examined| {
            it.upkeep.archives = true;
            it.upkeep.archive_fails = true;
        };
        assert_eq!(verdict("database.archive", failing), Verdict::Error);
    }

    #[test]
    fn a_server_elsewhere_is_spoken_to_under_tls() {
        assert_eq!(verdict("database.tls", |it| it.upkeep.local = true), Verdict::Ok);
        let elsewhere = |encrypted| {
            move |it: &mut Examined| {
                it.upkeep.local = false;
                it.upkeep.encrypted = encrypted;
            }
        };
        assert_eq!(verdict("database.tls", elsewhere(true)), Verdict::Ok);
        assert_eq!(verdict("database.tls", elsewhere(false)), Verdict::Warning);
    }
}
