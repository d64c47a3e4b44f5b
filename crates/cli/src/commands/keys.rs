//! `postroad keys`: API clients and the keys they sign with.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use anyhow::{Context, Result};
use postroad_app::{
    App,
    clients::{self, ClientError, Former, Grant},
};
use postroad_core::{
    ids::{ClientId, TenantId},
    scope::Scope,
};
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found, refused, usage},
    print::{Format, instant, or_dash},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a key; the secret is shown once
    #[command(before_help = "\
Examples:
  postroad keys create --name shop --live
  postroad keys create --name shop --live --secret-file shop.secret
  postroad keys create --client cli_0198…     a second key, to rotate

A test key reaches the sandbox; a live key reaches people")]
    Create(Create),
    /// List clients and their keys
    #[command(before_help = "Examples:\n  postroad keys list --json")]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// End a key at once
    #[command(before_help = "Examples:\n  postroad keys revoke prk_live_…")]
    Revoke {
        key: String,
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(clap::Args)]
pub struct Create {
    /// Name of a new client
    #[arg(long, required_unless_present = "client")]
    name: Option<String>,
    /// A client that is there already
    #[arg(long, conflicts_with_all = ["name", "live", "scopes", "cidrs", "rate", "burst", "daily_quota"])]
    client: Option<ClientId>,
    /// The key reaches people, not the sandbox
    #[arg(long)]
    live: bool,
    /// What it may do; as often as needed [default: messages:send,
    /// messages:read]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// Networks it may call from; as often as needed [default: anywhere]
    #[arg(long = "from", value_name = "NETWORK")]
    cidrs: Vec<String>,
    /// Calls per second
    #[arg(long, default_value_t = 10.0, value_name = "PER_SECOND")]
    rate: f64,
    /// Calls at once after a silence
    #[arg(long, default_value_t = 20)]
    burst: u32,
    /// Messages per day [default: no quota]
    #[arg(long, value_name = "MESSAGES")]
    daily_quota: Option<i64>,
    /// Write the secret into this new file (mode 0600), not to the terminal
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Made {
    client: ClientId,
    key: String,
    /// Absent when it went into a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    client: ClientId,
    name: String,
    live: bool,
    client_status: String,
    scopes: Vec<String>,
    rate_per_s: f64,
    daily_quota: Option<i64>,
    key: Option<String>,
    key_status: Option<String>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Create(args) => create(args, app, config).await?,
        Command::List { whose, format } => {
            let shown = all(app, whose.find(app, config).await?).await?;
            format.list(&shown, &["client", "key", "status", "scopes", "last used", "id"], cells)?;
        }
        Command::Revoke { key, whose } => revoke(app, whose.find(app, config).await?, &key).await?,
    }
    Ok(Exit::Ok)
}

async fn create(args: Create, app: &App, config: &Config) -> Result<()> {
    let tenant = args.whose.find(app, config).await?;
    // First, so that no key is made whose secret is lost.
    let file = args.secret_file.as_ref().map(open_secret_file).transpose()?;
    let client = match args.client {
        Some(client) => client,
        None => clients::create(app, tenant, args.live, &grant(&args)).await.map_err(told)?.id,
    };
    let made = clients::create_key(app, tenant, client, Former::Stay).await.map_err(told)?;
    let secret = made.secret.reveal();
    let secret = match file {
        Some(mut file) => {
            writeln!(file, "{secret}")?;
            None
        }
        None => Some(secret),
    };
    args.format.item(&Made { client, key: made.key.key_id, secret }, |made| {
        let lines = [
            ("client", Some(made.client.to_string())),
            ("key", Some(made.key.clone())),
            ("secret", made.secret.clone()),
        ];
        lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    })
}

fn grant(args: &Create) -> Grant {
    let usual = Grant::default();
    Grant {
        name: args.name.clone().unwrap_or_default(),
        scopes: if args.scopes.is_empty() { usual.scopes } else { args.scopes.clone() },
        cidrs: args.cidrs.clone(),
        rate_per_s: args.rate,
        rate_burst: args.burst,
        daily_quota: args.daily_quota,
        ..Grant::default()
    }
}

fn open_secret_file(path: &PathBuf) -> Result<fs::File> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("{} cannot be made", path.display()))
}

/// One row per key; a client without keys has one row, too.
async fn all(app: &App, tenant: TenantId) -> Result<Vec<Shown>> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = clients::list(app, tenant, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(rows) };
        after = Some(last.id);
        for client in &page {
            let (client, keys) = clients::get(app, tenant, client.id).await?;
            let bare = Shown {
                client: client.id,
                name: client.name,
                live: client.live,
                client_status: client.status,
                scopes: client.scopes,
                rate_per_s: client.rate_per_s,
                daily_quota: client.daily_quota,
                key: None,
                key_status: None,
                expires_at: None,
                last_used_at: None,
            };
            rows.extend(with_keys(bare, keys));
        }
    }
}

fn with_keys(bare: Shown, keys: Vec<postroad_store::clients::KeyRow>) -> Vec<Shown> {
    if keys.is_empty() {
        return vec![bare];
    }
    let with = |key: postroad_store::clients::KeyRow| Shown {
        key: Some(key.key_id),
        key_status: Some(key.status),
        expires_at: key.expires_at.map(instant),
        last_used_at: key.last_used_at.map(instant),
        name: bare.name.clone(),
        client_status: bare.client_status.clone(),
        scopes: bare.scopes.clone(),
        ..bare
    };
    keys.into_iter().map(with).collect()
}

fn cells(shown: &Shown) -> Vec<String> {
    vec![
        shown.name.clone(),
        or_dash(shown.key.as_ref()),
        shown.key_status.clone().unwrap_or_else(|| shown.client_status.clone()),
        shown.scopes.join(" "),
        or_dash(shown.last_used_at.as_ref()),
        shown.client.to_string(),
    ]
}

async fn revoke(app: &App, tenant: TenantId, key: &str) -> Result<()> {
    let rows = all(app, tenant).await?;
    let row = rows.iter().find(|row| row.key.as_deref() == Some(key));
    let client = row.ok_or_else(|| not_found(format!("the tenant has no key {key}")))?.client;
    clients::revoke_key(app, tenant, client, key).await.map_err(told)
}

fn told(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::NotFound | ClientError::NoSuchKey => not_found(error.to_string()),
        ClientError::TooManyKeys => refused(error.to_string()),
        ClientError::Store(cause) => cause.into(),
        ClientError::Secret(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
