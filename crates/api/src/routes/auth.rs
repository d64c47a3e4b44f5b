//! People sign in and out. What opens a session is a cookie that no script reads.

mod avatar;
mod browsers;
mod oauth;
mod profile;
mod recovery;
mod second_factor;

use axum::{
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use postroad_app::{
    sign_in::{self, Accepting, LoggedIn, Membership, Myself, NewUser, Opened, Place, SignInError, User},
    tenants::NewTenant,
};
use postroad_core::{
    conversation::Role,
    ids::{SessionId, TenantId},
    scope::Scope,
    sight::Sees,
    sign_in::{IdentityProvider, Token},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api, ApiState,
    extract::Json,
    metrics::AuthFailure,
    problem::{Problem, SignInRefusals},
    schema::{RoleWord, ScopeWord, SeesWord},
    sessions::{self, OurPage, SignedIn},
};

/// Nobody's name or password is longer.
const BODY_BYTES_MAX: usize = 16 * 1_024;

pub(super) use avatar::served as served_avatar;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
        .routes(routes!(log_out))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(switch_tenant))
        .routes(routes!(accept))
        .merge(browsers::routes())
        .merge(oauth::routes())
        .merge(recovery::routes())
        .merge(second_factor::routes())
        .merge(profile::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(avatar::routes())
}

/// What the pages of this server say, and no stranger's.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read by `OurPage`, described here")]
pub(super) struct Csrf {
    /// 1
    #[param(rename = "X-Postroad-CSRF", pattern = "^1$")]
    csrf: String,
}

/// The first person of an installation, and the tenant that is theirs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@shop.example", "name": "Ada Obi", "password": "correct horse battery staple",
                         "tenant": {"slug": "shop", "name": "The Shop", "time_zone": "Europe/Paris"}})))]
struct SignUp {
    #[schema(min_length = 3, max_length = 320)]
    email: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Something that nobody guesses in a million tries.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    password: SecretString,
    tenant: FirstTenant,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstTenant {
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    slug: String,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Absent: that of new tenants, UTC unless superadmins said otherwise.
    #[schema(max_length = 60, example = "Europe/Paris")]
    time_zone: Option<String>,
}

impl From<FirstTenant> for sign_in::FirstTenant {
    fn from(FirstTenant { slug, name, time_zone }: FirstTenant) -> Self {
        Self { slug, name, time_zone }
    }
}

/// Sign up.
///
/// For the first person of an installation, who owns the tenant that it makes. Everybody else is invited.
#[utoipa::path(
    post,
    path = "/v1/auth/signup",
    tag = "auth",
    request_body = SignUp,
    params(Csrf),
    responses((status = 201, description = "Signed in; the answer sets the cookie of the session", body = Me), SignInRefusals),
    security(()),
)]
async fn sign_up(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(new): Json<SignUp>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let SignUp { email, name, password, tenant } = new;
    let tenant = NewTenant::from(sign_in::FirstTenant::from(tenant));
    let user = NewUser { email, name, password };
    let opened = sign_in::sign_up(&api.app, &api.passwords, user, tenant, &place).await?;
    begun(&api, StatusCode::CREATED, opened).await
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"email": "ada@shop.example", "password": "correct horse battery staple"})))]
struct LogIn {
    #[schema(max_length = 320)]
    email: String,
    #[schema(value_type = String, format = Password, max_length = 128)]
    password: SecretString,
}

/// Somebody who said their password, and has to say a code too.
#[derive(Serialize, ToSchema)]
struct HalfSignedIn {
    /// Stands for the password for five minutes: `POST /v1/auth/login/second-factor` takes it, and nothing else does.
    #[schema(min_length = 43, max_length = 43)]
    second_factor_token: String,
}

/// Sign in.
///
/// After five wrong passwords in a row from one network, for one address of mail, each further try waits longer, up to
/// 15 minutes. Strangers and wrong passwords get one answer.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "auth",
    request_body = LogIn,
    params(Csrf),
    responses(
        (status = 200, description = "Signed in; the answer sets the cookie of the session", body = Me),
        (status = 202, description = "The password is right, and a code is needed too", body = HalfSignedIn),
        SignInRefusals,
    ),
    security(()),
)]
async fn log_in(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(LogIn { email, password }): Json<LogIn>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let entered = sign_in::log_in(&api.app, &api.passwords, &email, password, &place).await;
    logged_in(&api, noted(&api, &place, entered)?).await
}

async fn logged_in(api: &Api, entered: LoggedIn) -> Result<Response, Problem> {
    match entered {
        LoggedIn::Whole(opened) => begun(api, StatusCode::OK, *opened).await,
        LoggedIn::Half(word) => {
            let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
            let half = HalfSignedIn { second_factor_token: word.reveal() };
            Ok((StatusCode::ACCEPTED, headers, axum::Json(half)).into_response())
        }
    }
}

