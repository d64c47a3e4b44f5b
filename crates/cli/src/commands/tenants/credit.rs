//! `postroad tenants credit`: what a tenant may spend, and what messages cost it.

use anyhow::Result;
use postroad_app::{
    App,
    credit::{self, Said, WalletError},
    tenants,
};
use postroad_core::{
    account::Channel,
    actor::Actor,
    credit::{Category, Priced},
    ids::TenantId,
};
use serde::Serialize;

use super::{super::whose::named_tenant, told};
use crate::{
    exit::{Exit, not_found, refused, usage},
    print::{Format, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show what the wallet holds, and what is reserved of it
    #[command(before_help = "Examples:\n  postroad tenants credit show acme --json")]
    Show {
        /// Slug or id
        tenant: String,
        #[command(flatten)]
        format: Format,
    },
    /// Put credits into the wallet; prints what it holds then
    #[command(before_help = "Examples:\n  postroad tenants credit top-up acme 5000 --note 'Invoice 17'")]
    TopUp {
        /// Slug or id
        tenant: String,
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        credits: u32,
        /// What for: it stands in the tenant's statement
        #[arg(long)]
        note: String,
    },
    /// Put something right, in either direction; prints what the wallet holds
    /// then
    #[command(
        before_help = "Examples:\n  postroad tenants credit correct acme -200 --note 'Invoice 17 was booked twice'"
    )]
    Correct {
        /// Slug or id
        tenant: String,
        /// What is added; negative: taken, but never more than there is
        #[arg(allow_negative_numbers = true, value_name = "BY")]
        credits: i64,
        /// What for: it stands in the tenant's statement
        #[arg(long)]
        note: String,
    },
    /// Say whether messages cost the tenant credit
    #[command(before_help = "Examples:\n  postroad tenants credit enforce acme on")]
    Enforce {
        /// Slug or id
        tenant: String,
        state: Switch,
    },
    /// Say what a message costs, from the next one on
    #[command(before_help = "\
Examples:
  postroad tenants credit price acme sms 3
  postroad tenants credit price acme whatsapp 8 --category marketing
  postroad tenants credit price acme sms --default")]
    Price {
        /// Slug or id
        tenant: String,
        channel: Channel,
        /// For a message; of an SMS that is text, for each of its parts
        #[arg(required_unless_present = "default")]
        credits: Option<i64>,
        /// authentication, marketing, utility or service [default: all that have
        /// no price of their own]
        #[arg(long)]
        category: Option<Category>,
        /// One credit again
        #[arg(long, conflicts_with = "credits")]
        default: bool,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Serialize)]
struct Shown {
    enforced: bool,
    balance: i64,
    reserved: i64,
    prices: Vec<Price>,
}

#[derive(Serialize)]
struct Price {
    channel: Channel,
    category: Option<Category>,
    credits: i64,
}

pub async fn run(command: Command, app: &App) -> Result<Exit> {
    match command {
        Command::Show { tenant, format } => show(app, named_tenant(app, &tenant).await?, format).await?,
        Command::TopUp { tenant, credits, note } => {
            let tenant = named_tenant(app, &tenant).await?;
            print(credit::top_up(app, tenant, credits, said(&note)).await)?;
        }
        Command::Correct { tenant, credits, note } => {
            let tenant = named_tenant(app, &tenant).await?;
            print(credit::correct(app, tenant, credits, said(&note)).await)?;
        }
        Command::Enforce { tenant, state } => {
            let tenant = named_tenant(app, &tenant).await?;
            tenants::set_credit_enforced(app, tenant, matches!(state, Switch::On)).await.map_err(told)?;
        }
        Command::Price { tenant, channel, credits, category, default: _ } => {
            let tenant = named_tenant(app, &tenant).await?;
            credit::set_price(app, tenant, Priced { channel, category }, credits).await.map_err(explained)?;
        }
    }
    Ok(Exit::Ok)
}

async fn show(app: &App, tenant: TenantId, format: Format) -> Result<()> {
    let wallet = credit::wallet(app, tenant, None).await.map_err(explained)?;
    let priced = credit::prices(app, tenant).await?;
    let price = |(Priced { channel, category }, credits)| Price { channel, category, credits };
    let shown = Shown {
        enforced: wallet.is_enforced,
        balance: wallet.balance,
        reserved: wallet.reserved,
        prices: priced.into_iter().map(price).collect(),
    };
    format.item(&shown, lines)
}

fn lines(shown: &Shown) -> Vec<(&'static str, String)> {
    let price = |price: &Price| {
        let category = price.category.map_or("everything else", Category::as_str);
        ("price", format!("{} {category}: {}", price.channel, price.credits))
    };
    let enforced = if shown.enforced { "yes" } else { "no" };
    let own = [
        ("enforced", enforced.to_owned()),
        ("balance", shown.balance.to_string()),
        ("reserved", shown.reserved.to_string()),
    ];
    own.into_iter().chain(shown.prices.iter().map(price)).collect()
}

const fn said(note: &str) -> Said<'_> {
    Said { by: Actor::Operator, note }
}

fn print(balance: Result<i64, WalletError>) -> Result<()> {
    out(&format!("{}\n", balance.map_err(explained)?))
}

fn explained(error: WalletError) -> anyhow::Error {
    match error {
        WalletError::Store(cause) => cause.into(),
        WalletError::NotFound => not_found(error.to_string()),
        WalletError::BelowZero { .. } => refused(error.to_string()),
        other => usage(other.to_string()),
    }
}
