//! People: made, found, changed, one or a thousand at a time.

mod erase;
mod export;
mod merges;
mod tags;
pub(super) mod view;

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use postroad_app::{
    contacts::{self, ContactChange as Change, ContactError, Filter, Profile},
    patch::Patch,
};
use postroad_core::{account::Channel, ids::ContactId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, ContactsRead, ContactsWrite, InPart},
    extract::{Json, Path, Query},
    problem::{Conflicts, Merged, Problem, Refusals},
    routes::{
        live,
        page::{self, Page},
    },
    schema::ChannelWord,
};

use view::Contact;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(create, list))
        .routes(routes!(create_batch))
        .routes(routes!(get, update))
        .merge(erase::routes())
        .merge(export::routes())
        .merge(merges::routes())
        .merge(tags::routes())
}

/// A person. One who is known by the key or an address is changed; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"external_key": "customer-17", "display_name": "Ada", "language": "en", "time_zone": "Europe/Paris",
    "attributes": {"first_name": "Ada"}, "tags": ["vip"], "addresses": [{"channel": "whatsapp", "address": "+12025550123"}]})))]
struct NewContact {
    /// Your own key for the person.
    #[schema(min_length = 1, max_length = 200)]
    external_key: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    display_name: Option<String>,
    /// Such as `en`, `pt-BR` or `en_US`.
    #[schema(min_length = 2, max_length = 35)]
    language: Option<String>,
    /// An IANA name. Quiet hours are those of the person's own clock.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: Option<String>,
    /// For the placeholders of templates. At most 50; names up to 64 characters, values up to 1,000.
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// In any case. A known person gets them besides the others.
    #[serde(default)]
    #[schema(max_items = 50)]
    tags: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 20)]
    addresses: Vec<NewAddress>,
}

/// Where a person is reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAddress {
    #[schema(value_type = ChannelWord)]
    channel: Channel,
    /// In any spelling: it is stored in the channel's own.
    #[schema(min_length = 1, max_length = 320)]
    address: String,
}

impl NewContact {
    fn into_new(self) -> contacts::NewContact {
        contacts::NewContact {
            external_key: self.external_key,
            display_name: self.display_name,
            language: self.language,
            time_zone: self.time_zone,
            attributes: self.attributes,
            tags: self.tags,
            addresses: self.addresses.into_iter().map(|new| (new.channel, new.address)).collect(),
        }
    }
}

/// Make a contact, or change the one that is known.
#[utoipa::path(
    post,
    path = "/v1/contacts",
    tag = "contacts",
    request_body = NewContact,
    responses(
        (status = 201, description = "Made", body = Contact),
        (status = 200, description = "Known before, and changed", body = Contact),
        Refusals,
        Conflicts,
    ),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewContact>,
) -> Result<(StatusCode, axum::Json<Contact>), Problem> {
    let tenant = live::tenant(&caller)?;
    let done = contacts::upsert(&api.app, tenant, vec![new.into_new()], None).await?.remove(0)?;
    let contact = Contact::of(contacts::get(&api.app, tenant, done.id).await?);
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(contact)))
}

/// Many people at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewContacts {
    #[schema(min_items = 1, max_items = 1000)]
    contacts: Vec<NewContact>,
    /// The two-letter country of telephone numbers without `+`.
    #[schema(pattern = "^[A-Z]{2}$")]
    default_region: Option<String>,
}

/// What became of each, by place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactUpserts)]
struct Upserts {
    results: Vec<Upsert>,
}

/// One of a batch: `id` and `created`, or `code` and `detail`.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ContactUpsert)]
struct Upsert {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    id: Option<String>,
    /// False: known before, and changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    /// Why it could not be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[a-z][a-z0-9_]*$")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Upsert {
    fn of(result: Result<contacts::Upserted, ContactError>) -> Self {
        match result {
            Ok(done) => Self { id: Some(done.id.to_string()), created: Some(done.created), ..Self::default() },
            Err(error) => Self { code: Some(error.code()), detail: Some(error.to_string()), ..Self::default() },
        }
    }
}

