//! `postroad templates`: what a provider has approved, registered here.

use anyhow::Result;
use postroad_app::{
    App,
    templates::{self, Filter, NewTemplate, Template, TemplateError},
};
use postroad_core::{
    ids::{AccountId, TemplateId, TenantId},
    template::{TemplateCategory, TemplateStatus},
};
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
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        format: Format,
    },
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
    body: String,
}

pub async fn run(command: Command, app: &App, config: &Config) -> Result<Exit> {
    match command {
        Command::Create(args) => {
            let tenant = args.whose.find(app, config).await?;
            let template = templates::create(app, tenant, described(args)).await.map_err(told)?;
            out(&format!("{}\n", template.id))?;
        }
        Command::List { account, status, whose, format } => {
            let filter = Filter { account, status, after: None, limit: PAGE };
            let shown: Vec<Shown> =
                all(app, whose.find(app, config).await?, filter).await?.into_iter().map(shown).collect();
            format.list(&shown, &["name", "language", "category", "status", "values", "id"], cells)?;
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
        body: template.body,
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
        TemplateError::NotFound | TemplateError::UnknownAccount => not_found(error.to_string()),
        TemplateError::Taken | TemplateError::BodyIsFixed(_) => refused(error.to_string()),
        TemplateError::Store(cause) => cause.into(),
        other => usage(other.to_string()),
    }
}
