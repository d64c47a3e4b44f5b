//! The calls: send, and prove the credentials.

use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use postroad_core::provider::{BuildError, Connection, Credentials, Outbound};
use secrecy::ExposeSecret;
use url::form_urlencoded::Serializer;

use super::{
    ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID, API_VERSION, AUTH_TOKEN,
    address::{Medium, Sender, is_e164},
    callback, content,
};

/// Twilio's ids have 34 characters; a stand-in may use words. Nothing that could change the path.
const ID_CHARS_MAX: usize = 64;
/// Seconds that Twilio keeps a message which it could not send yet: what it takes, and what it does by itself.
const VALID_FOR_S: std::ops::RangeInclusive<u64> = 1..=36_000;

pub(super) fn send(
    medium: Medium,
    connection: &Connection,
    outbound: &Outbound<'_>,
) -> Result<Request<Vec<u8>>, BuildError> {
    if !is_e164(outbound.to) {
        return Err(malformed("the address is not E.164"));
    }
    let mut form = Serializer::new(String::new());
    form.append_pair("To", &medium.write(outbound.to));
    match Sender::parse(medium, &connection.external_id) {
        Some(Sender::Service(sid)) => form.append_pair("MessagingServiceSid", sid),
        Some(Sender::Own(name)) => form.append_pair("From", &medium.write(name)),
        None => return Err(malformed("the account's id is no sender of Twilio's")),
    };
    form.extend_pairs(content::write(medium, outbound.content, outbound.template)?);
    form.append_pair("StatusCallback", &callback::address(connection, outbound.correlation));
    if let Some(seconds) = outbound.valid_for.and_then(validity) {
        form.append_pair("ValidityPeriod", &seconds.to_string());
    }
    call(connection, Method::POST, "/Messages.json", form.finish().into_bytes())
}

/// None: longer than Twilio tries anyway.
fn validity(valid_for: Duration) -> Option<u64> {
    let seconds = valid_for.as_secs().max(*VALID_FOR_S.start());
    VALID_FOR_S.contains(&seconds).then_some(seconds)
}

/// Reads one message, which an API key may do too; the account itself it may not read.
pub(super) fn probe(connection: &Connection) -> Result<Request<Vec<u8>>, BuildError> {
    call(connection, Method::GET, "/Messages.json?PageSize=1", Vec::new())
}

/// A call about the account.
pub(super) fn call(
    connection: &Connection,
    method: Method,
    tail: &str,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, BuildError> {
    let base = connection.base_url.trim_end_matches('/');
    let account = plain(named(&connection.credentials, ACCOUNT_SID)?)?;
    Request::builder()
        .method(method)
        .uri(format!("{base}/{API_VERSION}/Accounts/{account}{tail}"))
        .header(header::AUTHORIZATION, basic(&connection.credentials)?)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .map_err(|_| malformed("the base address is not an address"))
}

/// An API key where there is one, else the account itself.
fn basic(credentials: &Credentials) -> Result<HeaderValue, BuildError> {
    let (user, password) = match named(credentials, API_KEY_SID) {
        Ok(key) => (key, named(credentials, API_KEY_SECRET)?),
        Err(_) => (named(credentials, ACCOUNT_SID)?, named(credentials, AUTH_TOKEN)?),
    };
    let pair = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
    let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
        .map_err(|_| malformed("the credentials have characters that a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn named<'a>(credentials: &'a Credentials, name: &'static str) -> Result<&'a str, BuildError> {
    let value = credentials.get(name).map(|value| value.expose_secret().trim()).filter(|value| !value.is_empty());
    value.ok_or(BuildError::MissingCredential { name })
}

pub(super) fn plain(id: &str) -> Result<&str, BuildError> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric());
    if plain && (1..=ID_CHARS_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(malformed("the account SID has characters that it cannot have"))
    }
}

fn malformed(why: &str) -> BuildError {
    BuildError::Malformed(why.to_owned())
}
