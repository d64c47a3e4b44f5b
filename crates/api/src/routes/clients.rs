//! API clients and their keys. A client gives no other client what it does not have itself.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::{
    clients::{self, ClientError, Former, Grant},
    requests,
};
use postroad_core::{
    ids::{CallId, ClientId},
    scope::Scope,
};
use postroad_store::{
    clients::{ClientRow, KeyRow},
    request_log::Entry,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ClientsRead, ClientsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::page::{self, Page, PageQuery},
    schema::ScopeWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(get, update))
        .routes(routes!(create_key))
        .routes(routes!(revoke_key))
        .routes(routes!(calls))
}

/// What a client is allowed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Shop", "live": false, "scopes": ["messages:send", "messages:read"]})))]
struct NewClient {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// False: its keys reach the sandbox and nobody else. It cannot change later.
    live: bool,
    #[schema(value_type = Vec<ScopeWord>, max_items = 14)]
    scopes: Vec<Scope>,
    /// Networks it may call from. Empty: anywhere.
    #[serde(default)]
    #[schema(max_items = 100)]
    cidrs: Vec<String>,
    /// Requests per second. Absent: 10.
    #[schema(minimum = 0.01, maximum = 100_000)]
    rate_per_s: Option<f64>,
    /// Requests at once after a silence. Absent: 20.
    #[schema(minimum = 1, maximum = 100_000)]
    rate_burst: Option<u32>,
    /// Messages per day. Absent: as many as it likes.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    daily_quota: Option<i64>,
    /// In which the quota's day begins. Absent: UTC.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: Option<String>,
}

impl NewClient {
    fn grant(self) -> Grant {
        let default = Grant::default();
        Grant {
            name: self.name,
            scopes: self.scopes,
            cidrs: self.cidrs,
            rate_per_s: self.rate_per_s.unwrap_or(default.rate_per_s),
            rate_burst: self.rate_burst.unwrap_or(default.rate_burst),
            daily_quota: self.daily_quota,
            time_zone: self.time_zone.unwrap_or(default.time_zone),
            is_active: true,
        }
    }
}

/// What changes of a client; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClientChange {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    #[schema(value_type = Option<Vec<ScopeWord>>, max_items = 14)]
    scopes: Option<Vec<Scope>>,
    #[schema(max_items = 100)]
    cidrs: Option<Vec<String>>,
    #[schema(minimum = 0.01, maximum = 100_000)]
    rate_per_s: Option<f64>,
    #[schema(minimum = 1, maximum = 100_000)]
    rate_burst: Option<u32>,
    /// 0 lifts the quota.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    daily_quota: Option<i64>,
    #[schema(max_length = 60)]
    time_zone: Option<String>,
    /// False: none of its keys opens the door.
    active: Option<bool>,
}

impl ClientChange {
    fn grant(self, old: &ClientRow) -> Grant {
        Grant {
            name: self.name.unwrap_or_else(|| old.name.clone()),
            scopes: self.scopes.unwrap_or_else(|| scopes_of(old)),
            cidrs: self.cidrs.unwrap_or_else(|| old.cidrs.clone()),
            rate_per_s: self.rate_per_s.unwrap_or(old.rate_per_s),
            rate_burst: self.rate_burst.unwrap_or_else(|| u32::try_from(old.rate_burst).unwrap_or(1)),
            daily_quota: self.daily_quota.map_or(old.daily_quota, |quota| Some(quota).filter(|quota| *quota > 0)),
            time_zone: self.time_zone.unwrap_or_else(|| old.time_zone.clone()),
            is_active: self.active.unwrap_or(old.status == "active"),
        }
    }
}

fn scopes_of(row: &ClientRow) -> Vec<Scope> {
    row.scopes.iter().filter_map(|scope| scope.parse().ok()).collect()
}

/// A program that may call.
#[derive(Debug, Serialize, ToSchema)]
struct Client {
    #[schema(pattern = "^cli_[0-9a-f]{32}$")]
    id: String,
    name: String,
    live: bool,
    active: bool,
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: Vec<String>,
    cidrs: Vec<String>,
    rate_per_s: f64,
    rate_burst: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_quota: Option<i64>,
    time_zone: String,
    created_at: DateTime<Utc>,
    /// Its keys, newest first. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<Key>>,
}

