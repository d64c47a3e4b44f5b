//! `postroad tenants`: who owns data and pays.

mod credit;

use anyhow::Result;
use postroad_app::{
    App,
    tenants::{self, NewTenant, Tenant, TenantError},
};
use postroad_core::{ids::TenantId, quiet_hours::QuietHours};
use serde::Serialize;

use super::whose;
use crate::{
    exit::{Exit, refused, usage},
    print::{Format, instant, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a tenant; prints its id
    #[command(before_help = "\
Examples:
  postroad tenants create acme --name 'Acme Ltd' --zone Europe/Paris
  postroad tenants create acme --quiet-hours 22:00-07:00")]
    Create {
        /// 1 to 63 of a-z, 0-9 and -
        slug: String,
        /// For people [default: the slug]
        #[arg(long)]
        name: Option<String>,
        /// Time zone of contacts and accounts that have none
        /// [default: as superadmins have it for new tenants, else UTC]
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        /// Local time in which messages wait, like 21:00-08:00 [default: as
        /// superadmins have it for new tenants, else the installation's]
        #[arg(long, value_name = "HOURS")]
        quiet_hours: Option<QuietHours>,
    },
    /// List tenants
    #[command(before_help = "Examples:\n  postroad tenants list --json")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// What a tenant may spend, and what messages cost it
    #[command(subcommand)]
    Credit(credit::Command),
}

#[derive(Serialize)]
struct Shown<'a> {
    id: TenantId,
    slug: &'a str,
    name: &'a str,
    time_zone: &'a str,
    /// Null: the installation's.
    quiet_hours: Option<String>,
    sending_paused: bool,
    paused_reason: Option<&'a str>,
    created_at: String,
}

pub async fn run(command: Command, app: &App) -> Result<Exit> {
    match command {
        Command::Create { slug, name, zone, quiet_hours } => {
            let new = NewTenant { name: name.unwrap_or_else(|| slug.clone()), slug, time_zone: zone, quiet_hours };
            let id = tenants::create(app, &new).await.map_err(told)?;
            out(&format!("{id}\n"))?;
        }
        Command::List { format } => {
            let tenants = whose::all(app).await?;
            let shown: Vec<Shown<'_>> = tenants.iter().map(shown).collect();
            format.list(&shown, &["slug", "name", "zone", "sending", "id"], cells)?;
        }
        Command::Credit(command) => return credit::run(command, app).await,
    }
    Ok(Exit::Ok)
}

fn shown(tenant: &Tenant) -> Shown<'_> {
    Shown {
        id: tenant.id,
        slug: &tenant.slug,
        name: &tenant.name,
        time_zone: &tenant.time_zone,
        quiet_hours: tenant.quiet_hours.map(|hours| hours.to_string()),
        sending_paused: tenant.sending_paused,
        paused_reason: tenant.paused_reason.as_deref(),
        created_at: instant(tenant.created_at),
    }
}

fn cells(shown: &Shown<'_>) -> Vec<String> {
    let sending = match (shown.sending_paused, shown.paused_reason) {
        (false, _) => "on".to_owned(),
        (true, reason) => format!("paused: {}", reason.unwrap_or("no reason given")),
    };
    vec![shown.slug.to_owned(), shown.name.to_owned(), shown.time_zone.to_owned(), sending, shown.id.to_string()]
}

fn told(error: TenantError) -> anyhow::Error {
    match error {
        TenantError::SlugTaken(_) => refused(error.to_string()),
        TenantError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
