//! The description of the API, from the handlers, and the page that shows it. Nothing is fetched from elsewhere.

use axum::Router;
use utoipa::{
    OpenApi, PartialSchema as _, ToSchema as _,
    openapi::{
        path::{PathItem, Paths},
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{ApiState, problem, schema::TimelinessWord};

const DESCRIPTION: &str = "Messages to people, through accounts at providers, under gates.

Every request is signed (scheme POSTROAD-HMAC-SHA256-V1): four headers name the key, the time, the request and the \
signature. `X-Postroad-Request-Id` is also an idempotency key: a write that is repeated under the same id is carried out \
once, and answered as before with `Idempotency-Replayed: true`.

People sign in instead, and work by a cookie; what changes something then has the header `X-Postroad-CSRF: 1`.

Answers that are no success are problems (RFC 9457) with a stable `code`. Lists page by keyset: pass `next` of one page as \
`after` of the following one. Times are RFC 3339 in UTC.";

/// The headers of a signed request, all four together.
pub(crate) const SIGNED: [(&str, &str); 4] = [
    ("key", "X-Postroad-Key"),
    ("timestamp", "X-Postroad-Timestamp"),
    ("request_id", "X-Postroad-Request-Id"),
    ("signature", "X-Postroad-Signature"),
];

#[derive(OpenApi)]
#[openapi(info(title = "Postroad", license(name = "MIT OR Apache-2.0")))]
struct Base;

pub(crate) fn describe(router: OpenApiRouter<ApiState>) -> utoipa::openapi::OpenApi {
    let mut api = Base::openapi();
    api.info.description = Some(DESCRIPTION.to_owned());
    env!("CARGO_PKG_VERSION").clone_into(&mut api.info.version);
    api.tags =
        Some(TAGS.iter().map(|(name, what)| TagBuilder::new().name(*name).description(Some(*what)).build()).collect());
    api.merge(router.into_openapi());
    accept_sessions(&mut api.paths);
    let components = api.components.get_or_insert_default();
    for (name, header) in SIGNED {
        components.add_security_scheme(name, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(header))));
    }
    let session = ApiKeyValue::with_description("__Host-postroad", "Set by /v1/auth/login; `postroad` without TLS");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    let mut schemas = vec![("Problem".to_owned(), problem::Body::schema())];
    problem::Body::schemas(&mut schemas);
    // A word that only parameters use is collected by nobody else.
    schemas.push((TimelinessWord::name().into_owned(), TimelinessWord::schema()));
    components.schemas.extend(schemas);
    api
}

/// Whatever a program may call by a signature, a person may by a session.
fn accept_sessions(paths: &mut Paths) {
    let of = |item: &mut PathItem| {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        methods.into_iter().flatten().filter_map(|operation| operation.security.as_mut()).for_each(add_session);
    };
    paths.paths.values_mut().for_each(of);
}

fn add_session(security: &mut Vec<SecurityRequirement>) {
    let signed = SecurityRequirement::default().add("key", NO_SCOPES).add("timestamp", NO_SCOPES);
    let signed = signed.add("request_id", NO_SCOPES).add("signature", NO_SCOPES);
    if *security == [signed] {
        security.push(SecurityRequirement::new("session", NO_SCOPES));
    }
}

const NO_SCOPES: [&str; 0] = [];

const TAGS: &[(&str, &str)] = &[
    ("auth", "People sign in and out"),
    ("messages", "What is said, and where it stands"),
    ("attachments", "Files that people send and get"),
    ("search", "What was said, found again"),
    ("quick-replies", "Texts that members answer with often"),
    ("campaigns", "One message to many people"),
    ("templates", "Texts that a provider has approved"),
    ("contacts", "People, and where they are reached"),
    ("segments", "Filters with a name: whom a campaign is for"),
    ("groups", "People whom somebody put together"),
    ("imports", "Files of contacts"),
    ("consents", "What people agreed to"),
    ("suppressions", "Addresses that nobody may write to"),
    ("webhook-endpoints", "Your own addresses that are told of what happens"),
    ("accounts", "Connected numbers, pages, bots and mailboxes"),
    ("tenants", "Who owns data: made and switched by superadmins"),
    ("system", "Settings of the installation, for superadmins"),
    ("audit", "Who changed what, from where"),
    ("tenant", "Settings, and the switch of everything"),
    ("billing", "What messages cost, and what the wallet holds"),
    ("live", "What happens, as it happens, and who is there"),
    ("notifications", "What members are told of"),
    ("api-clients", "Programs that may call, and their keys"),
    ("pages", "What people open by a link: HTML"),
    ("webhooks", "What providers tell us"),
    ("service", "Health, metrics, this description"),
];

/// `/openapi.json`, and `/docs`.
pub(crate) fn documentation() -> Router<ApiState> {
    let config = Config::default().validator_url("none").try_it_out_enabled(false);
    SwaggerUi::new("/docs").url("/openapi.json", crate::openapi()).config(config).into()
}
