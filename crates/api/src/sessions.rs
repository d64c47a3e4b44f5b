//! People by their cookie. A browser sends it along with every request, also with those that a stranger's page makes it
//! send: so whatever changes something must come from our own pages, and says so in a header that no form can set.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
};
use cookie::{Cookie, SameSite};
use postroad_app::{
    secrets::SecretError,
    sign_in::{self, Place, SignInError},
};
use postroad_core::{
    actor::Actor,
    sign_in::{JOURNEY_LASTS, SESSION_MAX, Token},
};
use postroad_store::Doer;

use crate::{ApiState, Settings, metrics::AuthFailure, problem::Problem};

/// Must be `1` in whatever changes something.
pub(crate) const CSRF: &str = "X-Postroad-CSRF";

/// Somebody who is signed in.
pub(crate) struct SignedIn {
    pub(crate) who: sign_in::SignedIn,
    pub(crate) place: Place,
}

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let OurPage(place) = OurPage::from_request_parts(parts, api).await?;
        let token = token(&parts.headers, &api.settings).ok_or_else(not_signed_in)?;
        let who = sign_in::find(&api.app, &token.hash()).await?.ok_or_else(not_signed_in)?;
        Ok(Self { who, place })
    }
}

/// Somebody who is signed in and runs the installation.
pub(crate) struct Superadmin {
    who: sign_in::SignedIn,
    place: Place,
}

impl Superadmin {
    /// As the audit names them.
    pub(crate) fn doer(&self) -> Doer {
        self.place.doer(self.who.user)
    }

    /// As histories name them.
    pub(crate) const fn actor(&self) -> Actor {
        Actor::User(self.who.user)
    }
}

impl FromRequestParts<ApiState> for Superadmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        let SignedIn { who, place } = SignedIn::from_request_parts(parts, api).await?;
        if who.superadmin && who.lacks_second_factor {
            return Err(second_factor_required());
        }
        if who.superadmin {
            return Ok(Self { who, place });
        }
        AuthFailure::MissingScope.count();
        let title = "Only for superadmins";
        let detail = "this is for the people who run the installation: `postroad users superadmin` names them";
        Err(Problem::new(StatusCode::FORBIDDEN, "superadmin_needed", title, detail))
    }
}

/// A request that no stranger's page made.
pub(crate) struct OurPage(pub(crate) Place);

impl FromRequestParts<ApiState> for OurPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, Problem> {
        refuse_strangers_pages(&parts.method, &parts.headers, &api.settings)?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        Ok(Self(Place { ip: api.client_ip(&parts.extensions, &parts.headers), agent: agent.to_owned() }))
    }
}

/// Browsers say where a request comes from, in `Sec-Fetch-Site` or, if they are old, in `Origin`. What says neither is no
/// browser, and has no cookie of somebody else.
pub(crate) fn refuse_strangers_pages(method: &Method, headers: &HeaderMap, settings: &Settings) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin == origin_of(&settings.public_url),
        (None, None) => true,
    };
    if is_ours && text(CSRF) == Some("1") {
        return Ok(());
    }
    let title = "The request does not come from our own pages";
    let detail = format_args!(
        "a request that changes something comes from the pages of this server and has the header {CSRF}: 1"
    );
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign_page", title, detail))
}

/// `https://messages.example` of an address that may have a path.
fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |at| &url[..host + at])
}

pub(crate) fn not_signed_in() -> Problem {
    let title = "Nobody is signed in";
    let detail = "sign in: there is no session, or it has ended";
    Problem::new(StatusCode::UNAUTHORIZED, "not_signed_in", title, detail)
}

/// Of whoever works for a tenant that requires a second factor, and has none: they can get one, and nothing else.
pub(crate) fn second_factor_required() -> Problem {
    AuthFailure::SecondFactorRequired.count();
    let title = "A second factor is required";
    let detail = "the tenant that you work for requires a second factor: begin with POST /v1/auth/second-factor";
    Problem::new(StatusCode::FORBIDDEN, "second_factor_required", title, detail)
}

