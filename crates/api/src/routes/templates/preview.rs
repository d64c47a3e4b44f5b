//! How a template reads.

use axum::extract::State;
use postroad_app::templates::preview::{self, Reading, Shown, Wanted};
use postroad_core::{
    ids::{ContactId, TemplateId},
    scope::Scope,
    segments::Estimate,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ApiState,
    caller::{Caller, TemplatesRead},
    extract::{Json, Path},
    problem::{Problem, Refusals},
    routes::live,
    schema::variable::Variable,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(preview))
}

/// What is to be shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplatePreview)]
#[schema(examples(json!({"variables": [{"attribute": "first_name", "fallback": "there"}, {"value": "20 %"}],
    "contact_ids": ["con_019f2b00000070008000000000000001"]})))]
struct Preview {
    /// The first is for `{{1}}`, as a campaign has them. Without contacts they may be absent: the samples stand for them.
    #[serde(default)]
    #[schema(max_items = 10)]
    variables: Vec<Variable>,
    /// For whom. Absent: once, for nobody in particular.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20)]
    contact_ids: Vec<ContactId>,
}

impl Preview {
    fn into_wanted(self) -> Result<Wanted, Problem> {
        let variables = self.variables.into_iter().map(Variable::into_stored).collect::<Result<_, _>>()?;
        Ok(Wanted { variables, contacts: self.contact_ids })
    }
}

/// A template as people would read it.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateReadings)]
struct Readings {
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<String>,
    buttons: Vec<String>,
    /// One for each contact, in their order.
    previews: Vec<OneReading>,
}

/// The body for one person.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateReading)]
struct OneReading {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^con_[0-9a-f]{32}$")]
    contact_id: Option<String>,
    /// Placeholders without a value stand in it as they are. Absent: it cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Placeholders without a value, from 1. A campaign would send the person nothing.
    missing: Vec<usize>,
    /// Why it cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Characters of the text.
    length: usize,
    /// Of a text message.
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Sms>,
}

/// What a carrier bills.
#[derive(Serialize, ToSchema)]
#[schema(as = TemplateSegments)]
struct Sms {
    /// `gsm7` or `ucs2`.
    encoding: String,
    /// Septets or UTF-16 units.
    units: usize,
    /// Parts.
    segments: usize,
}

impl Readings {
    fn of(shown: Shown) -> Self {
        Self {
            header: shown.parts.header,
            footer: shown.parts.footer,
            buttons: shown.parts.buttons,
            previews: shown.readings.into_iter().map(OneReading::of).collect(),
        }
    }
}

impl OneReading {
    fn of(reading: Reading) -> Self {
        Self {
            contact_id: reading.contact.map(|contact| contact.to_string()),
            text: reading.text,
            missing: reading.missing,
            problem: reading.problem.map(|problem| problem.to_string()),
            length: reading.chars,
            sms: reading.estimate.map(Sms::of),
        }
    }
}

impl Sms {
    fn of(estimate: Estimate) -> Self {
        Self { encoding: estimate.encoding.to_string(), units: estimate.units, segments: estimate.segments }
    }
}

/// Show a template to people, filled in as a campaign would, or once with its samples. Nothing is sent. To name people
/// the client needs `contacts:read` too.
#[utoipa::path(
    post,
    path = "/v1/templates/{id}/preview",
    tag = "templates",
    params(("id" = String, Path, pattern = "^tpl_[0-9a-f]{32}$")),
    request_body = Preview,
    responses((status = 200, description = "As each would read it", body = Readings), Refusals),
    security(("key" = [], "timestamp" = [], "request_id" = [], "signature" = [])),
)]
async fn preview(
    caller: Caller<TemplatesRead>,
    State(api): State<ApiState>,
    Path(id): Path<TemplateId>,
    Json(wanted): Json<Preview>,
) -> Result<axum::Json<Readings>, Problem> {
    let wanted = wanted.into_wanted()?;
    if !wanted.contacts.is_empty() {
        // It shows what is known of them.
        caller.require(Scope::ContactsRead)?;
    }
    let shown = preview::preview(&api.app, live::tenant(&caller)?, id, &wanted).await?;
    Ok(axum::Json(Readings::of(shown)))
}
