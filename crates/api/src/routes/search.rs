//! Search in what was said.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::search::{self, HIT, Hit, Search, SearchError};
use postroad_core::{account::Channel, message::Direction};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, InPart, MessagesRead},
    extract::Query,
    problem::{Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::{ChannelWord, DirectionWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(messages))
}

/// What is looked for, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// Words that must all be there; "a phrase" in quotation marks, `-word` to leave out, `or` between choices.
    #[param(min_length = 1, max_length = 200)]
    q: String,
    /// Compares stems of this language, beside the words themselves.
    #[param(pattern = "^[a-z]{2}(-[A-Za-z]{2,8})*$", example = "de")]
    language: Option<String>,
    /// Messages of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(max_length = 100)]
    after: Option<String>,
    #[param(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: Option<String>,
    #[param(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: Option<String>,
    #[param(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: Option<String>,
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
    #[param(value_type = Option<ChannelWord>)]
    channel: Option<String>,
    #[param(pattern = "^(inbound|outbound)$")]
    direction: Option<String>,
    /// The `type` of the content.
    #[param(pattern = "^[a-z_]{1,40}$")]
    r#type: Option<String>,
    /// Said at this instant or later.
    since: Option<DateTime<Utc>>,
    /// Said before this instant.
    until: Option<DateTime<Utc>>,
}

impl SearchQuery {
    fn wanted(self) -> Result<Search, Problem> {
        Ok(Search {
            conversation: page::parse("conversation_id", self.conversation_id.as_deref())?,
            contact: page::parse("contact_id", self.contact_id.as_deref())?,
            account: page::parse("account_id", self.account_id.as_deref())?,
            member: page::parse("member_id", self.member_id.as_deref())?,
            channel: page::parse("channel", self.channel.as_deref())?,
            direction: page::parse("direction", self.direction.as_deref())?,
            before: self.after.as_deref().map(page::instant_and_id).transpose()?,
            limit: page::limit(self.limit)? + 1,
            phrase: self.q,
            language: self.language,
            kind: self.r#type,
            since: self.since,
            until: self.until,
        })
    }
}

/// A message that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessageHit)]
struct Found {
    #[schema(pattern = "^msg_[0-9a-f]{32}$")]
    message_id: String,
    #[schema(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation_id: String,
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[schema(pattern = "^acc_[0-9a-f]{32}$")]
    account_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<String>,
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    #[schema(value_type = DirectionWord)]
    direction: Direction,
    r#type: String,
    at: DateTime<Utc>,
    /// Some words around what was found: HTML, in which only `<mark>` is not text.
    #[schema(example = "my <mark>order</mark> has not come")]
    snippet: String,
}

impl Found {
    fn of(hit: Hit) -> Self {
        Self {
            message_id: hit.message.to_string(),
            conversation_id: hit.conversation.to_string(),
            contact_id: hit.contact.to_string(),
            account_id: hit.account.to_string(),
            member_id: hit.member.map(|id| id.to_string()),
            channel: hit.channel,
            direction: hit.direction,
            r#type: hit.kind,
            at: hit.at,
            snippet: marked(&hit.snippet),
        }
    }
}

/// A page of what was found.
#[derive(Debug, Serialize, ToSchema)]
struct MessageHits {
    #[serde(flatten)]
    page: Page<Found>,
    /// Accounts, among those that the search is about, whose messages rest sealed or did: what is sealed is not found. At most 200.
    #[schema(max_items = 200)]
    not_searched: Vec<String>,
}

/// What a person wrote is text, whatever it looks like.
fn marked(snippet: &str) -> String {
    let mut html = String::with_capacity(snippet.len());
    for c in snippet.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c == HIT[0] => html.push_str("<mark>"),
            c if c == HIT[1] => html.push_str("</mark>"),
            c => html.push(c),
        }
    }
    html
}

/// Search in what was said in conversations, newest first.
///
/// What campaigns sent is not found; the answers to it are. What rests sealed is not found either: `not_searched` names the accounts.
#[utoipa::path(
    get,
    path = "/v1/messages/search",
    tag = "search",
    params(SearchQuery),
    responses((status = 200, description = "A page", body = MessageHits), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn messages(
    caller: Caller<InPart<MessagesRead>>,
    State(api): State<ApiState>,
    Query(query): Query<SearchQuery>,
) -> Result<axum::Json<MessageHits>, Problem> {
    let tenant = live::tenant(&caller)?;
    let wanted = query.wanted()?;
    let found = search::messages(&api.app, tenant, &wanted).await?;
    let key = |hit: &Hit| format!("{}.{}", hit.at.timestamp_micros(), hit.message);
    let page = Page::of(found.hits, wanted.limit - 1, key, Found::of);
    Ok(axum::Json(MessageHits { page, not_searched: found.not_searched.iter().map(ToString::to_string).collect() }))
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Phrase => Self::invalid("invalid_query", error),
            SearchError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_text_but_for_its_marks() {
        let written = format!("a <b> & {}order{} \"'", HIT[0], HIT[1]);
        assert_eq!(marked(&written), "a &lt;b&gt; &amp; <mark>order</mark> &quot;&#39;");
    }
}