impl Client {
    fn of(row: ClientRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            live: row.live,
            active: row.status == "active",
            scopes: row.scopes,
            cidrs: row.cidrs,
            rate_per_s: row.rate_per_s,
            rate_burst: row.rate_burst,
            daily_quota: row.daily_quota,
            time_zone: row.time_zone,
            created_at: row.created_at,
            keys: None,
        }
    }
}

/// A key, without its secret.
#[expect(clippy::struct_field_names, reason = "the name that the header and the command line use")]
#[derive(Debug, Serialize, ToSchema)]
struct Key {
    #[schema(pattern = "^prk_(live|test)_[a-z0-9]{2,40}$")]
    key_id: String,
    /// `active`, `retiring` or `revoked`.
    status: String,
    not_before: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl Key {
    fn of(row: KeyRow) -> Self {
        Self {
            key_id: row.key_id,
            status: row.status,
            not_before: row.not_before,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            created_at: row.created_at,
        }
    }
}

/// Make a client.
#[utoipa::path(
    post,
    path = "/v1/api-clients",
    tag = "api-clients",
    request_body = NewClient,
    responses((status = 201, description = "Made, without keys", body = Client), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ClientsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewClient>,
) -> Result<(StatusCode, axum::Json<Client>), Problem> {
    let (live, grant) = (new.live, new.grant());
    may_give(&caller, live, &grant)?;
    let row = clients::create(&api.app, caller.tenant(), live, &grant).await?;
    Ok((StatusCode::CREATED, axum::Json(Client::of(row))))
}

/// A test key makes test clients, and nobody gives away a scope that he lacks.
fn may_give<S>(caller: &Caller<S>, live: bool, grant: &Grant) -> Result<(), Problem> {
    let refuse =
        |detail: String| Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", "The client lacks a scope", detail));
    if live && !caller.call().live {
        return refuse("a test key makes test clients only".to_owned());
    }
    match grant.scopes.iter().find(|scope| !caller.scopes().contains(scope)) {
        Some(scope) => refuse(format!("only who has the scope {scope} can give it")),
        None => Ok(()),
    }
}

/// List clients, newest first.
#[utoipa::path(
    get,
    path = "/v1/api-clients",
    tag = "api-clients",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Client>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ClientsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Client>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after: Option<ClientId> = page::parse("after", query.after.as_deref())?;
    let rows = clients::list(&api.app, caller.tenant(), after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Client::of)))
}

/// One client with its keys.
#[utoipa::path(
    get,
    path = "/v1/api-clients/{id}",
    tag = "api-clients",
    params(("id" = String, Path, pattern = "^cli_[0-9a-f]{32}$")),
    responses((status = 200, description = "The client", body = Client), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<ClientsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ClientId>,
) -> Result<axum::Json<Client>, Problem> {
    let (row, keys) = clients::get(&api.app, caller.tenant(), id).await?;
    Ok(axum::Json(Client { keys: Some(keys.into_iter().map(Key::of).collect()), ..Client::of(row) }))
}

/// Change what a client is allowed. Holds from the next request on.
#[utoipa::path(
    patch,
    path = "/v1/api-clients/{id}",
    tag = "api-clients",
    params(("id" = String, Path, pattern = "^cli_[0-9a-f]{32}$")),
    request_body = ClientChange,
    responses((status = 200, description = "As it is now", body = Client), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<ClientsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ClientId>,
    Json(change): Json<ClientChange>,
) -> Result<axum::Json<Client>, Problem> {
    let (old, _) = clients::get(&api.app, caller.tenant(), id).await?;
    let grant = change.grant(&old);
    may_give(&caller, old.live, &grant)?;
    let row = clients::update(&api.app, caller.tenant(), id, &grant).await?;
    Ok(axum::Json(Client::of(row)))
}

/// What happens to the keys that a client has.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// Seconds after which the former keys end; 0: at once. Absent: they stay.
    #[schema(minimum = 0, maximum = 2_592_000)]
    retire_former_after_s: Option<u32>,
}