/// Over TLS the browser itself sees to it that nobody else sets or reads it: that is what `__Host-` means.
fn name(settings: &Settings) -> &'static str {
    if is_secure(settings) { "__Host-postroad" } else { "postroad" }
}

pub(crate) fn is_secure(settings: &Settings) -> bool {
    settings.public_url.starts_with("https://")
}

/// What the cookie holds. None: there is none, or nothing that we wrote.
pub(crate) fn token(headers: &HeaderMap, settings: &Settings) -> Option<Token> {
    held(headers, name(settings))
}

fn held(headers: &HeaderMap, name: &str) -> Option<Token> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut all = cookies.flat_map(Cookie::split_parse).flatten();
    all.find(|cookie| cookie.name() == name).and_then(|cookie| Token::parse(cookie.value()))
}

/// Of whoever is at a provider who says who they are.
fn journeys_name(settings: &Settings) -> &'static str {
    if is_secure(settings) { "__Host-postroad-journey" } else { "postroad-journey" }
}

/// What a browser kept while its owner was away.
pub(crate) fn journey(headers: &HeaderMap, settings: &Settings) -> Option<Token> {
    held(headers, journeys_name(settings))
}

pub(crate) fn set_journey(word: &Token, settings: &Settings) -> HeaderValue {
    written(journeys_name(settings), word.reveal(), JOURNEY_LASTS.num_seconds(), settings)
}

pub(crate) fn clear_journey(settings: &Settings) -> HeaderValue {
    written(journeys_name(settings), String::new(), 0, settings)
}

/// The cookie of a session that was just begun.
pub(crate) fn set(token: &Token, settings: &Settings) -> HeaderValue {
    written(name(settings), token.reveal(), SESSION_MAX.num_seconds(), settings)
}

/// Takes it away.
pub(crate) fn clear(settings: &Settings) -> HeaderValue {
    written(name(settings), String::new(), 0, settings)
}

