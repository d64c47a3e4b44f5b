//! Who opens a page: nobody is known, but how often an address tried tokens that lead nowhere.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use maud::html;
use postroad_app::{business::Business, system};

use super::{look, words::Words};
use crate::{Api, ApiState, problem::Problem};

/// Somebody with a token.
pub(super) struct Visitor {
    pub(super) token: String,
    wanted: Option<&'static Words>,
    ip: IpAddr,
}

impl FromRequestParts<ApiState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, Response> {
        let ip = api.client_ip(&parts.extensions, &parts.headers);
        let wanted = Words::wanted(&parts.headers);
        if let Err(wait) = api.visitors.check(ip, api.app.clock.now()) {
            return Err(come_later(Words::for_person(wanted, None), wait));
        }
        // What cannot be read leads nowhere either.
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, api).await;
        let token = path.ok().and_then(|mut path| path.0.remove("token")).unwrap_or_default();
        Ok(Self { token, wanted, ip })
    }
}

fn come_later(words: &Words, wait: Duration) -> Response {
    let mut response = later(StatusCode::TOO_MANY_REQUESTS, words);
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

fn later(status: StatusCode, words: &Words) -> Response {
    look::page(status, words, words.later, &html! { p { (words.later_means) } })
}

impl Visitor {
    /// `own`: the person's own language, where it is known.
    pub(super) fn words(&self, own: Option<&str>) -> &'static Words {
        Words::for_person(self.wanted, own)
    }

    /// One answer to every token that leads nowhere: nobody learns why. No business is known, so whoever runs the server is named.
    pub(super) async fn nowhere(&self, api: &Api) -> Response {
        api.visitors.note_failure(self.ip, api.app.clock.now());
        let words = self.words(None);
        // That nothing is there stays true when nobody can say whom to ask.
        let system =
            system::get(&api.app).await.inspect_err(|error| tracing::warn!(%error, "the settings cannot be read"));
        let reach = system.ok().map(|system| {
            let support = Business { email: system.support_email, ..Business::default() };
            look::reach(words, system.name.as_deref().unwrap_or("Postroad"), &support)
        });
        let body = html! { p { (words.not_found_means) } @if let Some(reach) = reach { (reach) } };
        look::page(StatusCode::NOT_FOUND, words, words.not_found, &body)
    }

    /// A form that no page of ours sends.
    pub(super) fn unread(&self) -> Response {
        later(StatusCode::BAD_REQUEST, self.words(None))
    }

    /// The cause is logged, and told to nobody.
    pub(super) fn failed(&self, error: postroad_store::Error) -> Response {
        let problem = Problem::from(error).into_response();
        let mut response = later(problem.status(), self.words(None));
        if let Some(wait) = problem.headers().get(header::RETRY_AFTER) {
            response.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        response
    }
}
