//! `postroad campaigns`: one message to many people.

mod after;
mod when;

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use postroad_app::{
    App,
    campaigns::{self, CampaignError, Guards, NewCampaign},
};
use postroad_core::{
    actor::Actor,
    campaign::CampaignState,
    consent::Purpose,
    gates::QuietPolicy,
    ids::{AccountId, CampaignId, ContactId, GroupId, SegmentId, TemplateId, TenantId},
};
use postroad_store::campaigns::{Audience, Campaign, Fallback, Listed, Tally};
use serde::Serialize;

use super::{PAGE, fill::Fill, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found, refused, usage},
    print::{Format, instant, note, or_dash, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write a draft; prints its id
    #[command(before_help = "\
Examples:
  postroad campaigns create 'Spring sale' --account acc_0198… \\
    --template tpl_0198… --all --fill @first_name=there --fill '20 %'")]
    Create(Create),
    /// List campaigns, newest first
    #[command(before_help = "Examples:\n  postroad campaigns list --json")]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// Show one campaign with its progress
    #[command(before_help = "Examples:\n  postroad campaigns show cmp_0198…")]
    Show {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        format: Format,
    },
    /// Begin: recipients are written, and what may leave leaves
    #[command(before_help = "Examples:\n  postroad campaigns start cmp_0198… --yes")]
    Start {
        #[command(flatten)]
        one: One,
        /// Really
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Stop within two seconds; calls on their way end
    #[command(before_help = "Examples:\n  postroad campaigns pause cmp_0198… --reason 'wrong link'")]
    Pause {
        #[command(flatten)]
        one: One,
        /// For whoever reads it later
        #[arg(long, default_value = "paused on the command line")]
        reason: String,
    },
    /// Go on where it stopped
    #[command(before_help = "Examples:\n  postroad campaigns resume cmp_0198…")]
    Resume(One),
    /// End it for good; what is on its way is not taken back
    #[command(before_help = "Examples:\n  postroad campaigns cancel cmp_0198… --yes")]
    Cancel {
        #[command(flatten)]
        one: One,
        /// Really
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Let it begin by itself: once, at local time, or again and again
    #[command(before_help = "\
Examples:
  postroad campaigns schedule cmp_0198… --at 2026-12-01T08:00:00Z
  postroad campaigns schedule cmp_0198… --local 2026-12-01T09:00:00
  postroad campaigns schedule cmp_0198… --cron '0 9 * * 1' --zone Europe/Berlin
  postroad campaigns schedule cmp_0198… --not")]
    Schedule(when::Schedule),
    /// Change how fast it goes, also while it runs
    #[command(before_help = "Examples:\n  postroad campaigns throttle cmp_0198… --per-minute 600")]
    Throttle(when::Throttle),
    /// Let a large campaign of somebody else begin
    #[command(before_help = "Examples:\n  postroad campaigns approve cmp_0198…")]
    Approve(One),
    /// Write a draft that says the same; prints its id
    #[command(before_help = "Examples:\n  postroad campaigns clone cmp_0198…")]
    Clone(One),
    /// Put an ended campaign, or a draft, out of sight
    #[command(before_help = "Examples:\n  postroad campaigns archive cmp_0198…")]
    Archive(One),
    /// What a person should know before it begins
    #[command(before_help = "Examples:\n  postroad campaigns preflight cmp_0198…")]
    Preflight {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        format: Format,
    },
    /// What became of it
    #[command(before_help = "Examples:\n  postroad campaigns report cmp_0198… --json")]
    Report {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        format: Format,
    },
    /// Who did what to it, newest first
    #[command(before_help = "Examples:\n  postroad campaigns history cmp_0198…")]
    History {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        format: Format,
    },
    /// Write a draft for those whom it did not reach; prints its id
    #[command(before_help = "Examples:\n  postroad campaigns follow-up cmp_0198… --whom not-reached")]
    FollowUp(after::Followed),
}

#[derive(clap::Args)]
pub struct One {
    id: CampaignId,
    #[command(flatten)]
    whose: Whose,
}

#[derive(clap::Args)]
pub struct Create {
    name: String,
    #[arg(long, value_name = "ID")]
    account: AccountId,
    #[arg(long, value_name = "ID")]
    template: TemplateId,
    /// marketing or transactional
    #[arg(long, default_value = "marketing")]
    purpose: Purpose,
    /// To everybody with an address on the account's channel
    #[arg(long, required_unless_present_any = ["contacts", "segment", "group"])]
    all: bool,
    /// To this contact; as often as needed
    #[arg(long = "contact", value_name = "ID", conflicts_with_all = ["all", "segment", "group"])]
    contacts: Vec<ContactId>,
    /// To whom this segment means when the campaign begins
    #[arg(long, value_name = "ID", conflicts_with_all = ["all", "group"])]
    segment: Option<SegmentId>,
    /// To the members of this group
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    group: Option<GroupId>,
    /// Value of the next placeholder: a text; or @ and an attribute of the
    /// contact, with what stands for it where it is missing; or link: and
    /// preferences, unsubscribe or an address
    #[arg(long = "fill", value_name = "TEXT|@NAME[=TEXT]|link:TO")]
    fills: Vec<Fill>,
    /// What quiet hours mean: hold, skip, expire or exempt
    #[arg(long, default_value = "hold", value_name = "POLICY")]
    quiet_policy: QuietPolicy,
    /// Nothing leaves at or after this instant
    #[arg(long, value_name = "INSTANT")]
    not_after: Option<DateTime<Utc>>,
    /// Share of the account among campaigns, 1 to 100
    #[arg(long, default_value_t = 4)]
    weight: i16,
    /// Whom it does not reach gets it by this account
    #[arg(long, value_name = "ID", requires = "fallback_template")]
    fallback_account: Option<AccountId>,
    /// With this template of that account
    #[arg(long, value_name = "ID", requires = "fallback_account")]
    fallback_template: Option<TemplateId>,
    /// Value of the next placeholder of the fallback
    #[arg(long = "fallback-fill", value_name = "TEXT|@NAME[=TEXT]|link:TO", requires = "fallback_template")]
    fallback_fills: Vec<Fill>,
    /// Failures that are reported so many seconds after the end still count
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, requires = "fallback_template")]
    fallback_within: i32,
    /// To each in their own language, where the template has an approved
    /// variant in it
    #[arg(long)]
    own_language: bool,
    /// Messages per minute at most
    #[arg(long, value_name = "PER MINUTE")]
    throttle: Option<i32>,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Serialize)]
