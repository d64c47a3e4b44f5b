//! People instead of programs: a cookie takes the place of the signature, and a role that of the scopes.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use chrono_tz::Tz;
use postroad_app::{
    requests::Call,
    sign_in::{self, SignedIn},
};
use postroad_core::{
    account::Pace,
    ids::ClientId,
    sign_in::{Token, TokenHash},
    signature::{self, Stamp},
};

use super::{Rights, body, body_of, keep_to, rate_of};
use crate::{
    Api,
    caller::{By, Principal},
    log::Line,
    metrics::AuthFailure,
    openapi::SIGNED,
    problem::Problem,
    sessions,
};

/// Requests of one person.
const PACE: Pace = Pace { per_s: 20.0, burst: 200 };

/// What opens the session of whoever calls. None: they sign, or are nobody.
pub(super) fn cookie_of(api: &Api, request: &Request) -> Option<Token> {
    let signs = SIGNED.iter().any(|(_, header)| request.headers().contains_key(*header) && *header != REQUEST_ID);
    (!signs).then(|| sessions::token(request.headers(), &api.settings)).flatten()
}

const REQUEST_ID: &str = "X-Postroad-Request-Id";

/// The request as the handler gets it, with its caller.
pub(super) async fn admit(
    api: &Api,
    request: Request,
    token: &Token,
    ip: IpAddr,
    line: &mut Line,
) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    body::refuse_encoding(&parts.headers)?;
    sessions::refuse_strangers_pages(&parts.method, &parts.headers, &api.settings).inspect_err(|_| {
        AuthFailure::ForeignPage.count();
    })?;
    let found = sign_in::find(&api.app, &token.hash()).await?;
    let who = found.ok_or_else(|| {
        AuthFailure::NotSignedIn.count();
        sessions::not_signed_in()
    })?;
    let (Some(tenant), Some(member), Some(role), Some(rights)) = (who.works_for, who.member, who.role, rights(&who))
    else {
        return Err(works_for_nobody());
    };
    line.is_member_of(tenant);
    if who.lacks_second_factor {
        return Err(sessions::second_factor_required());
    }
    let client = ClientId::from_uuid(member.uuid());
    keep_to(api, &rate_of(client), PACE).await?;
    let bytes = body::read(&parts.headers, body).await?;
    let body_sha256 = signature::Request::new(&parts.method, &parts.uri, &bytes).body_sha256();
    line.body_sha256 = Some(body_sha256.clone());
    let call = Call {
        tenant,
        client,
        member: Some(member),
        live: true,
        daily_quota: None,
        zone: Tz::UTC,
        request_id: request_id(&parts.headers)?,
        body_sha256,
        route: format!("{} {}", parts.method, parts.uri.path()),
    };
    let by = By::Session(token.hash(), role);
    parts.extensions.insert(Arc::new(Principal { call, scopes: rights.scopes, sight: rights.sight, by, ip }));
    Ok(Request::from_parts(parts, body_of(bytes)))
}

/// A page that repeats a request gives it a name; of all others each is another wish.
fn request_id(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(named) = headers.get(REQUEST_ID) else { return Ok(uuid::Uuid::new_v4().simple().to_string()) };
    let named = named.to_str().ok().filter(|id| Stamp::is_request_id(id));
    let detail = "X-Postroad-Request-Id: 16 to 64 of A-Z, a-z, 0-9, _ and -";
    named.map(str::to_owned).ok_or_else(|| Problem::invalid("invalid_request_id", detail))
}

fn works_for_nobody() -> Problem {
    let title = "You work for nobody";
    let detail =
        "you are signed in and not a member of any tenant, or not any more: switch to another, or ask to be invited";
    Problem::new(StatusCode::FORBIDDEN, "works_for_nobody", title, detail)
}

/// None: they work for nobody.
fn rights(who: &SignedIn) -> Option<Rights> {
    let sight = who.sight()?;
    Some(Rights { scopes: who.scopes(), sight: Some(sight).filter(|sight| !sight.is_whole()) })
}

/// What somebody who was let in before may do by now, or that they must go. None: nobody can tell at the moment.
pub(super) async fn recheck(
    api: &Api,
    principal: &Principal,
    token: &TokenHash,
) -> Option<Result<Rights, AuthFailure>> {
    let found = sign_in::still(&api.app, token).await.ok()?;
    let stays = found.filter(|who| {
        !who.lacks_second_factor && who.works_for == Some(principal.call.tenant) && who.member == principal.call.member
    });
    Some(stays.as_ref().and_then(rights).ok_or(AuthFailure::NotSignedIn))
}