/// Make or change up to 1,000 contacts. One that cannot be taken does not stop the others.
#[utoipa::path(
    post,
    path = "/v1/contacts/batch",
    tag = "contacts",
    request_body = NewContacts,
    responses((status = 200, description = "What became of each", body = Upserts), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn create_batch(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Json(new): Json<NewContacts>,
) -> Result<axum::Json<Upserts>, Problem> {
    let tenant = live::tenant(&caller)?;
    if new.contacts.is_empty() {
        return Err(Problem::invalid("batch_size", "a batch has 1 to 1000 contacts"));
    }
    let people = new.contacts.into_iter().map(NewContact::into_new).collect();
    let results = contacts::upsert(&api.app, tenant, people, new.default_region.as_deref()).await?;
    Ok(axum::Json(Upserts { results: results.into_iter().map(Upsert::of).collect() }))
}

/// Which contacts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Contacts of the page. 1 to 200, default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    #[param(pattern = "^con_[0-9a-f]{32}$")]
    after: Option<String>,
    #[param(max_length = 200)]
    external_key: Option<String>,
    /// On any channel, in any spelling; a telephone number with its country code.
    #[param(max_length = 320)]
    address: Option<String>,
    #[param(max_length = 50)]
    tag: Option<String>,
}

/// List contacts, oldest first.
#[utoipa::path(
    get,
    path = "/v1/contacts",
    tag = "contacts",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Contact>), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn list(
    caller: Caller<InPart<ContactsRead>>,
    State(api): State<ApiState>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page<Contact>>, Problem> {
    let tenant = live::tenant(&caller)?;
    let limit = page::limit(query.limit)?;
    let address = query.address.as_deref().map(contacts::search_spelling).transpose();
    let address = address.map_err(|error| Problem::invalid("invalid_query", format_args!("address: {error}")))?;
    let tag = query.tag.as_deref().map(contacts::tag_spelling).transpose();
    let tag = tag.map_err(|error| Problem::invalid("invalid_query", format_args!("tag: {error}")))?;
    let filter = Filter {
        tag: tag.as_deref(),
        external_key: query.external_key.as_deref(),
        address: address.as_deref(),
        after: page::parse("after", query.after.as_deref())?,
        limit: limit + 1,
    };
    let rows = contacts::list(&api.app, tenant, &filter).await?;
    let key = |profile: &Profile| profile.contact.id.to_string();
    Ok(axum::Json(Page::of(rows, limit, key, Contact::of)))
}

/// One contact and where it is reached.
///
/// One that was merged is no more: the problem `contact_merged` names in `merged_into` whom it became part of.
#[utoipa::path(
    get,
    path = "/v1/contacts/{id}",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    responses((status = 200, description = "The contact", body = Contact), Refusals, Merged),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn get(
    caller: Caller<InPart<ContactsRead>>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
) -> Result<axum::Json<Contact>, Problem> {
    let profile = contacts::get(&api.app, live::tenant(&caller)?, id).await?;
    Ok(axum::Json(Contact::of(profile)))
}

/// What changes of a contact; what is absent stays, what is null goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ContactChange {
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    external_key: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    display_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 2, max_length = 35)]
    language: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 60)]
    time_zone: Patch<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Option<String>>,
    /// All that the person has then.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
}

/// Change a contact.
#[utoipa::path(
    patch,
    path = "/v1/contacts/{id}",
    tag = "contacts",
    params(("id" = String, Path, pattern = "^con_[0-9a-f]{32}$")),
    request_body = ContactChange,
    responses((status = 200, description = "As it is now", body = Contact), Refusals, Conflicts),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn update(
    caller: Caller<InPart<ContactsWrite>>,
    State(api): State<ApiState>,
    Path(id): Path<ContactId>,
    Json(change): Json<ContactChange>,
) -> Result<axum::Json<Contact>, Problem> {
    let change = Change {
        external_key: change.external_key,
        display_name: change.display_name,
        language: change.language,
        time_zone: change.time_zone,
        attributes: change.attributes,
        tags: change.tags,
    };
    let profile = contacts::update(&api.app, live::tenant(&caller)?, id, change).await?;
    Ok(axum::Json(Contact::of(profile)))
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::NotFound => Self::not_found(),
            ContactError::Merged(into) => Self::merged(into),
            ContactError::Taken => Self::conflict(error.code(), error),
            ContactError::TooMany => Self::invalid("batch_size", error),
            ContactError::Store(error) => error.into(),
            error => Self::invalid(error.code(), error),
        }
    }
}
