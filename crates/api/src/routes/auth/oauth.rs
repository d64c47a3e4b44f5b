//! Signing in with Google, Facebook and GitHub. A page asks where to go, and tells what the provider sent back with the person.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_app::sign_in::{self, Arrived, FirstTenant, SignInError, Wish};
use postroad_core::sign_in::{IdentityProvider, Token};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Csrf, HalfSignedIn, Me, listen, logged_in, noted, shown};
use crate::{
    Api, ApiState,
    extract::{Json, Path},
    identity::Unidentified,
    metrics::AuthFailure,
    problem::{Problem, SignInRefusals},
    sessions::{self, OurPage, SignedIn},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(providers))
        .routes(routes!(set_out))
        .routes(routes!(come_back))
        .routes(routes!(link))
        .routes(routes!(unlink))
}

/// Who else says who somebody is.
#[derive(Serialize, ToSchema)]
struct IdentityProviders {
    #[schema(value_type = Vec<String>, example = json!(["google", "github"]))]
    providers: Vec<IdentityProvider>,
}

/// Who else says who somebody is here?
#[utoipa::path(
    get,
    path = "/v1/auth/oauth",
    tag = "auth",
    responses((status = 200, description = "Those that the operator switched on", body = IdentityProviders)),
    security(()),
)]
async fn providers(State(api): State<ApiState>) -> axum::Json<IdentityProviders> {
    axum::Json(IdentityProviders { providers: api.identities.providers() })
}

/// What is to come of it. Nothing: whoever it is signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetOut {
    /// The word in an invitation, which is accepted then.
    #[schema(max_length = 100)]
    invitation: Option<String>,
    /// Of the first person, who signs up then.
    tenant: Option<super::FirstTenant>,
}

/// Where to go.
#[derive(Serialize, ToSchema)]
struct Away {
    /// At the provider. It leads back to `/sign-in/{provider}` of this server, within ten minutes, and with `state` and `code`.
    url: String,
}

/// Begin to sign in with somebody else's word.
///
/// For whoever signs in, accepts an invitation or, on a new installation, signs up. The answer sets a cookie: whoever comes back must
/// have set out in the same browser. From one network 20 a minute set out.
#[utoipa::path(
    post,
    path = "/v1/auth/oauth/{provider}",
    tag = "auth",
    request_body = SetOut,
    params(("provider" = String, Path, pattern = "^(google|facebook|github)$"), Csrf),
    responses((status = 201, description = "Begun", body = Away), SignInRefusals),
    security(()),
)]
async fn set_out(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Path(provider): Path<IdentityProvider>,
    Json(SetOut { invitation, tenant }): Json<SetOut>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let now = api.app.clock.now();
    api.travellers.check(place.ip, now).map_err(sets_out_too_often)?;
    api.travellers.note_failure(place.ip, now);
    let wish = match (invitation, tenant) {
        (None, None) => Wish::SignIn,
        (Some(word), None) => Wish::Accept(noted(&api, &place, parsed(&word))?.hash()),
        (None, Some(tenant)) => Wish::SignUp(FirstTenant::from(tenant)),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("invalid_body", "name an invitation or a tenant, and not both"));
        }
    };
    let begun = begin(&api, provider, wish).await;
    noted_journey(&api, &place, begun)
}

fn parsed(word: &str) -> Result<Token, SignInError> {
    Token::parse(word).ok_or(SignInError::NoSuchInvitation)
}

fn sets_out_too_often(wait: std::time::Duration) -> Problem {
    AuthFailure::IpRateLimited.count();
    Problem::too_many_tries("too many set out from here", wait)
}

/// Why a journey is not begun.
enum NotBegun {
    Unidentified(Unidentified),
    SignIn(SignInError),
}

async fn begin(api: &Api, provider: IdentityProvider, wish: Wish) -> Result<Response, NotBegun> {
    if !api.identities.providers().contains(&provider) {
        return Err(NotBegun::Unidentified(Unidentified::Off));
    }
    let word = sign_in::set_out(&api.app, provider, wish).await.map_err(NotBegun::SignIn)?;
    let (state, verifier) = (sign_in::state(&word), sign_in::verifier(&word));
    let url = api.identities.address(provider, &state, &verifier).map_err(NotBegun::Unidentified)?;
    let headers = [
        (header::SET_COOKIE, sessions::set_journey(&word, &api.settings)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::CREATED, headers, axum::Json(Away { url: url.into() })).into_response())
}

fn noted_journey(api: &Api, place: &sign_in::Place, begun: Result<Response, NotBegun>) -> Result<Response, Problem> {
    match begun {
        Ok(response) => Ok(response),
        Err(NotBegun::Unidentified(error)) => Err(error.into()),
        Err(NotBegun::SignIn(error)) => noted(api, place, Err(error)),
    }
}

/// What the provider sent back with somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ComeBack {
    #[schema(max_length = 100)]
    state: String,
    #[schema(value_type = String, max_length = 4_000)]
    code: SecretString,
    /// A code of the second factor, of whoever has one and accepts an invitation.
    #[schema(min_length = 6, max_length = 40)]
    second_factor_code: Option<String>,
}

