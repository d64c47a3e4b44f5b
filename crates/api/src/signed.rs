//! Signed requests: nothing behind this layer runs for a caller who is not known.
//!
//! The order is a promise of the documentation: syntax, the sender's address, the body, the clock, the key, the signature,
//! the key's and the client's standing, the networks it may call from, its rate. All but three answer the same 401; what
//! it was exactly stands in the request log.

mod body;
mod people;
mod strangers;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use postroad_app::{clients::Known, requests::Call};
use postroad_core::{
    account::Pace,
    cidr::AllowList,
    ids::ClientId,
    scope::Scope,
    sight::Sight,
    signature::{self, SignatureError, SignedHeaders},
};
use postroad_store::clients::Credential;

use crate::{
    Api, ApiState,
    caller::{By, Principal, unauthorized},
    log::Line,
    metrics::AuthFailure,
    problem::Problem,
};

pub(crate) use strangers::Strangers;

/// Verifies, runs the handler, and writes the call's line into the log, whatever came of it.
pub(crate) async fn authenticate(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let ip = api.client_ip(request.extensions(), request.headers());
    let mut line = Line::of(&request, ip);
    let admitted = match people::cookie_of(&api, &request) {
        Some(token) => people::admit(&api, request, &token, ip, &mut line).await,
        None => admit(&api, request, ip, &mut line).await,
    };
    let response = match admitted {
        Ok(request) => answered(request, next).await,
        Err(problem) => problem.into_response(),
    };
    api.log.note(line.end(&api, &response, began.elapsed()));
    response
}

/// What is changed is changed in the caller's name, and what is shown is what they see.
async fn answered(request: Request, next: Next) -> Response {
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    let changes = !request.method().is_safe();
    let done = async {
        match principal.as_ref().filter(|_| changes).map(|principal| principal.doer()) {
            Some(doer) => postroad_store::done_by(doer, next.run(request)).await,
            None => next.run(request).await,
        }
    };
    match principal.as_ref().and_then(|principal| principal.sight.clone()) {
        Some(sight) => postroad_store::seen_by(sight, done).await,
        None => done.await,
    }
}

/// The request as the handler gets it, with its caller.
async fn admit(api: &Api, request: Request, ip: IpAddr, line: &mut Line) -> Result<Request, Problem> {
    let now = api.app.clock.now();
    let headers = syntax(&request)?;
    line.claims(&headers);
    if let Err(wait) = api.strangers.check(ip, now) {
        return Err(too_many(AuthFailure::IpRateLimited, wait));
    }
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    let asked = signature::Request::new(&parts.method, &parts.uri, &bytes);
    let body_sha256 = asked.body_sha256();
    line.body_sha256 = Some(body_sha256.clone());
    let verified = verify(api, &headers, &asked, ip, now).await;
    let credential = verified.inspect_err(|problem| {
        if problem.is_unauthorized() {
            api.strangers.note_failure(ip, now);
        }
    })?;
    line.is(&credential);
    keep_to_rate(api, &credential).await?;
    let call = call_of(&credential, &headers, body_sha256, format!("{} {}", parts.method, parts.uri.path()));
    let (scopes, by) = (scopes(&credential), By::Key(credential.key_id.clone()));
    parts.extensions.insert(Arc::new(Principal { call, scopes, sight: None, by, ip }));
    Ok(Request::from_parts(parts, body_of(bytes)))
}

fn scopes(credential: &Credential) -> Vec<Scope> {
    credential.client.scopes.iter().filter_map(|scope| scope.parse().ok()).collect()
}

/// What a caller may do, and whom and what of they see. No sight: everything.
pub(crate) struct Rights {
    pub(crate) scopes: Vec<Scope>,
    pub(crate) sight: Option<Sight>,
}

/// What a caller who was let in before may do by now, or why it must go. None: nobody can tell at the moment.
pub(crate) async fn recheck(api: &Api, principal: &Principal) -> Option<Result<Rights, AuthFailure>> {
    let key_id = match &principal.by {
        By::Key(key_id) => key_id,
        By::Session(token, _) => return people::recheck(api, principal, token).await,
    };
    let known = api.keys.find(&api.app, key_id).await.ok()?;
    let Some(Known { credential, .. }) = known else { return Some(Err(AuthFailure::UnknownKey)) };
    let failure = standing(&credential, principal.ip, api.app.clock.now());
    Some(failure.map_or_else(|| Ok(Rights { scopes: scopes(&credential), sight: None }), Err))
}

