//! Forgotten passwords, and addresses of mail that are proven.

use axum::{extract::State, http::StatusCode};
use postroad_app::sign_in::{self, SignInError};
use postroad_core::sign_in::Token;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Csrf, listen, noted};
use crate::{
    ApiState,
    extract::Json,
    metrics::AuthFailure,
    problem::{Problem, SignInRefusals},
    sessions::{OurPage, SignedIn},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
        .routes(routes!(verify_email))
        .routes(routes!(send_verification))
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@shop.example"})))]
struct ForgotPassword {
    #[schema(min_length = 3, max_length = 320)]
    email: String,
}

/// Ask for a new password.
///
/// Mails a link to whoever signs in with this address. The answer is the same for everybody and for nobody, also where no mail is
/// set up. An address is mailed a minute later at the earliest, then 2, 4, 8 minutes and so on.
#[utoipa::path(
    post,
    path = "/v1/auth/forgot-password",
    tag = "auth",
    request_body = ForgotPassword,
    params(Csrf),
    responses((status = 202, description = "Whoever it is gets a mail, if they sign in here"), SignInRefusals),
    security(()),
)]
async fn forgot_password(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(ForgotPassword { email }): Json<ForgotPassword>,
) -> Result<StatusCode, Problem> {
    let now = api.app.clock.now();
    api.askers.check(place.ip, now).map_err(asks_too_often)?;
    api.askers.note_failure(place.ip, now);
    sign_in::forget_password(&api.app, &email).await?;
    Ok(StatusCode::ACCEPTED)
}

fn asks_too_often(wait: std::time::Duration) -> Problem {
    AuthFailure::IpRateLimited.count();
    Problem::too_many_tries("too many mails were asked for from here", wait)
}

/// A new password, from whoever has the word that was mailed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetPassword {
    /// What stands behind `#` in the link.
    #[schema(max_length = 100)]
    token: String,
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    password: SecretString,
}

/// Set a new password.
///
/// Ends all sessions and signs nobody in. The word works once, within an hour.
#[utoipa::path(
    post,
    path = "/v1/auth/reset-password",
    tag = "auth",
    request_body = ResetPassword,
    params(Csrf),
    responses((status = 204, description = "It is the password now"), SignInRefusals),
    security(()),
)]
async fn reset_password(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(ResetPassword { token, password }): Json<ResetPassword>,
) -> Result<StatusCode, Problem> {
    listen(&api, &place)?;
    let reset = match Token::parse(&token) {
        Some(word) => sign_in::reset_by_word(&api.app, &api.passwords, &word, password, &place).await,
        None => Err(SignInError::NoSuchWord),
    };
    noted(&api, &place, reset)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The word that was mailed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerifyEmail {
    /// What stands behind `#` in the link.
    #[schema(max_length = 100)]
    token: String,
}

/// Prove one's address of mail.
///
/// Whoever has the word reads mail there. It works once, within three days.
#[utoipa::path(
    post,
    path = "/v1/auth/verify-email",
    tag = "auth",
    request_body = VerifyEmail,
    params(Csrf),
    responses((status = 204, description = "The address is proven"), SignInRefusals),
    security(()),
)]
async fn verify_email(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(VerifyEmail { token }): Json<VerifyEmail>,
) -> Result<StatusCode, Problem> {
    listen(&api, &place)?;
    let verified = match Token::parse(&token) {
        Some(word) => sign_in::verify_email(&api.app, &word).await,
        None => Err(SignInError::NoSuchWord),
    };
    noted(&api, &place, verified)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for another mail that proves one's address.
///
/// A minute after the last one at the earliest, then 2, 4, 8 minutes and so on; before that the answer is the same, and nothing is
/// mailed.
#[utoipa::path(
    post,
    path = "/v1/auth/send-verification",
    tag = "auth",
    params(Csrf),
    responses((status = 202, description = "It is on its way, unless the address is proven"), SignInRefusals),
    security(("session" = [])),
)]
async fn send_verification(SignedIn { who, .. }: SignedIn, State(api): State<ApiState>) -> Result<StatusCode, Problem> {
    sign_in::send_verification(&api.app, &who).await?;
    Ok(StatusCode::ACCEPTED)
}
