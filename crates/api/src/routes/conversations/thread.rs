//! What is said in a conversation, and what happened to it.

use axum::{extract::State, response::Response};
use postroad_app::{
    conversations::{self, Reply},
    messages,
};
use postroad_core::ids::{ConversationId, MemberId, MessageId};
use postroad_store::messages::Filter;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{by, view::Event};
use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, ConversationsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live,
        messages::{
            answered,
            new::{Kind, NewButton, NewMedia, NewTemplate, Parts},
            view::{Accepted, Message},
        },
        page::{self, Page, PageQuery},
    },
    state::adapter,
};

/// An answer to the person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"type": "text", "text": "It left our house this morning.", "undo_s": 10})))]
pub(super) struct NewReply {
    #[serde(rename = "type")]
    kind: Kind,
    /// With `text` and `interactive`.
    #[schema(min_length = 1, max_length = 4096)]
    text: Option<String>,
    /// Whether the first link of `text` is shown with a preview.
    preview_url: Option<bool>,
    template: Option<NewTemplate>,
    media: Option<NewMedia>,
    /// Reply buttons, with `interactive`.
    #[schema(min_items = 1, max_items = 3)]
    buttons: Option<Vec<NewButton>>,
    /// The message of the conversation that it answers.
    #[schema(value_type = Option<String>, pattern = "^msg_[0-9a-f]{32}$")]
    reply_to: Option<MessageId>,
    /// Seconds for which it waits, so that it can be cancelled. 0 to 60.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 60)]
    undo_s: u32,
    /// Who says it.
    #[schema(value_type = Option<String>, pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<MemberId>,
}

impl NewReply {
    fn into_reply(self) -> Result<Reply, Problem> {
        let Self { kind, text, preview_url, template, media, buttons, reply_to, undo_s, .. } = self;
        let content = Parts { kind, text, preview_url, template, media, buttons }.into_content()?;
        Ok(Reply { content, reply_to, undo_s })
    }
}

/// Answer.
///
/// It is accepted like every message, and goes before campaigns. Within `undo_s` it can be taken back by its id.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/messages",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    request_body = NewReply,
    responses((status = 202, description = "Accepted", body = Accepted), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn reply(
    caller: Caller<InPart<ConversationsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Json(new): Json<NewReply>,
) -> Result<Response, Problem> {
    let by = by(&caller, new.member_id)?;
    let reply = new.into_reply()?;
    let answer = conversations::reply((&api.app, adapter), (caller.call(), by), id, reply, Accepted::of).await?;
    Ok(answered(answer))
}

/// List what was said in a conversation, newest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Message>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn list(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Message>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?;
    conversations::get(&api.app, live::tenant(&caller)?, id, None).await?;
    let filter = Filter { conversation: Some(id), after, ..Filter::default() };
    let rows = messages::list(&api.app, caller.call(), &filter, limit + 1).await?;
    Ok(axum::Json(Message::page_of(&api, caller.tenant(), rows, limit).await?))
}

/// List what happened to a conversation, oldest first.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/events",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Event>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
pub(super) async fn events(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Event>>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::parse("after", query.after.as_deref())?.unwrap_or_default();
    let rows = conversations::history(&api.app, live::tenant(&caller)?, id, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.seq.to_string(), Event::of)))
}
