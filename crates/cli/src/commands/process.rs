//! `postroad serve`, `work`, `schedule` and `all`: processes that stay until they are asked to stop.

use anyhow::Result;
use postroad_app::nudge::Nudges;

use crate::{
    config::{Config, Flag},
    exit::Exit,
    running::{Roles, Running, Stopped, Taps},
    start::{Schema, start},
    stop,
};

pub const SERVE: Roles = Roles { name: "serve", serve: true, work: false, schedule: false };
pub const WORK: Roles = Roles { name: "work", serve: false, work: true, schedule: false };
pub const SCHEDULE: Roles = Roles { name: "schedule", serve: false, work: false, schedule: true };
pub const ALL: Roles = Roles { name: "all", serve: true, work: true, schedule: true };

/// Settings that are often given on the command line. Read as text: the configuration tells all mistakes together.
#[derive(clap::Args)]
pub struct Args {
    /// Address and port [default: 127.0.0.1:7800]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// How providers and people reach the API
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Job handlers that run at once, 1 to 512 [default: 16]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<String>,
    /// Seconds that a stop may take, 0 to 600 [default: 30]
    #[arg(long, value_name = "SECONDS")]
    shutdown_grace_s: Option<String>,
    /// json or text [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    log: Option<String>,
}

impl Args {
    pub fn flags(&self) -> Vec<Flag> {
        let given = [
            ("--listen", "POSTROAD_LISTEN", &self.listen),
            ("--public-url", "POSTROAD_PUBLIC_URL", &self.public_url),
            ("--workers", "POSTROAD_WORKERS", &self.workers),
            ("--shutdown-grace-s", "POSTROAD_SHUTDOWN_GRACE_S", &self.shutdown_grace_s),
            ("--log", "POSTROAD_LOG", &self.log),
        ];
        let flag =
            |(spelling, name, value): (_, _, &Option<String>)| Some(Flag { spelling, name, value: value.clone()? });
        given.into_iter().filter_map(flag).collect()
    }
}

/// Runs the roles until a signal, or until one of them ends by itself, which none should.
pub async fn run(config: &Config, roles: Roles) -> Result<Exit> {
    let stop = stop::on_signal()?;
    // Only a process that is everything may change a database that is somebody's.
    let schema = if roles.serve && roles.work && roles.schedule { Schema::Make } else { Schema::Expect };
    let (nudges, taps) = nudges(roles);
    let started = start(config, schema, nudges).await?;
    let mut running = match Running::start(&started, config, roles, taps).await {
        Ok(running) => running,
        Err(error) => {
            started.stop().await?;
            return Err(error);
        }
    };
    let failure = tokio::select! {
        () = stop.cancelled() => None,
        failure = running.failed() => Some(failure),
    };
    let stopped = running.stop(config.shutdown_grace).await;
    started.stop().await?;
    match (failure, stopped) {
        (Some(failure), _) => Err(failure),
        (None, Stopped::InOrder) => Ok(Exit::Ok),
        (None, Stopped::TimeIsUp) => Ok(Exit::Partial),
    }
}

/// Where both ends are in one process, the API taps the worker on the shoulder.
fn nudges(roles: Roles) -> (Nudges, Option<Taps>) {
    if !(roles.serve && roles.work) {
        return (Nudges::none(), None);
    }
    let (nudges, taps) = Nudges::channel();
    (nudges, Some(taps))
}
