//! What people agreed to, as they said it.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use postroad_app::consents::{self, ConsentError};
use postroad_core::{
    account::Channel,
    consent::{ConsentAction, Purpose},
    ids::{ConsentId, ContactId},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Merged, Problem, Refusals},
    routes::{
        live, messages,
        page::{self, Page, PageQuery},
    },
    schema::{ChannelWord, ConsentActionWord, PurposeWord},
};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(create)).routes(routes!(list))
}

/// Words about consent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConsents {
    #[schema(min_items = 1, max_items = 1000)]
    consents: Vec<NewConsent>,
}

/// Something a person said about being written to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"channel": "whatsapp", "address": "+12025550123", "purpose": "marketing", "action": "granted",
    "source": "web form", "wording": "Yes, send me offers."})))]
struct NewConsent {
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// In any spelling. One that is not known is stored with a new contact.
    #[schema(min_length = 1, max_length = 320)]
    address: String,
    #[schema(value_type = PurposeWord)]
    purpose: Purpose,
    #[schema(value_type = ConsentActionWord)]
    action: ConsentAction,
    /// Where it was said.
    #[schema(min_length = 1, max_length = 100)]
    source: String,
    /// The words the person saw or wrote.
    #[schema(max_length = 2000)]
    wording: Option<String>,
    /// Anything else that proves it. Up to 4,096 bytes of JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    evidence: serde_json::Map<String, serde_json::Value>,
    /// When it was said. Absent: now.
    occurred_at: Option<DateTime<Utc>>,
}

impl NewConsent {
    fn into_new(self) -> consents::NewConsent {
        consents::NewConsent {
            channel: self.channel,
            address: self.address,
            purpose: self.purpose,
            action: self.action,
            source: self.source,
            wording: self.wording,
            evidence: self.evidence,
            occurred_at: self.occurred_at,
        }
    }
}

/// Whose words they were, by place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConsentsRecorded)]
struct Recorded {
    #[schema(max_items = 1000)]
    contact_ids: Vec<String>,
}

/// Record what people said, all of it or none.
///
/// A revocation holds from the answer on: no attempt that was decided before it starts.
#[utoipa::path(
    post,
    path = "/v1/consents",
    tag = "consents",
    request_body = NewConsents,
    responses((status = 201, description = "Recorded", body = Recorded), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewConsents>,
) -> Result<Response, Problem> {
    live::tenant(&caller)?;
    if new.consents.is_empty() {
        return Err(Problem::invalid("batch_size", "a batch has 1 to 1000 entries"));
    }
    let entries = new.consents.into_iter().map(NewConsent::into_new).collect();
    let told = |ids: Vec<ContactId>| Recorded { contact_ids: ids.iter().map(ToString::to_string).collect() };
    Ok(messages::answered(consents::record_once(&api.app, caller.call(), entries, told).await?))
}

/// One entry of the ledger.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsentEntry)]
struct Entry {
    #[schema(pattern = "^cns_[0-9a-f]{32}$")]
    id: String,
    #[schema(value_type = ChannelWord)]
    channel: &'static str,
    address: String,
    #[schema(value_type = PurposeWord)]
    purpose: &'static str,
    #[schema(value_type = ConsentActionWord)]
    action: &'static str,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    wording: Option<String>,
    #[schema(value_type = Object)]
    evidence: serde_json::Value,
    /// When it was said.
    occurred_at: DateTime<Utc>,
    /// When we were told.
    recorded_at: DateTime<Utc>,
}

impl Entry {
    fn of(entry: consents::Entry) -> Self {
        Self {
            id: entry.id.to_string(),
            channel: entry.channel.as_str(),
            address: entry.address,
            purpose: entry.purpose.as_str(),
            action: entry.action.as_str(),
            source: entry.source,
            wording: entry.wording,
            evidence: entry.evidence,
            occurred_at: entry.occurred_at,
            recorded_at: entry.recorded_at,
        }
    }
}

/// Everything a contact said, the last recorded first.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}/consents",
    tag = "consents",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Entry>), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ContactsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Entry>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before: Option<ConsentId> = page::parse("after", query.after.as_deref())?;
    postroad_app::contacts::get(&api.app, tenant, id).await?;
    let rows = consents::history(&api.app, tenant, id, before, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |entry| entry.id.to_string(), Entry::of)))
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::Contact(error) => error.into(),
            ConsentError::Source => Self::invalid("invalid_source", error),
            ConsentError::Wording => Self::invalid("invalid_wording", error),
            ConsentError::Evidence => Self::invalid("invalid_evidence", error),
            ConsentError::Future => Self::invalid("in_the_future", error),
            ConsentError::TooMany => Self::invalid("batch_size", error),
            ConsentError::Once(error) => error.into(),
            // Somebody else stored the same address in this moment.
            ConsentError::Store(postroad_store::Error::Taken { .. }) => Self::unavailable(),
            ConsentError::Store(error) => error.into(),
        }
    }
}