/// Networks from which many wrong passwords come are not listened to for a while, for whomever they are.
fn listen(api: &Api, place: &Place) -> Result<(), Problem> {
    api.guessers.check(place.ip, api.app.clock.now()).map_err(|wait| {
        AuthFailure::IpRateLimited.count();
        Problem::too_many_tries("too many wrong passwords came from here", wait)
    })
}

fn noted<T>(api: &Api, place: &Place, done: Result<T, SignInError>) -> Result<T, Problem> {
    let now = api.app.clock.now();
    done.map_err(|error| match error {
        SignInError::Wrong
        | SignInError::WrongCode
        | SignInError::NoSuchInvitation
        | SignInError::NoSuchWord
        | SignInError::NoSuchJourney => {
            AuthFailure::WrongCredentials.count();
            api.guessers.note_failure(place.ip, now);
            error.into()
        }
        SignInError::TooManyTries { until } => {
            AuthFailure::RateLimited.count();
            let seconds = (until - now).num_seconds().max(0).unsigned_abs() + 1;
            Problem::from(error).retry_after(seconds)
        }
        error => error.into(),
    })
}

/// Sign out.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "auth",
    params(Csrf),
    responses((status = 204, description = "Signed out; the answer takes the cookie away"), SignInRefusals),
    security(("session" = [])),
)]
async fn log_out(SignedIn { who, place }: SignedIn, State(api): State<ApiState>) -> Result<Response, Problem> {
    // Somebody else may have ended it this moment: it is over either way.
    match sign_in::end(&api.app, who.user, who.session, &place).await {
        Ok(()) | Err(SignInError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, sessions::clear(&api.settings))]).into_response())
}

/// Who is signed in, and for whom they work.
#[derive(Serialize, ToSchema)]
struct Me {
    user: Person,
    preferences: profile::Preferences,
    #[schema(value_type = String, pattern = "^ses_[0-9a-f]{32}$")]
    session_id: SessionId,
    /// Makes tenants, and may work for any of them.
    superadmin: bool,
    /// The tenant that they work for requires a second factor, and they have none: until they do, nothing but `/v1/auth/` is
    /// open to them.
    second_factor_needed: bool,
    /// For whom they work in this session. Null: for nobody.
    works_for: Option<Work>,
    /// What they may do there.
    #[schema(value_type = Vec<ScopeWord>)]
    scopes: Vec<Scope>,
    /// Which conversations they see there. Null: they work for nobody.
    #[schema(value_type = Option<SeesWord>)]
    sees: Option<Sees>,
    /// Everybody they could work for.
    tenants: Vec<Work>,
}

#[derive(Serialize, ToSchema)]
struct Person {
    #[schema(pattern = "^usr_[0-9a-f]{32}$")]
    id: String,
    name: String,
    email: String,
    /// It is known that they read mail there.
    email_verified: bool,
    /// Signing in takes a code too.
    second_factor: bool,
    /// There is a password, and not only accounts at providers.
    password: bool,
    /// By what they sign in too.
    identities: Vec<LinkedIdentity>,
    /// Where their picture is read. Null: there is none.
    avatar: Option<&'static str>,
}

/// An account at a provider that signs somebody in.
#[derive(Serialize, ToSchema)]
struct LinkedIdentity {
    #[schema(value_type = String, pattern = "^(google|facebook|github)$")]
    provider: IdentityProvider,
    /// What the provider had verified when it was linked.
    email: Option<String>,
    linked_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

impl LinkedIdentity {
    fn of(linked: sign_in::Linked) -> Self {
        let sign_in::Linked { provider, email, created_at: linked_at, used_at } = linked;
        Self { provider, email, linked_at, used_at }
    }
}

impl Person {
    fn of(myself: Myself) -> Self {
        let Myself { user, has_second_factor: second_factor, has_avatar, linked, .. } = myself;
        let User { id, name, email, password, verified_at, .. } = user;
        Self {
            id: id.to_string(),
            name,
            email,
            email_verified: verified_at.is_some(),
            second_factor,
            password: password.is_some(),
            identities: linked.into_iter().map(LinkedIdentity::of).collect(),
            avatar: has_avatar.then_some(avatar::OWN),
        }
    }
}

/// A tenant that somebody is a member of.
#[derive(Serialize, ToSchema)]
struct Work {
    #[schema(value_type = String, pattern = "^ten_[0-9a-f]{32}$")]
    tenant_id: TenantId,
    slug: String,
    name: String,
    #[schema(pattern = "^mem_[0-9a-f]{32}$")]
    member_id: String,
    #[schema(value_type = RoleWord)]
    role: Role,
    /// Members without a second factor can do nothing there.
    second_factor_required: bool,
}

impl Work {
    fn of(one: Membership) -> Self {
        let Membership { tenant, slug, name, member, role, requires_second_factor: second_factor_required } = one;
        Self { tenant_id: tenant, slug, name, member_id: member.to_string(), role, second_factor_required }
    }
}

async fn shown(api: &Api, who: &sign_in::SignedIn) -> Result<Me, Problem> {
    let mut myself = sign_in::me(&api.app, who.user).await?;
    let (preferences, tenants) = (myself.preferences, std::mem::take(&mut myself.memberships));
    let works_for = tenants.iter().find(|one| Some(one.tenant) == who.works_for).cloned();
    Ok(Me {
        second_factor_needed: who.lacks_second_factor,
        user: Person::of(myself),
        preferences: profile::Preferences::of(preferences),
        session_id: who.session,
        superadmin: who.superadmin,
        works_for: works_for.map(Work::of),
        scopes: who.scopes(),
        sees: who.sight().map(|sight| sight.sees),
        tenants: tenants.into_iter().map(Work::of).collect(),
    })
}

async fn begun(api: &Api, status: StatusCode, opened: Opened) -> Result<Response, Problem> {
    let me = shown(api, &opened.signed_in).await?;
    let headers = [
        (header::SET_COOKIE, sessions::set(&opened.token, &api.settings)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((status, headers, axum::Json(me)).into_response())
}

/// Who am I?
#[utoipa::path(
    get,
    path = "/v1/auth/me",
    tag = "auth",
    responses((status = 200, description = "Whoever is signed in", body = Me), SignInRefusals),
    security(("session" = [])),
)]
async fn me(SignedIn { who, .. }: SignedIn, State(api): State<ApiState>) -> Result<Response, Problem> {
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, axum::Json(shown(&api, &who).await?)).into_response())
}

