//! Asking a person for a second yes, and the page where it is given.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use maud::html;
use postroad_app::opt_ins::{self, Asked, OptIn as Stored, OptInError, Question};
use postroad_core::{
    account::Channel,
    consent::{OptInState, Purpose},
    ids::{ContactId, OptInId},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{look, visitor::Visitor};
use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Json, Path, Query},
    problem::{Merged, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
    schema::{ChannelWord, PurposeWord},
};

pub(super) fn signed() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list))
}

pub(super) fn open() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(show, confirm))
}

/// What a person is to be asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"channel": "email", "address": "ada@example.com", "purpose": "marketing", "source": "web form",
    "wording": "Yes, send me offers by mail."})))]
struct NewOptIn {
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// One of the contact's, in any spelling.
    #[schema(min_length = 1, max_length = 320)]
    address: String,
    /// `marketing` or `transactional`.
    #[schema(value_type = PurposeWord)]
    purpose: Purpose,
    /// Where the person said yes first.
    #[schema(min_length = 1, max_length = 100)]
    source: String,
    /// The words that the person agrees to. The page shows them.
    #[schema(min_length = 1, max_length = 2000)]
    wording: String,
}

/// A consent that waits for the person's second yes, or did.
#[derive(Serialize, ToSchema)]
struct OptIn {
    #[schema(pattern = "^opt_[0-9a-f]{32}$")]
    id: String,
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    address: String,
    #[schema(value_type = PurposeWord)]
    purpose: &'static str,
    source: String,
    wording: String,
    /// `pending`, `confirmed`, `expired`, or `withdrawn`: the person revoked the purpose after the question.
    #[schema(value_type = String, pattern = "^(pending|confirmed|expired|withdrawn)$")]
    state: &'static str,
    requested_at: DateTime<Utc>,
    /// Seven days after it was asked.
    expires_at: DateTime<Utc>,
    /// When it was confirmed or withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<DateTime<Utc>>,
    /// Where the person confirms. Told in the answer that made it, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl OptIn {
    fn of(opt_in: Stored, now: DateTime<Utc>) -> Self {
        Self {
            id: opt_in.id.to_string(),
            channel: opt_in.channel.as_str(),
            purpose: opt_in.purpose.as_str(),
            state: opt_ins::standing(&opt_in, now).as_str(),
            address: opt_in.address,
            source: opt_in.source,
            wording: opt_in.wording,
            requested_at: opt_in.requested_at,
            expires_at: opt_in.expires_at,
            decided_at: opt_in.decided_at,
            url: None,
        }
    }
}

/// Ask a person for a second yes: until then nothing is consented to.
///
/// Send `url` to the address that is to agree, in a message of your own. The link works once and for seven days. A revocation
/// after the question wins over a later yes.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/opt-ins",
    tag = "consents",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    request_body = NewOptIn,
    responses((status = 201, description = "Asked", body = OptIn), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Json(new): Json<NewOptIn>,
) -> Result<(StatusCode, axum::Json<OptIn>), Problem> {
    let NewOptIn { channel, address, purpose, source, wording } = new;
    let new = opt_ins::NewOptIn { channel, address, purpose, source, wording };
    let Asked { opt_in, token } = opt_ins::ask(&api.app, live::tenant(&caller)?, id, new).await?;
    let url = Some(format!("{}/o/{}", api.settings.public_url, token.as_str()));
    Ok((StatusCode::CREATED, axum::Json(OptIn { url, ..OptIn::of(opt_in, api.app.clock.now()) })))
}

/// What a contact was asked for, the last first.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}/opt-ins",
    tag = "consents",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<OptIn>), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<OptIn>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before: Option<OptInId> = page::parse("after", query.after.as_deref())?;
    let rows = opt_ins::list(&api.app, tenant, id, before, limit + 1).await?;
    let now = api.app.clock.now();
    Ok(axum::Json(Page::of(rows, limit, |opt_in| opt_in.id.to_string(), |opt_in| OptIn::of(opt_in, now))))
}

/// Ask the person. Changes nothing: link scanners come here too.
#[utoipa::path(
    get,
    path = "/o/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")),
    responses(
        (status = 200, description = "A page with a button, or that it was confirmed", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 410, description = "It has expired, or the person said stop since", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn show(State(api): State<ApiState>, visitor: Visitor) -> Response {
    match opt_ins::look(&api.app, &visitor.token).await {
        Ok(Some(question)) => answer(&visitor, &question),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

/// The person says yes. Doing it again changes nothing.
#[utoipa::path(
    post,
    path = "/o/{token}",
    tag = "pages",
    params(("token" = String, Path, pattern = "^[A-Za-z0-9_-]{22}$")),
    responses(
        (status = 200, description = "Confirmed, now or before", body = String, content_type = "text/html"),
        (status = 404, description = "The link leads nowhere", body = String, content_type = "text/html"),
        (status = 410, description = "It has expired, or the person said stop since", body = String, content_type = "text/html"),
        (status = 429, description = "Too many links that lead nowhere; Retry-After tells when to come again", body = String, content_type = "text/html"),
        (status = 503, description = "The database is away", body = String, content_type = "text/html"),
    ),
)]
async fn confirm(State(api): State<ApiState>, visitor: Visitor) -> Response {
    match opt_ins::confirm(&api.app, &visitor.token).await {
        Ok(Some(question)) => answer(&visitor, &question),
        Ok(None) => visitor.nowhere(&api).await,
        Err(error) => visitor.failed(error),
    }
}

fn answer(visitor: &Visitor, question: &Question) -> Response {
    let words = visitor.words(None);
    let (status, said) = match question.state {
        OptInState::Pending => (StatusCode::OK, None),
        OptInState::Confirmed => (StatusCode::OK, Some(words.agreed)),
        OptInState::Expired => (StatusCode::GONE, Some(words.expired)),
        OptInState::Withdrawn => (StatusCode::GONE, Some(words.withdrawn)),
    };
    let body = html! {
        @if let Some(said) = said { (look::status(said)) }
        p { (words.channel(question.channel)) " " bdi { (question.masked) } }
        blockquote { (question.wording) }
        @if said.is_none() {
            p { (words.agree_question) }
            form method="post" { button { (words.agree) } }
        }
    };
    look::page_of(status, words, &question.writer, &body)
}

impl From<OptInError> for Problem {
    fn from(error: OptInError) -> Self {
        match error {
            OptInError::Contact(error) => error.into(),
            OptInError::UnknownAddress(_) => Self::invalid("unknown_address", error),
            OptInError::Purpose => Self::invalid("invalid_purpose", error),
            OptInError::Source => Self::invalid("invalid_source", error),
            OptInError::Wording => Self::invalid("invalid_wording", error),
            OptInError::TooManyPending => Self::invalid("too_many_opt_ins", error),
            OptInError::Store(error) => error.into(),
        }
    }
}
