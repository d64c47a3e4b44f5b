//! Looking for a message whose answer was lost. The list tells neither our correlation nor the address for callbacks, so a
//! message is recognised by its person, sender, words and time; whoever asks must set aside those that are known by their id.

use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request, Response};
use postroad_core::{
    provider::{BuildError, Connection, Fault, FaultClass, Lost, Trace},
    send::SendState,
};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{
    address::{Medium, Sender},
    content, faults, outcome, request,
    webhook::state,
};

/// Messages of one page: what was sent to one person in two days.
const PAGE: usize = 100;
/// How far Twilio's clock and ours may be apart. Its times are seconds.
const EARLY: TimeDelta = TimeDelta::seconds(10);
/// A call ends after 20 seconds; what was taken later was another.
const LATE: TimeDelta = TimeDelta::seconds(60);

/// Twilio searches by the day on which a message was sent. One that was not sent yet has no day, so there is no end, and
/// the newest come first.
pub(super) fn look_up(
    medium: Medium,
    connection: &Connection,
    lost: &Lost<'_>,
) -> Result<Request<Vec<u8>>, BuildError> {
    let mut query = Serializer::new(String::new());
    query.append_pair("To", &medium.write(lost.outbound.to)).append_pair("PageSize", &PAGE.to_string());
    if let Some(Sender::Own(name)) = Sender::parse(medium, &connection.external_id) {
        query.append_pair("From", &medium.write(name));
    }
    request::call(connection, Method::GET, &format!("/Messages.json?{}", query.finish()), Vec::new())
}

/// None: the answer is no list.
pub(super) fn traces(
    medium: Medium,
    response: &Response<Vec<u8>>,
    connection: &Connection,
    lost: &Lost<'_>,
) -> Option<Vec<Trace>> {
    let answer: Value = serde_json::from_slice(response.body()).ok()?;
    let messages = answer["messages"].as_array().filter(|_| response.status().is_success())?;
    let ours = |message: &&Value| is_ours(medium, message, connection, lost);
    Some(messages.iter().filter(ours).filter_map(trace).collect())
}

fn is_ours(medium: Medium, message: &Value, connection: &Connection, lost: &Lost<'_>) -> bool {
    let is = |name: &str, expected: &str| message[name].as_str() == Some(expected);
    let is_by_us = match Sender::parse(medium, &connection.external_id) {
        Some(Sender::Service(sid)) => is("messaging_service_sid", sid),
        Some(Sender::Own(name)) => is("from", &medium.write(name)),
        None => false,
    };
    let is_of_the_time = instant(message).is_some_and(|at| lost.began_at - EARLY <= at && at <= lost.began_at + LATE);
    is_by_us && is_of_the_time && is("to", &medium.write(lost.outbound.to)) && says_the_same(medium, message, lost)
}

/// The list has the text that a template became, which we do not know; its person and its time must do.
fn says_the_same(medium: Medium, message: &Value, lost: &Lost<'_>) -> bool {
    let Ok(fields) = content::write(medium, lost.outbound.content, lost.outbound.template) else { return false };
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
    let files = if field("MediaUrl").is_some() { "1" } else { "0" };
    let body = message["body"].as_str().unwrap_or_default();
    field("ContentSid").is_some()
        || (message["num_media"].as_str() == Some(files) && body == field("Body").unwrap_or_default())
}

/// `Thu, 01 Jan 2026 00:00:00 +0000`
fn instant(message: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(message["date_created"].as_str()?).ok().map(|at| at.to_utc())
}

fn trace(message: &Value) -> Option<Trace> {
    let provider_ref = message["sid"].as_str().filter(|sid| outcome::is_message(sid))?.to_owned();
    let state = message["status"].as_str().and_then(state);
    let code = message["error_code"].as_i64();
    let unknown = || Fault { code: "no_code".to_owned(), class: FaultClass::Unrecognised };
    let fault = (state == Some(SendState::Failed)).then(|| code.map_or_else(unknown, faults::fault));
    Some(Trace { provider_ref, state, fault })
}