/// A new password, from whoever knows the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// Of whoever has one. Whoever has none signed in less than ten minutes ago.
    #[schema(value_type = Option<String>, format = Password, max_length = 128)]
    old: Option<SecretString>,
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 128)]
    new: SecretString,
}

/// Change one's password.
///
/// Ends all other sessions.
#[utoipa::path(
    post,
    path = "/v1/auth/password",
    tag = "auth",
    request_body = NewPassword,
    params(Csrf),
    responses((status = 200, description = "Changed; the answer sets a new cookie", body = Me), SignInRefusals),
    security(("session" = [])),
)]
async fn change_password(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Json(NewPassword { old, new }): Json<NewPassword>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let changed = sign_in::change_password(&api.app, &api.passwords, &who, (old, new), &place).await;
    begun(&api, StatusCode::OK, noted(&api, &place, changed)?).await
}

/// For whom to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    #[schema(value_type = String, pattern = "^ten_[0-9a-f]{32}$")]
    tenant_id: TenantId,
}

/// Work for another tenant.
///
/// In this session, from now on. A superadmin may work for any tenant: as an owner whom everybody there sees.
#[utoipa::path(
    post,
    path = "/v1/auth/switch-tenant",
    tag = "auth",
    request_body = Switch,
    params(Csrf),
    responses((status = 200, description = "Done; the answer sets a new cookie", body = Me), SignInRefusals),
    security(("session" = [])),
)]
async fn switch_tenant(
    SignedIn { who, place }: SignedIn,
    State(api): State<ApiState>,
    Json(Switch { tenant_id }): Json<Switch>,
) -> Result<Response, Problem> {
    let opened = sign_in::switch(&api.app, &who, tenant_id, &place).await?;
    begun(&api, StatusCode::OK, opened).await
}

/// What somebody says who accepts an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// The word in the invitation.
    #[schema(max_length = 100)]
    token: String,
    /// Of somebody who signs in for the first time. Whoever is known already keeps theirs.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// A new one, or that of somebody who is known already.
    #[schema(value_type = String, format = Password, max_length = 128)]
    password: SecretString,
    /// Of whoever is known already and has a second factor.
    #[schema(min_length = 6, max_length = 40)]
    code: Option<String>,
}

/// Accept an invitation.
///
/// Makes whoever has its word a member, and signs them in.
#[utoipa::path(
    post,
    path = "/v1/auth/accept-invitation",
    tag = "auth",
    request_body = Accept,
    params(Csrf),
    responses((status = 200, description = "Signed in; the answer sets the cookie of the session", body = Me), SignInRefusals),
    security(()),
)]
async fn accept(
    OurPage(place): OurPage,
    State(api): State<ApiState>,
    Json(Accept { token, name, password, code }): Json<Accept>,
) -> Result<Response, Problem> {
    listen(&api, &place)?;
    let accepted = match Token::parse(&token) {
        Some(token) => {
            let accepting = Accepting { token, name, password, code };
            sign_in::accept(&api.app, &api.passwords, accepting, &place).await
        }
        None => Err(SignInError::NoSuchInvitation),
    };
    begun(&api, StatusCode::OK, noted(&api, &place, accepted)?).await
}