fn written(name: &'static str, value: String, seconds: i64, settings: &Settings) -> HeaderValue {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .secure(is_secure(settings))
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(seconds));
    HeaderValue::from_str(&cookie.to_string()).expect("base64url and fixed words")
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        let refused = |status, code, title, error: SignInError| Self::new(status, code, title, error);
        match error {
            SignInError::Wrong => refused(StatusCode::UNAUTHORIZED, "wrong_credentials", "Not signed in", error),
            SignInError::TooManyTries { .. } => {
                refused(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", "Too many tries", error)
            }
            SignInError::Busy(_) => {
                refused(StatusCode::SERVICE_UNAVAILABLE, "busy", "Temporarily unavailable", error).retry_after(1)
            }
            SignInError::Weak(_) => Self::invalid("weak_password", error),
            SignInError::Email => Self::invalid("invalid_email", error),
            SignInError::Name => Self::invalid("invalid_name", error),
            SignInError::UnknownDepartment => Self::invalid("unknown_department", error),
            SignInError::EmailTaken => Self::conflict("email_taken", error),
            SignInError::SomebodyElse => Self::conflict("email_of_another_member", error),
            SignInError::AlreadyInvited => Self::conflict("already_invited", error),
            SignInError::AlreadyMember => Self::conflict("already_member", error),
            SignInError::SignUpClosed => refused(StatusCode::FORBIDDEN, "sign_up_closed", "Sign-up is closed", error),
            SignInError::RoleTooHigh => refused(StatusCode::FORBIDDEN, "role_too_high", "Not allowed", error),
            SignInError::NoSuchInvitation => refused(StatusCode::NOT_FOUND, "no_such_invitation", "Not found", error),
            SignInError::NoSuchWord => refused(StatusCode::NOT_FOUND, "no_such_word", "Not found", error),
            SignInError::WrongCode => refused(StatusCode::UNAUTHORIZED, "wrong_code", "Not signed in", error),
            SignInError::CodeNeeded => refused(StatusCode::UNAUTHORIZED, "code_needed", "Not signed in", error),
            SignInError::NoSecondFactor => Self::conflict("no_second_factor", error),
            SignInError::SecondFactorIsOn => Self::conflict("second_factor_is_on", error),
            SignInError::NoSuchJourney => refused(StatusCode::NOT_FOUND, "no_such_journey", "Not found", error),
            SignInError::UnknownIdentity => refused(StatusCode::FORBIDDEN, "unknown_identity", "Not signed in", error),
            SignInError::UnprovenAddress => refused(StatusCode::FORBIDDEN, "unproven_address", "Not allowed", error),
            SignInError::ProofNeeded => refused(StatusCode::FORBIDDEN, "proof_needed", "Not allowed", error),
            SignInError::IdentityTaken => Self::conflict("identity_taken", error),
            SignInError::LastWayIn => Self::conflict("last_way_in", error),
            SignInError::OnlyPeople => refused(StatusCode::FORBIDDEN, "only_people", "Not allowed", error),
            SignInError::Picture(_) => Self::invalid("picture_refused", error),
            SignInError::NoMail => Self::conflict("no_mail", error),
            SignInError::NotFound => Self::not_found(),
            SignInError::Tenant(error) => error.into(),
            SignInError::Store(error) | SignInError::Secret(SecretError::Store(error)) => error.into(),
            SignInError::Secret(cause) => Self::internal(&cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(public_url: &str) -> Settings {
        Settings { public_url: public_url.to_owned(), ..Settings::default() }
    }

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_pages_change_something() {
        let ours = settings("https://messages.example/app");
        let cases: [(&[(&'static str, &str)], bool); 9] = [
            (&[("x-postroad-csrf", "1")], true),
            (&[], false),
            (&[("x-postroad-csrf", "0")], false),
            (&[("x-postroad-csrf", "1"), ("sec-fetch-site", "same-origin")], true),
            (&[("x-postroad-csrf", "1"), ("sec-fetch-site", "none")], true),
            (&[("x-postroad-csrf", "1"), ("sec-fetch-site", "same-site")], false),
            (
                &[("x-postroad-csrf", "1"), ("sec-fetch-site", "cross-site"), ("origin", "https://messages.example")],
                false,
            ),
            (&[("x-postroad-csrf", "1"), ("origin", "https://messages.example")], true),
            (&[("x-postroad-csrf", "1"), ("origin", "https://evil.example")], false),
        ];
        for (given, passes) in cases {
            let found = refuse_strangers_pages(&Method::POST, &headers(given), &ours).is_ok();
            assert_eq!(found, passes, "{given:?}");
        }
        assert!(refuse_strangers_pages(&Method::GET, &HeaderMap::new(), &ours).is_ok(), "reading changes nothing");
    }

    #[test]
    fn the_cookie_is_for_nobody_but_this_server_and_no_script() {
        let token = Token::generate(&mut rand::rng());
        let (secure, plain) = (settings("https://messages.example"), settings("http://127.0.0.1:7800"));
        let value = set(&token, &secure);
        let text = value.to_str().unwrap();
        assert!(text.starts_with("__Host-postroad="), "{text}");
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=604800"] {
            assert!(text.split("; ").any(|found| found == part), "{part}: {text}");
        }
        assert!(!text.contains("Domain"), "{text}");
        let plain_text = set(&token, &plain);
        assert!(!plain_text.to_str().unwrap().contains("Secure"));
        let sent = format!("theme=dark; __Host-postroad={}; x=1", token.reveal());
        assert_eq!(super::token(&headers(&[("cookie", &sent)]), &secure).map(|found| found.hash()), Some(token.hash()));
        assert!(super::token(&headers(&[("cookie", &sent)]), &plain).is_none(), "another name is another cookie");
        assert!(super::token(&headers(&[("cookie", "__Host-postroad=x")]), &secure).is_none());
    }
}
