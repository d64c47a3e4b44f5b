//! Segments: filters with a name, and what a filter would mean now.

use axum::{extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::{
    audiences::{self, Asked, AudienceError, Whom},
    segments::{self, NewSegment as New, Segment as Stored, SegmentChange as Change, SegmentError},
};
use postroad_core::{
    account::Channel,
    consent::Purpose,
    ids::SegmentId,
    segment::{Filter, Standing},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Problem, Refusals},
    routes::{
        live, messages,
        page::{self, Page, PageQuery},
    },
    schema::{ChannelWord, PurposeWord, SegmentFilter, StandingWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create, list)).routes(routes!(preview)).routes(routes!(get, update, delete))
}

/// A filter to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Loyal", "filter": {"all": [{"tag": {"has": "vip"}},
    {"attribute": {"name": "orders", "is": {"at_least": 3}}}, {"not": {"language": ["en"]}}]}})))]
struct NewSegment {
    /// No other segment has it, whatever its case.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = SegmentFilter)]
    filter: Filter,
}

/// A filter with a name.
#[derive(Serialize, ToSchema)]
struct Segment {
    #[schema(pattern = "^seg_[0-9a-f]{32}$")]
    id: String,
    name: String,
    #[schema(value_type = SegmentFilter)]
    filter: Filter,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Segment {
    fn of(stored: Stored) -> Self {
        Self {
            id: stored.id.to_string(),
            name: stored.name,
            filter: stored.filter.0,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

/// Keep a filter under a name.
#[utoipa::path(
    post,
    path = "/v1/segments",
    tag = "segments",
    request_body = NewSegment,
    responses((status = 201, description = "Made", body = Segment), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Json(new): Json<NewSegment>,
) -> Result<Response, Problem> {
    live::tenant(&caller)?;
    let new = New { name: new.name, filter: new.filter };
    let answer = segments::create_once(&api.app, caller.call(), new, Segment::of).await?;
    Ok(messages::answered(answer))
}

/// List segments, oldest first.
#[utoipa::path(
    get,
    path = "/v1/segments",
    tag = "segments",
    params(PageQuery),
    responses((status = 200, description = "A page", body = Page<Segment>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Segment>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let after: Option<SegmentId> = page::parse("after", query.after.as_deref())?;
    let rows = segments::list(&api.app, tenant, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.to_string(), Segment::of)))
}

/// One segment.
#[utoipa::path(
    get,
    path = "/v1/segments/{id}",
    tag = "segments",
    params(("id" = String, Path, pattern = "^seg_[0-9a-f]{32}$")),
    responses((status = 200, description = "The segment", body = Segment), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<SegmentId>,
) -> Result<axum::Json<Segment>, Problem> {
    let segment = segments::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Segment::of(segment)))
}

/// What changes of a segment; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SegmentChange {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(value_type = Option<SegmentFilter>)]
    filter: Option<Filter>,
}

/// Change a segment. Campaigns that have begun keep the filter as it was.
#[utoipa::path(
    patch,
    path = "/v1/segments/{id}",
    tag = "segments",
    params(("id" = String, Path, pattern = "^seg_[0-9a-f]{32}$")),
    request_body = SegmentChange,
    responses((status = 200, description = "As it is now", body = Segment), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<SegmentId>,
    Json(change): Json<SegmentChange>,
) -> Result<axum::Json<Segment>, Problem> {
    let change = Change { name: change.name, filter: change.filter };
    let segment = segments::update(&api.app, live::tenant(&caller)?, id, change).await?;
    Ok(axum::Json(Segment::of(segment)))
}

