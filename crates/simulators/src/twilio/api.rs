//! Which call it is, who calls, and how a refusal looks.

use std::sync::Arc;

use data_encoding::BASE64;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;

use crate::meta::query::Query;
use crate::meta::reply;
use crate::server::{self, Cut, Line, Reply};

use super::state::State;
use super::{Twilio, control, message, send};

/// Twilio takes about 64 KiB of a form.
const BODY_BYTES_MAX: usize = 256 * 1_024;
/// Messages of one page, as documented.
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

/// An error as Twilio words it: `{"code":21211,"message":…,"more_info":…,"status":400}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u32,
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: u32) -> Self {
        Self { status, code, retry_after_s: None }
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, 20_404)
    }
}

impl State {
    pub(crate) fn refuse(&mut self, refusal: Refusal) -> Reply {
        let Refusal { status, code, retry_after_s } = refusal;
        *self.refused.entry(code).or_default() += 1;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({ "code": code, "message": "simulated", "more_info": more_info, "status": status });
        let mut reply = reply::json(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body);
        if let Some(seconds) = retry_after_s {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }

    /// The account itself, or its key.
    fn authorise(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let pair = |user: &str, password: &str| BASE64.encode(format!("{user}:{password}").as_bytes());
        let account = pair(&self.config.account_sid, &self.config.auth_token);
        let key = self.config.api_key.as_ref().map(|(sid, secret)| pair(sid, secret));
        let is_known = given.is_some_and(|given| given == account || key.as_deref() == Some(given));
        if is_known { Ok(()) } else { Err(Refusal::new(401, 20_003)) }
    }
}

pub(crate) async fn answer(twilio: &Arc<Twilio>, head: Parts, body: Incoming, line: &Line) -> Result<Reply, Cut> {
    let uri = head.uri.clone();
    let path: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let Some(body) = server::read(body, BODY_BYTES_MAX).await else { return Err(line.cut()) };
    if let ["_sim", path @ ..] = path.as_slice() {
        return Ok(control::answer(twilio, &head, &body, path));
    }
    if let ["_cdn", sid] = path.as_slice() {
        let mut state = twilio.state.lock();
        let found = state.cdn(&head, sid);
        return Ok(found.unwrap_or_else(|refusal| state.refuse(refusal)));
    }
    {
        let mut state = twilio.state.lock();
        state.requests += 1;
        if let Err(refusal) = state.authorise(&head.headers) {
            return Ok(state.refuse(refusal));
        }
    }
    if let ("POST", ["2010-04-01", "Accounts", account, "Messages.json"]) = (head.method.as_str(), path.as_slice())
        && *account == twilio.state.lock().config.account_sid
    {
        return send::send(twilio, &body, line).await;
    }
    let mut state = twilio.state.lock();
    let read = match path.as_slice() {
        ["v1", "Content", path @ ..] => state.content(&head, path, &body),
        ["2010-04-01", "Accounts", path @ ..] => state.read(path, &Query::of(&uri)),
        _ => Err(Refusal::missing()),
    };
    Ok(read.unwrap_or_else(|refusal| state.refuse(refusal)))
}

impl State {
    fn read(&self, path: &[&str], query: &Query) -> Result<Reply, Refusal> {
        let account = self.config.account_sid.as_str();
        match path {
            [file] if *file == format!("{account}.json") => {
                Ok(reply::ok(&json!({ "sid": account, "status": "active", "type": "Full" })))
            }
            [owner, "Messages.json"] if *owner == account => Ok(self.list(query)),
            [owner, "Messages", file] if *owner == account => {
                let sid = file.strip_suffix(".json").ok_or(Refusal::missing())?;
                let found = self.sent.iter().find(|sent| sent.sid.as_deref() == Some(sid));
                found.map(|sent| reply::ok(&sent.resource(account))).ok_or(Refusal::missing())
            }
            [owner, "Messages", _, "Media", sid] if *owner == account => self.media(sid),
            _ => Err(Refusal::missing()),
        }
    }

    /// The newest first. Dates are days, as documented.
    fn list(&self, query: &Query) -> Reply {
        let account = self.config.account_sid.as_str();
        let day = |unix_s: u64| {
            let (year, month, day) = message::date(unix_s / 86_400);
            format!("{year:04}-{month:02}-{day:02}")
        };
        let fits = |name: &str, found: &str| query.get(name).is_none_or(|wanted| wanted == found);
        let found = self.sent.iter().rev().filter(|sent| sent.sid.is_some()).filter(|sent| {
            let on = sent.sent_s.map(day).unwrap_or_default();
            let day_of = |name: &str| query.get(name).map(|text| text.chars().take(10).collect::<String>());
            fits("To", &sent.to)
                && fits("From", &sent.from())
                && day_of("DateSent").is_none_or(|wanted| wanted == on)
                && day_of("DateSent>").is_none_or(|wanted| on >= wanted)
                && day_of("DateSent<").is_none_or(|wanted| !on.is_empty() && on <= wanted)
        });
        let size = query.number("PageSize").unwrap_or(PAGE_SIZE).clamp(1, PAGE_SIZE_MAX);
        let page: usize = query.number("Page").unwrap_or(0);
        let messages: Vec<_> = found.skip(page * size).take(size).map(|sent| sent.resource(account)).collect();
        reply::ok(&json!({ "messages": messages, "page": page, "page_size": size }))
    }
}