/// Finish signing in with somebody else's word.
///
/// In the browser in which it began, once. Nobody is taken for somebody by an address of mail alone, but for whoever Google runs the
/// mailbox of: everybody else is known when they linked it, or were invited with an address that the provider verified.
#[utoipa::path(
    post,
    path = "/v1/auth/oauth/{provider}/callback",
    tag = "auth",
    request_body = ComeBack,
    params(("provider" = String, Path, pattern = "^(google|facebook|github)$"), Csrf),
    responses(
        (status = 200, description = "Signed in, or linked; whoever signs in gets the cookie of the session", body = Me),
        (status = 202, description = "A code of the second factor is needed too", body = HalfSignedIn),
        SignInRefusals,
    ),
    security(()),
)]
async fn come_back(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Path(provider): Path<IdentityProvider>,
    headers: HeaderMap,
    Json(came): Json<ComeBack>,
) -> Result<Response, Problem> {
    use secrecy::ExposeSecret as _;
    listen(&api, &place)?;
    let back = match sessions::journey(&headers, &api.settings) {
        Some(word) => sign_in::come_back(&api.app, provider, &word, &came.state).await.map(|wish| (word, wish)),
        None => Err(SignInError::NoSuchJourney),
    };
    let (word, wish) = noted(&api, &place, back)?;
    let code = came.code.expose_secret().to_owned();
    let identity = api.identities.identify(provider, code, &sign_in::verifier(&word)).await?;
    let who = signed_in(&api, &headers).await?;
    let known = (who.as_ref(), came.second_factor_code.as_deref());
    let arrived = sign_in::arrive(&api.app, &identity, wish, known, &place).await;
    let mut response = match (noted(&api, &place, arrived)?, who) {
        (Arrived::In(entered), _) => logged_in(&api, entered).await?,
        (Arrived::Linked, Some(who)) => axum::Json(shown(&api, &who).await?).into_response(),
        (Arrived::Linked, None) => return Err(sessions::not_signed_in()),
    };
    response.headers_mut().append(header::SET_COOKIE, sessions::clear_journey(&api.settings));
    Ok(response)
}

async fn signed_in(api: &Api, headers: &HeaderMap) -> Result<Option<sign_in::SignedIn>, Problem> {
    match sessions::token(headers, &api.settings) {
        Some(token) => Ok(sign_in::find(&api.app, &token.hash()).await?),
        None => Ok(None),
    }
}

/// Whoever changes how they sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProvesAgain {
    /// Of whoever has one. Whoever has none signed in less than ten minutes ago.
    #[schema(value_type = Option<String>, format = Password, max_length = 128)]
    password: Option<SecretString>,
}

/// Begin to link an account at a provider.
///
/// It signs one in too, from then on. One of each provider.
#[utoipa::path(
    post,
    path = "/v1/auth/oauth/{provider}/link",
    tag = "auth",
    request_body = ProvesAgain,
    params(("provider" = String, Path, pattern = "^(google|facebook|github)$"), Csrf),
    responses((status = 201, description = "Begun", body = Away), SignInRefusals),
    security(("session" = [])),
)]
async fn link(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Path(provider): Path<IdentityProvider>,
    Json(ProvesAgain { password }): Json<ProvesAgain>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let proven = sign_in::prove_again(&api.app, &api.passwords, &who, password, &place).await;
    noted(&api, &place, proven)?;
    let begun = begin(&api, provider, Wish::Link(who.user)).await;
    noted_journey(&api, &place, begun)
}

/// Unlink an account at a provider.
///
/// Ends all other sessions. The last way in stays.
#[utoipa::path(
    post,
    path = "/v1/auth/oauth/{provider}/unlink",
    tag = "auth",
    request_body = ProvesAgain,
    params(("provider" = String, Path, pattern = "^(google|facebook|github)$"), Csrf),
    responses((status = 200, description = "As it is now", body = Me), SignInRefusals),
    security(("session" = [])),
)]
async fn unlink(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Path(provider): Path<IdentityProvider>,
    Json(ProvesAgain { password }): Json<ProvesAgain>,
) -> Result<axum::Json<Me>, Problem> {
    listen(&api, &place)?;
    let unlinked = sign_in::unlink(&api.app, &api.passwords, &who, (provider, password), &place).await;
    noted(&api, &place, unlinked)?;
    Ok(axum::Json(shown(&api, &who).await?))
}

impl From<Unidentified> for Problem {
    fn from(error: Unidentified) -> Self {
        match error {
            Unidentified::Off => Self::not_found(),
            Unidentified::Away => {
                let title = "Temporarily unavailable";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "identity_provider_unavailable", title, error).retry_after(5)
            }
            Unidentified::Refused => Self::new(StatusCode::UNAUTHORIZED, "identity_refused", "Not signed in", error),
        }
    }
}
