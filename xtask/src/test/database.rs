//! The server that tests work on: the one that is named, or one of its own, made in a folder that is gone afterwards.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use postroad_embedded::{Embedded, Options};
use tempfile::TempDir;

use crate::environment;

/// Tests wait for the disk as production does: what only passes without it proves nothing about a crash.
const SETTINGS: &[(&str, &str)] = &[("fsync", "on"), ("synchronous_commit", "on")];

/// Superuser address of a server on which tests make and drop databases. When it is set already, that server is used.
pub const TEST_URL: &str = "POSTROAD_TEST_POSTGRES_URL";

/// A server that answers as long as this is kept.
pub struct Server {
    url: String,
    _private: Option<PrivateServer>,
}

impl Server {
    pub fn url(&self) -> &str {
        &self.url
    }
}

pub fn given_or_private() -> Result<Server> {
    if let Some(url) = environment::variable(TEST_URL) {
        return Ok(Server { url, _private: None });
    }
    let private = PrivateServer::start()?;
    Ok(Server { url: private.url("postgres"), _private: Some(private) })
}

pub struct PrivateServer {
    /// Stopped before its folder goes: fields are dropped in order.
    server: Embedded,
    _folder: TempDir,
}

impl PrivateServer {
    pub fn start() -> Result<Self> {
        // The server may run as another user, who must be able to enter.
        let readable = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("postroad-").permissions(readable).tempdir()?;
        let mut options = Options::new(folder.path());
        options.extra_settings = SETTINGS.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let server = Embedded::start(&options).context("the private PostgreSQL did not start")?;
        Ok(Self { server, _folder: folder })
    }

    /// Address of a database as superuser, with the password in it; `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_server_is_durable_and_leaves_nothing() {
        let private = PrivateServer::start().unwrap();
        let folder = private.server.data_path();
        let shell = xshell::Shell::new().unwrap();
        let psql = shell.cmd(private.server.bin_dir().join("psql")).arg(private.url("postgres"));
        assert_eq!(psql.args(["-Atc", "show fsync"]).quiet().read().unwrap(), "on");
        drop(private);
        assert!(!folder.exists());
    }
}
