//! `postroad pause` and `resume`: the kill switches. They take effect at the next intent of each lane: within two seconds.

use anyhow::Result;
use postroad_app::{App, accounts, tenants};
use postroad_core::ids::AccountId;

use super::{
    accounts::told,
    whose::{Whose, named_tenant},
};
use crate::{config::Config, exit::Exit, print::note};

const REASON: &str = "paused on the command line";

#[derive(clap::Subcommand)]
pub enum Pause {
    /// One account
    #[command(before_help = "Examples:\n  postroad pause account acc_0198…")]
    Account {
        id: AccountId,
        /// For whoever reads it later
        #[arg(long, default_value = REASON)]
        reason: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// One tenant, with all its accounts
    #[command(before_help = "Examples:\n  postroad pause tenant acme --reason 'unpaid'")]
    Tenant {
        /// Slug or id
        tenant: String,
        /// For whoever reads it later
        #[arg(long, default_value = REASON)]
        reason: String,
    },
    /// Everybody: no message leaves this installation
    #[command(before_help = "Examples:\n  postroad pause all --yes")]
    All {
        /// Really
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(clap::Subcommand)]
pub enum Resume {
    /// One account
    #[command(before_help = "Examples:\n  postroad resume account acc_0198…")]
    Account {
        id: AccountId,
        #[command(flatten)]
        whose: Whose,
    },
    /// One tenant
    #[command(before_help = "Examples:\n  postroad resume tenant acme")]
    Tenant {
        /// Slug or id
        tenant: String,
    },
    /// Everybody, but for accounts and tenants that are paused themselves
    #[command(before_help = "Examples:\n  postroad resume all")]
    All,
}

pub async fn pause(command: Pause, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Pause::Account { id, reason, whose } => {
            accounts::pause(app, whose.find(app, config).await?, id, &reason).await.map_err(told)?;
        }
        Pause::Tenant { tenant, reason } => tenants::pause(app, named_tenant(app, &tenant).await?, &reason).await?,
        Pause::All { yes: _ } => tenants::pause_everybody(app).await?,
    }
    note("paused: nothing new leaves within two seconds; calls on their way end")?;
    Ok(Exit::Ok)
}

pub async fn resume(command: Resume, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Resume::Account { id, whose } => {
            accounts::resume(app, whose.find(app, config).await?, id).await.map_err(told)?;
        }
        Resume::Tenant { tenant } => tenants::resume(app, named_tenant(app, &tenant).await?).await?,
        Resume::All => tenants::resume_everybody(app).await?,
    }
    note("resumed: what waited for it is due now")?;
    Ok(Exit::Ok)
}
