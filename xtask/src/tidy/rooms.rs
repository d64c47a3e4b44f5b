//! What may be named in one room only: each row is a dependency or a power, its home, and where to go instead.

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::tokens;
use super::tree::{File, Tree};

struct Room {
    patterns: &'static [&'static str],
    /// Paths that may name it.
    home: &'static str,
    /// Whether test code may name it too.
    tests_may: bool,
    said: &'static str,
    fix: &'static str,
}

const ROOMS: &[Room] = &[
    Room {
        patterns: &[". begin (", ". commit (", ": : begin (", ": : commit ("],
        home: "^crates/(app/|testkit/|e2e/|store/src/(.*/)?[a-z_]*tx[a-z_]*(\\.rs|/))",
        tests_may: true,
        said: "a transaction is begun or ended outside crates/app",
        fix: "let a function of crates/app own the transaction, and pass it down",
    },
    Room {
        patterns: &["apalis*"],
        home: "^crates/(worker/src/monitor(\\.rs|/)|store/src/queue(\\.rs|/)|schema/src/migrate\\.rs)",
        tests_may: true,
        said: "apalis is named outside the monitor, the queue and the migrations",
        fix: "go through crates/store/src/queue.rs to enqueue, or crates/worker/src/monitor.rs to run",
    },
    Room {
        patterns: &["reqwest"],
        home: "^(crates/worker/src/(transport|egress)(\\.rs|/)|crates/api/src/identity/carrier\\.rs|crates/(simulators|testkit|e2e)/|xtask/)",
        tests_may: true,
        said: "reqwest is named outside the transport, the egress client and the carrier of sign-ins",
        fix: "build an http::Request, and let the transport carry it",
    },
    Room {
        patterns: &["Utc : : now", "Local : : now", "SystemTime : : now"],
        home: "^crates/(core/src/clock\\.rs|(simulators|testkit|e2e)/)",
        tests_may: false,
        said: "the wall clock is read",
        fix: "take `now`, or a Clock (crates/core/src/clock.rs), from the caller",
    },
    Room {
        patterns: &["env : : var*"],
        home: "^(crates/cli/src/config(\\.rs|/)|crates/(testkit|e2e)/|xtask/)",
        tests_may: true,
        said: "the environment is read",
        fix: "add the setting to crates/cli/src/config.rs, and pass its value down",
    },
];

static HOMES: LazyLock<Vec<Regex>> =
    LazyLock::new(|| ROOMS.iter().map(|room| Regex::new(room.home).expect("homes are valid patterns")).collect());

pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(in_file).collect()
}

fn in_file(file: &File) -> Vec<Finding> {
    let away = ROOMS.iter().zip(HOMES.iter()).filter(|(_, home)| !home.is_match(&file.path));
    away.flat_map(|(room, _)| named_in(room, file)).collect()
}

fn named_in(room: &Room, file: &File) -> Vec<Finding> {
    if room.tests_may && file.is_test() {
        return Vec::new();
    }
    let named = room.patterns.iter().flat_map(|pattern| tokens::find(&file.tokens, pattern));
    let forbidden = named.filter(|token| !(room.tests_may && token.in_test));
    forbidden.map(|token| Finding::new(&file.path, token.line, room.said, room.fix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many findings `source` gives when it stands in `path`.
    fn findings(path: &str, source: &str) -> usize {
        check(&Tree::of(&[(path, source)])).len()
    }

    #[test]
    fn each_power_is_free_at_home_and_found_elsewhere() {
        let cases = [
            ("let tx = pool.begin().await?;", "crates/app/src/messages.rs", "crates/api/src/routes/messages.rs"),
            ("TenantTx::begin(pool, id);", "crates/app/src/lanes.rs", "crates/worker/src/lane.rs"),
            ("tx.commit().await?;", "crates/store/src/tenant_tx.rs", "crates/store/src/messages.rs"),
            ("self.pool.begin();", "crates/store/src/tx/system.rs", "crates/store/src/text.rs"),
            ("use apalis_postgres::PgPool;", "crates/store/src/queue.rs", "crates/store/src/sends.rs"),
            ("use apalis::prelude::Monitor;", "crates/worker/src/monitor/workers.rs", "crates/worker/src/jobs/mod.rs"),
            ("reqwest::Client::new();", "crates/worker/src/transport.rs", "crates/worker/src/lane.rs"),
            ("let now = chrono::Utc::now();", "crates/core/src/clock.rs", "crates/core/src/retry.rs"),
            ("std::env::var(\"X\");", "crates/cli/src/config.rs", "crates/cli/src/main.rs"),
        ];
        for (statement, home, elsewhere) in cases {
            let source = format!("async fn f() {{ {statement} }}");
            let source = if statement.starts_with("use ") { statement.to_owned() } else { source };
            assert_eq!(findings(home, &source), 0, "{statement} in {home}");
            assert!(findings(elsewhere, &source) > 0, "{statement} in {elsewhere}");
        }
    }

    #[test]
    fn tests_may_open_transactions_but_not_read_the_clock() {
        let story = "#[cfg(test)] mod tests { fn f() { pool.begin(); Utc::now(); } }";
        assert_eq!(findings("crates/store/src/messages.rs", story), 1);
        assert_eq!(findings("crates/store/tests/messages.rs", "fn f() { pool.begin(); }"), 0);
    }

    #[test]
    fn words_in_strings_and_comments_name_nothing() {
        let source = "// reqwest\nfn f() { say(\"apalis and reqwest\"); }";
        assert_eq!(findings("crates/app/src/lib.rs", source), 0);
    }
}
