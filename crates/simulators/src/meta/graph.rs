//! The provider's API: which call is which.
//!
//! Source: facebook/openapi. Calls that are not here are answered with Graph's "Unknown path components".

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};
use hyper::body::Incoming as Body;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{self, Cut, Line, Reply};

use super::Meta;
use super::errors::Refusal;
use super::events::AccountEvent;
use super::fate::unknown;
use super::handshake;
use super::media;
use super::message::Path;
use super::numbers::NumberState;
use super::query::Query;
use super::reply;
use super::send::{self, Incoming};
use super::state::State;

/// A JSON body. Source: none; the largest documented message is far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;
/// An upload: 100 MB and its form.
const UPLOAD_BYTES_MAX: usize = 101 << 20;

/// `v25.0`
pub(crate) fn is_version(segment: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = segment.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| number(major) && number(minor))
}

pub(crate) async fn answer(
    meta: &Arc<Meta>,
    (head, body): (Parts, Body),
    path: &[&str],
    line: &Line,
) -> Result<Reply, Cut> {
    let sending = match (&head.method, path) {
        (&Method::POST, [number, "messages"]) => Some((*number, Path::Messages)),
        (&Method::POST, [number, "marketing_messages"]) => Some((*number, Path::Marketing)),
        _ => None,
    };
    if let Some((number, path)) = sending {
        let Some(body) = server::read(body, BODY_BYTES_MAX).await else {
            return Ok(refuse(meta, &Refusal::because(100, "The body is too large or incomplete.")));
        };
        let incoming = Incoming { number, token: bearer(&head.headers), path, body, arrived_at: line.arrived_at() };
        return send::send(meta, incoming, line).await;
    }
    let answer = manage(meta, &head, body, path).await;
    if let (&Method::POST, [_, "message_templates"], Ok(_)) = (&head.method, path, &answer)
        && meta.state.lock().loses_creation()
    {
        return Err(line.cut());
    }
    Ok(answer.unwrap_or_else(|refusal| refuse(meta, &refusal)))
}

fn refuse(meta: &Arc<Meta>, refusal: &Refusal) -> Reply {
    meta.state.lock().refuse(refusal)
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").filter(|token| !token.is_empty())
}

/// Every call but sending.
async fn manage(meta: &Arc<Meta>, head: &Parts, body: Body, path: &[&str]) -> Result<Reply, Refusal> {
    {
        let mut state = meta.state.lock();
        state.tally.requests += 1;
        state.authorise(bearer(&head.headers))?;
    }
    let body = server::read(body, UPLOAD_BYTES_MAX).await;
    let body = body.ok_or_else(|| Refusal::because(100, "The body is too large or incomplete."))?;
    let query = Query::of(&head.uri);
    match (head.method.as_str(), path) {
        ("POST", [number, "media"]) => {
            meta.state.lock().known_number(number)?;
            let upload = media::read(head, body).await?;
            meta.state.lock().upload(upload)
        }
        ("POST", [waba_id, "message_templates"]) => {
            let created = meta.state.lock().create_template(waba_id, &body)?;
            Ok(reviewed(meta, created))
        }
        ("POST", [waba_id, "subscribed_apps"]) => subscribe(meta, waba_id, &body).await,
        ("POST", [template_id]) => {
            let edited = meta.state.lock().edit_template(template_id, &body)?;
            Ok(reviewed(meta, edited))
        }
        _ => meta.state.lock().manage(&Managed { path, head, query }),
    }
}

/// Answers, and tells the verdict of the review when it is due.
fn reviewed(meta: &Arc<Meta>, (answer, verdict): (Reply, AccountEvent)) -> Reply {
    let after_ms = meta.state.lock().config.approve_templates_after_ms;
    if let Some(after_ms) = after_ms {
        let meta = Arc::clone(meta);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            if let Err(error) = meta.state.lock().tell(verdict) {
                tracing::debug!(%error, "a template was deleted before its review");
            }
        });
    }
    answer
}

#[derive(Deserialize, Default)]
struct Subscription {
    override_callback_uri: Option<String>,
    verify_token: Option<String>,
}

/// An address of its own is verified before it counts.
async fn subscribe(meta: &Arc<Meta>, waba_id: &str, body: &[u8]) -> Result<Reply, Refusal> {
    let subscription: Subscription = if body.is_empty() {
        Subscription::default()
    } else {
        serde_json::from_slice(body).map_err(|error| Refusal::because(100, error.to_string()))?
    };
    if let Some(address) = &subscription.override_callback_uri {
        let token = subscription.verify_token.unwrap_or_default();
        handshake::verify(meta, address, &token).await.map_err(|error| Refusal::because(100, error.to_string()))?;
    }
    let mut state = meta.state.lock();
    state.subscribed.insert(waba_id.to_owned());
    match subscription.override_callback_uri {
        Some(address) => state.addresses.insert(waba_id.to_owned(), address),
        None => state.addresses.remove(waba_id),
    };
    Ok(reply::success())
}

