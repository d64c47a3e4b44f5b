//! `postroad messages`: where messages stand, and why.

mod explained;

use anyhow::Result;
use postroad_app::{App, explain, messages, requests::Call};
use postroad_core::{
    account::Channel,
    ids::{CampaignId, ContactId, MessageId, TenantId},
    send::SendState,
};
use postroad_store::messages::{Filter, MessageRow};
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found},
    print::{Format, instant, json_line, or_dash},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Why a message is where it is: every decision, call and report
    #[command(before_help = "\
Examples:
  postroad messages explain msg_0198…
  postroad messages explain msg_0198… --json | jq .standing")]
    Explain {
        id: MessageId,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// List messages, newest first
    #[command(before_help = "\
Examples:
  postroad messages list --state waiting --state unknown
  postroad messages list --campaign cmp_0198… --limit 1000 --json")]
    List(List),
    /// Show one message
    #[command(before_help = "Examples:\n  postroad messages show msg_0198…")]
    Show {
        id: MessageId,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(clap::Args)]
pub struct List {
    /// Only in this state; as often as needed
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<SendState>,
    /// Only of this channel
    #[arg(long)]
    channel: Option<Channel>,
    /// Only of this campaign
    #[arg(long)]
    campaign: Option<CampaignId>,
    /// Only with this contact
    #[arg(long)]
    contact: Option<ContactId>,
    /// Only of the API call with this request id
    #[arg(long)]
    request_id: Option<String>,
    /// Older than this one
    #[arg(long)]
    after: Option<MessageId>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    format: Format,
}

/// A message as JSON tells it.
#[derive(Serialize)]
pub struct Shown<'a> {
    id: MessageId,
    direction: String,
    state: Option<SendState>,
    state_at: Option<String>,
    gate: Option<String>,
    reason: Option<String>,
    run_at: Option<String>,
    attempt: Option<i32>,
    channel: Channel,
    address: &'a str,
    account: String,
    contact: ContactId,
    campaign: Option<CampaignId>,
    source: &'a str,
    class: String,
    purpose: String,
    quiet_policy: String,
    not_after: Option<String>,
    provider_ref: Option<&'a str>,
    provider_code: Option<&'a str>,
    fault_class: Option<&'a str>,
    request_id: Option<&'a str>,
    content: &'a postroad_core::message::Content,
    created_at: String,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Explain { id, whose, format } => {
            let story = find(app, &whose.find_or_all(app, config).await?, id, explain::explain).await?;
            format.told(&explained::Shown::of(&story), |_| explained::words(&story))?;
        }
        Command::Show { id, whose, format } => {
            let message = find(app, &whose.find_or_all(app, config).await?, id, messages::get).await?;
            format.item(&shown(&message), lines)?;
        }
        Command::List(args) => list(args, app, config).await?,
    }
    Ok(Exit::Ok)
}

/// Looks for a message in one tenant after the other: an id names a message, whoever owns it.
async fn find<T>(
    app: &App,
    tenants: &[TenantId],
    id: MessageId,
    look: impl AsyncFn(&App, &Call, MessageId) -> postroad_store::Result<Option<T>>,
) -> Result<T> {
    for tenant in tenants {
        if let Some(found) = look(app, &Call::operator(*tenant), id).await? {
            return Ok(found);
        }
    }
    Err(not_found(format!("there is no message {id}")))
}

async fn list(args: List, app: &App, config: &Config) -> Result<()> {
    let call = Call::operator(args.whose.find(app, config).await?);
    let mut filter = Filter {
        states: args.states,
        channel: args.channel,
        campaign: args.campaign,
        conversation: None,
        contact: args.contact,
        request_id: args.request_id,
        after: args.after,
    };
    let mut rows: Vec<MessageRow> = Vec::new();
    while rows.len() < args.limit {
        let wanted = i64::try_from(args.limit - rows.len()).unwrap_or(PAGE).min(PAGE);
        let page = messages::list(app, &call, &filter, wanted).await?;
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id);
        if args.format.json {
            page.iter().try_for_each(|row| json_line(&shown(row)))?;
        }
        rows.extend(page);
    }
    if args.format.json {
        return Ok(());
    }
    args.format.list(&rows.iter().map(shown).collect::<Vec<_>>(), TITLES, cells)
}

const TITLES: &[&str] = &["created", "state", "held by", "channel", "to", "id"];

fn cells(shown: &Shown<'_>) -> Vec<String> {
    vec![
        shown.created_at.clone(),
        or_dash(shown.state.as_ref()),
        held_by(shown),
        shown.channel.to_string(),
        shown.address.to_owned(),
        shown.id.to_string(),
    ]
}

/// The gate and the next look at it, while it waits.
fn held_by(shown: &Shown<'_>) -> String {
    match (shown.state, &shown.gate, &shown.run_at) {
        (Some(SendState::Waiting), Some(gate), Some(until)) => format!("{gate} until {until}"),
        (Some(SendState::Refused | SendState::Expired), Some(gate), _) => gate.clone(),
        _ => "-".to_owned(),
    }
}

pub fn shown(row: &MessageRow) -> Shown<'_> {
    Shown {
        id: row.id,
        direction: row.direction.to_string(),
        state: row.state,
        state_at: row.state_at.map(instant),
        gate: row.gate.map(|gate| gate.to_string()),
        reason: row.reason.map(|reason| reason.to_string()),
        run_at: row.run_at.map(instant),
        attempt: row.attempt,
        channel: row.channel,
        address: &row.address,
        account: row.account.to_string(),
        contact: row.contact,
        campaign: row.campaign,
        source: &row.source,
        class: row.class.to_string(),
        purpose: row.purpose.to_string(),
        quiet_policy: row.quiet_policy.to_string(),
        not_after: row.not_after.map(instant),
        provider_ref: row.provider_ref.as_deref(),
        provider_code: row.provider_code.as_deref(),
        fault_class: row.fault_class.as_deref(),
        request_id: row.request_id.as_deref(),
        content: row.content.0.said(),
        created_at: instant(row.created_at),
    }
}

fn lines(shown: &Shown<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("id", shown.id.to_string()),
        ("to", format!("{} by {}", shown.address, shown.channel)),
        ("state", format!("{} since {}", or_dash(shown.state.as_ref()), or_dash(shown.state_at.as_ref()))),
        ("held by", held_by(shown)),
        ("kind", format!("{}, {} from {}", shown.content.kind(), shown.class, shown.source)),
        ("account", shown.account.clone()),
        ("provider's id", or_dash(shown.provider_ref.as_ref())),
        ("provider's code", or_dash(shown.provider_code.as_ref())),
        ("created", shown.created_at.clone()),
    ]
}
