//! Links to pages of a person, for messages.

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use postroad_app::preferences::{self, LinkError, Made};
use postroad_core::{
    ids::{ContactId, MessageId},
    limits::LINK_KEPT,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsWrite, InPart},
    extract::{Json, Path},
    problem::{Merged, Problem, Refusals},
    routes::live,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create))
}

/// What the link is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPreferenceLink, examples(json!({}), json!({"message_id": "msg_019f2b00000070008000000000000001"})))]
struct NewLink {
    /// A message to the contact: unsubscribing by this link is about its address only.
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    message_id: Option<MessageId>,
}

/// A link that was made. It is told once: only its hash is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = PreferenceLink)]
struct Link {
    #[schema(pattern = "^lnk_[0-9a-f]{32}$")]
    id: String,
    /// The person's own page.
    url: String,
    /// For the header `List-Unsubscribe: <…>`, beside `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058).
    unsubscribe_url: String,
    created_at: DateTime<Utc>,
    /// Two years later.
    expires_at: DateTime<Utc>,
}

impl Link {
    fn of(made: &Made, public_url: &str) -> Self {
        let token = made.token.as_str();
        Self {
            id: made.id.to_string(),
            url: format!("{public_url}/p/{token}"),
            unsubscribe_url: format!("{public_url}/u/{token}"),
            created_at: made.created_at,
            expires_at: made.created_at + LINK_KEPT,
        }
    }
}

/// Make a link to a contact's own page.
///
/// Whoever opens it sees the person's addresses masked, and may change what is consented to. Links begin with the public
/// address of the installation, and end when the contact is erased.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/preference-link",
    tag = "consents",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    request_body = NewLink,
    responses((status = 201, description = "Made", body = Link), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Json(new): Json<NewLink>,
) -> Result<(StatusCode, axum::Json<Link>), Problem> {
    let made = preferences::link(&api.app, live::tenant(&caller)?, id, new.message_id).await?;
    Ok((StatusCode::CREATED, axum::Json(Link::of(&made, &api.settings.public_url))))
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Contact(error) => error.into(),
            LinkError::UnknownMessage(_) => Self::invalid("unknown_message", error),
            LinkError::Store(error) => error.into(),
        }
    }
}