/// Take a segment away, unless a campaign waits for it.
#[utoipa::path(
    delete,
    path = "/v1/segments/{id}",
    tag = "segments",
    params(("id" = String, Path, pattern = "^seg_[0-9a-f]{32}$")),
    responses((status = 204, description = "Gone"), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn delete(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<SegmentId>,
) -> Result<StatusCode, Problem> {
    segments::delete(&api.app, live::tenant(&caller)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom to look at: exactly one of `filter` and `segment_id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"filter": {"tag": {"has": "vip"}}, "channel": "whatsapp"})))]
struct AudienceQuestion {
    #[schema(value_type = Option<SegmentFilter>)]
    filter: Option<Filter>,
    #[schema(value_type = Option<String>, pattern = "^seg_[0-9a-f]{32}$")]
    segment_id: Option<SegmentId>,
    /// On which they would be written to.
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// `marketing` or `transactional`. Absent: `marketing`.
    #[schema(value_type = Option<PurposeWord>)]
    purpose: Option<Purpose>,
}

impl AudienceQuestion {
    fn into_asked(self) -> Result<Asked, Problem> {
        let whom = match (self.filter, self.segment_id) {
            (Some(filter), None) => Whom::Filter(filter),
            (None, Some(id)) => Whom::Segment(id),
            _ => return Err(Problem::invalid("invalid_audience", "name either a filter or a segment_id")),
        };
        Ok(Asked { whom, channel: self.channel, purpose: self.purpose.unwrap_or(Purpose::Marketing) })
    }
}

/// Whom a filter means, and how many of them a message would reach: `matched` is the sum of the other five.
#[derive(Serialize, ToSchema)]
struct AudiencePreview {
    /// When they were counted.
    at: DateTime<Utc>,
    #[schema(minimum = 0)]
    matched: i64,
    #[schema(minimum = 0)]
    no_address: i64,
    #[schema(minimum = 0)]
    suppressed: i64,
    #[schema(minimum = 0)]
    opted_out: i64,
    #[schema(minimum = 0)]
    no_consent: i64,
    #[schema(minimum = 0)]
    will_receive: i64,
    /// The first of them.
    #[schema(max_items = 20)]
    samples: Vec<AudienceSample>,
}

/// Somebody whom the filter means.
#[derive(Serialize, ToSchema)]
struct AudienceSample {
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[schema(value_type = StandingWord)]
    standing: &'static str,
}

impl AudiencePreview {
    fn of(preview: audiences::Preview) -> Self {
        let count = |standing| preview.funnel.get(&standing).copied().unwrap_or_default();
        Self {
            at: preview.at,
            matched: preview.matched,
            no_address: count(Standing::NoAddress),
            suppressed: count(Standing::Suppressed),
            opted_out: count(Standing::OptedOut),
            no_consent: count(Standing::NoConsent),
            will_receive: count(Standing::WillReceive),
            samples: preview.samples.into_iter().map(AudienceSample::of).collect(),
        }
    }
}

impl AudienceSample {
    fn of(sample: audiences::Sample) -> Self {
        Self {
            contact_id: sample.contact.to_string(),
            display_name: sample.display_name,
            standing: sample.standing.as_str(),
        }
    }
}

/// Count whom a filter means, saved or not, and how many of them a message would reach.
///
/// The counts are exact. Quiet hours, frequency caps and credit are not asked: the dry run of a campaign does that.
#[utoipa::path(
    post,
    path = "/v1/segments/preview",
    tag = "segments",
    request_body = AudienceQuestion,
    responses((status = 200, description = "The counts", body = AudiencePreview), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Json(question): Json<AudienceQuestion>,
) -> Result<axum::Json<AudiencePreview>, Problem> {
    let tenant = live::tenant(&caller)?;
    let preview = audiences::preview(&api.app, tenant, &question.into_asked()?).await?;
    Ok(axum::Json(AudiencePreview::of(preview)))
}

impl From<AudienceError> for Problem {
    fn from(error: AudienceError) -> Self {
        match error {
            AudienceError::Store(error) => error.into(),
            error => Self::invalid(error.code(), error),
        }
    }
}

impl From<SegmentError> for Problem {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::NotFound => Self::not_found(),
            SegmentError::Name => Self::invalid("invalid_name", error),
            SegmentError::NameTaken => Self::conflict("name_taken", error),
            SegmentError::InUse => Self::conflict("in_use", error),
            SegmentError::Audience(error) => error.into(),
            SegmentError::Once(error) => error.into(),
            SegmentError::Store(error) => error.into(),
        }
    }
}
