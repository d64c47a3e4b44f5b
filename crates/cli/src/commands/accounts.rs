//! `postroad accounts`: connected numbers, pages, bots and mailboxes.

use std::{collections::BTreeMap, io::Read, path::PathBuf};

use anyhow::{Context, Result};
use postroad_app::{
    App,
    accounts::{self, Account, AccountChange, AccountError, Limits, NamedSecrets, NewAccount, PortfolioChange},
    patch::Patch,
};
use postroad_core::{
    account::{Pace, Spacing},
    ids::{AccountId, TenantId},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    connect,
    exit::{Exit, not_found, refused, usage},
    print::{Format, instant, or_dash, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Connect an account; prints its id
    #[command(before_help = "\
Examples:
  postroad accounts connect whatsapp_cloud 100000000000001 \\
    --credentials whatsapp.json --set waba_id=200000000000001

whatsapp.json holds {\"access_token\": …, \"app_secret\": …,
\"verify_token\": …}; `postroad accounts fields` tells what a provider needs")]
    Connect(Connect),
    /// Tell what each provider needs to connect an account
    #[command(before_help = "Examples:\n  postroad accounts fields whatsapp_cloud")]
    Fields {
        provider: String,
        #[command(flatten)]
        format: Format,
    },
    /// List accounts
    #[command(before_help = "Examples:\n  postroad accounts list --tenant acme --json")]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// Say to which business portfolio an account belongs, and how many people
    /// that may write to within 24 hours
    #[command(
        override_usage = "postroad accounts portfolio [OPTIONS] <ID>",
        before_help = "\
Examples:
  postroad accounts portfolio acc_0198… --id 300000000000001 --people 2000
  postroad accounts portfolio acc_0198… --people unlimited

All accounts of one portfolio share its limit. WhatsApp tells the limit by
itself, once an hour"
    )]
    Portfolio {
        id: AccountId,
        #[command(flatten)]
        portfolio: Portfolio,
        #[command(flatten)]
        whose: Whose,
    },
    /// Stop an account; what it has to send waits
    #[command(before_help = "Examples:\n  postroad accounts pause acc_0198… --reason 'number is being moved'")]
    Pause {
        id: AccountId,
        /// For whoever reads it later
        #[arg(long, default_value = "paused on the command line")]
        reason: String,
        #[command(flatten)]
        whose: Whose,
    },
    /// Let an account send again
    #[command(before_help = "Examples:\n  postroad accounts resume acc_0198…")]
    Resume {
        id: AccountId,
        #[command(flatten)]
        whose: Whose,
    },
}

/// What is known of a portfolio.
#[derive(clap::Args)]
#[group(id = "what_is_known", required = true, multiple = true)]
pub struct Portfolio {
    /// The provider's id of the portfolio, none when it is not known
    #[arg(long = "id", id = "portfolio_id", value_name = "ID|none")]
    id: Option<String>,
    /// New people within 24 hours, 1 to 10000000, or unlimited
    #[arg(long, value_name = "PEOPLE", value_parser = people)]
    people: Option<People>,
}

/// What `--people` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct People(Option<u32>);

impl Portfolio {
    fn into_change(self) -> PortfolioChange {
        let id = match self.id.as_deref() {
            None => Patch::Keep,
            Some("none") => Patch::Clear,
            Some(id) => Patch::Set(id.to_owned()),
        };
        let people_max = match self.people {
            None => Patch::Keep,
            Some(People(None)) => Patch::Clear,
            Some(People(Some(people))) => Patch::Set(people),
        };
        PortfolioChange { id, people_max }
    }
}

fn people(text: &str) -> Result<People, String> {
    match text.parse() {
        _ if text == "unlimited" => Ok(People(None)),
        Ok(people) => Ok(People(Some(people))),
        Err(_) => Err("expected a number of people, or unlimited".to_owned()),
    }
}

#[derive(clap::Args)]
pub struct Connect {
    /// Name of the provider: whatsapp_cloud, twilio_sms, …
    provider: String,
    /// The provider's id of the number, page, bot or mailbox
    external_id: String,
    /// JSON file with the credentials, - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    credentials: PathBuf,
    /// A value that is no secret; as often as needed
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// Messages per second, 0.01 to 100000 [default: the provider's]
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Seconds between two messages to one person, and how many may go ahead,
    /// like 6/45; 0 for none [default: the provider's]
    #[arg(long, value_name = "SECONDS/AHEAD", value_parser = spacing)]
    spacing: Option<Gap>,
    /// Time zone of contacts that have none [default: the tenant's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    whose: Whose,
}

/// What `--spacing` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap(Option<Spacing>);

#[derive(Serialize)]
struct Shown {
    id: AccountId,
    provider: String,
    channel: String,
    external_id: String,
    name: String,
    status: String,
    status_reason: Option<String>,
    rate_per_s: f64,
    portfolio: Option<String>,
    people_max: Option<u32>,
    people: u32,
    is_primary: bool,
    last_ok_at: Option<String>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Connect(args) => {
            let tenant = args.whose.find(app, config).await?;
            let mut account = described(args)?;
            let secret = make_secret(&mut account)?;
            let id = accounts::connect(app, tenant, account).await.map_err(told)?;
            out(&format!("{id}\n"))?;
            secret.map_or(Ok(()), |secret| out(&format!("{}\n", secret.expose_secret())))?;
        }
        Command::Fields { provider, format } => fields(&provider, format)?,
        Command::List { whose, format } => {
            let shown: Vec<Shown> = all(app, whose.find(app, config).await?).await?.into_iter().map(shown).collect();
            format.list(&shown, &["name", "provider", "status", "rate", "people a day", "external id", "id"], cells)?;
        }
        Command::Portfolio { id, portfolio, whose } => {
            let change = AccountChange { portfolio: portfolio.into_change(), ..AccountChange::default() };
            accounts::update(app, whose.find(app, config).await?, id, change).await.map_err(told)?;
        }
        Command::Pause { id, reason, whose } => {
            accounts::pause(app, whose.find(app, config).await?, id, &reason).await.map_err(told)?;
        }
        Command::Resume { id, whose } => {
            accounts::resume(app, whose.find(app, config).await?, id).await.map_err(told)?;
        }
    }
    Ok(Exit::Ok)
}

