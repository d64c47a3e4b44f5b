//! Who somebody is, as they say themselves, and how they like their pages.

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use postroad_app::sign_in::{self, ProfileChange};
use postroad_core::profile;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Csrf, Me, shown};
use crate::{
    ApiState,
    extract::Json,
    problem::{Problem, SignInRefusals},
    sessions::SignedIn,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default().routes(routes!(change))
}

/// How somebody likes their pages.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preferences {
    /// `light`, `dark`, or as the system has it.
    #[schema(value_type = String, pattern = "^(system|light|dark)$")]
    theme: profile::Theme,
    notifications: ToldBy,
    keyboard_shortcuts: bool,
}

/// How somebody wants to be told of something.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ToldBy {
    desktop: bool,
    sound: bool,
    email: bool,
}

impl Preferences {
    pub(super) fn of(stored: profile::Preferences) -> Self {
        let profile::Preferences { theme, notifications, keyboard_shortcuts } = stored;
        let profile::Notifications { desktop, sound, email } = notifications;
        Self { theme, notifications: ToldBy { desktop, sound, email }, keyboard_shortcuts }
    }

    fn wanted(self) -> profile::Preferences {
        let Self { theme, notifications: ToldBy { desktop, sound, email }, keyboard_shortcuts } = self;
        let notifications = profile::Notifications { desktop, sound, email };
        profile::Preferences { theme, notifications, keyboard_shortcuts }
    }
}

/// What is to be another. Absent: stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Ada Obi"})))]
struct ChangeProfile {
    /// Also what members of one's tenants see, where nobody named them otherwise.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// All of them.
    preferences: Option<Preferences>,
}

/// Change one's name and preferences.
#[utoipa::path(
    patch,
    path = "/v1/auth/me",
    tag = "auth",
    request_body = ChangeProfile,
    params(Csrf),
    responses((status = 200, description = "As it is now", body = Me), SignInRefusals),
    security(("session" = [])),
)]
async fn change(
    SignedIn { who, .. }: SignedIn,
    State(api): State<ApiState>,
    Json(ChangeProfile { name, preferences }): Json<ChangeProfile>,
) -> Result<Response, Problem> {
    let change = ProfileChange { name, preferences: preferences.map(Preferences::wanted) };
    sign_in::change_profile(&api.app, who.user, change).await?;
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, axum::Json(shown(&api, &who).await?)).into_response())
}