struct Shown {
    id: CampaignId,
    name: String,
    state: CampaignState,
    paused_reason: Option<String>,
    purpose: Purpose,
    /// Recipients written so far.
    recipients: i64,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// By state; waits and refusals by `state:reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<BTreeMap<String, i64>>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Create(args) => {
            let tenant = args.whose.find(app, config).await?;
            out(&format!(
                "{}\n",
                campaigns::create(app, Actor::Operator, tenant, described(args)).await.map_err(told)?
            ))?;
        }
        Command::List { whose, format } => {
            let all = all(app, whose.find(app, config).await?).await?;
            let shown: Vec<Shown> = all.into_iter().map(|campaign| shown(campaign, None)).collect();
            format.list(&shown, &["name", "state", "recipients", "started", "id"], cells)?;
        }
        Command::Show { one, format } => {
            let tenant = one.whose.find(app, config).await?;
            let campaign = campaigns::get(app, tenant, one.id).await.map_err(told)?;
            let tallies = campaigns::tallies(app, tenant, one.id).await.map_err(told)?;
            format.item(&shown(campaign, Some(&tallies)), lines)?;
        }
        Command::Schedule(args) => when::schedule(args, app, config).await?,
        Command::Throttle(args) => when::throttle(args, app, config).await?,
        Command::Preflight { one, format } => return after::preflight(&one, &format, app, config).await,
        Command::Report { one, format } => after::report(&one, &format, app, config).await?,
        Command::History { one, format } => after::history(&one, &format, app, config).await?,
        Command::FollowUp(args) => after::follow_up(args, app, config).await?,
        Command::Clone(one) => {
            let tenant = one.whose.find(app, config).await?;
            let copy = campaigns::clone(app, Actor::Operator, tenant, one.id).await.map_err(told)?;
            out(&format!("{copy}\n"))?;
        }
        moves => make(moves, app, config).await?,
    }
    Ok(Exit::Ok)
}

async fn make(command: Command, app: &App, config: &Config) -> Result<()> {
    let (one, reason) = match &command {
        Command::Pause { one, reason } => (one, reason.as_str()),
        Command::Start { one, .. }
        | Command::Cancel { one, .. }
        | Command::Resume(one)
        | Command::Approve(one)
        | Command::Archive(one) => (one, ""),
        _ => return Ok(()),
    };
    let (by, tenant, id) = (Actor::Operator, one.whose.find(app, config).await?, one.id);
    let made = match &command {
        Command::Start { .. } => campaigns::start(app, by, tenant, id).await,
        Command::Pause { .. } => campaigns::pause(app, by, tenant, id, reason).await,
        Command::Resume(_) => campaigns::resume(app, by, tenant, id).await,
        Command::Approve(_) => campaigns::approve(app, by, tenant, id).await,
        Command::Archive(_) => campaigns::archive(app, by, tenant, id).await,
        _ => campaigns::cancel(app, by, tenant, id).await,
    };
    made.map_err(told)?;
    say_state(app, tenant, id).await
}

