//! The database: a private one, or somebody's; with roles and a schema that fit this binary.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postroad_embedded::{Embedded, Options};
use postroad_schema::{Urls, migrate as schema};
use postroad_store::Store;

use crate::{
    config::{Config, Database},
    exit::refused,
};

/// How long a database that is starting is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// A database that exists on every server.
const MAINTENANCE: &str = "postgres";
/// The database on a private server.
const DATABASE: &str = "postroad";

/// What to do about roles and migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Make what is missing.
    Make,
    /// Refuse to start without it, unless the server is private: that one is ours to change.
    Expect,
}

/// What a database lacks of the schema of this binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Nothing,
    /// So many migrations.
    Some(usize),
    /// It is new: no roles, no tables.
    Everything,
}

/// A server that runs, and where the roles connect.
pub struct Opened {
    pub urls: Urls,
    /// Privileged; none when the roles are somebody else's to make.
    admin: Option<String>,
    pub server: Option<Embedded>,
}

/// Starts or finds the server, and sees to its schema.
pub(super) async fn open(config: &Config, schema: Schema) -> Result<Opened> {
    let opened = find(config).await?;
    if opened.urls.owner.is_empty() {
        // Only the owner could look; the first query tells what is wrong.
        return Ok(opened);
    }
    let makes = schema == Schema::Make || opened.server.is_some();
    match opened.missing().await? {
        Missing::Nothing => {}
        _ if makes => opened.make().await?,
        Missing::Some(count) => {
            return Err(refused(format!("{count} migrations are not applied; run `postroad migrate`")));
        }
        Missing::Everything => return Err(refused("the database is empty; run `postroad migrate`")),
    }
    Ok(opened)
}

/// Starts or finds the server.
pub async fn find(config: &Config) -> Result<Opened> {
    match &config.database {
        Database::Privileged { admin, urls } => {
            Ok(Opened { admin: Some(admin.clone()), urls: urls.clone(), server: None })
        }
        Database::Roles { urls } => Ok(Opened { admin: None, urls: urls.clone(), server: None }),
        Database::Private => {
            let options = Options::new(&config.data_dir);
            let started = tokio::task::spawn_blocking(move || Embedded::start(&options)).await;
            let server = started.context("the task that starts the server panicked")??;
            let admin = server.url(MAINTENANCE);
            Ok(Opened { urls: Urls::beside(&admin, DATABASE)?, admin: Some(admin), server: Some(server) })
        }
    }
}

impl Opened {
    /// Looks as the owner. A server that is being started beside us is waited for.
    pub async fn missing(&self) -> Result<Missing> {
        if self.urls.owner.is_empty() {
            return Err(refused("POSTROAD_OWNER_URL is not set: only the owner sees and applies migrations"));
        }
        let began = Instant::now();
        loop {
            let cause = match schema::pending(&self.urls.owner).await {
                Ok(0) => return Ok(Missing::Nothing),
                Ok(count) => return Ok(Missing::Some(count)),
                Err(postroad_schema::Error::Sql(cause)) => postroad_store::Error::from(cause),
                Err(other) => return Err(other.into()),
            };
            if !cause.is_unavailable() {
                return Ok(Missing::Everything);
            }
            wait(began, cause).await?;
        }
    }

    /// Makes the roles beside a privileged address, and applies what is missing. Safe to repeat.
    pub async fn make(&self) -> Result<()> {
        if let Some(admin) = &self.admin {
            schema::make_roles(admin, &self.urls).await.context("the roles could not be made")?;
        }
        schema::run(&self.urls.owner).await.context("the migrations could not be applied")
    }

    /// Lets go of the server, and stops it if this process started it.
    pub async fn stop(self) -> Result<()> {
        let Some(server) = self.server else { return Ok(()) };
        let stopped = tokio::task::spawn_blocking(move || server.stop()).await;
        Ok(stopped.context("the task that stops the server panicked")??)
    }
}

/// A database that does not answer yet is asked again.
pub(super) async fn wait_for(store: &Store) -> Result<()> {
    let began = Instant::now();
    while let Err(error) = store.ping().await {
        if !error.is_unavailable() {
            return Err(error).context("the database does not let us in");
        }
        wait(began, error).await?;
    }
    Ok(())
}

async fn wait(began: Instant, cause: postroad_store::Error) -> Result<()> {
    if began.elapsed() > ANSWER_MAX {
        return Err(cause).context("the database does not answer");
    }
    tracing::info!(error = %cause, "the database does not answer yet");
    tokio::time::sleep(BETWEEN_LOOKS).await;
    Ok(())
}
