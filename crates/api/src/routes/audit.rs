//! Who changed what, from where.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::audit::{self, AuditExport, Entry as Stored, Wanted};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    ApiState,
    caller::{AuditRead, Caller},
    extract::Query,
    problem::{Problem, Refusals},
    routes::{
        csv_file::exported,
        live,
        page::{self, Page},
    },
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(export))
}

/// Of what to tell; everything that is named must hold.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Who did it: the id of a member, of an API client or of somebody who signs in, or `operator`.
    #[param(max_length = 100)]
    actor: Option<String>,
    /// Of what kind: `members`, `campaigns`, `api_clients`, …
    #[param(max_length = 63)]
    noun: Option<String>,
    /// One thing, by its id.
    #[param(max_length = 100)]
    noun_id: Option<String>,
    /// From then on.
    since: Option<DateTime<Utc>>,
    /// Before then.
    until: Option<DateTime<Utc>>,
    /// Rows of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
}

impl AuditQuery {
    fn wanted(self) -> Wanted {
        let noun_id = self.noun_id.map(|id| stored_id(&id).unwrap_or(id));
        Wanted { actor: self.actor, noun: self.noun, noun_id, since: self.since, until: self.until }
    }
}

/// Rows are named by what is in an id, without its prefix; keys of programs as they are.
fn stored_id(id: &str) -> Option<String> {
    let (_, hex) = id.split_once('_')?;
    (hex.len() == 32).then(|| Uuid::try_parse(hex).ok()).flatten().map(|id| id.to_string())
}

/// Something that somebody made, changed or deleted.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    #[schema(pattern = "^aud_[0-9a-f]{32}$")]
    id: String,
    at: DateTime<Utc>,
    actor: String,
    ip: Option<String>,
    /// As the request was called; the request log has more of it.
    request_id: Option<String>,
    noun: String,
    noun_id: String,
    /// `created`, `changed` or `deleted`.
    action: String,
    /// What differs, as it was. Secrets are told to be there, and never what they are.
    #[schema(value_type = Object)]
    before: Value,
    /// What differs, as it became.
    #[schema(value_type = Object)]
    after: Value,
}

impl AuditEntry {
    fn of(stored: Stored) -> Self {
        let Stored { id, at, actor, ip, request_id, noun, noun_id, action, before, after } = stored;
        Self { id: id.to_string(), at, actor, ip, request_id, noun, noun_id, action, before, after }
    }
}

/// What was changed, the newest first.
///
/// Whatever somebody changes about the tenant, its accounts, people, programs, campaigns, templates, audiences, automations and
/// endpoints is written in the transaction of the change itself; nobody can change or delete it.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "A page", body = Page<AuditEntry>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<AuditRead>,
    State(api): State<ApiState>,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<Page<AuditEntry>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    let rows = audit::list(&api.app, live::tenant(&caller)?, &query.wanted(), after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), AuditEntry::of)))
}

/// The same as CSV, safe to be opened by a spreadsheet; whole, whatever `limit` and `after` say.
#[utoipa::path(
    get,
    path = "/v1/audit/export.csv",
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "The file, sent while it is written", body = String, content_type = "text/csv"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn export(
    caller: Caller<AuditRead>,
    State(api): State<ApiState>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let export = AuditExport::new(live::tenant(&caller)?, query.wanted());
    Ok(exported("audit.csv", export, api))
}
