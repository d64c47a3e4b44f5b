//! Who is there.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::live::{self as updates, PassingError};
use postroad_core::{ids::MemberId, live::Presence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsWrite, InPart, MembersRead},
    extract::Json,
    problem::{Problem, Refusals},
    routes::{live, page::Page},
    schema::PresenceWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(say, list))
}

/// That a member is there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PresenceWordOf, examples(json!({"member_id": "mem_019f2b00000070008000000000000003", "state": "online"})))]
struct Said {
    #[schema(value_type = String, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: MemberId,
    #[schema(value_type = PresenceWord)]
    state: Presence,
}

/// Somebody who is there.
#[derive(Serialize, ToSchema)]
struct Present {
    #[schema(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
    #[schema(value_type = PresenceWord)]
    state: Presence,
    /// Unless they say so again.
    expires_at: DateTime<Utc>,
}

impl Present {
    fn of(one: updates::Present) -> Self {
        Self { member_id: one.member.to_string(), state: one.state, expires_at: one.expires_at }
    }
}

/// Say that a member is there.
///
/// It holds for a minute: a client says so every half a minute, and `offline` when it is closed.
#[utoipa::path(
    post,
    path = "/v1/presence",
    tag = "live",
    request_body = Said,
    responses((status = 204, description = "Told"), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn say(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Json(said): Json<Said>,
) -> Result<StatusCode, Problem> {
    updates::be_present(&api.app, live::tenant(&caller)?, caller.speaks_as(said.member_id)?, said.state).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Members who are there.
///
/// Without Redis, each process of the API knows those who told it.
#[utoipa::path(
    get,
    path = "/v1/presence",
    tag = "live",
    responses((status = 200, description = "All of them", body = Page<Present>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<MembersRead>>,
    State(api): State<ApiState>,
) -> Result<axum::Json<Page<Present>>, Problem> {
    let present = updates::present(&api.app, live::tenant(&caller)?).await;
    Ok(axum::Json(Page { data: present.into_iter().map(Present::of).collect(), next: None }))
}

impl From<PassingError> for Problem {
    fn from(error: PassingError) -> Self {
        match error {
            PassingError::NotFound => Self::not_found(),
            PassingError::UnknownMember => Self::invalid("unknown_member", error),
            PassingError::Store(error) => error.into(),
        }
    }
}
