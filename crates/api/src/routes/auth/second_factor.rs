//! A second factor: switched on with a code, asked for at every login, switched off with both.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use postroad_app::sign_in::{self, Begun, SignInError};
use postroad_core::sign_in::Token;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Csrf, Me, begun, listen, noted};
use crate::{
    ApiState,
    extract::Json,
    problem::{Problem, SignInRefusals},
    sessions::{OurPage, SignedIn},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(finish))
        .routes(routes!(begin))
        .routes(routes!(confirm))
        .routes(routes!(switch_off))
}

/// Somebody who said their password, and now a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecondStep {
    /// What `POST /v1/auth/login` answered.
    #[schema(max_length = 100)]
    token: String,
    /// Six digits, or one of the codes for the day on which the app is lost.
    #[schema(min_length = 6, max_length = 40, example = "123456")]
    code: String,
}

/// Sign in, with a code.
///
/// The second step of whoever has a second factor. A code counts once. After five wrong ones each further try waits longer, up to
/// 15 minutes, wherever it comes from.
#[utoipa::path(
    post,
    path = "/v1/auth/login/second-factor",
    tag = "auth",
    request_body = SecondStep,
    params(Csrf),
    responses((status = 200, description = "Signed in; the answer sets the cookie of the session", body = Me), SignInRefusals),
    security(()),
)]
async fn finish(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(SecondStep { token, code }): Json<SecondStep>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let opened = match Token::parse(&token) {
        Some(word) => sign_in::finish(&api.app, &word, &code, &place).await,
        None => Err(SignInError::NoSuchWord),
    };
    begun(&api, StatusCode::OK, noted(&api, &place, opened)?).await
}

/// Whoever wants a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantsSecondFactor {
    /// Of whoever has one. Whoever has none signed in less than ten minutes ago.
    #[schema(value_type = Option<String>, format = Password, max_length = 128)]
    password: Option<SecretString>,
}

/// What an app makes codes from.
#[derive(Serialize, ToSchema)]
struct NewSecondFactor {
    /// In base32, for typing it in.
    #[schema(min_length = 32, max_length = 32)]
    secret: String,
    /// For a picture that the app scans.
    #[schema(example = "otpauth://totp/messages.example:ada%40shop.example?secret=…&issuer=messages.example")]
    uri: String,
}

/// Begin a second factor.
///
/// Makes a secret for an app that makes codes (RFC 6238: SHA-1, six digits, 30 seconds). It is asked for from the day on which it
/// is confirmed; until then each call makes another one.
#[utoipa::path(
    post,
    path = "/v1/auth/second-factor",
    tag = "auth",
    request_body = WantsSecondFactor,
    params(Csrf),
    responses((status = 201, description = "Made; shown this once", body = NewSecondFactor), SignInRefusals),
    security(("session" = [])),
)]
async fn begin(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Json(WantsSecondFactor { password }): Json<WantsSecondFactor>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let begun = sign_in::begin_second_factor(&api.app, &api.passwords, &who, password, &place).await;
    let Begun { secret, uri } = noted(&api, &place, begun)?;
    let shown = NewSecondFactor { secret: secret.expose_secret().to_owned(), uri: uri.expose_secret().to_owned() };
    Ok(unkept(StatusCode::CREATED, shown))
}

/// A code of the new secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    #[schema(min_length = 6, max_length = 40, example = "123456")]
    code: String,
}

/// For the day on which the app is lost.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    /// Ten, each for one login.
    recovery_codes: Vec<String>,
}

/// Switch the second factor on.
///
/// With the first code of the app. Ends all other sessions.
#[utoipa::path(
    post,
    path = "/v1/auth/second-factor/confirm",
    tag = "auth",
    request_body = FirstCode,
    params(Csrf),
    responses((status = 200, description = "It is on; the codes are shown this once", body = RecoveryCodes), SignInRefusals),
    security(("session" = [])),
)]
async fn confirm(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Json(FirstCode { code }): Json<FirstCode>,
) -> Result<Response, Problem> {
    let confirmed = noted(&api, &place, sign_in::confirm_second_factor(&api.app, &who, &code, &place).await)?;
    let recovery_codes = confirmed.iter().map(|code| code.expose_secret().to_owned()).collect();
    Ok(unkept(StatusCode::OK, RecoveryCodes { recovery_codes }))
}

/// Whoever wants no second factor any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantsNone {
    /// Of whoever has one. Whoever has none signed in less than ten minutes ago.
    #[schema(value_type = Option<String>, format = Password, max_length = 128)]
    password: Option<SecretString>,
    #[schema(min_length = 6, max_length = 40, example = "123456")]
    code: String,
}

/// Switch the second factor off.
///
/// With both the password and a code. Who lost the app and its codes asks the operator.
#[utoipa::path(
    post,
    path = "/v1/auth/second-factor/off",
    tag = "auth",
    request_body = WantsNone,
    params(Csrf),
    responses((status = 204, description = "A password is enough again"), SignInRefusals),
    security(("session" = [])),
)]
async fn switch_off(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Json(WantsNone { password, code }): Json<WantsNone>,
) -> Result<StatusCode, Problem> {
    listen(&api, &place)?;
    let ended = sign_in::end_second_factor(&api.app, &api.passwords, &who, (password, &code), &place).await;
    noted(&api, &place, ended)?;
    Ok(StatusCode::NO_CONTENT)
}

/// An answer that no cache keeps.
fn unkept(status: StatusCode, shown: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], axum::Json(shown)).into_response()
}
