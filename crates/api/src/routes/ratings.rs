//! What people are asked when their conversation is resolved, and what they say.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::ratings::{self, Asking as Kept, Rating as Stored, RatingError, Summary};
use postroad_core::{
    account::Channel,
    ids::{ConversationId, MemberId},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ConversationsRead, TenantRead, TenantWrite},
    extract::{Json, Path, Query},
    problem::{Problem, Refusals},
    routes::{live, page},
    schema::ChannelWord,
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(get, put)).routes(routes!(summary)).routes(routes!(list))
}

/// What people are asked when their conversation is resolved.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RatingQuestion, examples(json!({"ask": true, "question": "How was our help? Please tell us:", "channels": ["whatsapp"],
                                              "every_days": 7})))]
struct Asking {
    /// Off: nobody is asked.
    ask: bool,
    /// The link to the page stands behind it.
    #[schema(min_length = 1, max_length = 500)]
    question: String,
    /// Where it is asked. Empty: everywhere.
    #[serde(default)]
    #[schema(value_type = Vec<ChannelWord>, max_items = 20)]
    channels: Vec<Channel>,
    /// One person is asked at most once in so many days.
    #[serde(default = "week")]
    #[schema(minimum = 1, maximum = 366)]
    every_days: u32,
}

const fn week() -> u32 {
    7
}

impl Asking {
    fn of(kept: Kept) -> Self {
        let Kept { ask, question, channels, every_days } = kept;
        Self { ask, question, channels, every_days }
    }

    fn read(self) -> Kept {
        let Self { ask, question, channels, every_days } = self;
        Kept { ask, question, channels, every_days }
    }
}

/// Show what people are asked when their conversation is resolved.
#[utoipa::path(
    get,
    path = "/v1/tenant/ratings",
    tag = "tenant",
    responses((status = 200, description = "The question", body = Asking), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(caller: Caller<TenantRead>, State(api): State<ApiState>) -> Result<axum::Json<Asking>, Problem> {
    let kept = ratings::asking(&api.app, live::tenant(&caller)?).await?;
    Ok(axum::Json(Asking::of(kept)))
}

/// Say what people are asked.
///
/// Holds for conversations that are resolved from then on. The question goes through the same gates as every message.
#[utoipa::path(
    put,
    path = "/v1/tenant/ratings",
    tag = "tenant",
    request_body = Asking,
    responses((status = 200, description = "As it is now", body = Asking), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn put(
    caller: Caller<TenantWrite>,
    State(api): State<ApiState>,
    Json(wanted): Json<Asking>,
) -> Result<axum::Json<Asking>, Problem> {
    let tenant = live::tenant(&caller)?;
    let kept = wanted.read();
    ratings::set_asking(&api.app, tenant, &kept).await?;
    Ok(axum::Json(Asking::of(kept)))
}

/// Which ratings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SpanQuery {
    /// Asked from then on. Absent: 30 days before `to`.
    from: Option<DateTime<Utc>>,
    /// Asked before. Absent: until now. At most 366 days after `from`.
    to: Option<DateTime<Utc>>,
    /// Only about conversations that were this member's when the question was sent.
    #[param(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: Option<String>,
}

/// How people answered.
#[derive(Debug, Serialize, ToSchema)]
struct Ratings {
    /// Questions that were sent; of more than 100,000 the newest.
    #[schema(minimum = 0)]
    asked: i64,
    #[schema(minimum = 0)]
    rated: i64,
    /// Of those who answered, 1 to 5; null if nobody did.
    average: Option<f64>,
    scores: Scores,
}

/// How many answered with what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RatingScores)]
struct Scores {
    #[serde(rename = "1")]
    one: i64,
    #[serde(rename = "2")]
    two: i64,
    #[serde(rename = "3")]
    three: i64,
    #[serde(rename = "4")]
    four: i64,
    #[serde(rename = "5")]
    five: i64,
}

impl Ratings {
    fn of(summary: Summary) -> Self {
        let [one, two, three, four, five] = summary.scores;
        let scores = Scores { one, two, three, four, five };
        Self { asked: summary.asked, rated: summary.rated(), average: summary.average(), scores }
    }
}

/// How people rated conversations that were resolved.
#[utoipa::path(
    get,
    path = "/v1/ratings",
    tag = "conversations",
    params(SpanQuery),
    responses((status = 200, description = "Counts and the average", body = Ratings), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn summary(
    caller: Caller<ConversationsRead>,
    State(api): State<ApiState>,
    Query(query): Query<SpanQuery>,
) -> Result<axum::Json<Ratings>, Problem> {
    let tenant = live::tenant(&caller)?;
    let member: Option<MemberId> = page::parse("member_id", query.member_id.as_deref())?;
    let summary = ratings::summary(&api.app, tenant, (query.from, query.to), member).await?;
    Ok(axum::Json(Ratings::of(summary)))
}

/// What a person was asked, and said.
#[derive(Serialize, ToSchema)]
struct Rating {
    #[schema(pattern = "^rtg_[0-9a-f]{32}$")]
    id: String,
    /// Whose conversation it was when it was asked.
    member_id: Option<String>,
    /// 1 to 5; null: no answer yet.
    #[schema(minimum = 1, maximum = 5)]
    score: Option<i16>,
    /// The person's own words.
    comment: Option<String>,
    asked_at: DateTime<Utc>,
    /// Until then the person can answer.
    expires_at: DateTime<Utc>,
    rated_at: Option<DateTime<Utc>>,
}

/// What was asked about one conversation.
#[derive(Serialize, ToSchema)]
struct ConversationRatings {
    /// The last asked first, at most 50.
    data: Vec<Rating>,
}

impl Rating {
    fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            member_id: stored.member.map(|id| id.to_string()),
            score: stored.score,
            comment: stored.comment,
            asked_at: stored.asked_at,
            expires_at: stored.expires_at,
            rated_at: stored.rated_at,
        }
    }
}

/// List what the person was asked about a conversation, and said.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/ratings",
    tag = "conversations",
    params(("id" = String, Path, pattern = "^cnv_[0-9a-f]{32}$")),
    responses((status = 200, description = "The ratings", body = ConversationRatings), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ConversationsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ConversationId>,
) -> Result<axum::Json<ConversationRatings>, Problem> {
    let found = ratings::list(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(ConversationRatings { data: found.into_iter().map(Rating::of).collect() }))
}

impl From<RatingError> for Problem {
    fn from(error: RatingError) -> Self {
        match error {
            RatingError::Asking => Self::invalid("invalid_question", error),
            RatingError::Span => Self::invalid("invalid_query", error),
            RatingError::NotFound => Self::not_found(),
            RatingError::Store(error) => error.into(),
        }
    }
}
