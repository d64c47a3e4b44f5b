//! Where somebody is signed in.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::sign_in::{self, Session as Stored};
use postroad_core::ids::SessionId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Csrf;
use crate::{
    ApiState,
    extract::Path,
    problem::{Problem, SignInRefusals},
    sessions::SignedIn,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(list, end_others)).routes(routes!(end))
}

/// One browser in which somebody is signed in.
#[derive(Serialize, ToSchema)]
struct Session {
    #[schema(value_type = String, pattern = "^ses_[0-9a-f]{32}$")]
    id: SessionId,
    /// The one that asks.
    current: bool,
    created_at: DateTime<Utc>,
    /// To a minute.
    seen_at: DateTime<Utc>,
    /// Then it ends, used or not; before that, a day after it was last used.
    ends_at: DateTime<Utc>,
    ip: String,
    /// The browser, as it calls itself.
    agent: String,
}

/// Sessions of one person: at most 50.
#[derive(Serialize, ToSchema)]
struct Sessions {
    items: Vec<Session>,
}

/// Where am I signed in?
#[utoipa::path(
    get,
    path = "/v1/auth/sessions",
    tag = "auth",
    responses((status = 200, description = "The newest first", body = Sessions), SignInRefusals),
    security(("session" = [])),
)]
async fn list(SignedIn { who, .. }: SignedIn, State(api): State<ApiState>) -> Result<axum::Json<Sessions>, Problem> {
    let shown = |stored: Stored| {
        let Stored { id, created_at, seen_at, ends_at, ip, agent } = stored;
        Session { id, current: id == who.session, created_at, seen_at, ends_at, ip, agent }
    };
    let items = sign_in::list(&api.app, who.user).await?.into_iter().map(shown).collect();
    Ok(axum::Json(Sessions { items }))
}

/// Sign out everywhere else.
#[utoipa::path(
    delete,
    path = "/v1/auth/sessions",
    tag = "auth",
    params(Csrf),
    responses((status = 204, description = "This session is the only one"), SignInRefusals),
    security(("session" = [])),
)]
async fn end_others(SignedIn { who, place }: SignedIn, State(api): State<ApiState>) -> Result<StatusCode, Problem> {
    sign_in::end_others(&api.app, &who, &place).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out somewhere else.
#[utoipa::path(
    delete,
    path = "/v1/auth/sessions/{id}",
    tag = "auth",
    params(
        ("id" = String, Path, pattern = "^ses_[0-9a-f]{32}$"),
        Csrf,
    ),
    responses((status = 204, description = "It has ended"), SignInRefusals),
    security(("session" = [])),
)]
async fn end(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    sign_in::end(&api.app, who.user, id, &place).await?;
    Ok(StatusCode::NO_CONTENT)
}