const RETIRE_AFTER_MAX_S: u32 = 2_592_000;

/// A key with its secret, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
struct MadeKey {
    #[schema(pattern = "^prk_(live|test)_[a-z0-9]{2,40}$")]
    key_id: String,
    #[schema(pattern = "^prs_[A-Za-z0-9_-]{43}$")]
    secret: String,
}

/// Make a key. A client has at most two at once.
#[utoipa::path(
    post,
    path = "/v1/api-clients/{id}/keys",
    tag = "api-clients",
    params(("id" = String, Path, pattern = "^cli_[0-9a-f]{32}$")),
    request_body = NewKey,
    responses((status = 201, description = "Made", body = MadeKey), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create_key(
    caller: Caller<ClientsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ClientId>,
    Json(new): Json<NewKey>,
) -> Result<(StatusCode, axum::Json<MadeKey>), Problem> {
    let (row, _) = clients::get(&api.app, caller.tenant(), id).await?;
    may_give(&caller, row.live, &Grant { scopes: scopes_of(&row), ..Grant::default() })?;
    if new.retire_former_after_s.is_some_and(|seconds| seconds > RETIRE_AFTER_MAX_S) {
        return Err(Problem::invalid("out_of_range", "retire_former_after_s is out of range"));
    }
    let former = new.retire_former_after_s.map_or(Former::Stay, |seconds| Former::EndAfter { seconds });
    let made = clients::create_key(&api.app, caller.tenant(), id, former).await?;
    let made = MadeKey { key_id: made.key.key_id, secret: made.secret.reveal() };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// End a key at once.
#[utoipa::path(
    delete,
    path = "/v1/api-clients/{id}/keys/{key_id}",
    tag = "api-clients",
    params(
        ("id" = String, Path, pattern = "^cli_[0-9a-f]{32}$"),
        ("key_id" = String, Path, pattern = "^prk_(live|test)_[a-z0-9]{2,40}$"),
    ),
    responses((status = 204, description = "It opens no door any more"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn revoke_key(
    caller: Caller<ClientsWrite>,
    State(api): State<ApiState>,
    Path((id, key_id)): Path<(ClientId, String)>,
) -> Result<StatusCode, Problem> {
    clients::revoke_key(&api.app, caller.tenant(), id, &key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One call that a client made.
#[derive(Debug, Serialize, ToSchema)]
struct LoggedCall {
    /// The `X-Request-Id` of its answer.
    #[schema(pattern = "^req_[0-9a-f]{32}$")]
    id: String,
    at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    ip: String,
    method: String,
    /// With anything that could be a person's number taken out.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_sha256: Option<String>,
    status: i16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    latency_us: i64,
}

impl LoggedCall {
    fn of(entry: Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            key_id: entry.key_id,
            ip: entry.ip,
            method: entry.method,
            path: entry.path,
            request_id: entry.request_id,
            body_sha256: entry.body_sha256,
            status: entry.status,
            code: entry.code,
            latency_us: entry.latency_us,
        }
    }
}

/// The calls of a client, newest first. Kept for 90 days.
#[utoipa::path(
    get,
    path = "/v1/api-clients/{id}/requests",
    tag = "api-clients",
    params(("id" = String, Path, pattern = "^cli_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<LoggedCall>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn calls(
    caller: Caller<ClientsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ClientId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<LoggedCall>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after: Option<CallId> = page::parse("after", query.after.as_deref())?;
    clients::get(&api.app, caller.tenant(), id).await?;
    let rows = requests::list(&api.app, caller.tenant(), id, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), LoggedCall::of)))
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotFound | ClientError::NoSuchKey => Self::not_found(),
            ClientError::Name { .. } => Self::invalid("invalid_name", error),
            ClientError::Network(_) => Self::invalid("invalid_network", error),
            ClientError::OutOfRange { .. } => Self::invalid("out_of_range", error),
            ClientError::TimeZone { .. } => Self::invalid("invalid_time_zone", error),
            ClientError::TooManyKeys => Self::conflict("too_many_keys", error),
            ClientError::Secret(error) => error.into(),
            ClientError::Store(error) => error.into(),
        }
    }
}
