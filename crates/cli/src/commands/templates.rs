//! `postroad templates`: registered here, submitted to whoever approves them, listed there, shown to somebody.

mod preview;

use anyhow::Result;
use postroad_app::{
    App,
    templates::{self, Filter, NewTemplate, Template, TemplateError, listing, review},
};
use postroad_core::{
    ids::{AccountId, TemplateId, TenantId},
    template::{Parts, TemplateCategory, TemplateStatus},
};
use postroad_providers::reviews_templates;
use serde::Serialize;

use super::{PAGE, whose::Whose};
use crate::{
    config::Config,
    exit::{Exit, not_found, refused, usage},
    print::{Format, out},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Register a template; prints its id
    #[command(override_usage = "\
postroad templates create <NAME> --account <ID> \\
    --category <CATEGORY> --body <TEXT> [OPTIONS]")]
    #[command(before_help = "\
Examples:
  postroad templates create spring_sale --account acc_0198… \\
    --category marketing --body 'Hello {{1}}, {{2}} off today' --approved")]
    Create(Create),
    /// List templates
    #[command(before_help = "Examples:\n  postroad templates list --status approved --json")]
    List {
        /// Only of this account
        #[arg(long)]
        account: Option<AccountId>,
        /// Only in this state
        #[arg(long)]
        status: Option<TemplateStatus>,
        /// Only of this name: the languages of one template
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
    /// Ask the provider to approve a draft, or a rejected template again
    #[command(before_help = "Examples:\n  postroad templates submit tpl_0198…")]
    Submit {
        #[command(flatten)]
        one: One,
    },
    /// Ask the provider for its templates; a worker writes them down
    #[command(before_help = "Examples:\n  postroad templates sync acc_0198…")]
    Sync {
        /// Of this account
        account: AccountId,
        #[command(flatten)]
        whose: Whose,
    },
    /// Show a template filled in, to people or with its samples
    #[command(before_help = "\
Examples:
  postroad templates preview tpl_0198…
  postroad templates preview tpl_0198… --fill @first_name=there \\
    --fill '20 %' --contact con_0198…")]
    Preview(preview::Preview),
    /// Delete a template, also at a provider that has it
    #[command(before_help = "Examples:\n  postroad templates delete tpl_0198… --yes")]
    Delete {
        #[command(flatten)]
        one: One,
        /// Really
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(clap::Args)]
pub struct One {
    id: TemplateId,
    #[command(flatten)]
    whose: Whose,
}

#[derive(clap::Args)]
pub struct Create {
    /// As the provider knows it
    name: String,
    #[arg(long)]
    account: AccountId,
    /// As the provider spells it
    #[arg(long, default_value = "en_US")]
    language: String,
    /// marketing, utility or authentication
    #[arg(long)]
    category: TemplateCategory,
    /// Text with {{1}} to {{10}}
    #[arg(long)]
    body: String,
    /// A line above the body
    #[arg(long, value_name = "TEXT")]
    header: Option<String>,
    /// A line below the body
    #[arg(long, value_name = "TEXT")]
    footer: Option<String>,
    /// Title of the next quick-reply button
    #[arg(long = "button", value_name = "TITLE")]
    buttons: Vec<String>,
    /// What stands for the next placeholder when somebody looks at it
    #[arg(long = "sample", value_name = "TEXT")]
    samples: Vec<String>,
    /// The provider has approved it already
    #[arg(long)]
    approved: bool,
    /// The provider's id of it
    #[arg(long, value_name = "ID")]
    provider_ref: Option<String>,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Serialize)]
struct Shown {
    id: TemplateId,
    account: AccountId,
    name: String,
    language: String,
    category: TemplateCategory,
    status: TemplateStatus,
    status_reason: Option<String>,
    placeholders: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    buttons: Vec<String>,
    samples: Vec<String>,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Create(args) => {
            let tenant = args.whose.find(app, config).await?;
            let made = templates::create(app, tenant, described(args), reviews_templates).await.map_err(told)?;
            out(&format!("{}\n", made.id))?;
        }
        Command::List { account, status, name, whose, format } => {
            let filter = Filter { account, status, name, after: None, limit: PAGE };
            let shown: Vec<Shown> =
                all(app, whose.find(app, config).await?, filter).await?.into_iter().map(shown).collect();
            format.list(&shown, &["name", "language", "category", "status", "values", "id"], cells)?;
        }
        Command::Submit { one } => {
            let tenant = one.whose.find(app, config).await?;
            let template = review::submit(app, tenant, one.id, reviews_templates).await.map_err(told)?;
            out(&format!("{}\n", template.status))?;
        }
        Command::Sync { account, whose } => {
            let tenant = whose.find(app, config).await?;
            let began = listing::start(app, tenant, account, reviews_templates).await.map_err(told)?;
            out(&format!("{}\n", began.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))?;
        }
        Command::Preview(wanted) => wanted.run(app, config).await?,
        Command::Delete { one, yes: _ } => {
            let tenant = one.whose.find(app, config).await?;
            review::delete(app, tenant, one.id, reviews_templates).await.map_err(told)?;
        }
    }
    Ok(Exit::Ok)
}

fn described(args: Create) -> NewTemplate {
    NewTemplate {
        account: args.account,
        name: args.name,
        language: args.language,
        category: args.category,
        body: args.body,
        parts: Parts { header: args.header, footer: args.footer, buttons: args.buttons, samples: args.samples },
        status: if args.approved { TemplateStatus::Approved } else { TemplateStatus::Draft },
        provider_ref: args.provider_ref,
    }
}

async fn all(app: &App, tenant: TenantId, mut filter: Filter) -> Result<Vec<Template>> {
    let mut all: Vec<Template> = Vec::new();
    loop {
        let page = templates::list(app, tenant, &filter).await?;
        let Some(last) = page.last() else { return Ok(all) };
        filter.after = Some(last.id);
        all.extend(page);
    }
}

fn shown(template: Template) -> Shown {
    Shown {
        id: template.id,
        account: template.account,
        name: template.name,
        language: template.language,
        category: template.category,
        status: template.status,
        status_reason: template.status_reason,
        placeholders: template.placeholders,
        header: template.parts.header,
        body: template.body,
        footer: template.parts.footer,
        buttons: template.parts.buttons,
        samples: template.parts.samples,
    }
}

fn cells(shown: &Shown) -> Vec<String> {
    vec![
        shown.name.clone(),
        shown.language.clone(),
        shown.category.to_string(),
        shown.status.to_string(),
        shown.placeholders.to_string(),
        shown.id.to_string(),
    ]
}

fn told(error: TemplateError) -> anyhow::Error {
    match error {
        TemplateError::NotFound | TemplateError::UnknownAccount | TemplateError::UnknownContact(_) => {
            not_found(error.to_string())
        }
        TemplateError::Taken
        | TemplateError::BeingDeleted
        | TemplateError::BodyIsFixed(_)
        | TemplateError::NotSubmittable(_)
        | TemplateError::NoReview { .. }
        | TemplateError::NoSamples { .. }
        | TemplateError::InUse => refused(error.to_string()),
        TemplateError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