/// A call that is not about sending, read to its end.
struct Managed<'a> {
    path: &'a [&'a str],
    head: &'a Parts,
    query: Query,
}

impl State {
    /// Whether this creation is one whose answer is lost.
    fn loses_creation(&mut self) -> bool {
        let left = self.config.cut_template_creations;
        self.config.cut_template_creations = left.saturating_sub(1);
        left > 0
    }

    fn manage(&mut self, call: &Managed<'_>) -> Result<Reply, Refusal> {
        let Managed { path, head, query } = call;
        match (head.method.as_str(), *path) {
            ("GET", [waba_id, "message_templates"]) => Ok(self.list_templates(waba_id, query)),
            ("DELETE", [waba_id, "message_templates"]) => self.delete_templates(waba_id, query),
            ("GET", [waba_id, "subscribed_apps"]) => Ok(self.subscriptions(waba_id)),
            ("DELETE", [waba_id, "subscribed_apps"]) => {
                self.subscribed.remove(*waba_id);
                self.addresses.remove(*waba_id);
                Ok(reply::success())
            }
            ("GET", [waba_id, "phone_numbers"]) => Ok(self.phone_numbers(waba_id)),
            ("GET", [id]) => self.object(id, head, query),
            ("DELETE", [media_id]) if self.media.remove(media_id) => Ok(reply::success()),
            ("DELETE", [id]) => Err(unknown(id)),
            _ => Err(Refusal::because(2_500, format!("Unknown path components: /{}", path.join("/")))),
        }
    }

    /// `GET /{id}` of whatever has this id.
    fn object(&mut self, id: &str, head: &Parts, query: &Query) -> Result<Reply, Refusal> {
        if let Some(found) = self.medium(id, head).or_else(|| self.template(id)).or_else(|| self.waba(id)) {
            return Ok(found);
        }
        let index = self.known_number(id)?;
        let all = shown(self.numbers.get(index));
        let Some(fields) = query.get("fields") else {
            let usual = ["id", "display_phone_number", "verified_name", "quality_rating"];
            return Ok(reply::ok(&only(&all, usual)));
        };
        Ok(reply::ok(&only(&all, fields.split(',').chain(["id"]))))
    }

    fn known_number(&mut self, id: &str) -> Result<u32, Refusal> {
        let now = self.clock.now();
        self.number(id, now)
    }

    fn waba(&self, id: &str) -> Option<Reply> {
        let owns = self.numbers.of_waba(id).next().is_some();
        owns.then(|| reply::ok(&json!({ "id": id, "name": "Simulated WABA", "timezone_id": "1", "message_template_namespace": "simulated" })))
    }

    fn phone_numbers(&self, waba_id: &str) -> Reply {
        let data: Vec<Value> = self.numbers.of_waba(waba_id).map(shown).collect();
        reply::ok(&json!({ "data": data, "paging": { "cursors": { "before": "0", "after": data.len().to_string() } } }))
    }

    fn subscriptions(&self, waba_id: &str) -> Reply {
        let app = json!({ "whatsapp_business_api_data": { "id": "500000000000001", "name": "Simulated App", "link": "https://www.facebook.com/games/?app_id=500000000000001" } });
        let data: Vec<Value> = self.subscribed.get(waba_id).map(|_| app).into_iter().collect();
        reply::ok(&json!({ "data": data }))
    }
}

/// Source: facebook/openapi `PhoneNumberInfo`, and the throughput page for `throughput`.
fn shown(number: &NumberState) -> Value {
    let level = if number.number.rate_per_s >= 1_000 { "HIGH" } else { "STANDARD" };
    json!({
        "id": number.number.phone_number_id,
        "display_phone_number": number.number.display_phone_number,
        "verified_name": number.number.verified_name,
        "quality_rating": number.number.quality_rating,
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "platform_type": "CLOUD_API",
        "status": "CONNECTED",
        "throughput": { "level": level },
        "whatsapp_business_manager_messaging_limit": number.number.messaging_limit,
    })
}

fn only<'a>(all: &Value, fields: impl IntoIterator<Item = &'a str>) -> Value {
    let wanted = fields.into_iter().filter_map(|field| Some((field.to_owned(), all.get(field)?.clone())));
    Value::Object(wanted.collect())
}
