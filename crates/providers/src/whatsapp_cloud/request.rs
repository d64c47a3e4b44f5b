//! The calls about messages: send, mark as read, and prove the credentials. What all calls to Meta have.

use http::{HeaderValue, Method, Request, header};
use postroad_core::provider::{BuildError, Connection, Outbound};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{ACCESS_TOKEN, GRAPH_VERSION, address::Recipient, content};

/// Meta's ids are digits; a stand-in may use words. Nothing that could change the path.
const ID_CHARS_MAX: usize = 64;

pub(super) fn send(connection: &Connection, outbound: &Outbound<'_>) -> Result<Request<Vec<u8>>, BuildError> {
    let recipient = Recipient::parse(outbound.to).ok_or_else(|| {
        BuildError::Malformed("the address is neither E.164 nor a business-scoped user id".to_owned())
    })?;
    let (kind, object) = content::write(outbound.content)?;
    let mut body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "type": kind,
        "biz_opaque_callback_data": outbound.correlation.to_string(),
    });
    body[recipient.field()] = recipient.as_str().into();
    body[kind] = object;
    if let Some(message_id) = outbound.reply_to {
        body["context"] = json!({ "message_id": message_id });
    }
    post_message(connection, &body)
}

/// Meta couples the two: a typing indicator goes with the read mark of the message it answers, and ends after 25 s.
pub(super) fn mark_read(
    connection: &Connection,
    message_id: &str,
    typing: bool,
) -> Result<Request<Vec<u8>>, BuildError> {
    let mut body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": message_id });
    if typing {
        body["typing_indicator"] = json!({ "type": "text" });
    }
    post_message(connection, &body)
}

/// Reads the number's own id: it needs the token, the number and the permission to see it.
pub(super) fn probe(connection: &Connection) -> Result<Request<Vec<u8>>, BuildError> {
    call(connection, Method::GET, "?fields=id", Vec::new())
}

fn post_message(connection: &Connection, body: &Value) -> Result<Request<Vec<u8>>, BuildError> {
    call(connection, Method::POST, "/messages", body.to_string().into_bytes())
}

fn call(connection: &Connection, method: Method, tail: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, BuildError> {
    call_at(connection, &connection.external_id, method, tail, body)
}

/// A call about the object of this id: a number, a business account, a template.
pub(super) fn call_at(
    connection: &Connection,
    id: &str,
    method: Method,
    tail: &str,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, BuildError> {
    let base = connection.base_url.trim_end_matches('/');
    let id = plain(id)?;
    Request::builder()
        .method(method)
        .uri(format!("{base}/{GRAPH_VERSION}/{id}{tail}"))
        .header(header::AUTHORIZATION, bearer(connection)?)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|_| BuildError::Malformed("the base address is not an address".to_owned()))
}

pub(super) fn plain(id: &str) -> Result<&str, BuildError> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain && (1..=ID_CHARS_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(BuildError::Malformed("an id of the account has characters that an id cannot have".to_owned()))
    }
}

pub(super) fn bearer(connection: &Connection) -> Result<HeaderValue, BuildError> {
    let token = connection.credentials.get(ACCESS_TOKEN).ok_or(BuildError::MissingCredential { name: ACCESS_TOKEN })?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
        .map_err(|_| BuildError::Malformed("the access token has characters that a header cannot carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