fn described(args: Connect) -> Result<NewAccount> {
    let provider = connect::provider(&args.provider)?;
    let mut values = credentials(&args.credentials)?;
    values.extend(args.settings.into_iter().map(|(name, value)| (name, SecretString::from(value))));
    let account = connect::new_account(provider, &args.external_id, values)?;
    let pace = args.rate.map_or(account.limits.pace, |per_s| Pace { per_s, ..account.limits.pace });
    let spacing = args.spacing.map_or(account.limits.spacing, |gap| gap.0);
    Ok(NewAccount {
        display_name: args.name.unwrap_or(account.display_name),
        limits: Limits { pace, spacing, ..account.limits },
        time_zone: args.zone,
        ..account
    })
}

/// Where the provider lets us make the secret that the platform signs with. It is printed after the id.
fn make_secret(account: &mut NewAccount) -> Result<Option<SecretString>> {
    let own = connect::provider(&account.provider)?.own_secret();
    let made = own.map(|own| (own.name.to_owned(), accounts::own_secret::generate()));
    account.credentials.extend(made.clone());
    Ok(made.map(|(_, secret)| secret))
}

/// A JSON object of texts.
fn credentials(file: &std::path::Path) -> Result<NamedSecrets> {
    let text = if file == std::path::Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
    };
    // The parser's message could repeat a secret.
    let named: BTreeMap<String, String> =
        serde_json::from_str(&text).map_err(|_| usage("the credentials are not a JSON object of texts"))?;
    Ok(named.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn spacing(text: &str) -> Result<Gap, String> {
    if text == "0" {
        return Ok(Gap(None));
    }
    let (every_s, burst) = text.split_once('/').ok_or("expected SECONDS/AHEAD, or 0")?;
    match (every_s.parse(), burst.parse()) {
        (Ok(every_s), Ok(burst)) => Ok(Gap(Some(Spacing { every_s, burst }))),
        _ => Err("expected two numbers".to_owned()),
    }
}

fn fields(provider: &str, format: Format) -> Result<()> {
    let fields = connect::provider(provider)?.credential_fields();
    format.list(fields, &["name", "is", "needed", "secret"], |field| {
        let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
        vec![field.name.to_owned(), field.label.to_owned(), yes(field.required), yes(field.secret)]
    })
}

/// Every account of a tenant, oldest first.
async fn all(app: &App, tenant: TenantId) -> Result<Vec<Account>> {
    let mut all: Vec<Account> = Vec::new();
    loop {
        let page = accounts::list(app, tenant, all.last().map(|account| account.id), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn shown(account: Account) -> Shown {
    Shown {
        id: account.id,
        provider: account.provider,
        channel: account.channel.to_string(),
        external_id: account.external_id,
        name: account.display_name,
        status: account.status.to_string(),
        status_reason: account.status_reason,
        rate_per_s: account.limits.pace.per_s,
        portfolio: account.portfolio.id,
        people_max: account.portfolio.people_max,
        people: account.portfolio.people,
        is_primary: account.is_primary,
        last_ok_at: account.pulse.accepted_at.map(instant),
    }
}

fn cells(shown: &Shown) -> Vec<String> {
    let status = match &shown.status_reason {
        Some(reason) => format!("{}: {reason}", shown.status),
        None => shown.status.clone(),
    };
    let rate = format!("{}/s", shown.rate_per_s);
    let external_id = or_dash(Some(&shown.external_id));
    let people = or_dash(shown.people_max.map(|most| format!("{} of {most}", shown.people)).as_ref());
    vec![shown.name.clone(), shown.provider.clone(), status, rate, people, external_id, shown.id.to_string()]
}

/// The exit code that fits.
pub fn told(error: AccountError) -> anyhow::Error {
    match error {
        AccountError::NotFound => not_found(error.to_string()),
        AccountError::AlreadyConnected { .. } | AccountError::Removed => refused(error.to_string()),
        AccountError::Store(cause) => cause.into(),
        AccountError::Secret(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_a_number_or_as_many_as_there_are() {
        assert_eq!(people("2000"), Ok(People(Some(2_000))));
        assert_eq!(people("unlimited"), Ok(People(None)));
        for wrong in ["", "2k", "-1", "2,000"] {
            assert!(people(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spacing_is_seconds_and_messages_ahead_or_nothing() {
        assert_eq!(spacing("6/45"), Ok(Gap(Some(Spacing { every_s: 6, burst: 45 }))));
        assert_eq!(spacing("0"), Ok(Gap(None)));
        for wrong in ["", "6", "6/", "a/b", "6/45/1", "-1/2"] {
            assert!(spacing(wrong).is_err(), "{wrong}");
        }
    }
}
