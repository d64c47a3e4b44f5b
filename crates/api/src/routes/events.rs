//! Live updates: what happens to a tenant, as it happens, without a gap.

mod session;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use postroad_app::{conversations, live as updates};
use postroad_core::{
    ids::{ConversationId, MemberId, TenantId},
    live::Kind,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, InPart},
    extract::Query,
    problem::{Problem, Refusals},
    routes::{live, page},
};

use session::{Filter, Opening, Session};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(stream))
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that collect answers would keep events from whoever waits for them.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a stream carries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// The number of the last event that the client has. `Last-Event-ID` counts for more. Absent: from now on.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Only of this conversation.
    #[param(pattern = "^cnv_[0-9a-f]{32}$")]
    conversation: Option<String>,
    /// Only these kinds, with commas between them: `message.received,typing`.
    #[param(max_length = 1000)]
    kinds: Option<String>,
    /// Who looks: with what this member is told of, and without what passes and is their own.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member: Option<String>,
}

impl StreamQuery {
    fn kinds(&self) -> Result<Option<Vec<Kind>>, Problem> {
        let Some(text) = self.kinds.as_deref() else { return Ok(None) };
        let kinds = text.split(',').map(|word| page::parse("kinds", Some(word.trim())));
        Ok(Some(kinds.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()))
    }

    async fn filter<S>(&self, api: &ApiState, caller: &Caller<S>, tenant: TenantId) -> Result<Filter, Problem> {
        let conversation: Option<ConversationId> = page::parse("conversation", self.conversation.as_deref())?;
        if let Some(id) = conversation {
            conversations::get(&api.app, tenant, id, None).await?;
        }
        let member: Option<MemberId> = caller.speaks_for(page::parse("member", self.member.as_deref())?)?;
        if let Some(id) = member
            && !updates::works(&api.app, tenant, id).await?
        {
            return Err(Problem::invalid(
                "unknown_member",
                "member: there is no such member, or they do not work any more",
            ));
        }
        Ok(Filter { conversation, kinds: self.kinds()?, member })
    }

    /// The number behind which the stream begins. None: now.
    fn after(&self, headers: &HeaderMap) -> Result<Option<i64>, Problem> {
        let Some(id) = headers.get(LAST_EVENT_ID) else { return Ok(self.after.map(|after| after.max(0))) };
        let id = id.to_str().ok().and_then(|id| id.parse().ok()).filter(|id| *id >= 0);
        id.map(Some).ok_or_else(|| Problem::invalid("invalid_query", "Last-Event-ID: not the id of an event"))
    }
}

/// Follow what happens.
///
/// Server-sent events. The first is `hello` with the number of the newest event: whoever loads lists after it misses nothing.
/// `id` is the event's number in the tenant; a client that comes back with it gets everything since, in order and once.
/// `reset` says that this is too long ago, and that lists must be loaded anew. `typing` and `presence` have no number and are
/// gone when they are missed. `bye` says why the stream ends.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "live",
    params(StreamQuery, ("Last-Event-ID" = Option<i64>, Header, description = "The number of the last event that the client has")),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        Refusals,
    ),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn stream(
    caller: Caller<InPart<ConversationsRead>>,
    State(api): State<ApiState>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, Problem> {
    let tenant = live::tenant(&caller)?;
    let after = query.after(&headers)?;
    let filter = query.filter(&api, &caller, tenant).await?;
    let place = api.streams.enter(caller.client(), &api.settings.streams)?;
    let bounds = updates::bounds(&api.app, tenant).await?;
    let follower = api.app.live.follow(&api.app, tenant, bounds.last);
    let opening = Opening { principal: caller.principal(), tenant, follower, place, after, newest: bounds.last };
    let session = Session::open(api, opening, filter);
    let frames = futures::stream::unfold(session, |mut session| async {
        let frame = session.next().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), session))
    });
    Ok(answer(Body::from_stream(frames)))
}

fn answer(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}
