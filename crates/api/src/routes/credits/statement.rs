//! The lines of the statement, as pages and as a file.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::credit::{self, StatementExport};
use postroad_core::{
    account::Channel,
    credit::{Category, EntryKind},
    ids::MemberId,
    scope::Scope,
};
use postroad_store::credit::entries::{Entry as Line, Listed};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TenantRead},
    extract::Query,
    problem::{Problem, Refusals},
    routes::{
        csv_file::exported,
        live,
        page::{self, Page},
    },
    schema::{ChannelWord, CreditCategoryWord, CreditEntryWord},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(export))
}

/// One line. The sum of `credits` over all of them is the balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreditEntry)]
struct Entry {
    #[schema(pattern = "^ent_[0-9a-f]{32}$")]
    id: String,
    #[schema(value_type = CreditEntryWord)]
    kind: EntryKind,
    /// What it adds to the wallet; negative: what it takes.
    credits: i64,
    /// Of `settle`: what was reserved before, and is spent now.
    #[schema(minimum = 0)]
    spent: i64,
    /// How many messages it is about.
    #[schema(minimum = 0)]
    messages: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<String>,
    /// Who asked for the messages, if a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<String>,
    /// What it adds to the allowance of the member.
    allowance: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChannelWord>)]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CreditCategoryWord>)]
    category: Option<Category>,
    /// `system`, `operator`, or the id of a member, a superadmin, an API client or an automation's run.
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    at: DateTime<Utc>,
}

impl Entry {
    fn of(line: Line) -> Self {
        Self {
            id: line.id.to_string(),
            kind: line.kind,
            credits: line.credits,
            spent: line.spent,
            messages: line.messages,
            message_id: line.message.map(|id| id.to_string()),
            campaign_id: line.campaign.map(|id| id.to_string()),
            member_id: line.member.map(|id| id.to_string()),
            allowance: line.allowance,
            channel: line.channel,
            category: line.category,
            by: line.made_by,
            note: line.note,
            at: line.at,
        }
    }
}

/// Which lines of the statement.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Lines of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^ent_[0-9a-f]{32}$")]
    after: Option<String>,
    #[param(value_type = Option<CreditEntryWord>)]
    kind: Option<String>,
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    campaign_id: Option<String>,
}

impl ListQuery {
    fn listed(&self, caller: &Caller<TenantRead>) -> Result<Listed, Problem> {
        let member = page::parse("member_id", self.member_id.as_deref())?;
        Ok(Listed {
            before: page::parse("after", self.after.as_deref())?,
            kind: page::parse("kind", self.kind.as_deref())?,
            member: only_own(caller).or(member),
            campaign: page::parse("campaign_id", self.campaign_id.as_deref())?,
        })
    }
}

/// Whoever does not run the tenant sees what they spent themselves.
fn only_own(caller: &Caller<TenantRead>) -> Option<MemberId> {
    caller.call().member.filter(|_| !caller.scopes().contains(&Scope::TenantWrite))
}

/// The statement, newest first. Whoever lacks `tenant:write` sees their own lines.
#[utoipa::path(
    get,
    path = "/v1/billing/credits/statement",
    tag = "billing",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Entry>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<TenantRead>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Entry>>, Problem> {
    let limit = page::limit(query.limit)?;
    let lines = credit::statement(&api.app, live::tenant(&caller)?, &query.listed(&caller)?, limit + 1).await?;
    Ok(axum::Json(Page::of(lines, limit, |line| line.id.to_string(), Entry::of)))
}

/// Which lines of the file.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    #[param(value_type = Option<CreditEntryWord>)]
    kind: Option<String>,
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    campaign_id: Option<String>,
}

/// The statement as CSV, newest first, safe to be opened by a spreadsheet.
#[utoipa::path(
    get,
    path = "/v1/billing/credits/statement/export.csv",
    tag = "billing",
    params(ExportQuery),
    responses((status = 200, description = "The file, sent while it is written", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn export(
    caller: Caller<TenantRead>,
    State(api): State<ApiState>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let ExportQuery { kind, member_id, campaign_id } = query;
    let query = ListQuery { limit: None, after: None, kind, member_id, campaign_id };
    let export = StatementExport::new(live::tenant(&caller)?, query.listed(&caller)?);
    Ok(exported("credits.csv", export, api))
}
