//! This machine and this process's settings.

use std::{net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use nix::sys::{
    resource::{Resource, getrlimit},
    statvfs::statvfs,
};

use super::Check;
use crate::config::{Config, Database, Sources, unread_variables};

/// Connections, files of the database's pools, calls on their way.
const FILES_WANTED: u64 = 4_096;
const FREE_WANTED_MIB: u64 = 1_024;
/// The permissions of everybody but the owner.
const OTHERS: u32 = 0o077;
const FREE_NEEDED_MIB: u64 = 128;

pub(super) async fn checks(config: &Config, sources: &Sources) -> Vec<Check> {
    vec![
        unknown_settings(),
        file_of_settings(sources),
        public_url(config),
        files(),
        disk(config),
        port(config).await,
        zones(),
    ]
}

fn unknown_settings() -> Check {
    let unread = unread_variables();
    if unread.is_empty() {
        return Check::ok("settings.known", "every variable that begins with POSTROAD_ is a setting");
    }
    let fix = "`postroad config show` lists the settings; correct or remove the variable";
    Check::warning("settings.known", format!("nobody reads {}", unread.join(", ")), fix)
}

fn file_of_settings(sources: &Sources) -> Check {
    const ID: &str = "settings.file";
    let Some(path) = sources.file() else { return Check::ok(ID, "there is none") };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & OTHERS == 0 => Check::ok(ID, format!("{}", path.display())),
        Ok(_) => Check::warning(
            ID,
            format!("others may read {}", path.display()),
            format!("chmod 600 {}, or keep secrets in the environment", path.display()),
        ),
        Err(error) => Check::error(ID, format!("{}: {error}", path.display()), "put it back"),
    }
}

fn public_url(config: &Config) -> Check {
    const ID: &str = "settings.public_url";
    match &config.public_url {
        Some(url) if url.starts_with("https://") => Check::ok(ID, url.clone()),
        Some(url) => Check::warning(ID, format!("{url} is not https"), "providers call https addresses only"),
        None => Check::warning(
            ID,
            "POSTROAD_PUBLIC_URL is not set",
            "set it to how providers reach the API; simulators on this machine need none",
        ),
    }
}

fn files() -> Check {
    const ID: &str = "process.files";
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= FILES_WANTED => Check::ok(ID, format!("{soft} open files are allowed")),
        Ok((soft, hard)) => Check::warning(
            ID,
            format!("{soft} open files are allowed, and {FILES_WANTED} are wanted under load"),
            format!("raise the limit (ulimit -n, LimitNOFILE=); the hard one is {hard}"),
        ),
        Err(error) => Check::skipped(ID, error.to_string()),
    }
}

fn disk(config: &Config) -> Check {
    const ID: &str = "machine.disk";
    let nearest = config.data_dir.ancestors().find(|folder| folder.exists()).unwrap_or_else(|| Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    let stat = match statvfs(nearest) {
        Ok(stat) => stat,
        Err(error) => return Check::skipped(ID, format!("{}: {error}", nearest.display())),
    };
    let free_mib = stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20;
    let evidence = format!("{free_mib} MiB are free at {}", config.data_dir.display());
    let matters = matches!(config.database, Database::Private);
    match free_mib {
        free if free < FREE_NEEDED_MIB && matters => {
            Check::error(ID, evidence, "make room: a full disk stops the database")
        }
        free if free < FREE_WANTED_MIB && matters => Check::warning(ID, evidence, "make room before it is full"),
        _ => Check::ok(ID, evidence),
    }
}

/// Free, or taken by a Postroad.
async fn port(config: &Config) -> Check {
    const ID: &str = "process.port";
    let address = config.listen;
    if TcpListener::bind(address).is_ok() {
        return Check::ok(ID, format!("{address} is free"));
    }
    match crate::http::get(&format!("http://{address}/health")).await {
        Ok((200, _)) => Check::ok(ID, format!("a Postroad answers on {address}")),
        _ => Check::error(
            ID,
            format!("{address} is taken by somebody else"),
            "free it, or choose another with POSTROAD_LISTEN",
        ),
    }
}

fn zones() -> Check {
    Check::ok("zones.version", format!("time zones of {}", chrono_tz::IANA_TZDB_VERSION))
}
