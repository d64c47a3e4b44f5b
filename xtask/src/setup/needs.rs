//! The list of needs, and how to see whether each is met.

use std::path::{Path, PathBuf};

use super::web;
use crate::process;
use crate::project::Project;

/// What something is needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// PostgreSQL and Redis, which every installation runs.
    Servers,
    Web,
    Tests,
    Checks,
    Fuzz,
}

#[derive(Clone, Copy)]
pub struct Need {
    pub name: &'static str,
    pub group: Group,
    is_met: fn(&Project) -> bool,
    pub from: Source,
    /// Whether its absence ends the chore. The rest is done without, and says so.
    pub required: bool,
}

#[derive(Clone, Copy)]
pub enum Source {
    /// The package of this name in Debian.
    Debian(&'static str),
    /// The crate of this name, with `cargo install --locked`.
    Cargo(&'static str),
    /// Something a person installs: what to do.
    Person(&'static str),
}

const NEEDS: &[Need] = &[
    Need {
        name: "PostgreSQL server",
        group: Group::Servers,
        is_met: has_postgres,
        from: Source::Debian("postgresql"),
        required: true,
    },
    Need {
        name: "redis-server",
        group: Group::Servers,
        is_met: |_| on_path("redis-server"),
        from: Source::Debian("redis-server"),
        required: true,
    },
    Need {
        name: "curl, with which the tests walk through docs/start.md",
        group: Group::Tests,
        is_met: |_| on_path("curl"),
        from: Source::Debian("curl"),
        required: true,
    },
    Need {
        name: "Node 20",
        group: Group::Web,
        is_met: |project| !web::exists(project) || web::has_node(project),
        from: Source::Person("install Node 20 or newer with npm (https://nodejs.org), or a package of your system"),
        required: true,
    },
    Need {
        name: "OpenSSL, with which docs/signing/sign.sh signs",
        group: Group::Tests,
        is_met: |_| on_path("openssl"),
        from: Source::Debian("openssl"),
        required: true,
    },
    Need {
        name: "Node, which runs docs/signing/sign.mjs",
        group: Group::Tests,
        is_met: |_| on_path("node"),
        from: Source::Debian("nodejs"),
        required: true,
    },
    Need {
        name: "PHP, which runs docs/signing/sign.php",
        group: Group::Tests,
        is_met: |_| on_path("php"),
        from: Source::Debian("php-cli"),
        required: true,
    },
    Need {
        name: "Go, which runs docs/signing/sign.go",
        group: Group::Tests,
        is_met: |_| on_path("go"),
        from: Source::Debian("golang-go"),
        required: true,
    },
    Need {
        name: "Chromium",
        group: Group::Tests,
        is_met: |project| !web::exists(project) || on_path("chromium"),
        from: Source::Debian("chromium"),
        required: true,
    },
    Need {
        name: "Python venv",
        group: Group::Tests,
        is_met: has_venv,
        from: Source::Debian("python3-venv"),
        required: true,
    },
    Need {
        name: "cargo-nextest",
        group: Group::Tests,
        is_met: |_| on_path("cargo-nextest"),
        from: Source::Cargo("cargo-nextest"),
        required: false,
    },
    Need {
        name: "cargo-deny",
        group: Group::Checks,
        is_met: |_| on_path("cargo-deny"),
        from: Source::Cargo("cargo-deny"),
        required: false,
    },
    Need {
        name: "cargo-bolero",
        group: Group::Fuzz,
        is_met: |_| on_path("cargo-bolero"),
        from: Source::Cargo("cargo-bolero"),
        required: true,
    },
];

pub fn missing(project: &Project, groups: &[Group]) -> Vec<Need> {
    let asked = NEEDS.iter().filter(|need| groups.contains(&need.group));
    asked.filter(|need| !(need.is_met)(project)).copied().collect()
}

fn on_path(program: &str) -> bool {
    process::find(program, &[]).is_some()
}

/// Debian keeps the server's programs out of `PATH`, one folder for each version.
fn has_postgres(_: &Project) -> bool {
    process::find("initdb", &versions(Path::new("/usr/lib/postgresql"))).is_some()
}

fn versions(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join("bin")).collect()
}

/// Debian ships the module without what it needs to make an environment.
fn has_venv(project: &Project) -> bool {
    let check = project.command("python3").args(["-c", "import ensurepip, venv"]);
    check.ignore_stdout().ignore_stderr().run().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_a_server_is_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("17/bin")).unwrap();
        std::fs::write(folder.path().join("17/bin/initdb"), "").unwrap();
        let found = process::find("initdb", &versions(folder.path()));
        assert!(found.is_some());
        assert!(versions(&folder.path().join("nowhere")).is_empty());
    }
}