fn body_of(bytes: Bytes) -> Body {
    Body::from(bytes)
}

fn syntax(request: &Request) -> Result<SignedHeaders, Problem> {
    body::refuse_encoding(request.headers())?;
    SignedHeaders::read(request.headers()).map_err(|_| refuse(AuthFailure::Malformed))
}

/// Of whom the signature is, if he may call from here now.
async fn verify(
    api: &Api,
    headers: &SignedHeaders,
    asked: &signature::Request<'_>,
    ip: IpAddr,
    now: DateTime<Utc>,
) -> Result<Credential, Problem> {
    headers.check_age(now).map_err(|error| stale(&error))?;
    let known = api.keys.find(&api.app, headers.stamp.key_id()).await?;
    let secret = known.as_ref().map(|known| &*known.secret);
    let signed = signature::verify(headers, asked, secret);
    let Some(Known { credential, .. }) = known else { return Err(refuse(AuthFailure::UnknownKey)) };
    match signed {
        Ok(()) => standing(&credential, ip, now).map_or(Ok(credential), |failure| Err(refuse(failure))),
        Err(SignatureError::Mismatch) => Err(refuse(AuthFailure::BadSignature)),
        Err(_) => Err(refuse(AuthFailure::Malformed)),
    }
}

/// What keeps a known key out.
fn standing(credential: &Credential, ip: IpAddr, now: DateTime<Utc>) -> Option<AuthFailure> {
    let key = match credential.key_status.as_str() {
        "active" | "retiring" if now < credential.not_before => Some(AuthFailure::KeyNotValidYet),
        "active" | "retiring" if credential.expires_at.is_some_and(|at| at <= now) => Some(AuthFailure::KeyExpired),
        "active" | "retiring" => None,
        _ => Some(AuthFailure::KeyRevoked),
    };
    let client = (credential.client.status != "active").then_some(AuthFailure::ClientDisabled);
    key.or(client).or_else(|| (!may_call_from(&credential.client.cidrs, ip)).then_some(AuthFailure::IpDenied))
}

/// A list that cannot be read lets nobody in.
fn may_call_from(cidrs: &[String], ip: IpAddr) -> bool {
    AllowList::parse(cidrs.iter().map(String::as_str)).is_ok_and(|list| list.allows(ip))
}

/// After authentication: else anybody who knows a key's id could use up its rate.
async fn keep_to_rate(api: &Api, credential: &Credential) -> Result<(), Problem> {
    let client = &credential.client;
    let pace = Pace { per_s: client.rate_per_s, burst: u32::try_from(client.rate_burst).unwrap_or(1) };
    keep_to(api, &rate_of(client.id), pace).await
}

/// Names the rate of a client, or of a member as one.
fn rate_of(caller: ClientId) -> String {
    format!("api:{}", caller.uuid().simple())
}

/// Counts against what all processes together let through under this name.
pub(crate) async fn keep_to(api: &Api, name: &str, pace: Pace) -> Result<(), Problem> {
    let allowed = api.app.limits.allow(name, pace, api.settings.processes).await;
    allowed.map_err(|wait| too_many(AuthFailure::RateLimited, wait))
}

fn call_of(credential: &Credential, headers: &SignedHeaders, body_sha256: String, route: String) -> Call {
    Call {
        tenant: credential.tenant,
        client: credential.client.id,
        member: None,
        live: credential.client.live,
        daily_quota: credential.client.daily_quota,
        zone: credential.client.time_zone.parse().unwrap_or_default(),
        request_id: headers.stamp.request_id().to_owned(),
        body_sha256,
        route,
    }
}

fn refuse(failure: AuthFailure) -> Problem {
    failure.count();
    unauthorized().precisely(failure.as_str())
}

/// The one reason that is told: it reveals nothing, and a wrong clock is hard to find from outside.
fn stale(error: &SignatureError) -> Problem {
    let SignatureError::Stale { server_time } = error else { return refuse(AuthFailure::Malformed) };
    AuthFailure::StaleTimestamp.count();
    let title = "The caller's clock is wrong";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, AuthFailure::StaleTimestamp.as_str(), title, error);
    problem.with_server_time(*server_time)
}

fn too_many(failure: AuthFailure, wait: Duration) -> Problem {
    failure.count();
    let title = "Too many requests";
    let detail = format_args!("come again in {} ms", wait.as_millis());
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", title, detail);
    problem.retry_after(wait.as_secs() + 1).precisely(failure.as_str())
}
