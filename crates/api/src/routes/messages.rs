//! Messages: send, look, take back, ask why.

mod afterwards;
mod explained;
pub(super) mod new;
mod refusals;
pub(super) mod view;

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use postroad_app::{explain, messages, requests::Answer};
use postroad_core::{ids::MessageId, send::SendState};
use postroad_store::messages::Filter;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, Cancels, InPart, MessagesRead, MessagesSend},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::page::{self, Page},
    schema::{ChannelWord, StateWord},
    state::adapter,
};

use explained::Explained;
use new::{NewBatch, NewMessage};
use view::{Accepted, BatchAnswer, Message};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(create_batch))
        .routes(routes!(get))
        .routes(routes!(cancel))
        .routes(routes!(explain_one))
        .merge(afterwards::routes())
}

/// Send a message.
///
/// It is accepted when it is stored, and leaves when no gate holds it. `held_by` names the gate that holds it now.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "messages",
    request_body = NewMessage,
    responses((status = 202, description = "Accepted", body = Accepted), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<MessagesSend>,
    State(api): State<ApiState>,
    Json(new): Json<NewMessage>,
) -> Result<Response, Problem> {
    let draft = new.into_draft()?;
    let answer = messages::submit(&api.app, adapter, caller.call(), draft, Accepted::of).await?;
    Ok(answered(answer))
}

/// Send up to 1,000 messages.
///
/// Those that can be sent are accepted together, the others are told by their place. None can: nothing is stored.
#[utoipa::path(
    post,
    path = "/v1/messages/batch",
    tag = "messages",
    request_body = NewBatch,
    responses((status = 202, description = "Accepted, as far as possible", body = BatchAnswer), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create_batch(
    caller: Caller<MessagesSend>,
    State(api): State<ApiState>,
    Json(new): Json<NewBatch>,
) -> Result<Response, Problem> {
    let drafts = new.into_drafts()?;
    let answer = messages::submit_batch(&api.app, adapter, caller.call(), drafts, BatchAnswer::of).await?;
    Ok(answered(answer))
}

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) fn answered(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
    let mut response = (status, axum::Json(answer.body)).into_response();
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Messages of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^msg_[0-9a-f]{32}$")]
    after: Option<String>,
    #[param(value_type = Option<StateWord>)]
    state: Option<String>,
    /// Of the five words: queued, sent, delivered, read, failed.
    #[param(pattern = "^(queued|sent|delivered|read|failed)$")]
    group: Option<String>,
    #[param(value_type = Option<ChannelWord>)]
    channel: Option<String>,
    #[param(pattern = "^cmp_[0-9a-f]{32}$")]
    campaign_id: Option<String>,
    #[param(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: Option<String>,
    #[param(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: Option<String>,
    /// The request id under which it was asked for.
    #[param(pattern = "^[A-Za-z0-9_-]{16,64}$")]
    request_id: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        let request_id = self.request_id.clone();
        if request_id.as_deref().is_some_and(|id| !is_request_id(id)) {
            return Err(Problem::invalid("invalid_query", "request_id: expected 16 to 64 of A-Z a-z 0-9 _ -"));
        }
        Ok(Filter {
            states: self.states()?,
            channel: page::parse("channel", self.channel.as_deref())?,
            campaign: page::parse("campaign_id", self.campaign_id.as_deref())?,
            contact: page::parse("contact_id", self.contact_id.as_deref())?,
            conversation: page::parse("conversation_id", self.conversation_id.as_deref())?,
            request_id,
            after: page::parse("after", self.after.as_deref())?,
        })
    }

    fn states(&self) -> Result<Vec<SendState>, Problem> {
        let state: Option<SendState> = page::parse("state", self.state.as_deref())?;
        let Some(group) = self.group.as_deref() else { return Ok(state.into_iter().collect()) };
        let of_group = SendState::ALL.iter().copied().filter(|word| word.group() == group);
        let states: Vec<SendState> = of_group.filter(|word| state.is_none_or(|state| state == *word)).collect();
        if states.is_empty() {
            return Err(Problem::invalid("invalid_query", "no state is of this group"));
        }
        Ok(states)
    }
}

fn is_request_id(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// List messages, newest first.
#[utoipa::path(
    get,
    path = "/v1/messages",
    tag = "messages",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Message>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<MessagesRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Message>>, Problem> {
    let limit = page::limit(query.limit)?;
    let rows = messages::list(&api.app, caller.call(), &query.filter()?, limit + 1).await?;
    Ok(axum::Json(Message::page_of(&api, caller.tenant(), rows, limit).await?))
}

/// One message, and where it stands.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}",
    tag = "messages",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    responses((status = 200, description = "The message", body = Message), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<MessagesRead>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
) -> Result<axum::Json<Message>, Problem> {
    let row = messages::get(&api.app, caller.call(), id).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(Message::whole(&api, caller.tenant(), row).await?))
}

/// Take a message back.
///
/// One that nobody started is cancelled, and what it cost is given back. One that may be on its way is not
/// (`already_sending`), and it is never sent a second time. Cancelling twice is fine.
#[utoipa::path(
    post,
    path = "/v1/messages/{id}/cancel",
    tag = "messages",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    responses((status = 200, description = "Cancelled", body = Message), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn cancel(
    caller: Caller<Cancels>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
) -> Result<axum::Json<Message>, Problem> {
    let row = messages::cancel(&api.app, caller.call(), id).await?;
    Ok(axum::Json(Message::of(row)))
}

/// Why is it where it is?
///
/// Everything that was decided, tried and reported, and what holds it now, in words.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/explain",
    tag = "messages",
    params(("id" = String, Path, pattern = "^msg_[0-9a-f]{32}$")),
    responses((status = 200, description = "The story of the message", body = Explained), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn explain_one(
    caller: Caller<InPart<MessagesRead>>,
    State(api): State<ApiState>,
    Path(id): Path<MessageId>,
) -> Result<axum::Json<Explained>, Problem> {
    let story = explain::explain(&api.app, caller.call(), id).await?;
    story.map(|story| axum::Json(Explained::of(story))).ok_or_else(Problem::not_found)
}
