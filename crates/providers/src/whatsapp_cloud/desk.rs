//! Templates as Meta keeps them: put before its reviewers, listed, edited, deleted.
//!
//! They belong to the business account (`waba_id`), so all its numbers share them. Sources:
//! <https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates>,
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates>.

mod faults;
mod read;

use http::{Method, Request, Response};
use postroad_core::{
    provider::{
        BuildError, Connection,
        desk::{DeskFault, Page, Standing, Submission, TemplateDesk},
    },
    template::Parts,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{WABA_ID, request};

/// Meta: `a-z`, `0-9` and `_`.
const NAME_CHARS_MAX: usize = 512;
/// A message takes four times as many.
const BODY_CHARS_MAX: usize = 1_024;
/// Templates of one page: the longest that Meta takes, with every letter escaped, stay below what is read of an answer.
const PAGE: usize = 25;
const FIELDS: &str = "id,name,language,status,category,components,rejected_reason";

/// The desk of [`super::WhatsappCloud`].
pub(super) struct Desk;

impl TemplateDesk for Desk {
    fn create(&self, connection: &Connection, submission: &Submission<'_>) -> Result<Request<Vec<u8>>, BuildError> {
        let body = json!({
            "name": name(submission.name)?,
            "language": submission.language,
            "category": submission.category.as_str().to_uppercase(),
            "components": components(submission)?,
        });
        at_business(connection, Method::POST, "", &body)
    }

    fn edit(
        &self,
        connection: &Connection,
        provider_ref: &str,
        submission: &Submission<'_>,
    ) -> Result<Request<Vec<u8>>, BuildError> {
        let body = json!({
            "category": submission.category.as_str().to_uppercase(),
            "components": components(submission)?,
        });
        request::call_at(connection, provider_ref, Method::POST, "", body.to_string().into_bytes())
    }

    fn list(
        &self,
        connection: &Connection,
        name: Option<&str>,
        after: Option<&str>,
    ) -> Result<Request<Vec<u8>>, BuildError> {
        let mut query = Serializer::for_suffix("?".to_owned(), 1);
        query.append_pair("limit", &PAGE.to_string()).append_pair("fields", FIELDS);
        for (key, value) in [("name", name), ("after", after)] {
            query.extend_pairs(value.map(|value| (key, value)));
        }
        at_business(connection, Method::GET, &query.finish(), &Value::Null)
    }

    /// With the template's id one language goes, with the name alone all of them.
    fn remove(&self, connection: &Connection, name: &str, provider_ref: &str) -> Result<Request<Vec<u8>>, BuildError> {
        let mut query = Serializer::for_suffix("?".to_owned(), 1);
        query.append_pair("hsm_id", provider_ref).append_pair("name", name);
        at_business(connection, Method::DELETE, &query.finish(), &Value::Null)
    }

    fn created(&self, response: &Response<Vec<u8>>) -> Result<Standing, DeskFault> {
        read::standing(&faults::answer(response)?, response.status())
    }

    fn done(&self, response: &Response<Vec<u8>>) -> Result<(), DeskFault> {
        match faults::answer(response)?["success"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(faults::unreadable(response.status())),
        }
    }

    fn page(&self, response: &Response<Vec<u8>>) -> Result<Page, DeskFault> {
        read::page(&faults::answer(response)?, response.status())
    }
}

fn at_business(
    connection: &Connection,
    method: Method,
    query: &str,
    body: &Value,
) -> Result<Request<Vec<u8>>, BuildError> {
    let waba_id = connection.credentials.get(WABA_ID).ok_or(BuildError::MissingCredential { name: WABA_ID })?;
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    request::call_at(connection, waba_id.expose_secret(), method, &format!("/message_templates{query}"), body)
}

fn name(name: &str) -> Result<&str, BuildError> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && (1..=NAME_CHARS_MAX).contains(&name.len()) {
        return Ok(name);
    }
    Err(BuildError::Malformed("Meta takes names of small letters a to z, digits and underscores".to_owned()))
}

fn components(submission: &Submission<'_>) -> Result<Vec<Value>, BuildError> {
    let Parts { header, footer, buttons, samples } = submission.parts;
    let header = header.as_ref().map(|text| json!({ "type": "HEADER", "format": "TEXT", "text": text }));
    let footer = footer.as_ref().map(|text| json!({ "type": "FOOTER", "text": text }));
    let replies: Vec<Value> = buttons.iter().map(|title| json!({ "type": "QUICK_REPLY", "text": title })).collect();
    let buttons = (!replies.is_empty()).then(|| json!({ "type": "BUTTONS", "buttons": replies }));
    let body = body(submission.body, samples)?;
    Ok(header.into_iter().chain([body]).chain(footer).chain(buttons).collect())
}

fn body(text: &str, samples: &[String]) -> Result<Value, BuildError> {
    let chars = text.chars().count();
    if chars > BODY_CHARS_MAX {
        let why = format!("the body has {chars} characters, and Meta takes {BODY_CHARS_MAX} of a template");
        return Err(BuildError::Malformed(why));
    }
    let mut body = json!({ "type": "BODY", "text": text });
    if !samples.is_empty() {
        body["example"] = json!({ "body_text": [samples] });
    }
    Ok(body)
}
