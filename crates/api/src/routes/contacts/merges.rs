//! Two contacts that are one person, and two again.

use axum::extract::State;
use chrono::{DateTime, Utc};
use postroad_app::merges::{self, MergeError};
use postroad_core::ids::{ContactId, MergeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite},
    extract::{Json, Path, Query},
    problem::{Conflicts, Merged, Problem, Refusals},
    routes::{
        live,
        page::{self, Page, PageQuery},
    },
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(merge)).routes(routes!(unmerge)).routes(routes!(list))
}

/// Who is the same person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"other": "con_019f2b00000070008000000000000002"})))]
struct NewMerge {
    /// The contact that becomes part of the one in the path.
    #[schema(value_type = String, pattern = "^con_[0-9a-f]{32}$")]
    other: ContactId,
}

/// Which merge is to be undone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"merge": "mrg_019f2b00000070008000000000000001"})))]
struct Unmerge {
    /// One that stands, into the contact in the path.
    #[schema(value_type = String, pattern = "^mrg_[0-9a-f]{32}$")]
    merge: MergeId,
}

/// Two contacts that were made one.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactMerge)]
struct Merge {
    #[schema(pattern = "^mrg_[0-9a-f]{32}$")]
    id: String,
    /// Who remained.
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: String,
    /// Who became part of it.
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    other_id: String,
    merged_at: DateTime<Utc>,
    moved: Moved,
    /// Absent: it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_at: Option<DateTime<Utc>>,
    /// Of one that was undone: what could not go back.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
}

/// What became the survivor's. Empty after an erasure.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactMergeMoved)]
struct Moved {
    /// With their consents and messages.
    address_ids: Vec<String>,
    /// Of `display_name`, `language` and `time_zone`, those that the survivor did not have.
    fields: Vec<String>,
    /// Names of attributes that the survivor did not have.
    attributes: Vec<String>,
    tags: Vec<String>,
    group_ids: Vec<String>,
    /// Contacts that had been merged into the other before.
    contact_ids: Vec<String>,
    /// Messages of campaigns that were cancelled: the person gets the same by another address.
    cancelled_message_ids: Vec<String>,
    /// Campaigns being planned that have the person by the other already.
    campaign_ids: Vec<String>,
}

/// What undoing left as it was.
#[derive(Serialize, ToSchema)]
#[schema(as = ContactMergeKept)]
struct Kept {
    /// Fields and attributes that came from the other and were changed since: they stay with the survivor.
    fields: Vec<String>,
    attributes: Vec<String>,
    /// Groups that the person was taken out of since, or that are gone.
    group_ids: Vec<String>,
    /// They stay cancelled.
    cancelled_message_ids: Vec<String>,
    /// Campaigns that still leave the survivor out.
    campaign_ids: Vec<String>,
}

impl Merge {
    fn of(merge: merges::Merge) -> Self {
        Self {
            id: merge.id.to_string(),
            contact_id: merge.contact.to_string(),
            other_id: merge.other.to_string(),
            merged_at: merge.merged_at,
            moved: Moved::of(merge.moved.0),
            undone_at: merge.undone_at,
            kept: merge.kept.map(|kept| Kept::of(kept.0)),
        }
    }
}

impl Moved {
    fn of(moved: merges::Moved) -> Self {
        Self {
            address_ids: texts(moved.addresses),
            fields: moved.fields,
            attributes: moved.attributes,
            tags: moved.tags,
            group_ids: texts(moved.groups.into_iter().map(|moved| moved.group)),
            contact_ids: texts(moved.contacts),
            cancelled_message_ids: texts(moved.cancelled),
            campaign_ids: texts(moved.planned),
        }
    }
}

impl Kept {
    fn of(kept: merges::Kept) -> Self {
        Self {
            fields: kept.fields,
            attributes: kept.attributes,
            group_ids: texts(kept.groups),
            cancelled_message_ids: texts(kept.cancelled),
            campaign_ids: texts(kept.planned),
        }
    }
}

fn texts(ids: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

/// Make two contacts one.
///
/// The other's addresses with their consents and messages, its tags and groups become this contact's; so do name, language,
/// time zone and attributes that this one lacks. Each keeps its external key, and both lead here. What stands twice in a
/// running campaign is sent once, and frequency caps count what either got.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/merge",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    request_body = NewMerge,
    responses((status = 200, description = "What moved", body = Merge), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn merge(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Json(new): Json<NewMerge>,
) -> Result<axum::Json<Merge>, Problem> {
    let done = merges::merge(&api.app, live::tenant(&caller)?, id, new.other).await?;
    Ok(axum::Json(Merge::of(done)))
}

/// Make one contact two again.
///
/// What the merge moved goes back, messages that came since with their addresses. What was changed since stays, and `kept`
/// tells of it. Of several merges each can be undone by itself.
#[utoipa::path(
    post,
    path = "/v1/contacts/{id}/unmerge",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    request_body = Unmerge,
    responses((status = 200, description = "What could not go back", body = Merge), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn unmerge(
    caller: Caller<ContactsWrite>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Json(undo): Json<Unmerge>,
) -> Result<axum::Json<Merge>, Problem> {
    let done = merges::undo(&api.app, live::tenant(&caller)?, id, undo.merge).await?;
    Ok(axum::Json(Merge::of(done)))
}

/// Who became part of a contact, the newest first; what was undone too.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}/merges",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$"), PageQuery),
    responses((status = 200, description = "A page", body = Page<Merge>), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<ContactsRead>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Merge>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let before = page::parse("after", query.after.as_deref())?;
    let rows = merges::list(&api.app, tenant, id, before, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |merge| merge.id.to_string(), Merge::of)))
}

impl From<MergeError> for Problem {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::NotFound => Self::not_found(),
            MergeError::Merged(into) => Self::merged(into),
            MergeError::OtherMerged(_) => Self::conflict("other_merged", error),
            MergeError::Undone => Self::conflict("merge_undone", error),
            MergeError::Same => Self::invalid("same_contact", error),
            MergeError::UnknownOther(_) => Self::invalid("unknown_contact", error),
            MergeError::UnknownMerge(_) => Self::invalid("unknown_merge", error),
            MergeError::TooManyAddresses => Self::invalid("too_many_addresses", error),
            MergeError::TooManyTags => Self::invalid("too_many_tags", error),
            MergeError::TooManyAttributes => Self::invalid("too_many_attributes", error),
            MergeError::TooManyGroups => Self::invalid("too_many_groups", error),
            MergeError::TooManyContacts => Self::invalid("too_many_contacts", error),
            MergeError::Store(error) => error.into(),
        }
    }
}
