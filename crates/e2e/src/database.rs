//! A private PostgreSQL server, as durable as in production, that can be made to crash.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postroad_embedded::{Embedded, Options};
use postroad_schema::{Urls, migrate};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgPoolOptions};
use tempfile::TempDir;

use crate::wait::until;

/// A server with any number of databases. Stopped, and its folder removed, when it is dropped.
pub struct Server {
    running: Option<Embedded>,
    options: Options,
    admin: String,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Result<Self> {
        // The server may run as another user, who must be able to enter.
        let readable = Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("postroad-").permissions(readable).tempdir()?;
        let options = Options::new(folder.path());
        let running = start(options.clone()).await?;
        let admin = running.url("postgres");
        Ok(Self { running: Some(running), options, admin, folder })
    }

    /// For files that shall go with the server.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Process id of the postmaster; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Embedded::pid)
    }

    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// A new database with all migrations and no rows.
    pub async fn create(&self, name: &str) -> Result<Database> {
        let urls = Urls::beside(&self.admin, name)?;
        migrate::make_roles(&self.admin, &urls).await.context("the roles could not be made")?;
        migrate::run(&urls.owner).await.context("the migrations failed")?;
        let (base, _) = self.admin.rsplit_once('/').context("an address names a database")?;
        Ok(Database { urls, admin: format!("{base}/{name}") })
    }

    /// All that one database holds, as `pg_dump` writes it.
    pub async fn dump(&self, database: &str) -> Result<String> {
        let running = self.running.as_ref().context("the server is down")?;
        let mut command = tokio::process::Command::new(running.bin_dir().join("pg_dump"));
        let output = command.arg("--dbname").arg(running.url(database)).kill_on_drop(true).output().await?;
        if !output.status.success() {
            bail!("the dump ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Ends it at once, without a checkpoint: what `pg_ctl stop -m immediate` does.
    pub async fn crash(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let pid = Pid::from_raw(i32::try_from(running.pid())?);
        kill(pid, Signal::SIGQUIT).context("the database cannot be stopped")?;
        until("the database is gone", Duration::from_secs(30), || async move { Ok(kill(pid, None).is_err()) }).await?;
        // It finds nothing left to stop.
        tokio::task::spawn_blocking(move || drop(running)).await?;
        Ok(())
    }

    /// Starts it again on the same port; it recovers by itself.
    pub async fn resume(&mut self) -> Result<()> {
        if self.running.is_none() {
            self.running = Some(start(self.options.clone()).await?);
        }
        Ok(())
    }
}

async fn start(options: Options) -> Result<Embedded> {
    Ok(tokio::task::spawn_blocking(move || Embedded::start(&options)).await??)
}

/// One database of a [`Server`].
#[derive(Clone)]
pub struct Database {
    pub urls: Urls,
    /// As superuser, whom no row-level security holds.
    admin: String,
}

impl Database {
    pub async fn connect(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.admin).await.map_err(|error| anyhow!("the database does not answer: {error}"))
    }

    /// A few privileged connections that come back by themselves after a crash.
    pub fn pool(&self) -> Result<PgPool> {
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(5));
        Ok(pool.connect_lazy(&self.admin)?)
    }
}