async fn say_state(app: &App, tenant: TenantId, id: CampaignId) -> Result<()> {
    let state = campaigns::get(app, tenant, id).await.map_err(told)?.state;
    note(&format!("the campaign is {state}"))
}

fn described(args: Create) -> NewCampaign {
    let audience = match (args.segment, args.group) {
        (Some(segment), _) => Audience::Segment { segment },
        (None, Some(group)) => Audience::Group { group },
        (None, None) if args.all => Audience::All { all: true },
        (None, None) => {
            Audience::Contacts { contact_ids: args.contacts.iter().map(|contact| contact.uuid()).collect() }
        }
    };
    let fallback = args.fallback_account.zip(args.fallback_template).map(|(account, template)| Fallback {
        account,
        template,
        variables: args.fallback_fills.into_iter().map(|fill| fill.0).collect(),
        within_s: args.fallback_within,
    });
    NewCampaign {
        name: args.name,
        account: args.account,
        template: args.template,
        purpose: args.purpose,
        variables: args.fills.into_iter().map(|fill| fill.0).collect(),
        audience,
        exclude: Vec::new(),
        quiet_policy: args.quiet_policy,
        weight: args.weight,
        not_after: args.not_after,
        in_own_language: args.own_language,
        fallback,
        guards: Guards { throttle_per_minute: args.throttle, ..Guards::default() },
    }
}

async fn all(app: &App, tenant: TenantId) -> Result<Vec<Campaign>> {
    let mut all: Vec<Campaign> = Vec::new();
    loop {
        let listed = Listed { before: all.last().map(|last| last.id), limit: PAGE, ..Listed::default() };
        let page = campaigns::list(app, tenant, &listed).await.map_err(told)?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn shown(campaign: Campaign, tallies: Option<&[Tally]>) -> Shown {
    Shown {
        id: campaign.id,
        name: campaign.name,
        state: campaign.state,
        paused_reason: campaign.paused_reason,
        purpose: campaign.purpose,
        recipients: campaign.planned,
        started_at: campaign.started_at.map(instant),
        finished_at: campaign.finished_at.map(instant),
        progress: tallies.map(progress),
    }
}

/// Counts by state, and by reason where there is one.
fn progress(tallies: &[Tally]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for tally in tallies {
        let name = match &tally.reason {
            Some(reason) if tally.state != "queued" => format!("{}:{reason}", tally.state),
            _ => tally.state.clone(),
        };
        *counts.entry(name).or_default() += tally.count;
    }
    counts
}

fn cells(shown: &Shown) -> Vec<String> {
    vec![
        shown.name.clone(),
        state(shown),
        shown.recipients.to_string(),
        or_dash(shown.started_at.as_ref()),
        shown.id.to_string(),
    ]
}

fn state(shown: &Shown) -> String {
    match &shown.paused_reason {
        Some(reason) => format!("{}: {reason}", shown.state),
        None => shown.state.to_string(),
    }
}

fn lines(shown: &Shown) -> Vec<(&'static str, String)> {
    let progress = shown.progress.iter().flatten().map(|(name, count)| format!("{count} {}", name.replace(':', ", ")));
    let mut lines = vec![
        ("id", shown.id.to_string()),
        ("name", shown.name.clone()),
        ("state", state(shown)),
        ("recipients", shown.recipients.to_string()),
        ("started", or_dash(shown.started_at.as_ref())),
        ("finished", or_dash(shown.finished_at.as_ref())),
    ];
    lines.extend(progress.map(|line| ("", line)));
    lines
}

fn told(error: CampaignError) -> anyhow::Error {
    match error {
        CampaignError::NotFound | CampaignError::NoGround => not_found(error.to_string()),
        CampaignError::WrongState { .. }
        | CampaignError::TemplateNotApproved { .. }
        | CampaignError::AccountBroken { .. }
        | CampaignError::NeedsApproval { .. }
        | CampaignError::OwnApproval
        | CampaignError::IsSeries
        | CampaignError::NobodyLeft
        | CampaignError::Credit(_) => refused(error.to_string()),
        CampaignError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
